"""scratchlm bench: timed beside its peers."""

from pathlib import Path

import click

from .cli_common import make_console


@click.command()
@click.argument("workloads", nargs=-1)
@click.option(
    "--against", default="torch", show_default=True, help="Peer: torch or torch-fused (its fused Adam)."
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
    workloads: tuple[str, ...], against: str, pairs: int, steps: int, threads: int, json_file: Path | None
) -> None:
    """Time training steps, kernels, generation and tokenizers beside their peers, in fresh processes.

    WORKLOADS: W1, W2 (LSTM), W3, W4 (GPT), W5 (single kernels), W6 (generation), W7 (BPE); all for none.
    """
    from rich.table import Table

    from .bench.compare import as_json, choose, compare
    from .bench.workloads import WORKLOADS
    from .files import write_text

    names = choose(workloads)
    results = [compare(name, against, pairs, steps, threads, click.echo) for name in names]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("", "what", "ours", "peer", "ratio (pairs from, to)", "memory", "first step after"):
        table.add_column(column, overflow="fold")
    for r in results:
        table.add_row(
            r.name,
            WORKLOADS[r.name].description,
            f"{r.milliseconds:.2f} ms",
            f"{r.peer_milliseconds:.2f} ms",
            f"{r.ratio:.2f} ({r.ratio_low:.2f}, {r.ratio_high:.2f})",
            f"{r.memory_mb:.0f} of {r.peer_memory_mb:.0f} MB: {r.memory_ratio:.2f}×",
            f"{r.first_step_seconds:.2f}, {r.peer_first_step_seconds:.2f} s",
        )
    click.echo()
    make_console().print(table, soft_wrap=False)
    click.echo(
        f"{pairs} pairs of processes, {steps} steps each, {threads} threads; a ratio above 1 is ahead."
    )
    if busy := [r for r in results if r.load_before > 0.5]:
        most = max(r.load_before for r in busy)
        click.echo(
            f"Warning: the machine was busy ({most:.1f} processors before {busy[0].name}): measure again."
        )
    if json_file:
        write_text(json_file, as_json(results))
