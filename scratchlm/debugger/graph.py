"""A recording as a graph: repeated layers and time steps folded, and drawn as a picture, SVG or PNG.

What the page's list shows and what `draw` draws are the same rows: a formula each, and around those that
repeat a bracket that says how often: "×4" for layers, "t = 0 … 7" for time steps.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OptionError
from .kept import Record
from .tape import Tape


@dataclass
class Fold:
    """Records first … last (without `last`): `times` blocks of the same formulas, one after the other."""

    first: int
    last: int
    times: int
    label: str

    @property
    def length(self) -> int:
        """Records of one block."""
        return (self.last - self.first) // self.times


def folds(tape: Tape) -> list[Fold]:
    """What repeats, from the first record to the last; none lies inside another."""
    tokens = [(re.sub(r"\d+", "#", record.module), record.name) for record in tape]
    found, at = [], 0
    while at < len(tokens):
        length, times = _repeated(tokens, at)
        if times > 1:
            last = at + length * times
            found.append(Fold(at, last, times, _label(tape.records[at:last], length, times)))
            at = last
        else:
            at += 1
    return found


def _repeated(tokens: list[Any], at: int) -> tuple[int, int]:
    """Length and number of the blocks that begin here and cover most; short blocks before long ones."""
    best = (1, 1)
    for length in range(1, (len(tokens) - at) // 2 + 1):
        if tokens[at + length] != tokens[at]:
            continue
        block, times = tokens[at : at + length], 1
        while tokens[at + times * length : at + (times + 1) * length] == block:
            times += 1
        if times > 1 and length * times > best[0] * best[1]:
            best = length, times
    return best


def _label(records: list[Record], length: int, times: int) -> str:
    """ "t = 0 … 7" for a layer again and again, "blocks.0 … blocks.3 ×4" for layers beside each other."""
    first, last = records[0], records[(times - 1) * length]
    if first.module == last.module:
        steps = first.call, last.call
        in_time = times > 2 and steps[1] - steps[0] == times - 1
        return f"t = {steps[0]} … {steps[1]}" if in_time else f"{first.module or first.name} ×{times}"
    ends = [_apart(first.module, last.module), _apart(last.module, first.module)]
    return f"{ends[0]} … {ends[1]} ×{times}"


def _apart(module: str, other: str) -> str:
    """The beginning of a path up to where it parts from another."""
    parts, others = module.split("."), other.split(".")
    same = next((k for k, (a, b) in enumerate(zip(parts, others, strict=False)) if a != b), 0)
    return ".".join(parts[: same + 1])


def edges(tape: Tape) -> list[tuple[int, int]]:
    """(maker, user) for each input that a formula of the recording made."""
    return [
        (seen.source[0], record.number)
        for record in tape
        for seen in record.inputs
        if isinstance(seen.source, tuple)
    ]


def draw(tape: Tape, path: "str | Path") -> None:
    """Write the graph as a picture: a row for each formula, arcs from what made an input to who uses it.

    Of what repeats, the first block is drawn, in a bracket, with dashed arcs from the block before it. The
    path's ending says which kind: .svg, .png, .pdf.

    Raises:
        OptionError: the recording is empty, or there is no such kind of picture.
    """
    if not len(tape):
        raise OptionError("The recording is empty: there is nothing to draw.")
    if Path(path).suffix not in (".svg", ".png", ".pdf"):
        raise OptionError(f"{path} is no picture: give a name that ends in .svg, .png or .pdf.")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Arc, FancyBboxPatch

    repeated = folds(tape)
    first = {record.number: record.number for record in tape}  # the one of the first block that stands for it
    block = dict.fromkeys(first, 0)
    for fold in repeated:
        for k in range(fold.first, fold.last):
            block[k], place = divmod(k - fold.first, fold.length)
            first[k] = fold.first + place
    shown = [record for record in tape if first[record.number] == record.number]
    row = {record.number: k for k, record in enumerate(shown)}
    figure, axes = plt.subplots(figsize=(9.5, 0.32 * len(shown) + 0.6))
    for record in shown:
        y, module = row[record.number], f"{record.module}." if record.module else ""
        shapes = ", ".join(str(seen.shape) for seen in record.outputs)
        sources = [seen.source for seen in record.inputs if isinstance(seen.source, str)]
        weights = " ".join(dict.fromkeys(source.removeprefix(module) for source in sources if source))
        colour = "tab:red" if record.error else "black" if record.turn is not None else "grey"
        axes.plot(0, y, "o", color=colour, markersize=5)
        axes.text(0.25, y, f"{module}{record.name}", va="center", fontsize=9, color=colour)
        axes.text(4.6, y, shapes, va="center", fontsize=8, color="grey")
        axes.text(
            7.0,
            y,
            weights if len(weights) < 40 else f"{weights[:38]} …",
            va="center",
            fontsize=8,
            color="tab:blue",
        )
    widest = 1.0
    for maker, user, again in sorted({(first[a], first[b], block[a] < block[b]) for a, b in edges(tape)}):
        above, below = sorted((row[maker], row[user]))
        if below - above == 1 and not again:
            axes.plot([0, 0], [above, below], color="tab:green", lw=0.8, zorder=0)
            continue
        width = min(0.6 + 0.35 * (below - above) ** 0.7, 4.0)
        widest = max(widest, width)
        colour, style = ("tab:orange", "--") if again else ("tab:green", "-")
        arc = Arc(
            (0, (above + below) / 2),
            width,
            max(below - above, 0.5),
            theta1=90,
            theta2=270,
            lw=0.8,
            color=colour,
            ls=style,
        )
        axes.add_patch(arc)
    for fold in repeated:
        top, bottom = row[fold.first], row[fold.first + fold.length - 1]
        corner, height = (-0.12, top - 0.38), bottom - top + 0.76
        axes.add_patch(
            FancyBboxPatch(corner, 11.2, height, boxstyle="round,pad=0.02", fill=False, color="tab:orange")
        )
        axes.text(11.3, (top + bottom) / 2, f"  {fold.label}", va="center", fontsize=9, color="tab:orange")
    axes.set(xlim=(-widest, 13.5), ylim=(len(shown) - 0.4, -0.6))
    axes.axis("off")
    figure.savefig(path, bbox_inches="tight", dpi=110)
    plt.close(figure)
