"""How a CUDA kernel is launched: on a GPU through CuPy where the arrays are CuPy's, else on the emulator.
 Every kernel is compiled for float and for double: the word `real` in a .cu stands for either.

On a GPU a launch returns before the kernel has run: all work goes to CuPy's current stream, in order, and
nothing here waits for it or copies anything to the host. Memory comes from CuPy's pool, which keeps what is
freed: cudaMalloc waits for the GPU, the pool does not. Kernels are compiled by NVRTC at their first use
(CuPy keeps them in ~/.cupy). Products are cuBLAS's in float32; CUPY_TF32=1 in the environment lets it round
their inputs to 10 bits of mantissa, on cards from sm_80 on.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..emulator import Emulator, Pointers
from ..emulator.front import expand
from ..transfers import copy_up

KERNELS = Path(__file__).parents[1]
REAL = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
WARP, THREADS = 32, 256  # lanes of a warp; threads of a block where nothing speaks for fewer

_settings: tuple[tuple[str, Any], ...] = ()
_watcher: list[tuple[str, int, int, Any]] | None = None


@contextmanager
def emulating(**settings: Any) -> Iterator[None]:
    """Let the emulator run with these settings (see `Emulator`) inside a `with` block: mode="check", say."""
    global _settings
    before, _settings = _settings, tuple(settings.items())
    try:
        yield
    finally:
        _settings = before


@contextmanager
def watching(launches: list[tuple[str, int, int, Any]]) -> Iterator[None]:
    """Append (kernel, blocks, threads, counts) of every launch inside a block; counts are None on a GPU."""
    global _watcher
    before, _watcher = _watcher, launches
    try:
        yield
    finally:
        _watcher = before


def array_module(array: Any) -> Any:
    """NumPy or CuPy, whichever the array is of."""
    return sys.modules["cupy"] if type(array).__module__.startswith("cupy") else np


@cache
def _emulated(family: str, real: str, settings: tuple[tuple[str, Any], ...]) -> Emulator:
    return Emulator(KERNELS / family / f"{family}.cu", options=(f"-Dreal={real}",), **dict(settings))


@cache
def _on_card(cupy: Any, family: str, real: str) -> Any:
    return cupy.RawModule(
        code=expand(KERNELS / family / f"{family}.cu"), options=("-std=c++17", f"-Dreal={real}")
    )


def launch(
    family: str, kernel: str, blocks: int, threads: int, *args: Any, shared: int = 0, dtype: Any = None
) -> None:
    """Run a kernel of `family`.cu; int becomes C's int, float becomes `real`.

    Arguments:
        blocks, threads: of the grid and of a block; nothing is launched for 0 blocks.
        shared: numbers (of type `real`) in dynamic shared memory.
        dtype: what `real` is; without it, that of the first array of floats.
    """
    if blocks == 0:
        return
    arrays = [a for a in args if hasattr(a, "shape") and not isinstance(a, np.generic)]
    dtype = np.dtype(dtype or next(a.dtype for a in arrays if a.dtype in REAL))
    typed = tuple(_number(a, dtype.type) for a in args)
    xp = array_module(arrays[0])
    if xp is np:
        function = _emulated(family, REAL[dtype], _settings).get_function(kernel)
    else:
        function = _on_card(xp, family, REAL[dtype]).get_function(kernel)
    function((blocks,), (threads,), typed, shared_mem=shared * dtype.itemsize)
    if _watcher is not None:
        _watcher.append((kernel, blocks, threads, getattr(function, "counts", None)))


def _number(a: Any, real: Any) -> Any:
    """A Python or NumPy number as the type that a kernel declares; unsigned ones and arrays as they are."""
    if isinstance(a, (int, np.bool_, np.signedinteger)):
        return np.int32(a)
    return real(a) if isinstance(a, (float, np.floating)) else a


def whole(*arrays: Any, dtype: Any = None) -> list[Any]:
    """The arrays in C order: what a kernel takes by its first element."""
    return [array_module(a).ascontiguousarray(a, dtype) for a in arrays]


def addresses(arrays: list[Any]) -> Any:
    """Where each of these arrays (in C order, of one type) begins: what a kernel takes as `real* const*`.

    On a GPU the table stays there for the next call with the same arrays; the caller keeps them alive.
    """
    xp = array_module(arrays[0])
    return Pointers(arrays) if xp is np else _addresses(xp, tuple(a.data.ptr for a in arrays))


@lru_cache(maxsize=64)  # the lists of some models, each with gradients that may lie in several places
def _addresses(xp: Any, numbers: tuple[int, ...]) -> Any:
    return copy_up(np.array(numbers, np.uint64), xp)


def threads_for(length: int) -> int:
    """Threads of a block that shares a row of this length: whole warps, at most `THREADS`."""
    return min(THREADS, max(1, -(-length // WARP)) * WARP)


def each(family: str, kernel: str, size: int, *args: Any, per: int = 1) -> None:
    """Run a kernel that goes over `size` elements, `per` of them a thread; `size` is its last argument."""
    work = -(-size // per)
    threads = threads_for(work)
    launch(family, kernel, -(-work // threads) if work else 0, threads, *args, size)


def elementwise(family: str, reference: Callable) -> Callable:
    """Launch the kernel of the reference's name on (*arrays, *numbers), four elements a thread.

    Its arguments are the arrays in C order, a fresh result, the numbers (a flag as 0 or 1), and the size.
    """
    row = reference.row  # type: ignore[attr-defined]
    flags = [argument.kind == "number" for argument in row.arguments]

    @functools.wraps(reference)
    def call(*given: Any) -> Any:
        arrays = whole(*(a for a, flag in zip(given, flags, strict=True) if not flag))
        numbers = [bool(a) for a, flag in zip(given, flags, strict=True) if flag]
        result = array_module(given[0]).empty(given[0].shape, given[0].dtype)  # `whole` has no shape ()
        each(family, reference.__name__, result.size, *arrays, result, *numbers, per=4)
        return result

    return call
