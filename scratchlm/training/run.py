"""A trained run, read back from its folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, TokenError
from ..generation import generate
from ..models import LanguageModel
from ..text import Tokenizer, load_tokenizer
from .checkpoint import load_arrays
from .recipe import Recipe, load_recipe
from .trainer import build_model


@dataclass
class Run:
    """Recipe, tokenizer and best weights of a run."""

    folder: Path
    recipe: Recipe
    tokenizer: Tokenizer
    model: LanguageModel
    state: dict[str, Any]  # step and validation_loss of these weights

    def stream(self, prompt: str, tokens: int, **options: Any) -> Iterator[str]:
        """The text that continues the prompt, in pieces as they come; options as for `generate`.

        An empty prompt starts after a line end, or after the first ordinary token where there is none.

        Raises:
            TokenError: the prompt has characters or words that the tokenizer does not know.
        """
        if unknown := self.tokenizer.unknown_tokens(prompt):
            shown = ", ".join(repr(token) for token in unknown[:5])
            raise TokenError(
                f"The prompt has what the model's {self.tokenizer.kind} do not know: {shown}"
                f"{' and more' if len(unknown) > 5 else ''}. Leave it out, or train on text that has it."
            )
        return self._pieces(list(self.tokenizer.encode(prompt)) or self._start(), tokens, options)

    def _pieces(self, ids: list[int], tokens: int, options: dict[str, Any]) -> Iterator[str]:
        skip = len(self.tokenizer.decode(ids))
        sent = ""
        never = [] if self.tokenizer.unknown_id is None else [self.tokenizer.unknown_id]
        for token in generate(self.model, np.array(ids), tokens, **options, never=never):
            ids.append(token)
            text = self.tokenizer.decode(ids)[skip:]
            # Half a UTF-8 character, or a space that the next token may take back, waits for the next token.
            safe = text.rstrip("\ufffd").rstrip(" ")
            if len(safe) > len(sent):
                yield safe[len(sent) :]
                sent = safe
        yield self.tokenizer.decode(ids)[skip + len(sent) :]

    def _start(self) -> list[int]:
        if not self.tokenizer.unknown_tokens("\n") and len(ids := self.tokenizer.encode("\n")):
            return list(ids)
        return [1 if self.tokenizer.unknown_id == 0 and self.tokenizer.vocab_size > 1 else 0]


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
    t = recipe.training
    model = build_model(recipe.model, tokenizer.vocab_size, t.length, device or t.device)
    model.load_state_dict(weights)
    model.eval()
    return Run(folder, recipe, tokenizer, model, state)
