"""What one asks a recording: is this derivative right, what made this gradient, where do two runs part?"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product
from typing import Any

import numpy as np

from ..errors import OptionError, did_you_mean, quote
from ..tensor import Tensor
from .kept import Record, Seen, same_bits
from .replay import again, class_of, function_of
from .tape import Tape

MOST = 200  # elements of an array that `check` looks at
PLACES = 400  # of a gradient that `why` takes apart


def arrays_of(record: Record) -> dict[str, Seen]:
    """A record's arrays, named as in its formula's `forward` and `backward`: x, y, grad_y, grad_x, saved0."""
    function = class_of(record)
    inputs = _names(function.forward, len(record.inputs), "in")
    outputs = [name.removeprefix("grad_") for name in _names(function.backward, len(record.outputs), "out")]
    outputs = [f"{name}_out" if name in inputs else name for name in outputs]
    found: dict[str, Seen | None] = dict(zip(inputs, record.inputs, strict=True))
    found |= zip(outputs, record.outputs, strict=True)
    found |= {f"grad_{name}": seen for name, seen in zip(outputs, record.grad_outputs, strict=False)}
    found |= {f"grad_{name}": seen for name, seen in zip(inputs, record.grad_inputs, strict=False)}
    found |= {f"saved{k}": seen for k, seen in enumerate(record.saved)}
    return {name: seen for name, seen in found.items() if seen is not None}


def _names(method: Any, count: int, other: str) -> list[str]:
    parameters = list(inspect.signature(method).parameters.values())[1:]
    rest = parameters[-1] if parameters and parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL else None
    names = [parameter.name for parameter in parameters if parameter is not rest]
    if rest and count == len(names) + 1:  # such as a bias that may be left out
        names.append(rest.name)
    return names if len(names) == count else [f"{other}{k}" for k in range(count)]


# ------------------------------------------------------------------ is this derivative right?
@dataclass
class Check:
    """One gradient beside finite differences: the largest distance, the largest number, where it is wrong."""

    name: str
    distance: float
    largest: float
    allowed: float
    where: str  # a small map, "" where all is right

    def __str__(self) -> str:
        verdict = "WRONG" if self.where else "right"
        beside = f"{self.distance:.1e} from differences (largest {self.largest:.2g})"
        return f"grad_{self.name}: {verdict}, {beside}{self.where}"


def check(record: Record) -> list[Check]:
    """Each gradient that a formula's backward gave, beside differences of its forward in float64.

    L = Σ grad_y ⊙ y, so that ∂L/∂x is what backward has to give; ∂L/∂x_e ≈ (L(x + h e) − L(x − h e)) / 2h by
    the reference kernels, for at most `MOST` elements of an array.

    Raises:
        OptionError: backward did not come through this formula, or its arrays were not kept.
    """
    kept = [*record.inputs, *record.grad_outputs]
    if record.turn is None or any(seen.array is None for seen in kept):
        raise OptionError(f"Record {record.number} has no gradients with all arrays kept: nothing to check.")
    if not all(map(is_finite, kept)):
        raise OptionError(
            f"Record {record.number} got numbers that are not finite: nothing can be compared. "
            "`until nan` goes to the first."
        )
    inputs = [_wide(seen.array) for seen in record.inputs]
    weights = [_wide(seen.array) for seen in record.grad_outputs]

    def loss() -> float:
        function = function_of(record, "reference")
        function._given = tuple(inputs)
        function.inputs = tuple(Tensor._of(array, function.device) for array in inputs)
        result = function.forward(*inputs)
        outputs = result if isinstance(result, tuple) else (result,)
        return sum(float((w * y).sum()) for w, y in zip(weights, outputs, strict=True))

    names = _names(class_of(record).forward, len(inputs), "in")
    summed = rounded(record)
    return [
        _compare(name, x, seen.array, loss, summed)
        for name, x, seen in zip(names, inputs, record.grad_inputs, strict=True)
        if seen is not None and seen.array is not None
    ]


def _wide(array: Any) -> np.ndarray:
    """A copy in float64, in C order, so that its flat view is no copy again."""
    return np.array(array, np.float64 if array.dtype.kind == "f" else array.dtype, order="C")


def rounded(record: Record) -> float:
    """What rounding may leave of a gradient that is 0: 4·10⁻⁷ of the norm of what comes in, in float32.

    (Errors of a sum of n numbers of size g grow like √n g, as the norm does; Σ |g| would hide faults.)
    """
    share = 4e-7 if any(seen.dtype == "float32" for seen in record.grad_outputs) else 1e-13
    return share * sum(float(np.linalg.norm(seen.array)) for seen in record.grad_outputs)


def _compare(name: str, x: np.ndarray, grad: np.ndarray, loss: Any, summed: float) -> Check:
    places: Any = np.unique(np.linspace(0, x.size - 1, min(x.size, MOST)).astype(int)) if x.size else []
    flat, found = x.reshape(-1), grad.reshape(-1)
    errors, middle = np.zeros(x.size), loss()
    largest = float(np.abs(grad).max(initial=0.0))
    with np.errstate(all="ignore"):
        for place in places:
            left, right = _slopes(flat, place, loss, middle, 1e-6 * max(1.0, abs(flat[place])))
            if not np.isfinite(left + right):  # beyond an end, as of ln: nearer
                left, right = _slopes(flat, place, loss, middle, 1e-3 * abs(flat[place]) or 1e-9)
            if np.isfinite(left + right) or not np.isfinite(found[place]):
                # At a kink, as ReLU's at 0, any slope between those of both sides will do.
                outside = max(min(left, right) - found[place], found[place] - max(left, right), 0.0)
                errors[place] = min(abs((left + right) / 2 - found[place]), outside)
                largest = max(largest, abs(left + right) / 2)
    # float32 has 7 digits, and sums of a thousand terms lose up to 3 of them; differences leave 6 to 7.
    allowed = (1e-3 if grad.dtype == np.float32 else 1e-5) * largest + max(summed, 1e-10)
    wrong = ~(errors <= allowed).reshape(x.shape) | ~np.isfinite(grad)  # NaN is never right
    return Check(name, float(errors.max(initial=0.0)), largest, allowed, map_of(wrong) if wrong.any() else "")


def _slopes(flat: np.ndarray, place: int, loss: Any, middle: float, h: float) -> tuple[float, float]:
    """One-sided differences, to the left and to the right of an element."""
    kept = flat[place]
    flat[place] = kept + h
    right = (loss() - middle) / h
    flat[place] = kept - h
    left = (middle - loss()) / h
    flat[place] = kept
    return left, right


def map_of(wrong: np.ndarray) -> str:
    """How much of an array is wrong, and where: × on a map of at most 12 rows and 40 columns."""
    plane = wrong.reshape(-1, wrong.shape[-1]) if wrong.ndim else wrong.reshape(1, 1)
    lines = ["".join("×" if w else "·" for w in row[:40]) for row in plane[:12]]
    first = [int(k) for k in np.argwhere(wrong)[0]]
    head = f"{wrong.sum()} of those looked at wrong, the first at {first}"
    return "".join(f"\n    {line}" for line in [head, *lines, *(["…"] if plane.shape[0] > 12 else [])])


# ------------------------------------------------------------------ what made this gradient?
def why(tape: Tape, name: str, index: tuple[int, ...]) -> list[str]:
    """Which formulas, and which places of the gradients that came in there, made one number of a gradient.

    A formula's backward is linear in what comes in; so the share of a place is what it gives when all others
    are 0, and the shares add up.

    Raises:
        OptionError: no formula that backward came through has an input of that name, or it has no such place.
    """
    found = [
        (record, k)
        for record in tape
        for k, seen in enumerate(record.inputs)
        if seen.source == name and k < len(record.grad_inputs) and record.grad_inputs[k] is not None
    ]
    if not found:
        known = {s.source for r in tape if r.turn is not None for s in r.inputs if isinstance(s.source, str)}
        hint = did_you_mean(name, sorted(filter(None, known)))
        raise OptionError(f"No gradient of {quote(name)} was recorded{hint}.")
    passes = sorted({record.passed for record, _ in found})
    found = [(record, k) for record, k in found if record.passed == passes[-1]]
    shape = found[0][0].inputs[found[0][1]].shape
    if len(index) != len(shape) or not all(-n <= i < n for i, n in zip(index, shape, strict=True)):
        raise OptionError(f"{name} has shape {shape}: give one whole number for each axis, got {index}.")
    shares = [(float(r.grad_inputs[k].array[index]), r, k) for r, k in found]  # type: ignore[union-attr, index]
    total = sum(share for share, _, _ in shares)
    of = f" in the last of {len(passes)} passes backward" if len(passes) > 1 else ""
    lines = [f"∂L/∂{name}[{', '.join(map(str, index))}] = {total:.6g}{of}, from {len(shares)} formula(s)"]
    shares = sorted((s for s in shares if s[0]), key=lambda share: -abs(share[0])) or shares[:1]
    for share, record, k in shares[:5]:
        lines.append(f"  {_percent(share, total)} {share:12.5g}  {_short(record)}")
        if record is shares[0][1]:  # the largest, taken apart
            places = _places(record, k, index)
            lines += [f"      {_percent(s, share)} {s:12.5g}  {what}" for s, what in places[:6]]
            lines += [f"      … {len(places) - 6} places more"] if len(places) > 6 else []
    return [*lines, *([f"  … {len(shares) - 5} formulas more"] if len(shares) > 5 else [])]


def _percent(share: float, total: float) -> str:
    return f"{share / total:6.0%}" if total else "      "


def _short(record: Record) -> str:
    return str(record).strip().partition("(")[0] + (f"  {record.line}" if record.line else "")


def _places(record: Record, k: int, index: tuple[int, ...]) -> list[tuple[float, str]]:
    """(share, place) of the incoming gradients' rows, the largest first."""
    found = []
    names = _names(class_of(record).backward, len(record.grad_outputs), "grad_out")
    for output, (name, seen) in enumerate(zip(names, record.grad_outputs, strict=True)):
        array: Any = seen.array
        axes = array.shape[:-1] if array.ndim > 1 else array.shape
        axes = axes if np.prod(axes, initial=1) <= PLACES else axes[:1]
        for place in product(*map(range, axes)):
            if array[place].any():
                _, grads = again(record, only=(output, place))
                found.append((float(grads[k][index]), f"{name}[{', '.join(map(str, place))}]"))
    return sorted((share for share in found if share[0]), key=lambda share: -abs(share[0]))


# ------------------------------------------------------------------ where did it break?
def broken(tape: Tape) -> tuple[str, Record, bool] | None:
    """The first formula, in the order of the computation and then of backward, that made what is not finite.

    A sentence, the record, whether in its backward; None where all is finite. An input that was not finite
    already is named, with its parameter.
    """
    for record in tape:
        for seen in record.inputs:
            if isinstance(seen.source, str) and not is_finite(seen):
                said = f"{seen.source or 'an array'} that {_where(record)} got has {_count(seen)}"
                return said, record, False
        for k, seen in enumerate(record.outputs):
            if not is_finite(seen):
                said = f"{_where(record)} made {_count(seen)} in its output {k} of shape {seen.shape}"
                return said, record, False
    for record in sorted((r for r in tape if r.turn is not None), key=lambda r: r.turn or 0):
        for k, grad in enumerate(record.grad_inputs):
            if grad is not None and not is_finite(grad):
                source = record.inputs[k].source
                of = source if isinstance(source, str) and source else f"its input {k}"
                said = f"{_where(record)} made {_count(grad)} in the gradient of {of}, shape {grad.shape}"
                return said, record, True
    return None


def is_finite(seen: Seen) -> bool:
    """Whether an array was finite, as far as the level tells."""
    return seen.finite is not False if seen.array is None else bool(np.isfinite(seen.array).all())


def _count(seen: Seen) -> str:
    if seen.array is None:
        return "NaN or infinite values"
    return f"{int((~np.isfinite(seen.array)).sum())} NaN or infinite value(s)"


def _where(record: Record) -> str:
    place = f" in {record.module}" if record.module else ""
    return f"{record.name}{place} (record {record.number})"


# ------------------------------------------------------------------ where do two runs part?
def differences(mine: Tape, other: Tape) -> Iterator[str]:
    """Sentences on what one recording has otherwise than another, in the order of the computation.

    Records are matched by layer and formula in the longest runs that both have; one that only one of them has
    is named and passed over. The first formula with other numbers is where to look: all that comes after
    follows from it.
    """
    both = _matched(mine, other)
    for which, tape, side in (("first", mine, 0), ("second", other, 1)):
        matched = {pair[side].number for pair in both}
        alone = [record for record in tape if record.number not in matched]
        for record in alone[:5]:
            yield f"only in the {which}: {_short(record)}"
        if len(alone) > 5:
            yield f"only in the {which}: {len(alone) - 5} more"
    equal, near = 0, 0
    forward = [(a, b, "outputs") for a, b in both]
    turns = [(a, b) for a, b in both if a.turn is not None and b.turn is not None]
    backward = [(a, b, "grad_inputs") for a, b in sorted(turns, key=lambda pair: pair[0].turn or 0)]
    for a, b, what in [*forward, *backward]:
        said = _apart(a, b, what)
        if said == "equal":
            equal += 1
        elif said == "near":
            near += 1
        else:
            yield f"the first that differs, {said}\n  {_short(a)}\n  {_short(b)}"
            return
    yield f"{equal} steps equal bit for bit, {near} but for rounding"


def _matched(mine: Tape, other: Tape) -> list[tuple[Record, Record]]:
    one, two = ([(record.module, record.name) for record in tape] for tape in (mine, other))
    blocks = SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
    return [(mine[block.a + k], other[block.b + k]) for block in blocks for k in range(block.size)]


def _apart(a: Record, b: Record, what: str) -> str:
    worst = "equal"
    for k, (one, two) in enumerate(zip(getattr(a, what), getattr(b, what), strict=False)):
        if one is None or two is None:
            continue
        place = f"{'output' if what == 'outputs' else 'gradient of input'} {k}"
        if one.shape != two.shape:
            return f"{place}: shape {one.shape} and {two.shape}"
        if one.array is None or two.array is None:
            if one.norm is not None and two.norm is not None and not np.isclose(one.norm, two.norm, 1e-4):
                return f"{place}: norm {one.norm:.6g} and {two.norm:.6g}"
        elif not same_bits(one.array, two.array):
            x, y = one.array.astype(np.float64), two.array.astype(np.float64)
            scale = np.abs(x).max(initial=0.0)
            if not np.allclose(x, y, rtol=1e-4, atol=1e-5 * scale + 1e-12, equal_nan=True):
                place += f": {np.abs(x - y).max():.3g} apart, the largest number is {scale:.3g}"
                return place + map_of(~np.isclose(x, y, 1e-4, 1e-5 * scale + 1e-12, equal_nan=True))
            worst = "near"
    return worst
