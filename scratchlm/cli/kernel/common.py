"""What the commands of `scratchlm kernel` share: options, and which exit code a fault has."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ...errors import OptionError
from .arguments import Three

if TYPE_CHECKING:
    from scratchlm.kernels.emulator import KernelError, KernelFunction

SHAPE = click.option("--shape", metavar="N,…", help="Lengths, in the order of `scratchlm kernel list`.")
SECONDS = click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(0, min_open=True),
    help="After which a launch is ended.",
)  # fmt: skip
STEPS = click.option(
    "--steps", default=100_000_000, show_default=True, type=click.IntRange(1),
    help="Basic blocks that a thread may run between two waits; more are an endless loop.",
)  # fmt: skip
# Of a kernel in a file of the user's own.
VALUES = click.argument("values", nargs=-1)
KERNEL = click.option("--kernel", "name", help="Which kernel of the file [its only one].")
GRID = click.option("--grid", default="1", show_default=True, type=Three(), help="Blocks.")
BLOCK = click.option("--block", default="32", show_default=True, type=Three(), help="Threads of a block.")
SHARED = click.option(
    "--shared", default=0, show_default=True, type=click.IntRange(0), help="Bytes of dynamic shared memory."
)
ARGS = click.option(
    "--args", "_", is_flag=True, expose_value=False,
    help="What follows are the kernel's arguments. Random floats are standard normal, integers 0 to 99.",
)  # fmt: skip


def make_table(*columns: str) -> Any:
    """An empty table with these columns, none of them cut or wrapped."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def stop(error: "KernelError") -> NoReturn:
    """End with the error's sentence, and the exit code that says whose fault it is."""
    if error.refused:
        raise OptionError(str(error)) from None
    click.echo(error)
    sys.exit(1)


def own_kernel(file: Path, name: str | None, shared: int, **settings: Any) -> "KernelFunction":
    """The kernel `name` of a file, or its only one, allowed `shared` bytes of dynamic shared memory.

    Raises:
        OptionError: the file has several kernels, or a block has not that much memory.
        KernelError: the file cannot be read or compiled, or has no such kernel.
    """
    from scratchlm.kernels.emulator import Emulator
    from scratchlm.kernels.emulator.raw_module import SHARED_OPT_IN

    emulator = Emulator(file, **settings)
    kernels = emulator.source.kernels
    if name is None and len(kernels) > 1:
        raise OptionError(f"{file.name} has several kernels: add --kernel {' or '.join(kernels)}.")
    function = emulator.get_function(name or next(iter(kernels)))
    own = sum(memory.size for memory in function.shared)
    left = max(SHARED_OPT_IN - own, 0)
    if shared > left:
        raise OptionError(
            f"--shared {shared}: a block of a large GPU has {SHARED_OPT_IN:,} bytes, {own:,} of them "
            f"taken by the shared arrays of {function.name}: give at most {left:,}."
        )
    function.max_dynamic_shared_size_bytes = max(shared, function.max_dynamic_shared_size_bytes)
    return function
