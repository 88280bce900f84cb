"""`scratchlm kernel debug`: gdb inside one thread of a kernel."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from ...errors import OptionError
from .arguments import Index, draw, find
from .common import ARGS, BLOCK, GRID, KERNEL, SHAPE, SHARED, VALUES, own_kernel, stop
from .values import read_values

OF_FILES = {"name": "--kernel", "grid": "--grid", "block": "--block", "shared": "--shared", "_": "--args"}


@click.command(context_settings={"ignore_unknown_options": True})  # -1 is an argument of the kernel
@click.argument("which", metavar="NAME|FILE")
@VALUES
@click.option("--thread", default="0", show_default=True, type=Index(), help="threadIdx to stop in.")
@click.option("--block-index", default="0", show_default=True, type=Index(), help="blockIdx to stop in.")
@SHAPE
@KERNEL
@GRID
@BLOCK
@SHARED
@click.option("--vscode", is_flag=True, help="Write .vscode/launch.json here in place of starting gdb.")
@ARGS
def debug(
    which: str,
    values: tuple[str, ...],
    thread: tuple[int, ...],
    block_index: tuple[int, ...],
    shape: str | None,
    name: str | None,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    shared: int,
    vscode: bool,
) -> None:
    """Start gdb on the kernel NAME, or one in FILE, stopped in one of its threads.

    A kernel of scratchlm takes --shape; one in FILE what `scratchlm kernel check` takes.

    There: `next` a line, `print part` a shared array, `print threadIdx`, `at LINE` stop there in this thread
    (`break LINE` stops in every thread), `continue`.
    """
    from scratchlm.kernels.emulator.toolchain import GDB

    if Path(which).suffix or len(Path(which).parts) > 1:
        if shape:
            raise OptionError("--shape is for kernels of scratchlm: a file takes --grid, --block and --args.")
        title, places = name or Path(which).stem, [_place(Path(which), name, values, shared)]
        numbers = _number(thread, block, "thread", "block"), _number(block_index, grid, "block", "grid")
        sizes = (",".join(map(str, size)) for size in (grid, block))
        start = f"import sys; from {__name__} import run_file; run_file(*sys.argv[1:])"
        program = ["-P", "-c", start, str(Path(which).resolve()), name or "", *sizes, str(shared), *values]
    else:
        _refuse_options_of_files(which, values)
        row, function = find(which)
        title = function.__name__
        if len(thread) > 1 or len(block_index) > 1:
            raise OptionError("The kernels of scratchlm have one axis: give one number, such as --thread 3.")
        numbers = thread[0], block_index[0]
        places = _launched(row, function, shape, *numbers)
        program = ["-P", "-c", "from scratchlm.cli import main; main()", "kernel", "run", title]
        program += ["--mode", "debug", *(["--shape", shape] if shape else [])]
    commands = [f"set $thread = {numbers[0]}", f"set $block = {numbers[1]}", f"source {GDB}"]
    commands += [f"emu_at {place}" for place in places]
    if vscode:
        from .vscode import add_configuration, configuration

        path = add_configuration(Path(), configuration(title, sys.executable, program, commands))
        click.echo(
            f"{path} has 'scratchlm: {title}': start it under Run and Debug (extension C/C++). "
            "For breakpoints of your own in a .cu, set debug.allowBreakpointsEverywhere in the settings."
        )
        return
    gdb = shutil.which("gdb")
    if gdb is None:
        raise OptionError("gdb is not installed: install it with your system's packages (apt install gdb).")
    options = [part for command in [*commands, "run"] for part in ("-ex", command)]
    quiet = ["-q", "-iex", "set auto-load python-scripts off"]  # Python's own, which gdb only complains about
    os.execv(gdb, [gdb, *quiet, *options, "--args", sys.executable, *program])


def _refuse_options_of_files(which: str, values: tuple[str, ...]) -> None:
    source = click.get_current_context().get_parameter_source
    for key, option in OF_FILES.items():
        if source(key) is click.core.ParameterSource.COMMANDLINE:
            instead = "--block-index names the block to stop in, --shape" if key == "block" else "--shape"
            raise OptionError(f"{option} is for a kernel in a file: {instead} gives the sizes of {which}.")
    if values:
        what = "option" if values[0].startswith("-") else "argument of a kernel of scratchlm"
        raise OptionError(f"'{values[0]}' is not an {what}: `scratchlm kernel debug --help` lists all.")


def _place(file: Path, name: str | None, values: tuple[str, ...], shared: int) -> str:
    """Where gdb finds a kernel of a file; refuses what would not run. Faults are for gdb to look at."""
    from scratchlm.kernels.emulator import KernelError

    try:
        function = own_kernel(file, name, shared, mode="debug")
    except KernelError as error:
        stop(error)
    read_values(function, values)
    # The name alone might be a function of Python or a library as well. That of an instance has blanks, at
    # which gdb would cut it; of others the line is no better, as the emulator's call has it too.
    where, line = function.emulator.source.places[function.name]
    return f'"{where}":{line if "<" in function.name else function.name}'


def _number(index: tuple[int, ...], size: tuple[int, ...], what: str, of: str) -> int:
    """The number of a thread in its block or of a block in its grid."""
    x, y, z = (*index, 0, 0)[:3]
    width, height, depth = (*size, 1, 1)[:3]
    if x >= width or y >= height or z >= depth:
        option = "--block-index" if what == "block" else "--thread"
        raise OptionError(
            f"{option} {','.join(map(str, index))}: a {of} of {'×'.join(map(str, size))} has no such {what}: "
            f"count from 0, or give a larger --{of}."
        )
    return x + width * (y + height * z)


def run_file(file: str, name: str, grid: str, block: str, shared: str, *values: str) -> None:
    """What gdb runs: a kernel of a file, once."""
    from scratchlm.kernels.emulator import KernelError

    try:
        function = own_kernel(Path(file), name or None, int(shared), mode="debug")
        blocks, threads = (tuple(map(int, size.split(","))) for size in (grid, block))
        function(blocks, threads, read_values(function, values), int(shared))
    except KernelError as error:
        stop(error)


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
