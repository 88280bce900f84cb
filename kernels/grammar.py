"""How a kernel is declared: one line above its reference version, from which the contract is collected.

    @kernel("softmax", "x (N, V)", "y (N, V)")
    def softmax_forward(x):

Formula id, arguments, results. An argument is `name (SHAPE)` for floats, `name:int (SHAPE)` for integer ids,
`name:number` for a plain number, `name:list` for a list of float arrays of any shapes; a star (`gates* (…)`)
marks what the kernel overwrites. `…` is any shape; before letters, it stands for axes that broadcast. Letters
mean the same length throughout one line:

    M rows, K terms, N columns of a product; otherwise:
    N rows (batch × time)   T time steps   B batch   D features   H hidden   V vocabulary, classes
    L layers   S keys, E features of values in attention   A units of additive attention
    (of heads side by side: H heads with D features each)

Floats are float32 or float64, results in the type of the arguments, and arrays may be non-contiguous.
Results are fresh arrays: a kernel never returns an argument or a view of one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable)


@dataclass(frozen=True)
class Argument:
    """One argument or result of a kernel."""

    name: str
    kind: str  # "float", "int", "number" or "list"
    shape: tuple[str, ...] | None  # letters; None for numbers and lists
    in_place: bool


@dataclass(frozen=True)
class Kernel:
    """One line of the contract.

    Attributes:
        family: the folder of the kernel: kernels/softmax has the family softmax.
        lengths: smallest and largest length of a letter in drawn tests, where 1 to 37 would not do.
    """

    name: str
    formula: str
    family: str
    arguments: tuple[Argument, ...]
    results: tuple[Argument, ...]
    lengths: dict[str, tuple[int, int]]

    def __repr__(self) -> str:
        return f"Kernel({self.name})"


def kernel(formula: str, arguments: str, results: str, **lengths: tuple[int, int]) -> Callable[[F], F]:
    """Declare the function below as a kernel that every device has to have."""

    def declared(function: Any) -> Any:
        name, family = function.__name__, function.__module__.split(".")[-2]
        function.row = Kernel(name, formula, family, _parse(arguments), _parse(results), lengths)
        return function

    return declared


def _parse(text: str) -> tuple[Argument, ...]:
    pattern = r"(\w+)(\*?)(?::(\w+))?(?: \(([^)]*)\))?(?:, |$)"
    return tuple(
        Argument(
            name, kind or "float", tuple(shape.replace(" ", "").split(",")) if shape else None, bool(star)
        )
        for name, star, kind, shape in re.findall(pattern, text)
    )
