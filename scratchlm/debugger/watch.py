"""What goes wrong in training, seen in recorded steps: `scratchlm train --watch`.

A watch looks at every `EVERY`th step as it was recorded, and at the size of every step's gradient. It stops
at the first value that is not finite, in the order of the computation; at a gradient that explodes or
vanishes; at units of a ReLU that are dead; at a divergence that has collapsed.
"""

import math
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

import numpy as np

from .kept import Record, Seen
from .questions import arrays_of, broken
from .replay import again, class_of
from .tape import Tape

EVERY = 10  # steps between two looks: recording them all in full would cost half of the time again
EXPLODED = 100.0  # times the median norm of the last steps' gradients
STEPS = 50  # whose norms are remembered; from a tenth of them on, there is a median
VANISHED = 1e-7  # of the largest parameter's gradient: float32 adds nothing of it
LOOKS = 5  # in a row, until what might be chance is none
COLLAPSED = 0.01  # nats an example


@dataclass
class Finding:
    """What is wrong, and at which formula of which recording; `backward`: in its backward."""

    sentence: str
    tape: Tape
    record: Record
    backward: bool = False


class Watch:
    """Remembers what it has seen of earlier steps."""

    def __init__(self) -> None:
        self.norms: deque[float] = deque(maxlen=STEPS)  # of all gradients together, a step each
        self.first_loss = 0.0
        self.small: dict[str, int] = {}  # parameter → looks in a row with a vanished gradient
        self.silent: dict[tuple[Any, ...], tuple[np.ndarray, int]] = {}  # ReLU → units always 0, looks
        self.flat = 0  # looks in a row with a collapsed divergence
        self.spread = False  # whether the divergence was ever larger

    def is_exploded(self, norm: float, loss: float = 0.0) -> bool:
        """Whether a step's gradient is far beyond that of the steps before, or its loss beyond the first."""
        usual = median(self.norms) if len(self.norms) >= STEPS // 10 else math.inf
        self.norms.append(norm)
        self.first_loss = self.first_loss or abs(loss)
        return norm > EXPLODED * usual or abs(loss) > EXPLODED * max(self.first_loss, 1.0)

    def look(self, tape: Tape) -> Finding | None:
        """The first fault of a recorded step."""
        if found := broken(tape):
            return Finding(found[0], tape, *found[1:])
        return self._vanished(tape) or self._dead(tape) or self._collapsed(tape)

    def exploded(self, tape: Tape, norm: float, loss: float = 0.0) -> Finding:
        """Which parameter's gradient is the largest of a step whose gradient or loss exploded."""
        gradients = _gradients(tape)
        if abs(loss) > EXPLODED * max(self.first_loss, 1.0):
            weights = [
                s for record in tape for s in record.inputs if isinstance(s.source, str) and "." in s.source
            ]
            largest = max(
                weights, key=lambda s: float(np.abs(s.array).max(initial=0.0)) if s.array is not None else 0
            )
            return Finding(
                f"the loss is {loss:.3g}, and was {self.first_loss:.3g} at first; the largest weight, of "
                f"{largest.source}, is {np.abs(largest.array).max():.3g}: a lower learning rate may help",
                tape, tape[len(tape) - 1],
            )  # fmt: skip
        name = max(gradients, key=lambda name: gradients[name][0])
        size, record, k = gradients[name]
        usual = median(self.norms)
        return Finding(
            f"the gradient exploded: its norm is {norm:.3g}, {norm / max(usual, 1e-30):.0f} times the usual "
            f"{usual:.3g}; most of it, {size:.3g}, is that of {name}, which came from {_told(record, k)}",
            tape, record, True,
        )  # fmt: skip

    def _vanished(self, tape: Tape) -> Finding | None:
        gradients = _gradients(tape)
        largest = max((size for size, _, _ in gradients.values()), default=0.0)
        for name, (size, record, k) in gradients.items():
            self.small[name] = self.small.get(name, 0) + 1 if size <= VANISHED * largest else 0
            if self.small[name] == LOOKS:
                return Finding(
                    f"the gradient of {name} vanished: its norm is {size:.3g}, that of the largest is "
                    f"{largest:.3g}, in {LOOKS} looks; it came from {_told(record, k)}",
                    tape, record, True,
                )  # fmt: skip
        return None

    def _dead(self, tape: Tape) -> Finding | None:
        for record in tape:
            if record.name != "ReLU" or record.outputs[0].array is None:
                continue
            y = record.outputs[0].array
            silent = ~y.reshape(-1, y.shape[-1]).any(axis=0) if y.ndim else np.zeros(1, bool)
            before, looks = self.silent.get(record.key, (silent, 0))
            silent = silent & before if silent.shape == before.shape else silent
            self.silent[record.key] = silent, looks + 1
            if looks + 1 >= LOOKS and silent.mean() >= 0.5:
                return Finding(
                    f"{silent.sum()} of {silent.size} units are dead: {_where(record)} gave 0 for every "
                    f"example in {looks + 1} looks, so nothing comes back through them (units "
                    f"{', '.join(map(str, np.flatnonzero(silent)[:5]))} …)",
                    tape, record,
                )  # fmt: skip
        return None

    def _collapsed(self, tape: Tape) -> Finding | None:
        for record in tape:
            kl = record.outputs[0].array if record.name == "GaussianKL" else None
            if kl is None:
                continue
            size = float(kl.sum() / max(len(kl), 1))
            self.flat = self.flat + 1 if size < COLLAPSED else 0
            self.spread |= size > 10 * COLLAPSED
            if self.flat >= LOOKS and self.spread:
                return Finding(
                    f"the code has collapsed: KL is {size:.2g} nats an example in {LOOKS} looks, and was "
                    f"larger before; {_where(record)} says that every example has the same code",
                    tape, record,
                )  # fmt: skip
        return None


def _gradients(tape: Tape) -> dict[str, tuple[float, Record, int]]:
    """Parameter → norm of its gradient, the record and the input that the most of it came from."""
    found: dict[str, list[tuple[float, Record, int]]] = {}
    for record in tape:
        for k, (seen, grad) in enumerate(zip(record.inputs, record.grad_inputs, strict=False)):
            name = seen.source if isinstance(seen.source, str) else ""
            if "." in name and grad is not None and grad.array is not None:
                size = float(np.linalg.norm(grad.array.astype(np.float64)))
                found.setdefault(name, []).append((size, record, k))
    return {
        name: (math.hypot(*(s for s, _, _ in parts)), *max(parts, key=lambda part: part[0])[1:])
        for name, parts in found.items()
    }


def _where(record: Record) -> str:
    """ "ReLU in mlp (record 7, scratchlm/functions/activation.py:88)"."""
    code = class_of(record).forward.__code__
    path, line = Path(code.co_filename), code.co_firstlineno
    place = f" in {record.module}" if record.module else ""
    users = f"; {record.line}" if record.line else ""
    return f"{record.name}{place} (record {record.number}, {'/'.join(path.parts[-3:])}:{line}{users})"


def _told(record: Record, k: int) -> str:
    name = list(arrays_of(record))[k]
    return f"{_where(record)}: grad_{name} {_values(record.grad_inputs[k])}"


def _values(seen: Seen | None) -> str:
    """ "of shape (3, 4), −0.2 to 0.3, 5 % zeros"."""
    if seen is None or seen.array is None or not seen.array.size:
        return ""
    return f"of shape {seen.shape}, {seen.array.min():.3g} to {seen.array.max():.3g}"


def standing_at(record: Record, backward: bool = False) -> TracebackType | None:
    """A traceback whose last frame is the record's formula, run again on the recorded numbers."""
    function = class_of(record)
    code = (function.backward if backward and record.turn is not None else function.forward).__code__
    frames: list[Any] = []

    def keep(frame: Any, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            frames.append(frame)

    before = sys.getprofile()
    sys.setprofile(keep)
    try:
        again(record)
    except Exception:
        return None
    finally:
        sys.setprofile(before)
    if not frames:
        return None
    return TracebackType(None, frames[-1], frames[-1].f_lasti, frames[-1].f_lineno)
