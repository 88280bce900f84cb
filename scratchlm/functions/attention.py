"""Attention: each query takes a mean of values, weighted by how well it fits their keys."""

import math
from typing import Any

from ..device import to_host, upload
from ..errors import DtypeError, ShapeError
from ..function import Array, Function
from ..tensor import Tensor
from .dropout import dropout
from .elementwise import where
from .softmax import softmax


class Attention(Function):
    """Y = P V, P = softmax(Q Kᵀ / √D)    [attention].

    q (N, T, D), k (N, S, D), v (N, S, E) → (N, T, E): N sequences (batch × heads), T queries, S keys of which
    those from `lengths[n]` on are padding; `causal`: query t sees keys up to t + S − T. With G = ∂L/∂Y:
    ∂L/∂V = Pᵀ G, ∂L/∂scores = P ⊙ (G Vᵀ − rowsum(G ⊙ Y)). Only Y and ln Σ e^score are kept, not P.
    """

    float_inputs = 3

    def __init__(self, causal: bool = False, whole: bool = False):
        self.causal = causal
        self.whole = whole  # lengths are those of all keys: nothing to look at

    def forward(self, q: Array, k: Array, v: Array, lengths: Array) -> Array:
        if (
            not q.ndim == k.ndim == v.ndim == 3
            or q.shape[::2] != k.shape[::2]
            or k.shape[:2] != v.shape[:2]
            or not all(k.shape)
        ):
            raise ShapeError(
                f"attention takes q (N, T, D), k (N, S, D), v (N, S, E), got {q.shape}, {k.shape}, {v.shape}."
            )
        seen = self.seen(3, lengths)
        if seen.shape != q.shape[:1] or not (self.whole or ((seen > 0) & (seen <= k.shape[1])).all()):
            raise ShapeError(
                f"attention needs one length from 1 to {k.shape[1]} for each of {len(q)} sequences."
            )
        if self.causal and q.shape[1] > k.shape[1]:
            raise ShapeError(
                f"causal attention of {q.shape[1]} queries to {k.shape[1]} keys leaves queries without a key."
            )
        y, logsumexp = self.kernels.attention_forward(q, k, v, lengths, self.causal)
        self.save(q, k, v, y, logsumexp, lengths)
        return y

    def backward(self, grad_y: Array) -> tuple[Array | None, ...]:
        q, k, v, y, logsumexp, lengths = self.saved
        grads = self.kernels.attention_backward(grad_y, q, k, v, y, logsumexp, lengths, self.causal)
        return (*grads, None)


class SelfAttention(Function):
    """The same for q, k, v that one projection made side by side, for each head    [attention].

    qkv (B, T, 3D) → (B, T, D): a row holds q, k and v, each with `heads` heads of D/heads features. Nothing
    is copied to sort the heads out, and ∂L/∂qkv is written in place.
    """

    float_inputs = 1

    def __init__(self, heads: int, causal: bool = False, whole: bool = False):
        self.heads = heads
        self.causal = causal
        self.whole = whole

    def forward(self, qkv: Array, lengths: Array) -> Array:
        if qkv.ndim != 3 or not all(qkv.shape[:2]) or self.heads < 1 or qkv.shape[2] % (3 * self.heads):
            raise ShapeError(
                f"self_attention takes qkv (batch, time, 3D) for {self.heads} heads, got {qkv.shape}."
            )
        B, T, features = qkv.shape
        seen = self.seen(1, lengths)
        if seen.shape != (B,) or not (self.whole or ((seen > 0) & (seen <= T)).all()):
            raise ShapeError(f"self_attention needs one length from 1 to {T} for each of {B} sequences.")
        packed = qkv.reshape(B, T, 3, self.heads, features // (3 * self.heads))
        y, logsumexp = self.kernels.attention_packed_forward(packed, lengths, self.causal)
        self.save(packed, y, logsumexp, lengths)
        return y.reshape(B, T, features // 3)

    def backward(self, grad_y: Array) -> tuple[Array, None]:
        packed, y, logsumexp, lengths = self.saved
        grad_y = grad_y.reshape(y.shape)
        grad = self.kernels.attention_packed_backward(grad_y, packed, y, logsumexp, lengths, self.causal)
        return grad.reshape(*packed.shape[:2], -1), None


def attention(q: Tensor, k: Tensor, v: Tensor, lengths: Any = None, causal: bool = False) -> Tensor:
    """Scaled dot-product attention: q (…, T, D), k (…, S, D), v (…, S, E) → (…, T, E).

    lengths (…): how many keys of each sequence count, at least 1; all for None.

    Raises:
        ShapeError: shapes or lengths do not fit, or causal with more queries than keys.
    """
    if not q.ndim == k.ndim == v.ndim >= 2 or not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        raise ShapeError(f"attention needs equal leading axes, got {q.shape}, {k.shape}, {v.shape}.")
    xp, N = q.device.xp, math.prod(q.shape[:-2])
    counts = xp.full(N, k.shape[-2]) if lengths is None else to_host(lengths).reshape(-1)
    flat = (t.reshape(N, *t.shape[-2:]) for t in (q, k, v))
    return Attention(causal, lengths is None)(*flat, counts).reshape(*q.shape[:-1], v.shape[-1])


def self_attention(qkv: Tensor, heads: int, lengths: Any = None, causal: bool = False) -> Tensor:
    """Attention of a sequence to itself: qkv (B, T, 3D), rows of q, k, v side by side → (B, T, D).

    lengths (B): how many keys of each sequence count, at least 1; all for None.

    Raises:
        ShapeError: the features are no multiple of 3 · heads, or the lengths do not fit.
    """
    if lengths is None:
        every = qkv.device.xp.full(qkv.shape[0], qkv.shape[1] if qkv.ndim > 1 else 1)
        return SelfAttention(heads, causal, whole=True)(qkv, every)
    return SelfAttention(heads, causal)(qkv, to_host(lengths))


def self_attention_composed(qkv: Tensor, heads: int, lengths: Any = None, causal: bool = False) -> Tensor:
    """The same out of primitive operations."""
    B, T, features = qkv.shape
    q, k, v = qkv.reshape(B, T, 3, heads, features // (3 * heads)).permute(2, 0, 3, 1, 4)  # (B, H, T, D/H)
    if lengths is not None:
        lengths = to_host(lengths)[:, None]  # the same for each head
    return attention_composed(q, k, v, lengths, causal).permute(0, 2, 1, 3).reshape(B, T, features // 3)


def attention_composed(q: Tensor, k: Tensor, v: Tensor, lengths: Any = None, causal: bool = False) -> Tensor:
    """The same out of primitive operations, with all weights (…, T, S) in memory."""
    return attention_weights(q, k, lengths, causal) @ v


def attention_weights(q: Tensor, k: Tensor, lengths: Any = None, causal: bool = False) -> Tensor:
    """P = softmax(Q Kᵀ / √D) itself (…, T, S): for pictures, and for the twin above."""
    xp, (T, S) = q.device.xp, (q.shape[-2], k.shape[-2])
    scores = (q @ k.swapaxes(-1, -2)) / math.sqrt(q.shape[-1])
    seen = xp.ones(scores.shape, bool)
    if lengths is not None:
        seen &= xp.arange(S) < upload(to_host(lengths), q.device)[..., None, None]
    if causal:
        seen &= xp.arange(S) <= xp.arange(T)[:, None] + S - T
    return softmax(where(seen, scores, -math.inf))


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
) -> Tensor:
    """PyTorch's call of `attention`; with any mask or with dropout, out of primitive operations.

    attn_mask (…, T, S): True where a query may look, or numbers that are added to the scores. With
    `is_causal`, query t sees keys up to t, whatever the number of keys.
    """
    (T, S), xp = (query.shape[-2], key.shape[-2]), query.device.xp
    alike = query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
    if attn_mask is None and dropout_p == 0 and alike and (T == S or not is_causal):
        return attention(query, key, value, causal=is_causal)
    scores = (query @ key.swapaxes(-1, -2)) / math.sqrt(query.shape[-1])
    if is_causal:
        scores = where(xp.arange(S) <= xp.arange(T)[:, None], scores, -math.inf)
    if attn_mask is not None:
        mask = attn_mask if isinstance(attn_mask, Tensor) else Tensor(attn_mask, device=query.device)
        if mask.dtype.kind not in "bf":
            raise DtypeError(f"attn_mask is {mask.dtype}: True shows, or numbers are added to the scores.")
        scores = where(mask, scores, -math.inf) if mask.dtype.kind == "b" else scores + mask
    nothing = (scores.data == -math.inf).all(axis=-1, keepdims=True)  # a query that sees no key: 0, no NaN
    p = where(nothing, 0.0, softmax(where(nothing, 0.0, scores)))
    return dropout(p, dropout_p) @ value
