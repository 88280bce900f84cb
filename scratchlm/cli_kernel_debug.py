"""`scratchlm kernel debug`: gdb inside one thread of a kernel."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from .cli_kernel_arguments import draw, find
from .cli_kernel_common import SHAPE, stop
from .errors import OptionError


@click.command()
@click.argument("name")
@click.option(
    "--thread", default=0, show_default=True, type=click.IntRange(0), help="threadIdx.x to stop in."
)
@click.option("--block", default=0, show_default=True, type=click.IntRange(0), help="blockIdx.x to stop in.")
@SHAPE
@click.option("--vscode", is_flag=True, help="Write .vscode/launch.json here in place of starting gdb.")
def debug(name: str, thread: int, block: int, shape: str | None, vscode: bool) -> None:
    """Start gdb on the kernel NAME, stopped in one of its threads.

    There: `next` a line, `print part` a shared array, `print threadIdx`, `continue`.
    """
    from scratchlm.kernels.cuda.launching import HERE
    from scratchlm.kernels.emulator.compiling import GDB

    row, function = find(name)
    commands = [f"set $thread = {thread}", f"set $block = {block}", f"source {GDB}", f"directory {HERE}"]
    where = "threadIdx.x == $thread && blockIdx.x == $block"
    commands += [f"break {entry} if {where}" for entry in _launched(row, function, shape, thread, block)]
    arguments = ["-P", "-c", "from scratchlm.cli import main; main()", "kernel", "run"]
    arguments += [function.__name__, "--mode", "debug"]
    arguments += ["--shape", shape] if shape else []
    if vscode:
        from .cli_kernel_vscode import add_configuration, configuration

        path = add_configuration(
            Path(), configuration(function.__name__, sys.executable, arguments, commands)
        )
        click.echo(
            f"{path} has 'scratchlm: {function.__name__}': start it under Run and Debug (extension C/C++). "
            "For breakpoints of your own in a .cu, set debug.allowBreakpointsEverywhere in the settings."
        )
        return
    gdb = shutil.which("gdb")
    if gdb is None:
        raise OptionError("gdb is not installed: install it with your system's packages (apt install gdb).")
    options = [part for command in [*commands, "run"] for part in ("-ex", command)]
    quiet = ["-q", "-iex", "set auto-load python-scripts off"]  # Python's own, which gdb only complains about
    os.execv(gdb, [gdb, *quiet, *options, "--args", sys.executable, *arguments])


def _launched(row: Any, function: Any, shape: str | None, thread: int, block: int) -> list[str]:
    """The kernels that have this thread, by running them once; refuses a thread that none of them has."""
    from scratchlm.kernels.cuda import launching
    from scratchlm.kernels.emulator import KernelError

    launches: list[Any] = []
    try:
        with launching.emulating(mode="fast"), launching.watching(launches):
            function(*draw(row, shape))
    except KernelError as error:
        stop(error)
    having = [entry for entry, blocks, threads, _ in launches if thread < threads and block < blocks]
    if not having:
        sizes = dict.fromkeys(
            f"{entry} {blocks} blocks of {threads}" for entry, blocks, threads, _ in launches
        )
        raise OptionError(
            f"No kernel of {function.__name__} has a thread {thread} in a block {block}: it launches "
            f"{', '.join(sizes)} threads; choose among them, or give a larger --shape."
        )
    return list(dict.fromkeys(having))
