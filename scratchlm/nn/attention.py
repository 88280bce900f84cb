"""Multi-head attention and the Transformer block, with PyTorch's parameter names and shapes.

B batch, T queries, S keys, D embed_dim, H heads.
"""

from typing import Any

from .. import functions as F
from ..device import Device, to_host
from ..errors import OptionError, ShapeError
from ..random import random_state
from ..tensor import Tensor
from .layers import Dropout, LayerNorm, Linear
from .module import Module, Parameter

Cache = tuple[Tensor, Tensor]  # keys and values of earlier tokens, each (B, S, D)


class MultiheadAttention(Module):
    """Attention with H heads side by side, each on D/H features of its own    [attention].

    Parameters as in torch.nn.MultiheadAttention: in_proj_weight (3D, D) for q, k, v, in_proj_bias (3D),
    out_proj. No dropout on the weights P, which are never stored.
    """

    def __init__(self, embed_dim: int, num_heads: int, device: "str | Device | None" = None):
        if num_heads < 1 or embed_dim % num_heads:
            raise OptionError(f"embed_dim {embed_dim} must be a multiple of num_heads {num_heads}.")
        self.num_heads = num_heads
        bound = (6 / (4 * embed_dim)) ** 0.5  # Glorot and Bengio's, as PyTorch takes it for (3D, D)
        drawn = random_state.generator.uniform(-bound, bound, (3 * embed_dim, embed_dim))
        self.in_proj_weight = Parameter(drawn.astype("float32"), device=device)
        self.in_proj_bias = Parameter((0 * drawn[:, 0]).astype("float32"), device=device)
        self.out_proj = Linear(embed_dim, embed_dim, device=device)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        lengths: Any = None,
        causal: bool = False,
        cache: Cache | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, Cache | None]:
        """Queries from x (B, T, D); keys and values from memory (B, S, D), from x itself for None.

        Args:
            lengths: (B) how many keys of each sequence count; all for None.
            causal: token t sees tokens up to t.
            cache: keys and values of the tokens before x, which x's queries see too.
            keep: whether keys and values are wanted back.

        Returns the output (B, T, D), and keys and values including x's (None unless kept).
        """
        if x.ndim != 3:
            raise ShapeError(f"MultiheadAttention takes (batch, time, features), got {x.shape}.")
        D = x.shape[-1]
        if memory is None:
            qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)  # (B, T, 3D)
            if cache is None:
                y = F.self_attention(qkv, self.num_heads, lengths, causal)
                seen = (qkv[..., D : 2 * D], qkv[..., 2 * D :]) if keep else None
                return self.out_proj(y), seen
            q, k, v = F.split(qkv, D, axis=-1)
        else:
            q = F.linear(x, self.in_proj_weight[:D], self.in_proj_bias[:D])
            k, v = F.split(F.linear(memory, self.in_proj_weight[D:], self.in_proj_bias[D:]), D, axis=-1)
        if cache is not None:
            k, v = F.cat([cache[0], k], axis=1), F.cat([cache[1], v], axis=1)
        if lengths is not None:
            lengths = to_host(lengths)[:, None].repeat(self.num_heads, axis=1)
        y = F.attention(self._heads(q), self._heads(k), self._heads(v), lengths, causal)  # (B, H, T, D/H)
        y = y.permute(0, 2, 1, 3).reshape(*x.shape)
        return self.out_proj(y), (k, v) if keep else None

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, D) → (B, H, T, D/H)."""
        B, T, D = x.shape
        return x.reshape(B, T, self.num_heads, D // self.num_heads).permute(0, 2, 1, 3)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.in_proj_weight.shape[1]}, {self.num_heads}"


class TransformerBlock(Module):
    """x + attention(norm x), then x + MLP(norm x): the pre-norm block, with GELU.

    Parameters as in torch.nn.TransformerEncoderLayer (norm_first=True, activation="gelu"): self_attn,
    linear1, linear2, norm1, norm2. Source: Vaswani and others 2017; norm first: Radford and others 2019.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int | None = None,
        dropout: float = 0.0,
        device: "str | Device | None" = None,
    ):
        hidden = dim_feedforward or 4 * d_model
        self.self_attn = MultiheadAttention(d_model, nhead, device=device)
        self.linear1 = Linear(d_model, hidden, device=device)
        self.linear2 = Linear(hidden, d_model, device=device)
        self.norm1 = LayerNorm(d_model, device=device)
        self.norm2 = LayerNorm(d_model, device=device)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        lengths: Any = None,
        causal: bool = False,
        cache: Cache | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, Cache | None]:
        """x (B, T, D) → the same shape, and the keys and values; arguments as for MultiheadAttention."""
        y, seen = self.self_attn(self.norm1(x), None, lengths, causal, cache, keep)
        x = x + self.dropout(y)
        return x + self.dropout(self.linear2(F.gelu(self.linear1(self.norm2(x))))), seen
