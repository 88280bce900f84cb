"""Multi-head attention and the Transformer block, with PyTorch's parameter names and shapes.

B batch, T queries, S keys, D embed_dim, H heads.
"""

import math
from typing import Any

import numpy as np

from .. import functions as F
from ..device import Device, to_host
from ..errors import DtypeError, OptionError, ShapeError, check_number, did_you_mean, quote
from ..random import random_state
from ..tensor import Tensor
from .layers import Dropout, LayerNorm, Linear, checked_lengths, whole
from .module import Module, Parameter

Cache = tuple[Tensor, Tensor]  # keys and values of earlier tokens, each (B, S, D)
ACTIVATIONS: dict[str, Any] = {"gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, "tanh"), "relu": F.relu}


class Attention(Module):
    """Attention with H heads side by side, each on D/H features of its own    [attention].

    Parameters as in torch.nn.MultiheadAttention: in_proj_weight (3D, D) for q, k, v, in_proj_bias (3D),
    out_proj. Dropout is on the weights P, while training; without it and without a mask P is never stored.
    MultiheadAttention is the same by PyTorch's call.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        device: "str | Device | None" = None,
    ):
        whole("embed_dim", embed_dim)
        check_number("Dropout probability", dropout, 0, below=1)
        self.dropout = dropout
        if embed_dim % whole("num_heads", num_heads):
            raise OptionError(f"embed_dim {embed_dim} must be a multiple of num_heads {num_heads}.")
        self.num_heads = num_heads
        bound = (6 / (4 * embed_dim)) ** 0.5  # Glorot and Bengio's, as PyTorch takes it for (3D, D)
        drawn = random_state.generator.uniform(-bound, bound, (3 * embed_dim, embed_dim))
        self.in_proj_weight = Parameter(drawn.astype("float32"), device=device)
        zeros = np.zeros(3 * embed_dim, np.float32)
        self.in_proj_bias = Parameter(zeros, device=device) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        lengths: Any = None,
        causal: bool = False,
        cache: Cache | None = None,
        keep: bool = True,
        attn_mask: Any = None,
        key_padding_mask: Any = None,
    ) -> tuple[Tensor, Cache | None]:
        """Queries from x (B, T, D); keys and values from memory (B, S, D), from x itself for None.

        Args:
            lengths: (B) how many keys of each sequence count; all for None.
            causal: token t sees tokens up to t.
            cache: keys and values of the tokens before x, which x's queries see too.
            keep: whether keys and values are wanted back.
            attn_mask: (T, S) or (B·H, T, S), True where a query must not look, or numbers that are added to
                the scores.
            key_padding_mask: (B, S), True where a key does not count, or such numbers.

        Returns the output (B, T, D), and keys and values including x's (None unless kept).
        """
        if x.ndim != 3:
            raise ShapeError(f"{type(self).__name__} takes (batch, time, features), got {x.shape}.")
        D = x.shape[-1]
        stored = attn_mask is not None or key_padding_mask is not None or (self.dropout > 0 and self.training)
        if memory is None:
            qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)  # (B, T, 3D)
            if cache is None and not stored:
                y = F.self_attention(qkv, self.num_heads, lengths, causal)
                seen = (qkv[..., D : 2 * D], qkv[..., 2 * D :]) if keep else None
                return self.out_proj(y), seen
            q, k, v = F.split(qkv, D, axis=-1)
        else:
            q = self._project(x, slice(0, D))
            k, v = F.split(self._project(memory, slice(D, 3 * D)), D, axis=-1)
        if cache is not None:
            k, v = F.cat([cache[0], k], axis=1), F.cat([cache[1], v], axis=1)
        heads = self._heads(q), self._heads(k), self._heads(v)  # (B, H, ·, D/H)
        if stored:
            mask = self._mask(heads[0], k.shape[1], lengths, causal, attn_mask, key_padding_mask)
            p = self.dropout if self.training else 0.0
            y = F.scaled_dot_product_attention(*heads, mask, p)  # (B, H, T, D/H)
        else:
            if lengths is not None:
                lengths = to_host(lengths)[:, None].repeat(self.num_heads, axis=1)
            y = F.attention(*heads, lengths, causal)  # (B, H, T, D/H)
        y = y.permute(0, 2, 1, 3).reshape(*x.shape)
        return self.out_proj(y), (k, v) if keep else None

    def _project(self, x: Tensor, rows: slice) -> Tensor:
        """x by some rows of in_proj: those of q, k or v."""
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        return F.linear(x, self.in_proj_weight[rows], bias)

    def _mask(self, q: Tensor, S: int, lengths: Any, causal: bool, attn: Any, padding: Any) -> Tensor | None:
        """What all masks together add to the scores (B, H, T, S); None where there is none."""
        B, H, T, _ = q.shape
        Shapes = dict[tuple[int, ...], tuple[int, ...]]  # as given → beside the scores
        of_scores: Shapes = {(T, S): (1, 1, T, S), (B * H, T, S): (B, H, T, S)}
        of_keys: Shapes = {(B, S): (B, 1, 1, S)}
        masks = [("attn_mask", attn, of_scores), ("key_padding_mask", padding, of_keys)]
        if lengths is not None:
            counts = checked_lengths(lengths, B, S, type(self).__name__)
            masks.append(("lengths", np.arange(S) >= counts[:, None], of_keys))
        if causal:
            masks.append(("causal", np.arange(S) > np.arange(T)[:, None] + S - T, of_scores))
        total = None
        for name, given, shapes in masks:
            if given is None:
                continue
            mask = given if isinstance(given, Tensor) else Tensor(given, device=q.device)
            if mask.shape not in shapes:
                expected = " or ".join(map(str, shapes))
                raise ShapeError(f"{name} needs the shape {expected}, got {mask.shape}.")
            if mask.dtype.kind not in "bf":
                raise DtypeError(f"{name} is {mask.dtype}: True hides, or numbers are added to the scores.")
            if mask.dtype == bool:
                zeros = Tensor(q.device.xp.zeros(mask.shape, q.dtype), device=q.device)
                mask = zeros.masked_fill(mask, -math.inf)
            mask = mask.reshape(shapes[mask.shape])
            total = mask if total is None else total + mask
        return total

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, D) → (B, H, T, D/H)."""
        B, T, D = x.shape
        return x.reshape(B, T, self.num_heads, D // self.num_heads).permute(0, 2, 1, 3)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.in_proj_weight.shape[1]}, {self.num_heads}"


def checked_activation(name: Any) -> Any:
    """The function of that name, or of the caller's own."""
    if callable(name):
        return name
    if not isinstance(name, str) or name not in ACTIVATIONS:
        near, known = did_you_mean(str(name), ACTIVATIONS), ", ".join(ACTIVATIONS)
        raise OptionError(f"activation is {quote(name)}{near}, expected one of {known}.")
    return ACTIVATIONS[name]


class TransformerBlock(Module):
    """x + attention(norm x), then x + MLP(norm x): the pre-norm block.

    With norm_first=False, norm(x + attention x), then norm(x + MLP x). Parameters as in
    torch.nn.TransformerEncoderLayer: self_attn, linear1, linear2, norm1, norm2. The MLP's activation: "gelu",
    "gelu_tanh" or "relu". Source: Vaswani and others 2017; norm first: Radford and others 2019.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int | None = None,
        dropout: float = 0.0,
        device: "str | Device | None" = None,
        norm_first: bool = True,
        activation: str = "gelu",
    ):
        checked_activation(activation)
        self.norm_first = norm_first
        self.activation = activation
        hidden = dim_feedforward or 4 * d_model
        self.self_attn = Attention(d_model, nhead, device=device)
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
        """x (B, T, D) → the same shape, and the keys and values; arguments as for Attention."""
        read = self.norm1(x) if self.norm_first else x
        y, seen = self.self_attn(read, None, lengths, causal, cache, keep)
        if self.norm_first:
            x = x + self.dropout(y)
            return x + self.dropout(self._mlp(self.norm2(x))), seen
        x = self.norm1(x + self.dropout(y))
        return self.norm2(x + self.dropout(self._mlp(x))), seen

    def _mlp(self, x: Tensor) -> Tensor:
        return self.linear2(ACTIVATIONS[self.activation](self.linear1(x)))
