"""Beginning with the weights of an earlier run: pretraining, then fine-tuning."""

from pathlib import Path
from typing import Any

from .. import nn
from ..errors import CheckpointError, RecipeError, quote
from ..models.kinds import KINDS
from .checkpoint import load_arrays
from .recipe import BODIES, Recipe, load_recipe


def begin_with(model: nn.Module, run: Path) -> list[str]:
    """Copy what the model has in common with the run's weights; return the names of what stays new.

    A classifier takes the run's model, or a classifier's body, as its `body`; its last layer is new.

    Raises:
        CheckpointError: nothing fits, or a shape differs.
    """
    weights, _ = load_arrays(run / "weights.safetensors")
    own: dict[str, Any] = dict(model.named_parameters())
    inner = "body." if isinstance(getattr(model, "body", None), nn.Module) else ""
    inside = {
        name if name.startswith("backwards.") else inner + name.removeprefix(inner): array
        for name, array in weights.items()
    }
    found = {name: array for name, array in inside.items() if name in own}
    if not found:
        raise CheckpointError(
            f"Nothing of {run} fits this model: give the new recipe the same model.kind, or a classifier "
            "with that kind as model.body."
        )
    model.load_state_dict(found, strict=False)
    return [name for name in own if name not in found]


def freeze(model: nn.Module, beginnings: list[str]) -> list[nn.Parameter]:
    """Take the weights whose names begin so out of training; return the others.

    Raises:
        RecipeError: no name begins so, or nothing is left to train.
    """
    named = dict(model.named_parameters())
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in named):
            raise RecipeError(
                f"training.freeze names {quote(beginning)}, but no weight's name begins so: "
                f"{', '.join(named)}."
            )
    for name, parameter in named.items():
        parameter.requires_grad = not name.startswith(tuple(beginnings))
    trained = [parameter for parameter in named.values() if parameter.requires_grad]
    if not trained:
        raise RecipeError(
            f"training.freeze leaves nothing to train: {', '.join(beginnings)} is all there is."
        )
    return trained


def fine_tuning(recipe: Recipe, run: Path) -> Recipe:
    """The recipe with the sizes of the run's model, which the trained body needs, and the run as its start.

    A classifier reads with the run's kind of model; every other kind has to be the run's own.

    Raises:
        CheckpointError: no run is there, or its model is of another kind.
    """
    if not (run / "recipe.toml").is_file():
        raise CheckpointError(f"There is no run in {run}: name the folder that `scratchlm train` printed.")
    before = load_recipe(str(run / "recipe.toml"))
    if recipe.model.reader != recipe.model.kind:  # a classifier
        recipe.model.body = before.model.reader
        if not KINDS[recipe.model.body].is_body:
            raise CheckpointError(
                f"{run} is a model of kind {before.model.kind}; a classifier reads with {', '.join(BODIES)}."
            )
    elif recipe.model.kind != before.model.kind:
        raise CheckpointError(
            f"{run} is a model of kind {before.model.kind}, the recipe wants {recipe.model.kind}: only the "
            "last layer can be new."
        )
    for size in recipe.model.about.sizes:
        setattr(recipe.model, size, getattr(before.model, size))
    if KINDS[recipe.model.reader].has_positions:
        recipe.training.length = before.training.length  # the positions that it has learned
    recipe.data.tokenizer = before.data.tokenizer
    recipe.training.start = str(run)
    return recipe
