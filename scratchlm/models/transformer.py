"""What GPT and BERT share: token and position embeddings, pre-norm Transformer blocks, initial weights.

B batch, T time, D embedding_dim, L num_layers, V vocabulary, C context.
"""

import math
from typing import Any

import numpy as np

from .. import functions as F
from .. import nn
from ..device import Device, to_host
from ..errors import OptionError, ShapeError
from ..nn.attention import Cache
from ..random import random_state
from ..tensor import Tensor


class Transformer(nn.Module):
    """Token ids → features; the score of token v is feature · embedding_v: both share one table.

    Weights start from N(0, 0.02²), the projections back into the residual stream from N(0, 0.02²/2L), biases
    from 0. Source: Radford and others 2019. `activation`: "gelu", the exact one; for weights of GPT-2 itself,
    which has the form with tanh, "gelu_tanh".
    """

    causal: bool  # does a token see only those before it?

    def __init__(
        self,
        vocabulary: int,
        context: int = 64,
        embedding_dim: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        dropout: float = 0.0,
        device: "str | Device | None" = None,
        activation: str = "gelu",
    ):
        if num_layers < 1:
            raise OptionError(f"num_layers is {num_layers}, expected 1 or more.")
        self.context = context
        self.embedding = nn.Embedding(vocabulary, embedding_dim, device=device)
        self.position = nn.Embedding(context, embedding_dim, device=device)
        self.dropout = nn.Dropout(dropout)
        options: dict[str, Any] = {"dropout": dropout, "device": device, "activation": activation}
        self.blocks = nn.Sequential(
            *(nn.TransformerBlock(embedding_dim, num_heads, **options) for _ in range(num_layers))
        )
        self.norm = nn.LayerNorm(embedding_dim, device=device)
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                if name.endswith("bias"):
                    parameter.data = np.zeros(parameter.shape, np.float32)
                continue
            into_residual = name.endswith(("out_proj.weight", "linear2.weight"))
            std = 0.02 / math.sqrt(2 * num_layers) if into_residual else 0.02
            drawn = std * random_state.generator.standard_normal(parameter.shape)
            parameter.data = drawn.astype(np.float32)

    def features(
        self, ids: Any, caches: list[Cache] | None = None, keep: bool = True, lengths: Any = None
    ) -> tuple[Tensor, list[Any]]:
        """Token ids (B, T) → features (B, T, D), and keys and values of each layer (None unless kept).

        lengths (B): how many tokens of each row count, T for None; nobody looks at the others.
        """
        ids = to_host(ids)
        past = caches[0][0].shape[1] if caches else 0
        T = ids.shape[1]
        if past + T > self.context:
            raise ShapeError(f"The model reads at most {self.context} tokens at once, got {past + T}.")
        x = self.embedding(ids) + self.position.weight[past : past + T]  # (B, T, D)
        x = self.dropout(x)
        seen = []
        for index, block in enumerate(self.blocks):
            past_tokens = caches[index] if caches else None
            x, cache = block(x, lengths, self.causal, past_tokens, keep)
            seen.append(cache)
        return self.norm(x), seen

    def encode(self, ids: Any, lengths: Any = None) -> Tensor:
        """Token ids (B, T), T ≤ context → features (B, T, D), for a classifier to read."""
        return self.features(ids, keep=False, lengths=lengths)[0]

    def mean_loss(self, ids: Any, targets: Any) -> Tensor:
        """Mean cross-entropy in nats a counted token: ids and targets (B, T), T ≤ context."""
        x, _ = self.features(ids, keep=False)
        rows = to_host(targets).reshape(-1)
        return F.linear_cross_entropy(x.reshape(len(rows), -1), self.embedding.weight, None, rows)
