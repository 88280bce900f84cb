"""`scratchlm kernel check`: a kernel in a file of the user's own, in three orders of its threads."""

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from .cli_kernel_arguments import Three
from .cli_kernel_common import SECONDS, STEPS, stop
from .cli_kernel_values import read_values
from .errors import OptionError


@click.command(context_settings={"ignore_unknown_options": True})  # -1 is an argument of the kernel
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("values", nargs=-1)
@click.option("--kernel", "name", help="Which kernel of the file [its only one].")
@click.option("--grid", default="1", show_default=True, type=Three(), help="Blocks.")
@click.option("--block", default="32", show_default=True, type=Three(), help="Threads of a block.")
@click.option(
    "--shared", default=0, show_default=True, type=click.IntRange(0), help="Bytes of dynamic shared memory."
)
@SECONDS
@STEPS
@click.option(
    "--args", "_", is_flag=True,
    help="What follows are the kernel's arguments. Random floats are standard normal, integers 0 to 99.",
)  # fmt: skip
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
    from scratchlm.kernels.emulator import NOT_SEEN, Emulator, KernelError, orders_differ

    if file.is_dir():
        raise OptionError(f"{file} is a folder: name a .cu file in it.")
    found, atomics = [], False
    try:
        for order in ("forward", "reversed", "shuffled"):
            emulator = Emulator(file, mode="check", order=order, seconds=seconds, steps=steps)
            kernels = emulator.source.kernels
            if name is None and len(kernels) > 1:
                raise OptionError(f"{file.name} has several kernels: add --kernel {' or '.join(kernels)}.")
            function = emulator.get_function(name or next(iter(kernels)))
            _refuse_shared(function, shared)
            arguments = read_values(function, values)
            function.max_dynamic_shared_size_bytes = max(shared, function.max_dynamic_shared_size_bytes)
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
            if off is not None and not (atomics or fault):
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


def _refuse_shared(function: Any, shared: int) -> None:
    from scratchlm.kernels.emulator.launch import SHARED_OPT_IN

    own = sum(memory.size for memory in function.shared)
    left = max(SHARED_OPT_IN - own, 0)
    if shared > left:
        raise OptionError(
            f"--shared {shared}: a block of a large card has {SHARED_OPT_IN:,} bytes, {own:,} of them "
            f"taken by the shared arrays of {function.name}: give at most {left:,}."
        )


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
        line += " (by atomics: no fault where it is rounding)" if atomics else ""
    click.echo(line)
    return changed > 0 or off is not None
