"""A picture of attention: which token of the source each token of the answer looked at."""

from pathlib import Path

import numpy as np

from ..errors import OptionError
from ..files import written_aside
from ..fonts import drawable
from ..modes import no_grad
from ..nn import evaluating
from ..text import one_form
from ..training.data import START
from ..training.trainer import Trainer
from .run import Run, load_run


def draw_alignment(run: Run, source: str, target: str, path: Path) -> np.ndarray:
    """Draw the weights (T, S) of an encoder–decoder for a source and an answer as a PNG; return them.

    Row t is the distribution over the source when token t of the answer was chosen.

    Raises:
        OptionError: the model has no attention over a source, or the answer is empty.
    """
    if run.recipe.model.about.predicts != "answer":
        raise OptionError(f"A model of kind {run.recipe.model.kind} has no attention over a source to draw.")
    if not target:
        raise OptionError("The answer is empty: there is no attention to draw.")
    from matplotlib.figure import Figure

    tokenizer = run.tokenizer
    ids = tokenizer.encode(one_form(source))[-run.recipe.training.length :]
    written = tokenizer.encode(one_form(target))
    inputs = np.append(tokenizer.id_of(START), written)[:-1]
    with no_grad(), evaluating(run.model):
        weights = run.model.weights(ids[None], inputs[None])[0]  # (T, S)
    figure = Figure(figsize=(2 + 0.22 * len(ids), 1.5 + 0.22 * len(written)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    labels, fonts = drawable([_shown(tokenizer.decode([k])) for k in (*ids, *written)])
    across, down = labels[: len(ids)], labels[len(ids) :]
    long = max(map(len, across)) > 2  # a column is two characters wide
    axes.set_xticks(range(len(ids)), across, family=fonts, rotation=90 if long else 0)
    axes.set_yticks(range(len(written)), down, family=fonts)
    axes.xaxis.tick_top()
    axes.set(ylabel="answer", xlabel="source")
    axes.xaxis.set_label_position("top")
    figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=120, format="png")
    return weights


def _shown(token: str) -> str:
    """A token as a label."""
    return token.replace(" ", "␣").replace("\n", "⏎") or "·"


def draw_first_alignment(trainer: Trainer) -> Path:
    """Draw alignment.png in a finished run's folder: its first validation source with the right answer."""
    example = trainer.job.examples.task.validation[0]  # type: ignore[attr-defined]
    path = trainer.folder / "alignment.png"
    draw_alignment(load_run(trainer.folder), example.source, example.target, path)
    return path
