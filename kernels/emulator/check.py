"""The verdict on a kernel: run in several orders of its threads, each access checked, results compared."""

import ctypes
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import toolchain
from .abi import ORDERS, Counts
from .errors import KernelError
from .front import read
from .raw_module import SHARED_LIMIT, Emulator, KernelFunction, Pointers
from .report import NOT_SEEN
from .variables import base_name


@dataclass
class Verdict:
    """What `check` found out about a kernel.

    Attributes:
        kernel: its name.
        faults: what is wrong with it; empty where nothing was found. Each has kind, file, line, threads and
            advice, and is a sentence as a string.
        results: for each order that was run to its end, the arrays by the names of their parameters as the
            kernel left them; of Pointers a list.
        spread: how far apart the orders leave an array, by the name of its parameter; those alone that
            differ. ∞ where one has NaN or ∞ and another a number.
        atomics: whether the kernel used an atomic in some order, so that sums may differ by rounding.
        counts: what the first order's launch did.
        printed: what the kernel printed, for each order that was begun but for the first, whose prints
            appear as they come.
        not_seen: what is not looked for: without faults a kernel may still have one of these.
    """

    kernel: str
    faults: list[KernelError] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    atomics: bool = False
    counts: Counts = field(default_factory=Counts)
    printed: dict[str, str] = field(default_factory=dict)
    not_seen: str = NOT_SEEN

    @property
    def ok(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def excused(self, parameter: str) -> bool:
        """Whether atomics may explain that an array depends on the order: rounding makes no NaN or ∞."""
        return self.atomics and math.isfinite(self.spread[parameter])


def check(
    kernel: KernelFunction | Path | str,
    grid: Any,
    block: Any,
    arguments: Sequence[Any],
    *,
    name: str | None = None,
    shared_mem: int = 0,
    orders: Sequence[str] = ORDERS,
    options: tuple[str, ...] = (),
    seed: int = 0,
    seconds: float = 60.0,
    steps: int = 100_000_000,
) -> Verdict:
    """Run a kernel in several orders of its threads, look at every access, and compare the results.

        verdict = check(Path("scale.cu"), 4, 64, (x, np.float32(2), np.int32(x.size)))
        if not verdict.ok:
            print(verdict.faults[0], verdict.faults[0].line)

    After a fault no other order is run. The arguments have their numbers back afterwards.

    Arguments:
        kernel: a path, a source, or what `Emulator.get_function` gives, whose limits and options then count.
        name: which kernel of a file that has several.
        shared_mem: bytes of dynamic shared memory; more than 48 KB need no other consent here.
        orders: of "forward", "reversed" and "shuffled".
        options, seed, seconds, steps: as for `Emulator`.

    Raises:
        KernelError: nothing was run, for it does not compile or the arguments do not fit (`refused`).
    """
    own, most = None, max(shared_mem, SHARED_LIMIT)
    if isinstance(kernel, KernelFunction):
        own, name, most = kernel.emulator, kernel.name, kernel.max_dynamic_shared_size_bytes
        options, seed, seconds, steps = own.options, own.seed, own.seconds, own.steps
    source = own.source if own else read(kernel)  # type: ignore[arg-type]
    if name is None and len(source.kernels) > 1:
        raise KernelError("launch", f"{source.name} has several kernels: name {' or '.join(source.kernels)}.")
    verdict = Verdict(name or next(iter(source.kernels)))
    before = [(array, array.copy()) for argument in arguments for array in _arrays(argument)]
    try:
        for order in orders:
            emulator = Emulator(source, options, "check", order, seed, seconds, steps)
            function = emulator.get_function(verdict.kernel)
            function.max_dynamic_shared_size_bytes = most
            with _printing(verdict, order, first=order == orders[0]):
                function(grid, block, tuple(arguments), shared_mem)
            named = zip(function.parameters, arguments, strict=True)
            verdict.results[order] = {key: _copied(value) for key, value in named if _arrays(value)}
            verdict.atomics = verdict.atomics or function.atomics
            if order == orders[0]:
                verdict.counts = function.counts
            _restore(before)
    except KernelError as error:
        if error.refused:
            raise
        verdict.faults.append(error)
        return verdict
    finally:
        _restore(before)
    first, *others = verdict.results.values()
    for parameter, value in first.items():
        off = _apart([value, *(other[parameter] for other in others)])
        if off is not None:
            verdict.spread[parameter] = off
            if not verdict.excused(parameter):
                verdict.faults.append(orders_differ(function, parameter, off))
    return verdict


def _arrays(argument: Any) -> list[np.ndarray]:
    if isinstance(argument, Pointers):
        return argument.arrays
    return [argument] if isinstance(argument, np.ndarray) else []


def _copied(argument: Any) -> Any:
    arrays = [array.copy() for array in _arrays(argument)]
    return arrays if isinstance(argument, Pointers) else arrays[0]


def _restore(before: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for array, numbers in before:
        if array.flags.writeable:
            array[...] = numbers


@contextmanager
def _printing(verdict: Verdict, order: str, first: bool) -> Iterator[None]:
    """What a kernel prints appears in the first order, and is kept in the others."""
    c = ctypes.CDLL(None)  # whose buffer it is in
    sys.stdout.flush()
    if first:
        try:
            yield
        finally:
            c.fflush(None)
        return
    with tempfile.TemporaryFile() as printed:
        standard = os.dup(1)
        os.dup2(printed.fileno(), 1)
        try:
            yield
        finally:
            c.fflush(None)
            os.dup2(standard, 1)
            os.close(standard)
            printed.seek(0)
            verdict.printed[order] = printed.read().decode(errors="replace")


def _apart(after: list[Any]) -> float | None:
    """How far apart the numbers of an array are after several orders; None where they are the same."""
    if isinstance(after[0], list):
        found = [off for arrays in zip(*after, strict=True) if (off := _apart(list(arrays))) is not None]
        return max(found, default=None)
    first, *others = after
    nan = first.dtype.kind == "f"
    if all(np.array_equal(first, other, equal_nan=nan) for other in others):
        return None
    with np.errstate(invalid="ignore"):  # ∞ − ∞, NaN
        gaps = [
            np.where(
                np.isclose(first, other, 0, 0, equal_nan=True), 0, np.subtract(first, other, dtype=float)
            )
            for other in others
        ]
    return max(float(np.nan_to_num(np.abs(gap), nan=np.inf).max()) for gap in gaps)


def orders_differ(function: KernelFunction, array: str, off: float) -> KernelError:
    """The error for an array that another order of the threads fills with numbers up to `off` apart.

    It is one where the kernel uses no atomics (`function.atomics`), as with them sums differ by rounding, and
    where `off` is not finite.
    """
    source = function.emulator.source
    guess = toolchain.read_too_early(source, function.emulator.options)
    names, file, line = guess or source.without_value(base_name(function.name))
    declared = f" ({names}: declared without one)" if names else ""
    advice = f"see what a thread reads before it has a value{declared}, or while another changes it"
    if guess:
        advice = f"{names}, declared here, may be read before it has a value: give it one"
    amount, why = (f" (by up to {off:.1e})", "no atomic") if math.isfinite(off) else ("", "no rounding")
    text = (
        f"{function.name}: the numbers in {array} depend on the order in which threads run{amount}, and "
        f"{why} explains it: {advice}."
    )
    return KernelError("order", text, file, line, advice=advice)
