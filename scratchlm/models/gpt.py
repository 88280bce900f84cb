"""GPT language model: token and position embeddings, pre-norm Transformer blocks, a score for every token.

B batch, T time, D embedding_dim, L num_layers, V vocabulary, C context.
"""

import math
from typing import Any

import numpy as np

from .. import functions as F
from .. import nn
from ..device import Device
from ..errors import ShapeError
from ..nn.attention import Cache
from ..random import random_state
from ..tensor import Tensor

State = tuple[np.ndarray, list[Cache]]  # token ids read so far (B, S), keys and values of each layer


class GPTLanguageModel(nn.Module):
    """P(token | the tokens before it, at most C), by attention to all of them.

    Weights start from N(0, 0.02²), the projections back into the residual stream from N(0, 0.02²/2L), biases
    from 0; the last layer shares its weights with the token embedding. Source: Radford and others 2019.
    """

    def __init__(
        self,
        vocabulary: int,
        context: int = 64,
        embedding_dim: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        dropout: float = 0.0,
        device: "str | Device | None" = None,
    ):
        self.context = context
        self.embedding = nn.Embedding(vocabulary, embedding_dim, device=device)
        self.position = nn.Embedding(context, embedding_dim, device=device)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(
            *(nn.TransformerBlock(embedding_dim, num_heads, None, dropout, device) for _ in range(num_layers))
        )
        self.norm = nn.LayerNorm(embedding_dim, device=device)
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                if name.endswith("bias"):
                    parameter.data[...] = 0
                continue
            into_residual = name.endswith(("out_proj.weight", "linear2.weight"))
            std = 0.02 / math.sqrt(2 * num_layers) if into_residual else 0.02
            parameter.data[...] = std * random_state.generator.standard_normal(parameter.shape)

    def features(self, ids: Any, caches: list[Cache] | None = None) -> tuple[Tensor, list[Cache]]:
        """Token ids (B, T) → features (B, T, D), and keys and values of each layer."""
        ids = Tensor(ids, device=self.norm.weight.device)
        past = caches[0][0].shape[2] if caches else 0
        T = ids.shape[1]
        if past + T > self.context:
            raise ShapeError(f"The model reads at most {self.context} tokens at once, got {past + T}.")
        x = self.embedding(ids) + self.position.weight[past : past + T]  # (B, T, D)
        x = self.dropout(x)
        seen = []
        for index, (_, block) in enumerate(self.blocks.children()):
            x, cache = block(x, causal=True, cache=caches[index] if caches else None)
            seen.append(cache)
        return self.norm(x), seen

    def forward(self, ids: Any, state: State | None = None) -> tuple[Tensor, State]:
        """Token ids (B, T) → logits (B, T, V) of the next token, and the new state.

        With a state, ids continue what was read before. When the context is full, the older half of it is
        dropped and the newer half is read again from position 0: `window` says from where.
        """
        new = np.asarray(ids)
        before, caches = state if state is not None else (new[:, :0], None)
        read = np.concatenate([before, new], axis=1)
        if start := self.window(read.shape[1]):
            read = read[:, start:]
            x, seen = self.features(read)
            x = x[:, -new.shape[1] :]  # a longer prompt than the context: logits of its last tokens only
        else:
            x, seen = self.features(new, caches)
        return F.linear(x, self.embedding.weight), (read, seen)

    def window(self, length: int) -> int:
        """The first of `length` tokens still read: 0 up to the context, then in steps of half of it."""
        half = max(1, self.context // 2)
        return 0 if length <= self.context else -(-(length - self.context) // half) * half

    def loss(self, ids: Any, targets: Any, state: Any = None) -> tuple[Tensor, None]:
        """Mean cross-entropy in nats a token for targets (B, T), T ≤ context; no state is carried."""
        x, _ = self.features(ids)
        rows = Tensor(targets, device=x.device).data.reshape(-1)
        return F.linear_cross_entropy(x.reshape(len(rows), -1), self.embedding.weight, None, rows), None
