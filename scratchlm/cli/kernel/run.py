"""`scratchlm kernel run`: a kernel of scratchlm on random numbers, beside the reference kernel's results."""

import time
from pathlib import Path
from typing import Any

import click

from ...errors import OptionError
from ..common import check_folders
from .arguments import draw, find
from .common import SECONDS, SHAPE, STEPS, make_table, stop

WIDTH = 110  # of tables, on every terminal
MODE = click.Choice(["fast", "check", "debug"])


def _count(*numbers: int | None) -> str:
    """Counts with slashes between; – where the mode does not count."""
    return "–" if None in numbers else "/".join(f"{n:,}" for n in numbers)


@click.command()
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
    check_folders(picture)
    row, function = find(name)
    arguments, launches = draw(row, shape), list[Any]()
    started = time.perf_counter()
    try:
        settings = {"mode": mode, "order": order, "seconds": seconds, "steps": steps}
        with launching.emulating(**settings), launching.watching(launches):
            results = function(*arguments)
    except KernelError as error:
        stop(error)
    took = time.perf_counter() - started
    table = make_table("kernel", "blocks", "threads", "global", "shared", "barriers", "shuffles", "divergent")
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
        from .picture import draw_counts

        draw_counts(launches, f"{function.__name__} {shape or ''}", picture)
        click.echo(f"Picture: {picture}")


def _compared(row: Any, arguments: list[Any], results: Any, before: list[Any]) -> Any:
    """A table of what the kernel gave beside the reference kernel's (NumPy) on the same arguments."""
    import numpy as np

    from ...device import get_device

    expected = getattr(get_device("reference").kernels, row.name)(*before)
    pairs = list(zip(row.results, _flat(results), _flat(expected), strict=True))
    for part, mine, theirs in zip(row.arguments, arguments, before, strict=True):
        pairs += [(part, a, b) for a, b in zip(_flat(mine), _flat(theirs), strict=True) if part.in_place]
    table = make_table("result", "shape", "largest number", "farthest from NumPy's")
    for part, mine, theirs in pairs:
        largest, off = np.abs(theirs).max(initial=0), np.abs(np.subtract(mine, theirs)).max(initial=0)
        table.add_row(part.name, "×".join(map(str, np.shape(mine))), f"{largest:.4g}", f"{off:.1e}")
    return table


def _flat(results: Any) -> list[Any]:
    """A kernel's results, or one argument, as a list of arrays and numbers."""
    if results is None:
        return []
    return list(results) if isinstance(results, tuple | list) else [results]
