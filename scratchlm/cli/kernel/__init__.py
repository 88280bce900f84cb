"""`scratchlm kernel`: CUDA kernels without a GPU; list, run, check and debug them on the emulator."""

import click

from .check import check
from .debug import debug
from .listing import list_kernels
from .run import run


@click.group()
def kernel() -> None:
    """Run, check and debug CUDA kernels without a GPU.

    Exit codes: 0 no fault, 1 a fault in the kernel, 2 it does not compile, or could not
    be run as asked.
    """


for command in (list_kernels, run, check, debug):
    kernel.add_command(command)
