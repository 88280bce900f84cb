"""`scratchlm kernel check`: a kernel in a file of the user's own, in three orders of its threads."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import ARGS, BLOCK, GRID, KERNEL, SECONDS, SHARED, STEPS, VALUES, own_kernel, stop
from .values import read_values

if TYPE_CHECKING:
    from scratchlm.kernels.emulator import Verdict


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
    **limits: Any,
) -> None:
    """Check a kernel in FILE in three orders of its threads; exit code 1 where a fault is found.

    VALUES are its arguments: float32[128] is a random array, float32[128]=0 a filled one, 128 a number.
    """
    from scratchlm.kernels import emulator

    try:
        function = own_kernel(file, name, shared, mode="check", **limits)
        arguments = read_values(function, values)
        verdict = emulator.check(function, grid, block, arguments, shared_mem=shared)
    except emulator.KernelError as error:
        stop(error)
    if not verdict.ok and verdict.faults[0].kind != "order":
        order = next(reversed(verdict.printed), "")
        if printed := verdict.printed.get(order):
            click.echo(f"The kernel printed, threads {order}:\n{printed}", nl=False)
        stop(verdict.faults[0])
    changed = [
        _show(parameter, before, verdict)
        for parameter, before in zip(function.parameters, arguments, strict=True)
        if before.shape
    ]
    if not verdict.ok:
        stop(verdict.faults[0])
    if changed and not any(changed):
        click.echo(
            "No array was changed: see whether it was meant to write one, and whether its tests let it."
        )
    click.echo(f"{file.name}: {function.name}: no fault found in three orders of the threads.")
    click.echo(f"({verdict.not_seen}.)")


def _show(name: str, before: Any, verdict: "Verdict") -> bool:
    """Say what a kernel wrote into an array; whether it wrote something else there in some order."""
    import numpy as np

    after, off = next(iter(verdict.results.values()))[name], verdict.spread.get(name)
    changed = int((~np.isclose(before, after, 0, 0, equal_nan=True)).sum())
    line = f"{name}: unchanged"
    if changed:
        first = " ".join(f"{n:.6g}" if after.dtype.kind == "f" else str(n) for n in after.ravel()[:8])
        line = (
            f"{name}: {changed:,} of {after.size:,} numbers changed: {first}{' …' if after.size > 8 else ''}"
        )
    if off is not None:
        line += f"; other orders of the threads differ by up to {off:.1e}"
        if verdict.excused(name):
            why = "it is rounding" if after.dtype.kind == "f" else "their order is free"
            line += f" (by atomics: no fault where {why})"
    click.echo(line)
    return changed > 0 or off is not None
