"""What `scratchlm bench` found, as horizontal bars, and `scratchlm growth`, as lines on log–log axes."""

from collections.abc import Sequence
from pathlib import Path

from ..files import written_aside
from .compare import Result
from .growth import Growth
from .steps import PEERS

COLOURS = dict(zip(PEERS, ("#2c6fbb", "#d9822b", "#3a9a5b"), strict=True))
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 30, 50, 100, 200)


def draw_ratios(results: Sequence[Result], path: Path) -> None:
    """Draw a bar from 1 to each ratio, to the right where ahead, with the interval of the pairs.

    The axis is logarithmic, so that twice as fast and half as fast are as long as each other.

    Raises:
        CheckpointError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(r.name for r in results))
    peers = list(dict.fromkeys(r.peer for r in results))
    height = 0.8 / len(peers)
    figure = Figure(figsize=(9, 1.6 + (0.25 + 0.25 * len(peers)) * len(names)), layout="constrained")
    axes = figure.subplots()
    for k, peer in enumerate(peers):
        own = [r for r in results if r.peer == peer]
        places = [names.index(r.name) - 0.4 + (k + 0.5) * height for r in own]
        ratios = [r.ratio for r in own]
        ends = [[r.ratio - r.ratio_low for r in own], [r.ratio_high - r.ratio for r in own]]
        axes.barh(places, [ratio - 1 for ratio in ratios], height, 1, color=COLOURS[peer], label=peer)
        axes.errorbar(ratios, places, xerr=ends, fmt="none", ecolor="#222222", elinewidth=1, capsize=2.5)
        for r, place in zip(own, places, strict=True):
            beyond = max(1.0, r.ratio_high) * 1.03
            axes.text(beyond, place, f"{r.ratio:.2f}×", va="center", fontsize=8)
    axes.axvline(1, color="#222222", linewidth=1)
    axes.set_xscale("log")
    low, high = min(1.0, *(r.ratio_low for r in results)), max(1.0, *(r.ratio_high for r in results))
    axes.set_xlim(low / 1.1, high * 1.25)  # room for the numbers
    shown = [tick for tick in TICKS if low / 1.1 <= tick <= high * 1.25]
    axes.set_xticks(shown, [f"{tick:g}×" for tick in shown])
    axes.minorticks_off()
    what = {r.name: r.description for r in results}
    axes.set_yticks(range(len(names)), [f"{name}\n{what[name]}" for name in names], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("the peer's time over ours: right of 1 is ahead; line: smallest to largest pair")
    axes.spines[["top", "right"]].set_visible(False)
    first = results[0]
    title = f"pairs of processes: {first.pairs}; threads: {first.threads}; device: {first.device}"
    figure.suptitle(title, fontsize=11)
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=len(peers))
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=120, format="png")


def draw_growth(found: Sequence[Growth], path: Path) -> None:
    """Draw time (above) and memory (below) over each size, with the exponent of the upper three points.

    Raises:
        CheckpointError: the picture cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axes_names = list(dict.fromkeys(growth.axis for growth in found))
    figure = Figure(figsize=(1.5 + 3 * len(axes_names), 6), layout="constrained")
    grid = figure.subplots(2, len(axes_names), sharex="col", squeeze=False)
    colours = dict(zip(("lstm", "gpt"), COLOURS.values(), strict=False))
    for growth in found:
        column = axes_names.index(growth.axis)
        sizes = [point.size for point in growth.points]
        for row, what in enumerate(("time", "memory")):
            costs = [p.milliseconds if what == "time" else p.memory_mb for p in growth.points]
            power = growth.time_exponent if what == "time" else growth.memory_exponent
            axes = grid[row][column]
            costs = [max(cost, 0.1) for cost in costs]  # a tiny model's memory may be the larger one
            label = (
                f"{growth.model}: exponent {power:.2f}" if power == power else f"{growth.model}: too small"
            )
            axes.loglog(sizes, costs, "o-", color=colours[growth.model], markersize=4, label=label)
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axes.minorticks_off()
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1))  # above
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
        grid[1][column].set_xlabel(growth.axis)
    grid[0][0].set_ylabel("milliseconds a step")
    grid[1][0].set_ylabel("MB")
    figure.suptitle("cost of a training step, log–log", fontsize=11)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=120, format="png")
