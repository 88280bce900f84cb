"""Published figures, trained again: our recipe, several seeds, inside or outside the band.

A result is written as JSON with date, versions and machine, so that what the repository keeps is what the
program found.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import DataError, OptionError, did_you_mean, quote
from ..files import write_text
from ..training import Reporter, Trainer, load_recipe


@dataclass(frozen=True)
class Figure:
    """One published figure, and when ours is as good.

    `figure` names what is measured on held-out data: "loss" (validation, whole, nats a token), "perplexity"
    of a test text, or a metric of the test part in percent. `low` … `high` is the band; None is open.
    `differs` says what is not as in the source.
    """

    name: str
    work: str
    recipe: str
    figure: str
    published: float
    low: float | None
    high: float | None
    seeds: int = 3
    text: str = ""  # what --data has to name; empty: the data comes with packages
    changes: tuple[str, ...] = ()
    beside: bool = False  # time PyTorch on the same steps
    parts: bool = False  # three --data: to train on, to validate, to test
    differs: str = ""

    def inside(self, value: float) -> bool:
        """Whether a value lies in the band."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    @property
    def band(self) -> str:
        """The band in words."""
        if self.low is None:
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"


SHAKESPEARE = "tiny-shakespeare (input.txt of karpathy/char-rnn, 1,115,394 bytes)"
PTB = "three files in this order: Mikolov's ptb.train.txt, ptb.valid.txt, ptb.test.txt (Penn Treebank)"
FIGURES = {
    each.name: each
    for each in (
        Figure("A1", "GPT 6×384, context 256, batch 64, 5,000 steps", "gpt-384", "loss", 1.4697,
               None, 1.50, 1, SHAKESPEARE,
               differs="the source's best of means of 200 random batches, without biases; ours the last"),
        Figure("A2", "GPT 4×128, context 64, batch 12, 2,000 steps", "gpt-128", "loss", 1.88,
               None, 1.88, 3, SHAKESPEARE, ("training.lr=1e-3",), beside=True,
               differs="the source's mean of 20 random batches, without biases"),
        Figure("A3", "LSTM 256, embedding 128, batch 12×64, 1,500 steps", "lstm-256", "loss", 1.67,
               None, 1.70, 3, SHAKESPEARE, differs="not published: a trial of our own"),
        Figure("B1", "LSTM 2×200 on words, 13 epochs of SGD", "ptb-200", "perplexity", 115.91,
               None, 125.0, 1, PTB, parts=True,
               differs="ours of the best weights, read in 32 streams; the source's of the last, in one"),
        Figure("C1", "sums, question reversed, context to every step, 25 epochs", "addition", "exact_match",
               97.0, 95.0, None,
               differs="other sums of the same form, other first weights; read off a curve"),
        Figure("C1-plain", "sums without either, 25 epochs", "addition", "exact_match", 10.0, 2.0, 40.0, 1,
               changes=("model.reverse_source=false", "model.feed_context=false"),
               differs="other sums of the same form, other first weights; read off a curve"),
        Figure("C2", "dates, question reversed, attention, 4 epochs", "dates", "exact_match",
               99.9, 99.5, None,
               differs="the source's after 3 epochs, from other weights, with lines held out, not dates"),
    )
}  # fmt: skip


@dataclass
class Result:
    """What the seeds gave."""

    name: str
    work: str
    figure: str
    published: float
    band: str
    differs: str
    values: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    curves: list[list[float]] = field(default_factory=list)  # the figure at each evaluation, validation part
    inside: bool = False
    peer: dict[str, float] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


def reproduce(
    name: str,
    data: Sequence[str],
    seeds: int | None,
    folder: Path,
    say: Callable[[str], None],
    reporter: Reporter | None = None,
    changes: Sequence[str] = (),
) -> Result:
    """Train the figure's recipe with seeds 0, 1, …; write `folder`/NAME.json.

    Raises:
        OptionError: there is no such figure.
        DataError: the figure needs a text and none was given.
    """
    if name not in FIGURES:
        raise OptionError(
            f"There is no figure {quote(name)}{did_you_mean(name, FIGURES)}: {', '.join(FIGURES)}."
        )
    figure = FIGURES[name]
    if figure.text and len(data) != (3 if figure.parts else 1):
        raise DataError(f"{name} needs --data with {figure.text}.")
    result = Result(name, figure.work, figure.figure, figure.published, figure.band, figure.differs)
    for seed in range(seeds or figure.seeds):
        recipe = load_recipe(figure.recipe, [*figure.changes, *changes])
        recipe.training.seed, recipe.data.paths = seed, list(data)
        if figure.parts:
            recipe.data.paths, recipe.data.validation_paths, recipe.data.test_paths = (
                [path] for path in data
            )
        run = folder / "runs" / f"{name}-seed-{seed}"
        trainer = Trainer(recipe, run, reporter, resume=(run / "recipe.toml").exists())
        if trainer.run() == "interrupted":
            raise OptionError(f"Stopped: repeat the command to go on with {run}.")
        trainer.plot()
        trainer.load_best()
        value = measured(trainer, figure.figure)
        result.values.append(round(value, 4))
        result.seconds.append(round(trainer.seconds, 1))
        result.curves.append(curve(trainer, figure.figure))
        say(f"{name} seed {seed}: {figure.figure} {value:.4g} in {trainer.seconds:.0f} s")
    mean = sum(result.values) / len(result.values)
    result.inside = figure.inside(mean)
    if figure.beside and importlib.util.find_spec("torch"):
        result.peer = time_peer(figure.recipe, list(data), [*figure.changes, *changes])
    result.about = about(trainer.job.sha256, [*figure.changes, *changes])
    write_text(folder / f"{name}.json", json.dumps(asdict(result), indent=1) + "\n")
    return result


def measured(trainer: Trainer, figure: str) -> float:
    """The figure of a run: of the test part, where there is one, with the best weights; else of the whole
    validation part after the last step.
    """
    if test := trainer.job.test():
        return test.figures[figure]
    return curve(trainer, figure)[-1]


def curve(trainer: Trainer, figure: str) -> list[float]:
    """The figure at every evaluation."""
    key = "validation_loss" if figure == "loss" else figure
    return [round(line[key], 4) for line in trainer.metrics.read() if key in line]


def time_peer(recipe: str, data: list[str], changes: Sequence[str]) -> dict[str, float]:
    """PyTorch's wall time for the same steps, in a fresh process: {"seconds": …, "loss": …}."""
    command = [
        sys.executable,
        "-m",
        "scratchlm.experiments.peer",
        recipe,
        json.dumps(data),
        json.dumps([*changes]),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OptionError(f"PyTorch's loop beside it failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def about(sha256: str, changes: list[str]) -> dict[str, Any]:
    """Date, versions and machine of a result."""
    packages = {name: importlib.metadata.version(name) for name in ("numpy", "numba")}
    return {
        "date": time.strftime("%Y-%m-%d"),
        "scratchlm": __version__,
        "python": platform.python_version(),
        **packages,
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} processors",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "data_sha256": sha256,
        "changes": changes,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        return platform.processor() or "unknown processor"
