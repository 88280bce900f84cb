"""Arguments for any kernel, made from its line of the contract: for tests, `kernel run` and benchmarks.

What a kernel asks of its arguments beyond shapes (a backward kernel takes results of the forward one) is said
by `example` in its family's reference.py: (name of the kernel, arguments so far, the Example) → replacements.
"""

from importlib import import_module
from typing import Any

import numpy as np

from .grammar import Argument, Kernel

NUMBERS = {
    "ignore_index": -100, "smoothing": 0.1, "approximate": False, "eps": 1e-5, "causal": True, "p": 0.1,
    "seed": 0, "call": 0, "lr": 1e-3, "momentum": 0.9, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.999,
    "decoupled": True, "step": 1,
}  # fmt: skip


class Example:
    """Random arguments of given lengths; tests draw more of it (see tests/draw.py).

    Args:
        lengths: of the letters in a kernel's shapes, 8 where not named; "…": a shape, "list": several.
        numbers: plain numbers by the argument's name, where they differ from NUMBERS.
        dtype: of floats.
    """

    scale = 1.0  # of floats

    def __init__(self, lengths: dict | None = None, numbers: dict | None = None, dtype: Any = np.float32):
        self.lengths, self.numbers, self.dtype = lengths or {}, numbers or {}, dtype
        self.rng = np.random.default_rng(0)

    def arguments(self, kernel: Kernel) -> dict[str, Any]:
        """Arguments by name, in their order."""
        drawn = {argument.name: self.argument(argument) for argument in kernel.arguments}
        family = import_module(f"{__package__}.{kernel.family}.reference")
        return drawn | (family.example(kernel.name, drawn, self) if hasattr(family, "example") else {})

    def argument(self, argument: Argument) -> Any:
        """One argument, by its kind and shape alone."""
        if argument.kind == "list":
            return [self.floats(tuple(shape)) for shape in self.shapes()]
        if argument.kind == "number":
            return self.length("V") if argument.name == "vocabulary" else self.number(argument.name)
        shape = self.shape(argument.shape or ("…",))
        if argument.kind == "int":
            return self.ids(argument.name, shape)
        # Weights much above 1/√inputs: a sequence becomes chaotic (rounding doubles at every step), and
        # logits so large that one unit in their last place changes softmax by percents.
        if argument.name in ("weight", "weight_hh"):
            return self.floats(shape, min(1, self.scale) * max(shape[-1], 1) ** -0.5)
        return self.floats(shape)

    def shape(self, letters: tuple[str, ...]) -> tuple[int, ...]:
        """("T", "B", "4H") → lengths."""
        if letters == ("…",):
            return self.lengths.get("…", (1000,))
        parts = [part.removesuffix("+1") for part in letters if part != "…"]
        fixed = tuple(int(p) if p.isdigit() else int(p[:-1] or 1) * self.length(p[-1]) for p in parts)
        return self.batch() + fixed if letters[0] == "…" else fixed

    def batch(self) -> tuple[int, ...]:
        """Axes before those of a matrix."""
        return ()

    def length(self, letter: str) -> int:
        """Of one letter."""
        return self.lengths.get(letter, 8)

    def shapes(self) -> list[tuple[int, ...]]:
        """Of the arrays in a list."""
        return self.lengths.get("list", [self.lengths.get("…", (1000,))])

    def number(self, name: str) -> Any:
        """A plain number."""
        return self.numbers.get(name, NUMBERS.get(name))

    def one_of(self, name: str, values: list[Any]) -> Any:
        """One of the values that are possible for a number."""
        return self.numbers.get(name, values[-1])

    def floats(self, shape: tuple[int, ...], scale: float | None = None) -> np.ndarray:
        """Normal random numbers."""
        return self.rng.standard_normal(shape, np.float32).astype(self.dtype) * self.dtype(
            scale or self.scale
        )

    def ids(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Token ids or classes."""
        return self.rng.integers(0, self.length("V"), shape)
