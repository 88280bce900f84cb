"""Recording: what every formula got and gave, forward and backward, kept to look at afterwards.

    with record() as tape:
        loss = model.loss(x, y)[0]
        loss.backward()
    print(tape)              # a line for each formula, in the order of the computation
    print(tape.verify())     # recording verified: 53 of 53

B, T, D, H, V as everywhere; arrays are kept as NumPy's, those of a GPU as copies on the host.
"""

import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Token
from time import perf_counter
from typing import Any

import numpy as np

from ..device import to_host
from ..errors import OptionError, quote
from ..modes import _taping
from .kept import Record, Seen, formula_of, look, name_of, same_bits, source_of
from .place import Places

LEVELS = ("none", "shape", "health", "summary", "full")
BUDGET = 1 << 30  # bytes of copies; what comes after them is kept as "summary"


class Tape:
    """Records in the order of the computation; `tape[7]` is one, `find` looks for some.

    Args:
        level: "none" keeps names and order, "shape" also shapes, "health" whether all is finite, norm and
            share of zeros, "summary" also a histogram, "full" also copies of all arrays.
        budget: bytes of copies; arrays after them are kept as by "summary".

    Raises:
        OptionError: there is no such level.
    """

    def __init__(self, level: str = "full", budget: int = BUDGET):
        if level not in LEVELS:
            raise OptionError(f"level is {quote(level)}, expected one of {', '.join(LEVELS)}.")
        self.level, self.budget = level, budget
        self.records: list[Record] = []
        self.changes: list[str] = []  # what was changed in place after it was recorded
        self.bytes = 0  # of copies
        self.spent = 0.0  # seconds of recording
        self.elapsed = 0.0
        self._places = Places()
        self._calls: Counter = Counter()
        self._of: weakref.WeakKeyDictionary[Any, Record] = weakref.WeakKeyDictionary()  # Function → record
        self._makers: dict[int, tuple[weakref.ref, tuple[int, int]]] = {}  # id of a tensor → its source
        self._copies: dict[int, tuple[weakref.ref, np.ndarray, Any]] = {}  # id of an array → copy, source
        self._looks: dict[int, tuple[weakref.ref, Seen]] = {}  # id of an array → what it looked like
        self._backward = 0
        self.raised = ""  # what ended the program that was recorded
        self.passes = 0  # backward() from a loss, so far
        self.after_pass: Callable[[Tape], None] | None = None

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, number: int) -> Record:
        return self.records[number]

    def __str__(self) -> str:
        return "\n".join(map(str, self.records))

    def find(self, text: str) -> list[Record]:
        """Records with `text` in their formula's id, name, path, line or the name of an input."""
        return [
            record
            for record in self.records
            if text in f"{record.formula} {record.module}.{record.name}[{record.call}] {record.line} "
            f"{' '.join(source_of(seen) for seen in record.inputs)}"
        ]

    @property
    def failed(self) -> Record | None:
        """The formula that raised, if one did."""
        return next((record for record in self.records if record.error), None)

    @property
    def slowdown(self) -> float:
        """How many times as long the block took as without recording, by the time spent in it."""
        return self.elapsed / max(self.elapsed - self.spent, 1e-9)

    def verify(self) -> Any:
        """Compute every record again from its stored inputs, and compare bit for bit. See `replay.verify`."""
        from .replay import verify

        return verify(self)

    def save(self, path: Any) -> None:
        """Write all of it as one file, which `Tape.load` reads in any process. See `tape_file.write`."""
        from .tape_file import write

        write(self, path)

    @staticmethod
    def load(path: Any) -> "Tape":
        """Read a file that `save` wrote. See `tape_file.read`."""
        from .tape_file import read

        return read(path)

    # ------------------------------------------------------------------ called by the engine
    def forward(self, function: Any, tensors: tuple[Any, ...], arrays: list[Any]) -> Any:
        """Run a Function's forward and write it down."""
        began = perf_counter()
        options = {k: v for k, v in vars(function).items() if k not in ENGINE}
        module, line, names = self._places.of(sys._getframe(2), tensors)
        name = function.name
        kind: Any = type(function)
        place = (module, name)
        record = Record(
            len(self.records), name, formula_of(kind), module, self._calls[place], line,
            function.device.name, f"{kind.__module__}:{kind.__qualname__}", options,
            function.needs_grad, kind=kind,
        )  # fmt: skip
        self._calls[place] += 1
        self.records.append(record)
        self._of[function] = record
        record.inputs = [
            self._seen(array, self._made_by(t) or names[k])
            for k, (t, array) in enumerate(zip(tensors, arrays, strict=True))
        ]
        function.kernels = Noted(function.kernels, record.kernels)
        started = perf_counter()
        try:
            result = function.forward(*arrays)
        except Exception as error:
            record.error = f"{type(error).__name__}: {error}"
            raise
        ended = perf_counter()
        record.seconds.append(ended - started)
        outputs = result if isinstance(result, tuple) else (result,)
        record.outputs = [
            self._seen(array, (record.number, k))
            for k, array in enumerate(outputs)
            if hasattr(array, "shape")
        ]
        record.saved = [None if array is None else self._seen(array, "") for array in function._saved]
        self.spent += started - began + perf_counter() - ended
        return result

    def made(self, function: Any, outputs: tuple[Any, ...]) -> None:
        """Remember which tensors came out."""
        number = self._of[function].number
        for k, tensor in enumerate(outputs):
            self._makers[id(tensor)] = weakref.ref(tensor), (number, k)

    def backward(self, function: Any, grad_outputs: list[Any]) -> Any:
        """Run a Function's backward and write it down."""
        record = self._of.get(function)
        if record is None:  # made before the recording began
            return function.backward(*grad_outputs)
        began = perf_counter()
        for seen, array in zip(record.saved, function._saved, strict=False):
            if seen is not None and seen.array is not None and not same_bits(seen.array, to_host(array)):
                self._say_changed(f"an array that {record.name} saved (record {record.number})")
        record.turn, self._backward = self._backward, self._backward + 1
        record.passed = self.passes
        record.grad_outputs = [self._seen(array, "") for array in grad_outputs]
        started = perf_counter()
        try:
            grads = function.backward(*grad_outputs)
        except Exception as error:
            record.error = f"{type(error).__name__}: {error}"
            raise
        ended = perf_counter()
        record.seconds.append(ended - started)
        found = grads if isinstance(grads, tuple) else (grads,)
        record.grad_inputs = [self._seen(g, "") if hasattr(g, "shape") else None for g in found]
        self.spent += started - began + perf_counter() - ended
        return grads

    def went_backward(self) -> None:
        """A backward() has come to its end."""
        self.passes += 1
        if self.after_pass is not None:
            self.after_pass(self)

    def forget(self) -> None:
        """Begin anew: what was written down until now is dropped."""
        self.records.clear()
        self.changes.clear()
        self._calls.clear()
        self._of.clear()
        self._makers.clear()
        self._copies.clear()
        self._looks.clear()
        self.bytes = self._backward = 0

    def _made_by(self, tensor: Any) -> tuple[int, int] | None:
        found = self._makers.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    def _say_changed(self, what: str) -> None:
        self.changes.append(f"{what} was changed in place after it was recorded")

    def _seen(self, array: Any, source: "tuple[int, int] | str") -> Seen:
        seen = Seen(tuple(array.shape), name_of(array.dtype), source)
        if self.level in ("none", "shape") or array.dtype.kind not in "fiub":
            return seen
        on_host = to_host(array)
        if self.level != "full" or self.bytes + on_host.nbytes > self.budget:
            return self._looked_at(seen, array, on_host)
        kept = self._copies.get(id(array))
        if kept is not None and kept[0]() is array:
            if same_bits(kept[1], on_host):
                seen.array = kept[1]
                return seen
            if isinstance(kept[2], tuple) or isinstance(source, tuple):
                self._say_changed(f"output {kept[2][1]} of record {kept[2][0]}" if kept[2] else "an array")
        seen.array = np.array(on_host, order="K") if on_host is array else on_host
        self.bytes += seen.array.nbytes
        with suppress(TypeError):  # NumPy's numbers, which nothing changes in place
            self._copies[id(array)] = weakref.ref(array), seen.array, source
        return seen

    def _looked_at(self, seen: Seen, array: Any, on_host: np.ndarray) -> Seen:
        """With norm and the rest; an array, and what is a view of all of it, is looked at once."""
        base = array.base
        owner = array if base is None or getattr(base, "size", 0) != array.size else base
        before = self._looks.get(id(owner))
        if before is not None and before[0]() is owner:
            known = before[1]
            seen.finite, seen.norm, seen.zeros = known.finite, known.norm, known.zeros
            seen.bins, seen.ends = known.bins, known.ends
            return seen
        look(seen, on_host, self.level != "health")
        with suppress(TypeError):
            self._looks[id(owner)] = weakref.ref(owner), seen
        return seen


ENGINE = {"device", "xp", "kernels", "needs_grad", "_given"}  # what a Function has besides its options


class Noted:
    """A device's kernels; writes down which ones are called."""

    def __init__(self, kernels: Any, called: list[str]):
        self._kernels, self._called = kernels, called

    def __getattr__(self, name: str) -> Any:
        self._called.append(name)
        return getattr(self._kernels, name)


class record:
    """`with record(level) as tape:` writes down every formula that runs inside, in this thread.

    Says once, at the end, how much slower that was; `quiet` leaves it unsaid. `after_pass` is called with the
    tape at the end of each backward(). Other arguments as for `Tape`.
    """

    def __init__(
        self,
        level: str = "full",
        budget: int = BUDGET,
        quiet: bool = False,
        after_pass: Callable[[Tape], None] | None = None,
    ):
        self.tape, self.quiet = Tape(level, budget), quiet
        self.tape.after_pass = after_pass
        self._token: Token | None = None

    def __enter__(self) -> Tape:
        self._token = _taping.set(self.tape)
        self._began = perf_counter()
        return self.tape

    def __exit__(self, *_: object) -> None:
        tape = self.tape
        tape.elapsed += perf_counter() - self._began
        _taping.reset(self._token)  # type: ignore[arg-type]
        tape._makers.clear()
        tape._copies.clear()
        tape._looks.clear()
        if not self.quiet:
            size = f", {tape.bytes / 2**20:.1f} MB" if tape.bytes else ""
            print(
                f"Recorded {len(tape)} formulas ({tape.level}{size}): {tape.slowdown:.1f} times as slow.",
                file=sys.stderr,
            )
