"""An element with its numbers put in, as text."""

from dataclasses import dataclass, field
from typing import Any

Index = tuple[int, ...]
SHOWN = 6  # terms of a sum that are written out


@dataclass
class Terms:
    """What an element is made of: the formula in letters and in numbers, its value, the elements by array."""

    letters: str
    numbers: str
    value: float
    cells: dict[str, list[Index]] = field(default_factory=dict)

    def __str__(self) -> str:
        what = self.letters.partition(" = ")[0]
        pad = " " * len(what)
        return f"{self.letters}\n{pad} = {self.numbers}\n{pad} = {number(self.value)}"


def number(x: Any) -> str:
    """Four digits."""
    x = float(x)
    return f"{x:.4g}".replace("-", "−")


def factor(x: Any) -> str:
    """In brackets where it is negative."""
    return f"({number(x)})" if x < 0 else number(x)


def at(name: str, index: "Index | tuple[Any, ...]") -> str:
    """`y[0, 2]`."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name
