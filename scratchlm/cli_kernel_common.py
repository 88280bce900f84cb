"""What the commands of `scratchlm kernel` share: options, and which exit code a fault has."""

import sys
from typing import TYPE_CHECKING, NoReturn

import click

from .errors import OptionError

if TYPE_CHECKING:
    from scratchlm.kernels.emulator import KernelError

SHAPE = click.option("--shape", metavar="N,…", help="Lengths, in the order of `scratchlm kernel list`.")
SECONDS = click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(0, min_open=True),
    help="After which a launch is ended.",
)  # fmt: skip
STEPS = click.option(
    "--steps", default=100_000_000, show_default=True, type=click.IntRange(1),
    help="Basic blocks that a thread may run between two waits; more are an endless loop.",
)  # fmt: skip
# Faults of the call, or of what a compiler for cards refuses too: nothing has run.
CALL = ("argument", "launch", "compiler", "unsupported", "compile", "shared memory")


def stop(error: "KernelError") -> NoReturn:
    """End with the error's sentence, and the exit code that says whose fault it is."""
    if error.kind in CALL:
        raise OptionError(str(error)) from None
    click.echo(error)
    sys.exit(1)
