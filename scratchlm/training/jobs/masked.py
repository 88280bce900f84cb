"""Masked tokens: a BERT-like encoder guesses what was hidden, from both sides."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...models import mask_tokens
from ...modes import no_grad
from ...nn import evaluating
from ...tensor import Tensor
from ...text import IGNORE
from ..data import MASK
from ..evaluation import Evaluation
from .job import State, TextJob


class MaskedJob(TextJob):
    """Windows of a text; of each, 15 % of the tokens are chosen and hidden or changed (BERT's rule)."""

    specials = (MASK,)
    aside = "; 15 % are masked"

    def _masked(self, ids: np.ndarray, seed: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng((seed, place))  # the same masks in a resumed run
        return mask_tokens(ids, self.tokenizer.vocab_size, self.tokenizer.id_of(MASK), generator)

    def loss(self, batch: Any, state: State, step: int) -> tuple[Tensor, State]:
        """Nats a chosen token."""
        return self.model.loss(*self._masked(batch[0], self.recipe.training.seed + 1, step)), None

    @no_grad()
    def evaluate(self) -> Evaluation:
        """All windows of the held-out text, with masks that are always the same."""
        total, tokens, right = 0.0, 0, 0
        with evaluating(self.model):
            for place, window in enumerate(_windows(self.text.validation, self.recipe.training.length)):
                inputs, targets = self._masked(window, 0, place)
                chosen = targets != IGNORE
                total += self.model.loss(inputs, targets).item() * chosen.sum()
                right += int((self.model(inputs).numpy().argmax(-1)[chosen] == targets[chosen]).sum())
                tokens += int(chosen.sum())
        return Evaluation(total / tokens, tokens, 0, {"accuracy": 100 * right / tokens}, "loss")

    def sample(self) -> Iterator[str]:
        """A held-out window with masks, and what the model puts there."""
        window = self.text.validation[: self.recipe.training.length][None]
        inputs, targets = self._masked(window, 0, 0)
        chosen = targets[0] != IGNORE
        with no_grad(), evaluating(self.model):
            guess = np.where(chosen, self.model(inputs).numpy()[0].argmax(-1), window[0])
        yield "Held-out text, some of its tokens hidden, and with the model's guesses:\n\n"
        for ids in (window[0], inputs[0], guess):
            yield self.tokenizer.decode(ids) + "\n\n"


def _windows(ids: np.ndarray, length: int, batch: int = 32) -> list[np.ndarray]:
    """All of ids (N,) once: rows of `length`, up to `batch` at a time, then the rest as a shorter row.

    >>> [window.tolist() for window in _windows(np.arange(5), 2)]
    [[[0, 1], [2, 3]], [[4]]]
    """
    whole = len(ids) // length * length
    rows = ids[:whole].reshape(-1, length)
    windows = [rows[first : first + batch] for first in range(0, len(rows), batch)]
    return [*windows, ids[None, whole:]] if whole < len(ids) else windows
