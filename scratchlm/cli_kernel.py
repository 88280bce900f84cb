"""`scratchlm kernel`: CUDA kernels without a GPU; list, run, check and debug them on the emulator."""

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .cli_kernel_arguments import Three, draw, family, find, letters, runnable, value
from .errors import OptionError

if TYPE_CHECKING:
    from scratchlm.kernels.emulator import KernelError

WIDTH = 110  # of tables, on every terminal
MODE = click.Choice(["fast", "check", "debug"])
SHAPE = click.option("--shape", metavar="N,…", help="Lengths, in the order of `scratchlm kernel list`.")
SECONDS = click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(0, min_open=True),
    help="After which a launch is ended.",
)  # fmt: skip
STEPS = click.option(
    "--steps", default=100_000_000, show_default=True, type=click.IntRange(1),
    help="Basic blocks that a thread may run between two waits; more are an endless loop.",
)  # fmt: skip
CALL = ("argument", "launch", "compiler", "unsupported")  # faults of the call, not of the kernel


@click.group()
def kernel() -> None:
    """Run, check and debug CUDA kernels without a GPU.

    Exit codes: 0 no fault, 1 a fault in the kernel, 2 it could not be run as asked.
    """


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _stop(error: "KernelError") -> NoReturn:
    """End with the error's sentence, and the exit code that says whose fault it is."""
    if error.kind in CALL:
        raise OptionError(str(error)) from None
    click.echo(error)
    sys.exit(1)


@kernel.command("list")
def list_kernels() -> None:
    """List the CUDA kernels that come with scratchlm, and the lengths that --shape gives each."""
    from rich.console import Console

    from scratchlm.kernels.cuda.launching import HERE

    table = _table("name", "--shape", "file", "what")
    for name, pair in runnable().items():
        what = pair[1].__doc__.split("\n")[0].partition("    [")[0]
        table.add_row(name, ",".join(letters(pair[0])), f"{family(pair)}.cu", what.replace("[", r"\["))
    Console(width=WIDTH + 40).print(table)
    click.echo(
        "N rows, V classes, D features, T time steps, S keys, B batch, H hidden or heads; … any shape. "
        f"Numbered ones are earlier,\nslower versions. The files are in {HERE}."
    )


def _count(*numbers: int | None) -> str:
    """Counts with slashes between; – where the mode does not count."""
    return "–" if None in numbers else "/".join(f"{n:,}" for n in numbers)


@kernel.command()
@click.argument("name")
@SHAPE
@click.option("--mode", type=MODE, default="fast", show_default=True, help="check looks at every access.")
@click.option("--order", type=click.Choice(["forward", "reversed", "shuffled"]), default="forward")
@SECONDS
@STEPS
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the counts too, into this PNG file.")
def run(
    name: str, shape: str | None, mode: str, order: str, seconds: float, steps: int, picture: Path | None
) -> None:
    """Run the kernel NAME, or an earlier version of it, on random numbers; say what it did."""
    from rich.console import Console

    from scratchlm.kernels.cuda import launching
    from scratchlm.kernels.emulator import KernelError

    if picture and mode != "check":
        raise OptionError("--picture draws what is counted in mode check: add --mode check.")
    if picture and picture.suffix.lower() != ".png":
        raise OptionError(f"--picture {picture}: it is drawn as PNG: give a name that ends in .png.")
    row, function = find(name)
    arguments, launches = draw(row, shape), list[Any]()
    started = time.perf_counter()
    try:
        settings = {"mode": mode, "order": order, "seconds": seconds, "steps": steps}
        with launching.emulating(**settings), launching.watching(launches):
            results = function(*arguments)
    except KernelError as error:
        _stop(error)
    took = time.perf_counter() - started
    table = _table("kernel", "blocks", "threads", "global", "shared", "barriers", "shuffles", "divergent")
    for kernel_name, blocks, threads, c in launches[:20]:
        accesses = [_count(c.global_reads, c.global_writes), _count(c.shared_reads, c.shared_writes)]
        waits = [_count(c.barriers), _count(c.exchanges), _count(c.divergent, c.segments)]
        table.add_row(kernel_name, f"{blocks:,}", str(threads), *accesses, *waits)
    console = Console(width=WIDTH)
    console.print(table)
    if len(launches) > 20:
        click.echo(f"… and {len(launches) - 20:,} launches more")
    click.echo(
        "global, shared: reads/writes, a vector such as float4 is one; divergent: stretches between waits in "
        "which a\nwarp's lanes part, of all; –: not counted in this mode"
    )
    console.print(_compared(row, arguments, results, draw(row, shape)))
    found = "no fault found" if mode == "check" else "use --mode check to look for faults and count accesses"
    times = "1 launch" if len(launches) == 1 else f"{len(launches):,} launches"
    click.echo(f"{function.__name__}: {times}, {took * 1000:.0f} ms with compiling; {found}.")
    if picture:
        from .cli_kernel_picture import draw_counts

        draw_counts(launches, f"{function.__name__} {shape or ''}", picture)
        click.echo(f"Picture: {picture}")


def _compared(row: Any, arguments: list[Any], results: Any, before: list[Any]) -> Any:
    """A table of what the kernel gave beside the reference kernel's (NumPy) on the same arguments."""
    import numpy as np

    from .device import get_device

    expected = getattr(get_device("reference").kernels, row.name)(*before)
    pairs = list(zip(row.results, _flat(results), _flat(expected), strict=True))
    for part, mine, theirs in zip(row.arguments, arguments, before, strict=True):
        pairs += [(part, a, b) for a, b in zip(_flat(mine), _flat(theirs), strict=True) if part.in_place]
    table = _table("result", "shape", "largest number", "farthest from NumPy's")
    for part, mine, theirs in pairs:
        largest, off = np.abs(theirs).max(initial=0), np.abs(np.subtract(mine, theirs)).max(initial=0)
        table.add_row(part.name, "×".join(map(str, np.shape(mine))), f"{largest:.4g}", f"{off:.1e}")
    return table


def _flat(results: Any) -> list[Any]:
    """A kernel's results, or one argument, as a list of arrays and numbers."""
    if results is None:
        return []
    return list(results) if isinstance(results, tuple | list) else [results]


@kernel.command(context_settings={"ignore_unknown_options": True})  # -1 is an argument of the kernel
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

    found = []
    try:
        for order in ("forward", "reversed", "shuffled"):
            emulator = Emulator(file, mode="check", order=order, seconds=seconds, steps=steps)
            kernels = emulator.source.kernels
            if name is None and len(kernels) > 1:
                raise OptionError(f"{file.name} has several kernels: add --kernel {' or '.join(kernels)}.")
            function = emulator.get_function(name or next(iter(kernels)))
            codes = [*function.codes, *["f4"] * len(values)]
            arguments = tuple(
                value(text, code, k) for k, (text, code) in enumerate(zip(values, codes, strict=False))
            )
            function.max_dynamic_shared_size_bytes = max(shared, function.max_dynamic_shared_size_bytes)
            function(grid, block, arguments, shared_mem=shared)
            found.append(arguments)
    except KernelError as error:
        _stop(error)
    for k, parameter in enumerate(function.parameters):
        if values[k].endswith("]") or "]=" in values[k]:
            _show(parameter, value(values[k], function.codes[k], k), [arguments[k] for arguments in found])
    click.echo(f"{file.name}: {function.name}: no fault found in three orders of the threads.")
    click.echo(f"({NOT_SEEN}.)")


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


@kernel.command()
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
        _stop(error)
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
