"""GPT language model: a Transformer in which each token sees those before it, and predicts the next one.

B batch, T time, D embedding_dim, V vocabulary, C context, L layers, E hidden features of a block, S tokens
read so far.
"""

from typing import Any

import numpy as np

from .. import functions as F
from .. import nn
from ..device import to_host
from ..errors import ShapeError
from ..tensor import Tensor
from .transformer import Transformer

State = tuple[np.ndarray, Tensor, Tensor]  # token ids read so far (B, S), keys and values (L, B, S, D)

OWN = [
    nn.Embedding,
    nn.Embedding,
    nn.Dropout,
    nn.LayerNorm,
]  # parts that the kernel computes as `forward` does


class GPTLanguageModel(Transformer):
    """P(token | the tokens before it, at most C), by attention to all of them; weights as in Transformer."""

    causal = True

    def forward(self, ids: Any, state: State | None = None) -> tuple[Tensor, State]:
        """Token ids (B, T) → logits (B, T, V) of the next token, and the new state.

        With a state, ids continue what was read before. When the context is full, the older half of it is
        dropped and the newer half is read again from position 0: `window` says from where.
        """
        new = to_host(ids)
        before, *kept = state if state is not None else (new[:, :0],)
        if len(before) != len(new):
            raise ShapeError(f"The state is of {len(before)} sequences, the ids of {len(new)}: take as many.")
        read = np.concatenate([before, new], axis=1)
        if start := self.window(read.shape[1]):
            read = read[:, start:]
            x, seen = self.features(read)
            x = x[:, -new.shape[1] :]  # a longer prompt than the context: logits of its last tokens only
        else:
            caches = list(zip(*kept, strict=True)) if kept else None  # of each layer
            x, seen = self.features(new, caches)
        keys, values = (F.stack(parts) for parts in zip(*seen, strict=True))  # (L, B, S, D)
        return F.linear(x, self.embedding.weight), (read, keys, values)

    def one_token(self, ids: Any, state: State) -> tuple[Any, State] | None:
        """Ids (B) → array of logits (B, V) of the next token, and the new state: `forward` in few kernels.

        None where `forward` has to do it: the context is full, so that more than this token has to be read;
        or shapes or types do not fit, which it explains; or a part or a method of the model was replaced.
        """
        before, keys, values = state
        blocks: list[Any] = [block for _, block in self.blocks.children()]
        weights = [weight for block in blocks for weight in block.step_weights() or ()]
        own = type(self).forward is GPTLanguageModel.forward and type(self).features is Transformer.features
        own = own and [type(part) for part in (self.embedding, self.position, self.dropout, self.norm)] == OWN
        if not own or before.shape[1] == self.context or len(weights) != 12 * len(blocks):
            return None
        heads, eps = blocks[0].self_attn.num_heads, self.norm.eps
        if any((block.self_attn.num_heads, block.norm1.eps) != (heads, eps) for block in blocks):
            return None
        table, device, new = self.embedding.weight.data, self.embedding.weight.device, to_host(ids)
        x = self.embedding.step(new) + self.position.weight.data[before.shape[1]]  # (B, D)
        if x.ndim != 2 or x.shape[1] % heads:
            return None
        weights += [self.norm.weight.data, self.norm.bias.data, table]
        arrays = [keys.data, values.data, *weights]
        kept = (len(blocks), len(new), *before.shape[1:], x.shape[1])
        L, D, E = len(blocks), x.shape[1], len(weights[9])
        expected = [kept, kept, *_shapes(L, D, E), (len(table), D)]
        if [array.shape for array in arrays] != expected or len({a.dtype for a in (x, *arrays)}) > 1:
            return None
        scores, *seen = device.kernels.transformer_step(x, keys.data, values.data, heads, eps, weights)
        read = np.concatenate([before, new[:, None]], axis=1)
        keys, values = (Tensor(array, device=device) for array in seen)
        return scores, (read, keys, values)

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


def _shapes(L: int, D: int, E: int) -> list[tuple[int, ...]]:
    """Of the weights of L blocks with E hidden features, in the kernel's order, and of the last norm."""
    block = [(D,), (D,), (3 * D, D), (3 * D,), (D, D), (D,), (D,), (D,), (E, D), (E,), (D, E), (D,)]
    return [*block * L, (D,), (D,)]
