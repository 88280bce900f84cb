"""BERT's way of learning to understand: guess hidden tokens from both sides.

B batch, T time, D embedding_dim, V vocabulary.
"""

from typing import Any

import numpy as np

from .. import functions as F
from ..errors import OptionError
from ..tensor import Tensor
from .transformer import Transformer


class MaskedLanguageModel(Transformer):
    """P(hidden token | the tokens around it): GPT's blocks, but every token sees every token.

    Unlike Devlin and others' model, it has GPT's pre-norm blocks and initial weights, and no sentence pairs.
    """

    causal = False

    def forward(self, ids: Any, lengths: Any = None) -> Tensor:
        """Token ids (B, T) → logits (B, T, V) of the token that stands, or should stand, at each place.

        lengths (B): how many tokens of each row count, T for None; what stands beyond says nothing.
        """
        return F.linear(self.encode(ids, lengths), self.embedding.weight)

    def loss(self, ids: Any, targets: Any) -> Tensor:
        """Mean cross-entropy in nats for targets (B, T) other than -100: see `mask_tokens`."""
        return self.mean_loss(ids, targets)


def mask_tokens(
    ids: Any, vocabulary: int, mask_id: int, generator: np.random.Generator, share: float = 0.15
) -> tuple[np.ndarray, np.ndarray]:
    """Hide tokens of ids (B, T): inputs (B, T), and targets (B, T), -100 where nothing was hidden.

    In each row, `share` of the tokens (rounded, at least one) are to be guessed. Of these, 80 % become
    mask_id, 10 % a token drawn from the whole vocabulary, 10 % stay as they are: where no token is masked,
    as in use, the model must not rely on seeing a mask. Source: Devlin and others 2019.

        >>> mask_tokens([[5, 6, 7, 8]], 9, 1, np.random.default_rng(0))
        (array([[5, 6, 7, 1]]), array([[-100, -100, -100,    8]]))

    Raises:
        OptionError: share is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise OptionError(f"share is {share}, expected 0 < share ≤ 1: the part of the tokens to be guessed.")
    ids = np.asarray(ids)
    count = max(1, round(share * ids.shape[1]))
    order = generator.random(ids.shape).argsort(axis=1)  # a random permutation in each row
    chosen = order.argsort(axis=1) < count  # `count` places in each row
    fate = generator.random(ids.shape)
    drawn = generator.integers(0, vocabulary, ids.shape)
    inputs = np.where(chosen & (fate < 0.8), mask_id, ids)
    inputs = np.where(chosen & (fate >= 0.9), drawn, inputs)
    return inputs, np.where(chosen, ids, -100)
