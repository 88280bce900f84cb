"""Beginning with the weights of an earlier run: pretraining, then fine-tuning (P3)."""

from pathlib import Path
from typing import Any

from .. import nn
from ..errors import CheckpointError
from .checkpoint import load_arrays
from .recipe import Recipe, load_recipe

SIZES = ("embedding_dim", "hidden_size", "num_layers", "num_heads")


def begin_with(model: nn.Module, run: Path) -> list[str]:
    """Copy what the model has in common with the run's weights; return the names of what stays new.

    A classifier has the run's whole model as its `body`; its last layer is new.

    Raises:
        CheckpointError: nothing fits, or a shape differs.
    """
    weights, _ = load_arrays(run / "weights.safetensors")
    own: dict[str, Any] = dict(model.named_parameters())
    inner = "body." if isinstance(getattr(model, "body", None), nn.Module) else ""
    found = {inner + name: array for name, array in weights.items() if inner + name in own}
    if not found:
        raise CheckpointError(
            f"Nothing of {run} fits this model: give the new recipe the same model.kind, or a classifier "
            "with that kind as model.body."
        )
    model.load_state_dict(found, strict=False)
    return [name for name in own if name not in found]


def fine_tuning(recipe: Recipe, run: Path) -> Recipe:
    """The recipe with the sizes of the run's model, which the trained body needs, and the run as its start.

    A classifier reads with the run's kind of model; every other kind has to be the run's own.

    Raises:
        CheckpointError: no run is there, or its model is of another kind.
    """
    if not (run / "recipe.toml").is_file():
        raise CheckpointError(f"There is no run in {run}: name the folder that `scratchlm train` printed.")
    before = load_recipe(str(run / "recipe.toml"))
    if recipe.model.kind == "classifier":
        recipe.model.body = before.model.body if before.model.kind == "classifier" else before.model.kind
        known = ("lstm", "gpt", "bert")
        if recipe.model.body not in known:
            raise CheckpointError(
                f"{run} is a model of kind {before.model.kind}; a classifier reads with {', '.join(known)}."
            )
    elif recipe.model.kind != before.model.kind:
        raise CheckpointError(
            f"{run} is a model of kind {before.model.kind}, the recipe wants {recipe.model.kind}: only the "
            "last layer can be new."
        )
    for size in SIZES:
        setattr(recipe.model, size, getattr(before.model, size))
    if recipe.model.kind in ("gpt", "bert") or recipe.model.body in ("gpt", "bert"):
        recipe.training.length = before.training.length  # the positions that it has learned
    recipe.data.tokenizer = before.data.tokenizer
    recipe.training.start = str(run)
    return recipe
