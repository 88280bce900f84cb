"""scratchlm bench: timed beside its peers; scratchlm growth: timed over sizes."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DeviceError, OptionError, did_you_mean, quote
from .common import check_folders, show_table

if TYPE_CHECKING:
    from ..bench.card import Bounds
    from ..bench.compare import Result
    from ..bench.growth import Growth

THREADS = click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1))
JSON = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Also write the figures to this file."
)


@click.command()
@click.argument("workloads", nargs=-1)
@click.option(
    "--against",
    multiple=True,
    default=("torch",),
    show_default=True,
    help="Peer: torch (on a GPU eager and compiled), torch-fused (its fused Adam) or torch-compile; may be "
    "repeated.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    type=click.Choice(["cpu", "cuda"]),
    help="Where both run; cuda needs a GPU.",
)
@click.option(
    "--pairs", default=10, show_default=True, type=click.IntRange(min=1), help="Runs of each, in turn."
)
@click.option("--steps", default=20, show_default=True, type=click.IntRange(min=1), help="Steps in a run.")
@THREADS
@click.option(
    "--cold", is_flag=True, help="Also the first step of ours without compiled kernels (seconds each)."
)
@JSON
@click.option("--picture", type=click.Path(path_type=Path), help="Also draw the ratios to this PNG file.")
def bench(
    workloads: tuple[str, ...],
    against: tuple[str, ...],
    device: str,
    pairs: int,
    steps: int,
    threads: int,
    cold: bool,
    json_file: Path | None,
    picture: Path | None,
) -> None:
    """Time training steps, kernels, generation and tokenizers beside their peers, in fresh processes.

    WORKLOADS: W1, W2 (LSTM), W3, W4 (GPT), W5 (single kernels), W6 (generation), W7 (BPE), A1 (W4 with batch
    64 and dropout, for cards); all that fit the device for none. Products are held to the machine's own
    largest, measured in the same run; with W5, a GPU's kernels also to its bandwidth and arithmetic.
    """
    from ..bench.compare import as_json, choose, compare, peers_of
    from ..bench.machine import machine
    from ..files import write_text

    check_folders(json_file, picture)
    names, peers = choose(workloads, device), peers_of(against, device)
    source = click.get_current_context().get_parameter_source("against")
    if source is click.core.ParameterSource.DEFAULT and importlib.util.find_spec("torch") is None:
        if picture:
            raise OptionError(
                "--picture draws ratios to PyTorch, which is not installed (pip install torch)."
            )
        peers = ()
        click.echo("PyTorch is not installed (pip install torch): there is no peer, ours is timed alone.")
    if device == "cuda":
        _open_card()
    click.echo("Measuring the largest product of this machine …")
    bound = machine(threads, device)
    results = [
        result
        for name in names
        for result in compare(name, peers, pairs, steps, threads, click.echo, device, bound, cold)
    ]
    click.echo()
    _show(results)
    ratios = "; a ratio above 1 is ahead; below it the smallest and the largest of the pairs" if peers else ""
    kind = "pairs of processes" if peers else "processes"
    click.echo(f"{pairs} {kind}, {steps} steps each, {threads} threads{ratios}.")
    click.echo(
        f"Products are held to the machine's bound: a product of {bound.product:,} rows and columns does "
        f"{bound.gflops_per_second:,.0f} GFLOP/s, a copy moves {bound.copy_gigabytes_per_second:,.0f} GB/s."
    )
    if busy := [r for r in results if r.load_before > 0.5]:
        most = max(r.load_before for r in busy)
        click.echo(
            f"Warning: the machine was busy ({most:.1f} processors before {busy[0].name}): measure again."
        )
    card = None
    if device == "cuda" and any(name.startswith("W5") for name in names):
        from ..bench.card import measure

        card = measure()
        _show_shares(card)
        click.echo(
            f"{card.card}: a copy moves {card.gigabytes_per_second:,.0f} GB/s, a product of cuBLAS does "
            f"{card.teraflops:.1f} TFLOP/s (TF32 {'on' if card.tf32 else 'off'}); share 1 is that bound."
        )
    if json_file:
        write_text(json_file, as_json(results, bound, card))
        click.echo(f"figures written to {json_file}")
    if picture:
        from ..bench.picture import draw_ratios

        draw_ratios(results, picture)
        click.echo(f"picture written to {picture}")


def _open_card() -> None:
    """Nothing is timed in place of a GPU."""
    from ..device import get_device

    try:
        get_device("cuda")
    except DeviceError as error:
        raise DeviceError(f"SKIPPED, nothing was timed: {error}") from None


def _show(results: "list[Result]") -> None:
    rows, shown = [], ""
    for r in results:
        share = "" if r.share_of_bound is None else f"\n{100 * r.share_of_bound:.0f} %"
        ours = (
            f"{r.name}: {r.description}",
            f"{r.milliseconds:.2f} ms",
            f"{r.gflops_per_second:.0f} GFLOP/s{share}" if r.product_flops else "",
        )
        what, takes, products = ours if r.name != shown else ("", "", "")  # once, not for each peer
        cold = "" if r.cold_first_step_seconds is None else f"\ncold {r.cold_first_step_seconds:.2f} s"
        beside = (
            f"{r.peer}\n{r.peer_milliseconds:.2f} ms",
            f"{r.ratio:.2f}\n{r.ratio_low:.2f} to {r.ratio_high:.2f}",
            f"{r.memory_mb:.0f}, {r.peer_memory_mb:.0f} MB\n{r.memory_ratio:.2f}×",
            f"{r.first_step_seconds:.2f}, {r.peer_first_step_seconds:.2f} s{cold}",
        )
        alone = "–", "–", f"{r.memory_mb:.0f} MB", f"{r.first_step_seconds:.2f} s{cold}"
        rows.append((what, takes, *(beside if r.peer else alone), products))
        shown = r.name
    show_table(
        rows, ("what", "ours", "peer", "ratio", "memory", "first step", "products"), widths={"what": 16}
    )


def _show_shares(bounds: "Bounds") -> None:
    rows = (
        (s.kernel, s.shape, f"{s.milliseconds:.3f} ms", f"{s.bound_milliseconds:.3f} ms", f"{s.share:.2f}")
        for s in bounds.shares
    )
    show_table(rows, ("kernel", "shape", "takes", "bound", "share"))


@click.command()
@click.argument("axes", nargs=-1, metavar="[AXIS]…")
@click.option("--steps", default=5, show_default=True, type=click.IntRange(min=1), help="Steps at each size.")
@THREADS
@JSON
@click.option("--picture", type=click.Path(path_type=Path), help="Also draw it, log–log, to this PNG file.")
def growth(
    axes: tuple[str, ...], steps: int, threads: int, json_file: Path | None, picture: Path | None
) -> None:
    """Measure how time and memory of a training step grow with one size of an LSTM and of a GPT.

    AXIS: time (length of a sequence), vocabulary, hidden, layers; all four for none, which takes minutes.
    """
    from ..bench.growth import NAMES, as_json, measure
    from ..bench.picture import draw_growth
    from ..bench.processes import busy_processors
    from ..files import write_text

    if unknown := [axis for axis in axes if axis not in NAMES]:
        near = did_you_mean(unknown[0], NAMES)
        raise OptionError(f"Cost is not measured over {quote(unknown[0])}{near}: {', '.join(NAMES)}.")
    check_folders(json_file, picture)
    load = busy_processors()
    found = measure(axes or NAMES, steps, threads, click.echo)
    click.echo()
    _show_growth(found)
    click.echo("Exponents of the upper three sizes: 1 grows in proportion, 2 with the square.")
    if load > 0.5:
        click.echo(f"Warning: the machine was busy ({load:.1f} processors at the start): measure again.")
    if json_file:
        write_text(json_file, as_json(found, threads))
        click.echo(f"figures written to {json_file}")
    if picture:
        draw_growth(found, picture)
        click.echo(f"picture written to {picture}")


def _show_growth(found: "list[Growth]") -> None:
    rows = []
    for g in found:
        sizes = f"{g.points[0].size:,} to {g.points[-1].size:,}"
        powers = (
            f"{power:.2f}" if power == power else "–"
            for power in (g.time_exponent, g.memory_exponent, g.operations_exponent)
        )
        rows.append((f"{g.model}, {g.axis}", sizes, *powers, g.reason))
    show_table(rows, ("", "sizes", "time", "memory", "operations", "why"))
