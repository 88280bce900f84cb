"""A trained run, read back from its folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..generation.writing import write
from ..text import Tokenizer, load_tokenizer, one_form
from ..training.building import build_model
from ..training.checkpoint import load_arrays
from ..training.recipe import Recipe, load_recipe


@dataclass
class Run:
    """Recipe, tokenizer and best weights of a run."""

    folder: Path
    recipe: Recipe
    tokenizer: Tokenizer
    model: Any
    state: dict[str, Any]  # step and validation_loss of these weights, labels of a classifier

    def stream(self, prompt: str, tokens: int, **options: Any) -> Iterator[str]:
        """The text that continues the prompt, cleaned as the training text was, in pieces as they come: see
        `write`.

        Raises:
            CheckpointError: the run is no language model.
            TokenError: the prompt has characters or words that the tokenizer does not know.
        """
        if not self.recipe.model.about.is_language_model:
            raise CheckpointError(
                f"{self.folder} is a model of kind {self.recipe.model.kind}, which continues no text: use "
                "scratchlm predict."
            )
        stop = [one_form(each) for each in options.pop("stop", ())]
        return write(self.model, self.tokenizer, one_form(prompt), tokens, stop=stop, **options)


def load_run(folder: str | Path, device: str | None = None) -> Run:
    """Read a run's recipe, tokenizer and best weights.

    Args:
        folder: what `scratchlm train` wrote.
        device: where to put the model; the device it was trained on for None.

    Raises:
        CheckpointError: no run is there, a file is damaged, or the parts do not fit each other.
    """
    folder = Path(folder)
    if not (folder / "recipe.toml").is_file():
        raise CheckpointError(f"There is no run in {folder}: name the folder that `scratchlm train` printed.")
    recipe = load_recipe(str(folder / "recipe.toml"))
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    weights, state = load_arrays(folder / "weights.safetensors")
    model = build_model(recipe, tokenizer, len(state.get("labels", [])), device)
    model.load_state_dict(weights)
    model.eval()
    return Run(folder, recipe, tokenizer, model, state)
