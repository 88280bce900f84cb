"""A training step of a GPT; this engine's and PyTorch's."""

from dataclasses import dataclass
from typing import Any

from .steps import TrainingStep


@dataclass(frozen=True)
class GPTStep(TrainingStep):
    """A GPT of L layers, H heads, D features, context T; batch B, AdamW, clipping."""

    dropout: float = 0.0

    optimizer = "AdamW"
    clip = 1.0

    @property
    def product_flops(self) -> int:
        """Operations of the matrix products of one step; of attention's scores only the visible half."""
        N = self.B * self.T
        attention = 2 * self.D * self.T // 2  # scores and weighted values for each token
        return 3 * 2 * N * (self.L * (12 * self.D * self.D + attention) + self.D * self.V)

    @property
    def parameters(self) -> int:
        """Numbers in all weights and biases; the last layer is the embedding."""
        return (self.V + self.T) * self.D + self.L * (12 * self.D + 13) * self.D + 2 * self.D

    @property
    def context(self) -> float:
        """Positions that it has."""
        return self.T

    def our_model(self) -> Any:
        """This engine's model."""
        from .. import models

        return models.GPTLanguageModel(self.V, self.T, self.D, self.L, self.H, self.dropout)

    def torch_model(self) -> Any:
        """The same in PyTorch, with its fused attention."""
        import torch
        from torch import nn

        sizes = self

        class Block(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                D = sizes.D
                self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
                self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
                self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))
                self.dropout = nn.Dropout(sizes.dropout)

            def forward(self, x: Any, cache: Any) -> Any:
                B, T, D = x.shape
                q, k, v = (
                    part.view(B, T, sizes.H, D // sizes.H).transpose(1, 2)
                    for part in self.qkv(self.norm1(x)).split(D, dim=2)
                )
                if cache is not None:
                    k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
                y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
                x = x + self.dropout(self.out(y.transpose(1, 2).reshape(B, T, D)))
                return x + self.dropout(self.mlp(self.norm2(x))), (k, v)

        class GPT(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding, self.position = nn.Embedding(sizes.V, sizes.D), nn.Embedding(sizes.T, sizes.D)
                self.blocks = nn.ModuleList(Block() for _ in range(sizes.L))
                self.norm, self.dropout = nn.LayerNorm(sizes.D), nn.Dropout(sizes.dropout)

            def forward(self, ids: Any, caches: Any = None) -> Any:
                past = caches[0][0].shape[2] if caches else 0
                x = self.dropout(self.embedding(ids) + self.position.weight[past : past + ids.shape[1]])
                seen = []
                for index, block in enumerate(self.blocks):
                    x, cache = block(x, caches[index] if caches else None)
                    seen.append(cache)
                return self.norm(x) @ self.embedding.weight.T, seen

        return GPT()
