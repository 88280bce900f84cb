"""The kernels that every device has to have, collected from the families, and a device's set of them.

A family is a folder: kernels/softmax has reference.py (NumPy, where each kernel is declared: see grammar.py),
cpu.py (Numba), cuda.py and softmax.cu.
"""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

from .grammar import Kernel

HERE = Path(__file__).parent
FAMILIES = tuple(sorted(path.parent.name for path in HERE.glob("*/reference.py")))


def _declared(family: str) -> list[Kernel]:
    module = import_module(f"{__package__}.{family}.reference")
    ours = (value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__)
    return [value.row for value in ours if hasattr(value, "row")]


CONTRACT: tuple[Kernel, ...] = tuple(row for family in FAMILIES for row in _declared(family))


def kernel_set(name: str) -> SimpleNamespace:
    """The kernels of the set `name` ("reference", "cpu" or "cuda") as attributes; a missing one is absent."""
    found = SimpleNamespace()
    for row in CONTRACT:
        module = import_module(f"{__package__}.{row.family}.{name}")
        if function := getattr(module, row.name, None):
            setattr(found, row.name, function)
    return found


def earlier_versions() -> dict[str, tuple[Kernel, Callable]]:
    """Slower versions of CUDA kernels, to learn from: name → line of the contract and function.

    `softmax_forward_1`, `_2`, … stand in the family's cuda.py and take what `softmax_forward` does. The head
    of the .cu says what each version gains.
    """
    found = {}
    for row in CONTRACT:
        module = import_module(f"{__package__}.{row.family}.cuda")
        for name, function in vars(module).items():
            if re.fullmatch(rf"{row.name}_\d", name):
                found[name] = row, function
    return found


def sources() -> list[Path]:
    """The families' CUDA files."""
    return sorted(HERE.glob("*/*.cu"))
