"""How good a model is on held-out data: over all of it, in a fixed order."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..functions import perplexity
from ..modes import no_grad
from ..nn import evaluating
from ..text import IGNORE, evaluation_windows

BATCH, LENGTH = 32, 64  # the text is read as 32 streams; 2048 tokens at once make products worth it


@dataclass
class Evaluation:
    """Mean loss in nats a token over `tokens` predicted tokens, which spell `characters` characters (0: these
    tokens spell no text), and other figures by name, one of which may decide what is best.
    """

    loss: float
    tokens: int
    characters: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    decided_by: str = "loss"  # or the name of a figure, of which more is better

    @property
    def badness(self) -> float:
        """Lower is better: the loss, or minus the figure that decides."""
        return self.loss if self.decided_by == "loss" else -self.figures[self.decided_by]

    @property
    def perplexity(self) -> float:
        """e^loss."""
        return perplexity(self.loss)

    @property
    def shown_perplexity(self) -> str:
        """Perplexity for a line of text: 3.26, or 1.0e+30 for a model that has diverged."""
        return f"{self.perplexity:.2f}" if self.perplexity < 1e6 else f"{self.perplexity:.1e}"

    @property
    def bits_per_character(self) -> float:
        """Loss of the whole text in bits, over its characters: comparable between tokenizers."""
        return self.loss * self.tokens / math.log(2) / max(self.characters, 1)

    @property
    def bits_per_token(self) -> float:
        """The loss in bits."""
        return self.loss / math.log(2)

    @property
    def shown(self) -> str:
        """All of it in a line of text."""
        if self.figures:
            parts = [f"{name.replace('_', ' ')} {value:.4g}" for name, value in self.figures.items()]
        else:
            parts = [f"perplexity {self.shown_perplexity}"]
            parts += [] if self.characters else [f"{self.bits_per_token:.3f} bits/token"]
        if self.characters:
            parts.append(f"{self.bits_per_character:.3f} bits/char")
        return "  ".join([f"validation loss {self.loss:.4f}", *parts])


@no_grad()
def evaluate(model: Any, ids: np.ndarray, characters: int) -> Evaluation:
    """Measure on token ids (N,): every token but the first is predicted once, states carried along (a GPT
    carries none: it reads one window of its context after the other).

    A text shorter than the usual batch of streams is read as fewer streams. Dropout is off meanwhile.
    """
    length = getattr(model, "context", LENGTH)  # a GPT reads windows of its context
    batch = max(1, min(BATCH, (len(ids) - 1) // length))
    total, tokens, state = 0.0, 0, None
    with evaluating(model):
        for inputs, targets, _ in evaluation_windows(ids, batch, length):
            count = int((targets != IGNORE).sum())
            if count == 0:
                continue
            loss, state = model.loss(inputs, targets, state)
            total += loss.item() * count
            tokens += count
    return Evaluation(total / tokens, tokens, characters)
