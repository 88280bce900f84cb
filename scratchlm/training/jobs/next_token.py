"""L0: a window of tokens in, the one next token out."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...modes import no_grad
from ...nn import evaluating
from ...tensor import Tensor
from ..evaluation import Evaluation
from .job import State, TextJob

CHOICES = 5  # likeliest next tokens that are shown


class NextTokenJob(TextJob):
    """Windows of `training.length` tokens; only the token after each window counts."""

    unit = "window"

    def describe(self) -> list[str]:
        """The text and its tokens."""
        return [
            str(self.text.corpus),
            f"{self.tokenizer.vocab_size:,} {self.tokenizer.kind}; windows of "
            f"{self.recipe.training.length} out of {len(self.text.training):,} tokens, the last "
            f"{len(self.text.validation):,} held out",
        ]

    def loss(self, batch: Any, state: State, step: int) -> tuple[Tensor, State]:
        """Nats a window."""
        inputs, targets = batch
        return self.model.loss(inputs, targets[:, -1]), None

    @no_grad()
    def evaluate(self) -> Evaluation:
        """Windows of the held-out text, each a quarter of a window's length after the one before."""
        ids = self.text.validation
        length = min(self.recipe.training.length, len(ids) - 1)
        starts = np.arange(0, max(1, len(ids) - length), max(1, length // 4))
        total, right = 0.0, 0
        with evaluating(self.model):
            for part in np.array_split(starts, max(1, len(starts) // 256)):
                windows = ids[part[:, None] + np.arange(length + 1)]
                inputs, targets = windows[:, :-1], windows[:, -1]
                total += self.model.loss(inputs, targets).item() * len(part)
                right += int((self.model(inputs).numpy().argmax(-1) == targets).sum())
        return Evaluation(
            total / len(starts), len(starts), 0, {"accuracy": 100 * right / len(starts)}, "loss"
        )

    def count(self, batch: Any) -> int:
        """One token a window."""
        return len(batch[0])

    def sample(self) -> Iterator[str]:
        """The likeliest next tokens after some windows of the held-out text."""
        length = self.recipe.training.length
        yield "Windows of the held-out text, the token that follows, and what the model expects:\n\n"
        for start in range(0, min(3 * length, len(self.text.validation) - 1), length):
            window = self.text.validation[start : start + length + 1]
            with no_grad(), evaluating(self.model):
                row = self.model(window[None, :-1]).softmax().numpy()[0]
            best = ", ".join(f"{self._word(v)} {row[v]:.0%}" for v in (-row).argsort()[:CHOICES])
            yield f"… {self.tokenizer.decode(window[:-1])!r} → {self._word(window[-1])}; expected {best}\n"

    def _word(self, token: int) -> str:
        return repr(self.tokenizer.decode([int(token)]))
