"""A picture of attention: which token of the source each token of the answer looked at."""

from pathlib import Path

import numpy as np

from ..errors import OptionError
from ..files import written_aside
from ..function import no_grad
from ..nn import evaluating
from .data import START
from .run import Run
from .writing import known_ids

_FONTS = ["DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "SimHei", "PingFang SC"]


def draw_alignment(run: Run, source: str, target: str, path: Path) -> np.ndarray:
    """Draw the weights (T, S) of an encoder–decoder for a source and an answer as a PNG; return them.

    Row t is the distribution over the source when token t of the answer was chosen.

    Raises:
        OptionError: the model has no attention over a source, or the answer is empty.
    """
    if run.recipe.model.kind != "encoder-decoder":
        raise OptionError(f"A model of kind {run.recipe.model.kind} has no attention over a source to draw.")
    if not target:
        raise OptionError("The answer is empty: there is no attention to draw.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tokenizer = run.tokenizer
    ids = known_ids(tokenizer, source)[-run.recipe.training.length :]
    written = tokenizer.encode(target)
    inputs = np.append(tokenizer.id_of(START), written)[:-1]
    with no_grad(), evaluating(run.model):
        weights = run.model.weights(ids[None], inputs[None])[0]  # (T, S)
    figure = Figure(figsize=(2 + 0.22 * len(ids), 1.5 + 0.22 * len(written)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    names = [[tokenizer.decode([token]) or "·" for token in row] for row in (ids, written)]
    axes.set_xticks(range(len(ids)), names[0], family=_FONTS)
    axes.set_yticks(range(len(written)), names[1], family=_FONTS)
    axes.xaxis.tick_top()
    axes.set(ylabel="answer", xlabel="source")
    axes.xaxis.set_label_position("top")
    figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=120, format="png")
    return weights
