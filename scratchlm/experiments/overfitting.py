"""Overfitting: one model trained with each remedy in turn, their curves side by side."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import written_aside
from ..fonts import drawable
from ..models.kinds import KINDS
from ..training import Recipe, Reporter, Trainer
from ..training.metrics import Metrics

SHARE = 0.1  # of the text for the model that overfits


@dataclass
class Outcome:
    """How one variant ended: losses in nats a token, and the step at which the validation loss was least."""

    name: str
    training: list[tuple[int, float]]
    validation: list[tuple[int, float]]
    parameters: int

    @property
    def best(self) -> tuple[int, float]:
        """Step and loss where the validation loss was least."""
        return min(self.validation, key=lambda point: point[1])

    @property
    def gap(self) -> float:
        """Validation loss minus training loss at the end: what was learned by heart.

        The training loss is what the steps saw, with dropout on, so dropout makes the gap look smaller.
        """
        return self.validation[-1][1] - self.training[-1][1]


def variants(recipe: Recipe) -> dict[str, Recipe]:
    """The recipe on a tenth of its text without any remedy, then with one remedy each.

    The sizes are the recipe's own; "smaller model" has a quarter of the hidden units, of a transformer's
    features; "early stopping" gives up after two evaluations without gain. Dropout is left out for a
    kind of model that has none.
    """
    m = recipe.model
    size = KINDS[m.reader].width
    unit = m.num_heads if size == "embedding_dim" else 1
    smaller = {f"model__{size}": max(1, getattr(m, size) // 4 // unit) * unit}
    share = recipe.data.share * SHARE
    bare = _changed(recipe, data__share=share, model__dropout=0.0, training__weight_decay=0.0,
                    training__patience=0, training__optimizer="adamw")  # fmt: skip
    dropout = {"dropout 0.5": _changed(bare, model__dropout=0.5)} if "dropout" in m.about.uses else {}
    return {
        "no remedy": bare,
        **dropout,
        "weight decay 0.3": _changed(bare, training__weight_decay=0.3),
        "early stopping": _changed(bare, training__patience=2),
        "smaller model": _changed(bare, **smaller),
        "half the text": _changed(bare, data__share=share / 2),
        "five times the text": _changed(bare, data__share=min(1.0, 5 * share)),
    }


def _changed(recipe: Recipe, **changes: Any) -> Recipe:
    new = copy.deepcopy(recipe)
    for key, value in changes.items():
        table, _, name = key.partition("__")
        setattr(getattr(new, table), name, value)
    return new


def compare_remedies(
    recipe: Recipe, folder: Path, say: Callable[[str], None], reporter: Reporter | None = None
) -> list[Outcome]:
    """Train every variant into a folder of its own below `folder`, draw overfitting.png there.

    A variant that is there already and complete is read, not trained again: the command can be repeated after
    a stop. Raises what `Trainer` raises.
    """
    outcomes = []
    for name, variant in variants(recipe).items():
        run = folder / name.replace(" ", "-")
        variant.name = f"{recipe.name}: {name}"
        say(f"training '{name}' …")
        trainer = Trainer(variant, run, reporter, resume=(run / "recipe.toml").exists())
        ending = trainer.run()
        if ending == "interrupted":
            say(f"Stopped in '{name}': repeat the command with --out {folder} to go on.")
            break
        trainer.plot()
        outcomes.append(_outcome(name, run, trainer.model.count_parameters()))
        step, loss = outcomes[-1].best
        say(
            f"{name:20} best validation loss {loss:.3f} at step {step}, gap at the end {outcomes[-1].gap:.3f}"
        )
    if outcomes:
        draw(outcomes, folder / "overfitting.png", recipe.name, trainer.job.unit)
    return outcomes


def _outcome(name: str, run: Path, parameters: int) -> Outcome:
    lines = Metrics(run / "metrics.jsonl").read()
    training = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    validation = [(line["step"], line["validation_loss"]) for line in lines if "validation_loss" in line]
    return Outcome(name, training, validation, parameters)


def draw(outcomes: list[Outcome], path: Path, title: str, unit: str) -> None:
    """Training and validation loss of every variant, in nats per `unit`, all on the same axes' ranges."""
    from matplotlib.figure import Figure

    columns = min(4, len(outcomes))
    rows = -(-len(outcomes) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.8 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, outcome in zip(grid.flat, outcomes, strict=False):
        step, loss = outcome.best
        axes.plot(*zip(*outcome.training, strict=True), color="#9db7d5", label="training")
        axes.plot(*zip(*outcome.validation, strict=True), color="#c0392b", label="validation")
        axes.plot([step], [loss], "o", color="#c0392b", markersize=4)
        axes.set_title(f"{outcome.name}\nbest {loss:.2f}, gap {outcome.gap:.2f}", fontsize=10)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(grid.flat)[len(outcomes) :]:
        axes.set_visible(False)
    figure.supxlabel("step")
    named = grid[0, 0].get_legend_handles_labels()
    figure.legend(*named, frameon=False, fontsize=8, loc="outside lower right", ncols=2)
    figure.supylabel(f"loss (nats per {unit})")
    (shown,), fonts = drawable([f"Overfitting and its remedies: {title}"])
    figure.suptitle(shown, family=fonts)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=110, format="png")
