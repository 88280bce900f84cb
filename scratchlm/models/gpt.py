"""GPT language model: a Transformer in which each token sees those before it, and predicts the next one.

B batch, T time, D embedding_dim, V vocabulary, C context, L layers, S tokens read so far.
"""

from typing import Any

import numpy as np

from .. import functions as F
from ..device import to_host
from ..errors import ShapeError
from ..tensor import Tensor
from .token_readers import Reader, gpt_reader
from .transformer import Transformer

State = tuple[np.ndarray, Tensor, Tensor]  # token ids read so far (B, S), keys and values (L, B, S, D)


class GPTLanguageModel(Transformer):
    """P(token | the tokens before it, at most C), by attention to all of them; weights as in Transformer."""

    causal = True

    def forward(self, ids: Any, state: State | None = None) -> tuple[Tensor, State]:
        """Token ids (B, T) → logits (B, T, V) of the next token, and the new state.

        With a state, ids continue what was read before. When the context is full, the older half of it is
        dropped and the newer half is read again from position 0: `window` says from where.

        Raises:
            ShapeError: more new ids than are still read (see `recent`), or a state of other sequences.
        """
        new = to_host(ids)
        before, *kept = state if state is not None else (new[:, :0],)
        if len(before) != len(new):
            raise ShapeError(f"The state is of {len(before)} sequences, the ids of {len(new)}: take as many.")
        read = np.concatenate([before, new], axis=1)
        if start := self.window(read.shape[1]):
            if start > before.shape[1]:
                raise ShapeError(
                    f"The model reads at most {self.context} tokens at once, got {read.shape[1]}: pass the "
                    "last ones, or model.recent(ids, state)."
                )
            read = read[:, start:]
            x, seen = self.features(read)
            x = x[:, -new.shape[1] :]
        else:
            caches = list(zip(*kept, strict=True)) if kept else None  # of each layer
            x, seen = self.features(new, caches)
        keys, values = (F.stack(parts) for parts in zip(*seen, strict=True))  # (L, B, S, D)
        return F.linear(x, self.embedding.weight), (read, keys, values)

    def recent(self, ids: Any, state: State | None = None) -> tuple[Any, State | None]:
        """Ids and state without what is no longer read when they are longer than the context."""
        before = state[0].shape[1] if state is not None else 0
        start = self.window(before + ids.shape[1])
        return (ids[:, start - before :], None) if start > before else (ids, state)

    def token_reader(self) -> Reader | None:
        """What reads one more token as `forward` does, in few kernels; None where a part was replaced."""
        own = type(self).forward is GPTLanguageModel.forward and type(self).features is Transformer.features
        return gpt_reader(self) if own else None

    def select(self, state: State, rows: Any) -> State:
        """Rows (N) of a state: row n of the new one is row rows[n] of the old one."""
        read, keys, values = state
        return read[rows], keys[:, rows], values[:, rows]

    def window(self, length: int) -> int:
        """The first of `length` tokens still read: 0 up to the context, then in steps of half of it."""
        half = max(1, self.context // 2)
        return 0 if length <= self.context else -(-(length - self.context) // half) * half

    def loss(self, ids: Any, targets: Any, state: Any = None) -> tuple[Tensor, None]:
        """Mean cross-entropy in nats a token for targets (B, T), T ≤ context; no state is carried."""
        return self.mean_loss(ids, targets), None
