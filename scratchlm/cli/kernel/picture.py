"""Counts of `scratchlm kernel run` as a picture: what kernels touch, where they wait, where warps part."""

from pathlib import Path
from typing import Any

from ...files import written_aside

SPACES = (
    ("global_reads", "global reads", "#2c6fbb"),
    ("global_writes", "global writes", "#9db7d5"),
    ("shared_reads", "shared reads", "#c0392b"),
    ("shared_writes", "shared writes", "#e8a89f"),
)
WAITS = (("barriers", "barriers of blocks", "#555555"), ("exchanges", "shuffles of warps", "#bbbbbb"))


def draw_counts(launches: list[tuple[str, int, int, Any]], title: str, path: Path) -> None:
    """Draw the counts of all launches as bars, those of one kernel added up.

    Args:
        launches: (kernel, blocks, threads, counts) as `launching.watching` collects them in mode "check".

    Raises:
        CheckpointError: the picture cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, MaxNLocator

    kernels = list(dict.fromkeys(name for name, *_ in launches))
    figure = Figure(figsize=(11, 1.9 + 0.75 * len(kernels)), layout="constrained")
    accesses, waits, parting = figure.subplots(1, 3, sharey=True, width_ratios=(2.2, 1.4, 1))

    def total(kernel: str, count: str) -> int:
        return sum(getattr(counts, count) for name, _, _, counts in launches if name == kernel)

    for axes, series, what in (
        (accesses, SPACES, "accesses (of a vector: one)"),
        (waits, WAITS, "waits"),
    ):
        height = 0.8 / len(series)
        for k, (count, label, colour) in enumerate(series):
            places = [row - 0.4 + (k + 0.5) * height for row in range(len(kernels))]
            axes.barh(places, [total(name, count) for name in kernels], height, color=colour, label=label)
        axes.set_title(what, fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    shares = [100 * total(name, "divergent") / max(1, total(name, "segments")) for name in kernels]
    bars = parting.barh(range(len(kernels)), shares, 0.5, color="#d9a441")
    parting.bar_label(bars, fmt="%.0f %%", padding=3, fontsize=8)
    parting.set_xlim(0, 115)
    parting.set_title("divergent stretches", fontsize=10)
    accesses.set_yticks(range(len(kernels)), [f"{name}\n{_grid(name, launches)}" for name in kernels])
    accesses.invert_yaxis()
    for axes in (accesses, waits, parting):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=len(SPACES) + len(WAITS))
    figure.suptitle(title)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=120, format="png")


def _grid(kernel: str, launches: list[tuple[str, int, int, Any]]) -> str:
    """How often a kernel was launched, and on how many blocks and threads the first time."""
    own = [(blocks, threads) for name, blocks, threads, _ in launches if name == kernel]
    times = f"{len(own):,} × " if len(own) > 1 else ""
    blocks, threads = own[0]
    return f"{times}{blocks:,} block{'s' * (blocks != 1)} of {threads}"
