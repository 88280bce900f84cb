"""A kernel out of a loop over rows, or out of a formula of numbers.

    @parallel
    def _double(first, last, x, y):  # rows first … last−1
        for n in range(first, last):
            y[n] = 2 * x[n]

    _double(len(x), 1000, x, y)  # on all cores, at least 1000 rows a thread

    @elementwise
    def tanh_forward(x):  # of a number, and so of each element of arrays of equal shape
        return tanh(x)

Threads and the cache of compiled kernels are added here.
"""

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from .compiling import inner, kernel
from .plain import PLAIN
from .threads import get_team, loop, pieces_of, split

AT_LEAST = 1 << 13  # elements a thread: about 5 µs of work
STRIDE = 64  # elements: pieces begin at multiples of it


def _split_all(team, pieces, n, *arguments):
    split(team, pieces, n, LOOP, arguments)  # type: ignore[name-defined]  # noqa: F821


def _of_one(first, last, x, numbers, y):
    # A compiled loop treats the last few elements, which fill no vector, by other instructions, whose last
    # bit may differ: cut at multiples of STRIDE, they are the same for any number of threads.
    x, y = x[STRIDE * first : STRIDE * last], y[STRIDE * first : STRIDE * last]
    for i in range(y.size):
        y[i] = FORMULA(x[i], *numbers)  # type: ignore[name-defined]  # noqa: F821


def _of_two(first, last, a, b, numbers, y):
    first, last = STRIDE * first, STRIDE * last
    a, b, y = a[first:last], b[first:last], y[first:last]
    for i in range(y.size):
        y[i] = FORMULA(a[i], b[i], *numbers)  # type: ignore[name-defined]  # noqa: F821


def _filled_in(template: Callable, function: Callable, **names: Any) -> Any:
    """The template with a name of its text bound to a value, and the place of `function`.

    Numba keeps compiled code under a function's file, name and first line, and looks names up in its globals.
    """
    code = template.__code__.replace(  # type: ignore[attr-defined]
        co_filename=function.__code__.co_filename,  # type: ignore[attr-defined]
        co_firstlineno=function.__code__.co_firstlineno,  # type: ignore[attr-defined]
        co_name=function.__name__,
        co_qualname=function.__qualname__,
    )
    known = {"__name__": function.__module__, "split": split, "STRIDE": STRIDE, **names}
    made = FunctionType(code, known, function.__name__)
    made.__qualname__ = function.__qualname__
    return made


def parallel(function: Callable) -> Callable:
    """A kernel (n, at_least, *arguments) that calls function(first, last, *arguments) for pieces of range(n).

    Each piece has `at_least` rows; it should take 10 µs or more. No result may depend on where pieces begin.
    """
    if PLAIN:

        def plain(n: int, at_least: int, *arguments: Any) -> None:
            with np.errstate(all="ignore"):
                function(0, n, *arguments)

        return plain
    compiled = kernel(_filled_in(_split_all, function, LOOP=loop(function)))

    @functools.wraps(function)
    def run(n: int, at_least: int, *arguments: Any) -> None:
        compiled(get_team(), pieces_of(n, at_least), n, *arguments)

    return run


def elementwise(function: Callable) -> Callable:
    """A kernel (*arrays, *numbers) → a fresh array, from a formula of one element of each array.

    The formula's parameters with a default are numbers, which get the arrays' type: a Python float would make
    float64 of every float32 that it meets.
    """
    parameters = inspect.signature(function).parameters.values()
    numbers = [p.default for p in parameters if p.default is not p.empty]
    count = len(parameters) - len(numbers)
    on_pieces = parallel(_filled_in((_of_one, _of_two)[count - 1], function, FORMULA=inner(function)))

    @functools.wraps(function)
    def run(*arrays: Any) -> Any:
        result = np.empty(arrays[0].shape, arrays[0].dtype)
        flat = [np.ascontiguousarray(x).reshape(-1) for x in arrays]
        constants = tuple([result.dtype.type(number) for number in numbers])
        at_least = AT_LEAST // STRIDE
        on_pieces(-(-result.size // STRIDE), at_least, *flat, constants, result.reshape(-1))
        return result

    return run
