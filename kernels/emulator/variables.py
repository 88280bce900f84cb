"""Where a compiled .cu keeps its shared arrays and its own variables."""

import re

from . import abi
from .front import Source
from .staging import Memory
from .symbols import Image


def base_name(name: str) -> str:
    """A kernel's name without the arguments of a template."""
    return name.partition("<")[0]


def shared_arrays(image: Image, base: int, source: Source) -> list[Memory]:
    """The static shared arrays, by the object's symbols: `_ZZ7softmaxE14emu_shared_sum` and the like."""
    found = []
    for symbol in image.symbols.values():
        head, marked, tail = symbol.name.rpartition("emu_shared_")
        if not marked or symbol.name.startswith("__"):
            continue
        digits = head[len(head.rstrip("0123456789")) :]
        name = tail[: int(digits) - len(marked)] if digits else tail
        owner = [k for k in map(base_name, source.kernels) if head.startswith(f"_ZZ{len(k)}{k}")]
        begin, size = base + symbol.address + abi.GAP, symbol.size - 2 * abi.GAP  # with up to 15 of padding
        found.append(Memory(name, begin, size, 0, True, owner[0] if owner else ""))
    return found


def variables(image: Image, base: int, source: Source) -> list[Memory]:
    """What kernels may write outside of arguments: `done`, of static ones `_ZL4done`, `_ZZ6kernelE4done`."""
    found = []
    for symbol in image.symbols.values():
        name = _written(symbol.name)
        own = symbol.variable and "emu" not in symbol.name and name not in ("", *BUILT_IN)
        constant = rf"\b__constant__\b[^;{{}}()]*\b{name}\b|\*const {name}\b[^;]*\)emu_dynamic;"
        if own and not re.search(constant, source.text):
            found.append(Memory(name, base + symbol.address, symbol.size, 0, False))
    return found


def computed_statics(image: Image) -> list[str]:
    """The static variables of functions that get computed first values: each has a guard beside it."""
    return [_written(name) for name in image.symbols if name.startswith("_ZGVZ")]


BUILT_IN = ("threadIdx", "blockIdx", "blockDim", "gridDim")


def _written(symbol: str) -> str:
    """A variable's name as the file has it; "" for what the linker adds."""
    if not symbol.startswith("_"):
        return symbol if symbol.isidentifier() else ""
    for digits in re.finditer(r"(?<!\d)\d+", symbol):
        end = digits.end() + int(digits[0])
        if symbol.startswith("_Z") and re.fullmatch(r"E?(_\d+)?", symbol[end:]):
            return symbol[digits.end() : end]
    return ""
