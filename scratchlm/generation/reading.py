"""What every way of writing shares: the model's scores after what it reads, checked, as log-probabilities.

B batch, T time, V vocabulary.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..device import to_host
from ..errors import NumberError, OptionError, TokenError
from ..modes import no_grad
from ..nn import evaluating


class Decoder:
    """Reads on with a model, token by token: what every way of writing asks for the next scores.

    Made once for a text. A model that can read one more token in a quicker way than `forward` gives a
    `token_reader()`, which is asked for once, here.
    """

    def __init__(self, model: Any):
        self.model = model
        make = getattr(model, "token_reader", None)
        self.quick = make() if make else None

    def __call__(self, ids: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Let the model read ids (B, T) after the state: scores (B, V) of the next token, and the new state.

        In float64: sums of many log-probabilities stay exact. Dropout is off, and no graph is kept.
        """
        if self.quick and state is not None and ids.shape[1] == 1:
            with no_grad():
                found = self.quick(ids[:, 0], state)
            if found:
                return to_host(found[0]).astype(np.float64), found[1]
        if recent := getattr(self.model, "recent", None):
            ids, state = recent(ids, state)
        with no_grad(), evaluating(self.model):
            logits, state = self.model(ids, state)  # (B, T, V)
            last = logits[:, -1]  # the only ones to be copied from a GPU
        return last.numpy().astype(np.float64), state


def refuse_broken(scores: np.ndarray) -> None:
    """Raise NumberError where a score of (…, V) is NaN, or the largest of a row infinite."""
    if not np.isfinite(scores.max(axis=-1)).all():  # the largest is NaN where any is
        raise NumberError(
            "The model's scores are NaN or infinite: its weights are broken, train it again with a lower lr."
        )


def log_probabilities(scores: np.ndarray) -> np.ndarray:
    """Scores z (B, V) → log p_v = z_v − log Σ_w e^(z_w), (B, V). Raises NumberError for broken scores."""
    refuse_broken(scores)
    z = scores - scores.max(axis=-1, keepdims=True)  # no e^z overflows
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def check_prompt(prompt: Any, tokens: int = 1) -> np.ndarray:
    """The prompt as an array (T). Raises OptionError for an empty prompt, or fewer tokens than none."""
    if len(prompt) == 0:
        raise OptionError("Generation continues a prompt of at least one token, got none.")
    if tokens < 0:
        raise OptionError(f"Generation writes 0 tokens or more, got tokens={tokens}.")
    return np.asarray(prompt)


def check_ids(ids: Iterable[int], vocabulary: int) -> None:
    """Raise TokenError unless every id is one of 0 … vocabulary−1; below 0, NumPy counts from the end."""
    for token in ids:
        if not 0 <= token < vocabulary:
            raise TokenError(
                f"Token id {token} is none of the model's, 0 … {vocabulary - 1}: take ids of its tokenizer."
            )
