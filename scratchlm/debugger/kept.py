"""What is kept of a formula's computation, and of each of its arrays."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

SAMPLE = 10_000  # elements of an array whose zeros and histogram are counted, evenly spread


@dataclass
class Seen:
    """An array as the level lets it be kept: less than "full" gives no `array`, less than "summary" no bins.

    source: of an input, the record and the output that made it, as (7, 0), or its name: a parameter's
    ("encoder.lstm.weight_ih_l0"), a variable's, "" for what has none.
    """

    shape: tuple[int, ...]
    dtype: str
    source: "tuple[int, int] | str" = ""
    finite: bool | None = None
    norm: float | None = None  # √Σ x², of finite numbers
    zeros: float | None = None  # share of `SAMPLE` elements
    bins: list[int] | None = None  # of `SAMPLE` elements: ten, from the smallest to the largest
    ends: tuple[float, float] | None = None
    array: Any = None  # NumPy's

    def __str__(self) -> str:
        shape = f"({', '.join(map(str, self.shape))})" if self.shape else "number"
        if self.norm is None:
            return shape
        sick = "" if self.finite else " NOT FINITE"
        return f"{shape} ‖·‖ {self.norm:.4g}{sick}" + (f", {self.zeros:.0%} zeros" if self.zeros else "")


@dataclass
class Record:
    """One formula's computation.

    Attributes:
        number: place in the tape, from 0.
        name, formula: the Function, "Softmax", and its id, "softmax" ("" where it has none).
        module: path of the layer that it ran in, "encoder.lstm"; "" outside of every layer.
        call: how often this formula had run in this layer before: of a cell that is called in a loop, the
            time step.
        line: the user's line, "train.py:12: loss = …".
        inputs, saved, outputs: arrays of forward; grad_outputs, grad_inputs: those of backward (None where an
            input has no gradient), empty before it.
        turn: the place in the order of backward; None where backward did not come through.
        passed: how many backward() had ended before the one that came through here.
        kernels: those that ran, forward then backward; seconds: time of both.
        error: what the formula raised.
    """

    number: int
    name: str
    formula: str
    module: str
    call: int
    line: str
    device: str
    made_by: str  # the class, "scratchlm.functions.softmax:Softmax"
    options: dict[str, Any]  # what its __init__ was given
    needs_grad: tuple[bool, ...]
    inputs: list[Seen] = field(default_factory=list)
    saved: list[Seen | None] = field(default_factory=list)
    outputs: list[Seen] = field(default_factory=list)
    grad_outputs: list[Seen] = field(default_factory=list)
    grad_inputs: list[Seen | None] = field(default_factory=list)
    turn: int | None = None
    kernels: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    error: str = ""
    passed: int = 0
    kind: Any = None  # the class itself, of a recording that this process made

    @property
    def key(self) -> tuple[str, str, int]:
        """What the same formula has in another recording: path, name, call."""
        return self.module, self.name, self.call

    def __str__(self) -> str:
        place = f"{self.module}." if self.module else ""
        given = ", ".join(source_of(seen) for seen in self.inputs)
        made = "; ".join(map(str, self.outputs)) or f"FAILED: {self.error}"
        turn = "" if self.turn is None else f"  ∂ {self.turn}"
        return f"{self.number:4d} {place}{self.name}[{self.call}]({given}) → {made}{turn}"


def source_of(seen: Seen) -> str:
    """ "#7" for what record 7 made, a name, or · for what has none."""
    return seen.source or "·" if isinstance(seen.source, str) else f"#{seen.source[0]}"


name_of = cache(str)  # NumPy takes 12 µs for a type's name


@cache
def formula_of(function: Any) -> str:
    """The id in a Function's docstring, such as "softmax"."""
    found = re.search(r"\[([a-z_]+(?:\.[a-z]+)?)\]", function.__doc__ or "")
    return found[1] if found else ""


def look(seen: Seen, array: np.ndarray, bins: bool) -> None:
    """Is it finite, how large, how many zeros; and a histogram."""
    x = array.reshape(-1)
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = float(np.dot(x, x))
    seen.finite = bool(np.isfinite(squares)) or bool(np.isfinite(x).all())
    if not np.isfinite(squares):
        x = x[np.isfinite(x)].astype(np.float64)
        largest = float(np.abs(x).max(initial=0.0)) or 1.0
        squares = float(np.dot(x / largest, x / largest)) * largest**2
    seen.norm = float(np.sqrt(squares))
    some = array.reshape(-1)[:: -(-array.size // SAMPLE) or 1]
    seen.zeros = np.count_nonzero(some == 0) / (some.size or 1)  # 4 times as fast as nonzeros of floats
    if bins and x.size:
        counts, edges = np.histogram(x[:: -(-x.size // SAMPLE)], 10)
        seen.bins, seen.ends = counts.tolist(), (float(edges[0]), float(edges[-1]))


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal shapes, types and bits: NaN equals itself, 0 is not −0."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind == "f":
        whole = {2: np.int16, 4: np.int32, 8: np.int64}[a.dtype.itemsize]
        a, b = a.view(whole), b.view(whole)
    return bool((a == b).all())
