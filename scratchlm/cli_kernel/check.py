"""`scratchlm kernel check`: a kernel in a file of the user's own, in three orders of its threads."""

import ctypes
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from .common import ARGS, BLOCK, GRID, KERNEL, SECONDS, SHARED, STEPS, VALUES, own_kernel, stop
from .values import read_values


@click.command(context_settings={"ignore_unknown_options": True})  # -1 is an argument of the kernel
@click.argument("file", type=click.Path(path_type=Path))
@VALUES
@KERNEL
@GRID
@BLOCK
@SHARED
@SECONDS
@STEPS
@ARGS
def check(
    file: Path,
    values: tuple[str, ...],
    name: str | None,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    shared: int,
    seconds: float,
    steps: int,
    _: bool,
) -> None:
    """Check a kernel in FILE in three orders of its threads; exit code 1 where a fault is found.

    VALUES are its arguments: float32[128] is a random array, float32[128]=0 a filled one, 128 a number.
    """
    from scratchlm.kernels.emulator import NOT_SEEN, KernelError, orders_differ

    found, atomics = [], False
    try:
        for order in ("forward", "reversed", "shuffled"):
            function = own_kernel(file, name, shared, mode="check", order=order, seconds=seconds, steps=steps)
            arguments = read_values(function, values)
            with _printing(order):
                function(grid, block, arguments, shared_mem=shared)
            found.append(arguments)
            atomics = atomics or function.atomics
    except KernelError as error:
        stop(error)
    changed, fault = [], None
    for k, before in enumerate(read_values(function, values)):
        if before.shape:
            parameter, after = function.parameters[k], [arguments[k] for arguments in found]
            off = _apart(after)
            changed.append(_show(parameter, before, after[0], off, atomics))
            # Rounding, which atomics may explain, makes no NaN and no ∞ of a number.
            if off is not None and not (fault or (atomics and math.isfinite(off))):
                fault = orders_differ(function, parameter, off)
    if fault:
        stop(fault)
    if changed and not any(changed):
        click.echo(
            "No array was changed: see whether it was meant to write one, and whether its tests let it."
        )
    click.echo(f"{file.name}: {function.name}: no fault found in three orders of the threads.")
    click.echo(f"({NOT_SEEN}.)")


@contextmanager
def _printing(order: str) -> Iterator[None]:
    """What a kernel prints appears once: in the first order, and in another one where that has a fault."""
    c = ctypes.CDLL(None)  # whose buffer it is in
    sys.stdout.flush()
    if order == "forward":
        try:
            yield
        finally:
            c.fflush(None)
        return
    with tempfile.TemporaryFile() as printed:
        standard, fault = os.dup(1), True
        os.dup2(printed.fileno(), 1)
        try:
            yield
            fault = False
        finally:
            c.fflush(None)
            os.dup2(standard, 1)
            os.close(standard)
            printed.seek(0)
            if fault and (text := printed.read().decode(errors="replace")):
                click.echo(f"The kernel printed, threads {order}:\n{text}", nl=False)


def _apart(after: list[Any]) -> float | None:
    """How far apart the numbers of an array are after the three orders; None where they are the same."""
    import numpy as np

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


def _show(name: str, before: Any, after: Any, off: float | None, atomics: bool) -> bool:
    """Say what a kernel wrote into an array; whether it wrote something else there in some order."""
    import numpy as np

    changed = int((~np.isclose(before, after, 0, 0, equal_nan=True)).sum())
    line = f"{name}: unchanged"
    if changed:
        first = " ".join(f"{n:.6g}" if after.dtype.kind == "f" else str(n) for n in after.ravel()[:8])
        line = (
            f"{name}: {changed:,} of {after.size:,} numbers changed: {first}{' …' if after.size > 8 else ''}"
        )
    if off is not None:
        line += f"; other orders of the threads differ by up to {off:.1e}"
        if atomics and math.isfinite(off):
            why = "it is rounding" if after.dtype.kind == "f" else "their order is free"
            line += f" (by atomics: no fault where {why})"
    click.echo(line)
    return changed > 0 or off is not None
