"""`scratchlm kernel check`: a kernel in a file of the user's own, in three orders of its threads."""

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
@click.option("--args", "_", is_flag=True, help="What follows are the kernel's arguments.")
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
    from scratchlm.kernels.emulator import NOT_SEEN, Emulator, KernelError

    if file.is_dir():
        raise OptionError(f"{file} is a folder: name a .cu file in it.")
    found = []
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
            function(grid, block, arguments, shared_mem=shared)
            found.append(arguments)
    except KernelError as error:
        stop(error)
    for k, before in enumerate(read_values(function, values)):
        if before.shape:
            _show(function.parameters[k], before, [arguments[k] for arguments in found])
    click.echo(f"{file.name}: {function.name}: no fault found in three orders of the threads.")
    click.echo(f"({NOT_SEEN}.)")


def _refuse_shared(function: Any, shared: int) -> None:
    from scratchlm.kernels.emulator.launch import SHARED_OPT_IN

    own = sum(memory.size for memory in function.shared)
    left = max(SHARED_OPT_IN - own, 0)
    if shared > left:
        raise OptionError(
            f"--shared {shared}: a block of a large card has {SHARED_OPT_IN:,} bytes, {own:,} of them "
            f"taken by the shared arrays of {function.name}: give at most {left:,}."
        )


def _show(name: str, before: Any, after: list[Any]) -> None:
    """Say what a kernel wrote into an array, and whether the order of the threads mattered."""
    import numpy as np

    changed = int((~np.isclose(before, after[0], 0, 0, equal_nan=True)).sum())
    if not changed:
        click.echo(f"{name}: unchanged")
        return
    first = " ".join(f"{n:.6g}" if after[0].dtype.kind == "f" else str(n) for n in after[0].ravel()[:8])
    more = " …" if after[0].size > 8 else ""
    line = f"{name}: {changed:,} of {after[0].size:,} numbers changed: {first}{more}"
    apart = [
        other
        for other in after[1:]
        if not np.array_equal(after[0], other, equal_nan=after[0].dtype.kind == "f")
    ]
    with np.errstate(invalid="ignore"):  # ∞ − ∞, NaN
        off = max(
            (np.nanmax(np.abs(np.subtract(after[0], other, dtype=float)), initial=0) for other in apart),
            default=0,
        )
    click.echo(
        f"{line}; other orders of the threads differ by up to {off:.1e} (a fault, unless by atomics)"
        if apart
        else line
    )
