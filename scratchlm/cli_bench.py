"""scratchlm bench: timed beside its peers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cli_common import make_console
from .errors import DeviceError

if TYPE_CHECKING:
    from .bench.card import Bounds
    from .bench.compare import Result


@click.command()
@click.argument("workloads", nargs=-1)
@click.option(
    "--against",
    default="torch",
    show_default=True,
    help="Peer: torch (on a card eager and compiled), torch-fused (its fused Adam) or torch-compile.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    type=click.Choice(["cpu", "cuda"]),
    help="Where both run; cuda needs a card.",
)
@click.option(
    "--pairs", default=10, show_default=True, type=click.IntRange(min=1), help="Runs of each, in turn."
)
@click.option("--steps", default=20, show_default=True, type=click.IntRange(min=1), help="Steps in a run.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Also write the figures to this file."
)
def bench(
    workloads: tuple[str, ...],
    against: str,
    device: str,
    pairs: int,
    steps: int,
    threads: int,
    json_file: Path | None,
) -> None:
    """Time training steps, kernels, generation and tokenizers beside their peers, in fresh processes.

    WORKLOADS: W1, W2 (LSTM), W3, W4 (GPT), W5 (single kernels), W6 (generation), W7 (BPE), A1 (W4 with batch
    64 and dropout, for cards); all that fit the device for none. With W5, a card's kernels are also held to
    its bandwidth and arithmetic.
    """
    from .bench.compare import as_json, choose, compare
    from .files import write_text

    names = choose(workloads, device)
    if device == "cuda":
        _open_card()
    results = [
        result
        for name in names
        for result in compare(name, against, pairs, steps, threads, click.echo, device)
    ]
    click.echo()
    make_console().print(_table(results), soft_wrap=False)
    click.echo(
        f"{pairs} pairs of processes, {steps} steps each, {threads} threads; a ratio above 1 is ahead."
    )
    if busy := [r for r in results if r.load_before > 0.5]:
        most = max(r.load_before for r in busy)
        click.echo(
            f"Warning: the machine was busy ({most:.1f} processors before {busy[0].name}): measure again."
        )
    bounds = None
    if device == "cuda" and any(name.startswith("W5") for name in names):
        from .bench.card import measure

        bounds = measure()
        make_console().print(_shares(bounds), soft_wrap=False)
        click.echo(
            f"{bounds.card}: a copy moves {bounds.gigabytes_per_second:,.0f} GB/s, a product of cuBLAS does "
            f"{bounds.teraflops:.1f} TFLOP/s (TF32 {'on' if bounds.tf32 else 'off'}); share 1 is that bound."
        )
    if json_file:
        write_text(json_file, as_json(results, bounds))


def _open_card() -> None:
    """Nothing is timed in place of a card."""
    from .device import get_device

    try:
        get_device("cuda")
    except DeviceError as error:
        raise DeviceError(f"SKIPPED, nothing was timed: {error}") from None


def _table(results: "list[Result]") -> Any:
    from rich.table import Table

    from .bench.workloads import WORKLOADS

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("", "what", "ours", "peer", "ratio (pairs from, to)", "memory", "first step after"):
        table.add_column(column, overflow="fold")
    for r in results:
        table.add_row(
            r.name,
            WORKLOADS[r.name].description,
            f"{r.milliseconds:.2f} ms",
            f"{r.peer} {r.peer_milliseconds:.2f} ms",
            f"{r.ratio:.2f} ({r.ratio_low:.2f}, {r.ratio_high:.2f})",
            f"{r.memory_mb:.0f} of {r.peer_memory_mb:.0f} MB: {r.memory_ratio:.2f}×",
            f"{r.first_step_seconds:.2f}, {r.peer_first_step_seconds:.2f} s",
        )
    return table


def _shares(bounds: "Bounds") -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("kernel", "shape", "takes", "bound", "share"):
        table.add_column(column, overflow="fold")
    for s in bounds.shares:
        times = f"{s.milliseconds:.3f} ms", f"{s.bound_milliseconds:.3f} ms"
        table.add_row(s.kernel, s.shape, *times, f"{s.share:.2f}")
    return table
