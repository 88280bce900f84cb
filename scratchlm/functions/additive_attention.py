"""Additive attention: how well a query fits a key is what one hidden layer of tanh makes of both."""

import math
from typing import Any

from ..device import to_host, upload
from ..errors import ShapeError
from ..function import Array, Function
from ..tensor import Tensor
from .activation import tanh
from .elementwise import where
from .softmax import softmax


class AdditiveAttention(Function):
    """Y = P V, P = softmax_s(Σ_a w_a tanh(q_ta + k_sa))    [additive_attention].

    query (N, T, A), keys (N, S, A), values (N, S, E), weight (A) → (N, T, E): N sequences, T queries, S keys,
    A units of the hidden layer, E features of values. With G = ∂L/∂Y: ∂L/∂V = Pᵀ G, and of the scores
    D = P ⊙ (G Vᵀ − rowsum(G ⊙ Y)); with h = tanh(q_ta + k_sa), ∂L/∂w_a = Σ_ts D_ts h, and ∂L/∂q_ta, ∂L/∂k_sa
    are the sums over s, over t of D_ts w_a (1 − h²). P is kept, and spares backward the scores: it is A times
    smaller than the (N, T, S, A) tanhs, which are made again. Source: Bahdanau, Cho and Bengio 2015.

    Raises:
        ShapeError: the shapes do not fit, or there is no key.
    """

    float_inputs = 4

    def forward(self, query: Array, keys: Array, values: Array, weight: Array) -> Array:
        if (
            not query.ndim == keys.ndim == values.ndim == 3
            or not len(query) == len(keys) == len(values)
            or not query.shape[2:] == keys.shape[2:] == weight.shape
            or keys.shape[1] != values.shape[1]
            or keys.shape[1] == 0
        ):
            shapes = ", ".join(str(a.shape) for a in (query, keys, values, weight))
            raise ShapeError(
                "additive_attention takes query (N, T, A), keys (N, S, A), values (N, S, E), weight (A) and "
                f"at least one key, got {shapes}."
            )
        y, p = self.kernels.additive_attention_forward(query, keys, values, weight)
        self.save(query, keys, values, weight, p)
        return y

    def backward(self, grad_y: Array) -> tuple[Array, ...]:
        query, keys, values, weight, p = self.saved
        return self.kernels.additive_attention_backward(grad_y, query, keys, values, weight, p)


def additive_attention(
    query: Tensor, keys: Tensor, values: Tensor, weight: Tensor, lengths: Any = None
) -> Tensor:
    """Additive attention: query (…, T, A), keys (…, S, A), values (…, S, E), weight (A) → (…, T, E).

    query and keys are what the layer's two matrices made of the decoder's states and of the encoder's.
    lengths (…): how many keys of each sequence count, all for None; then out of primitive operations.

    Raises:
        ShapeError: the shapes do not fit, or there is no key.
    """
    three = query, keys, values
    if not query.ndim == keys.ndim == values.ndim >= 2 or len({t.shape[:-2] for t in three}) > 1:
        raise ShapeError(
            "additive_attention needs query, keys and values with equal leading axes, "
            f"got {query.shape}, {keys.shape}, {values.shape}."
        )
    if lengths is not None:
        return additive_attention_weights(query, keys, weight, lengths) @ values
    N = math.prod(query.shape[:-2])
    flat = (t.reshape(N, *t.shape[-2:]) for t in three)
    return AdditiveAttention()(*flat, weight).reshape(*query.shape[:-1], values.shape[-1])


def additive_attention_composed(query: Tensor, keys: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    """The same out of primitive operations, with all tanhs (…, T, S, A) in memory."""
    return additive_attention_weights(query, keys, weight) @ values


def additive_attention_weights(query: Tensor, keys: Tensor, weight: Tensor, lengths: Any = None) -> Tensor:
    """P itself (…, T, S): for pictures, and for the twin above."""
    hidden = tanh(query.unsqueeze(-2) + keys.unsqueeze(-3))  # (…, T, S, A)
    scores = (hidden * weight).sum(axis=-1)
    if lengths is not None:
        seen = (
            query.device.xp.arange(keys.shape[-2]) < upload(to_host(lengths), query.device)[..., None, None]
        )
        scores = where(seen, scores, -math.inf)
    return softmax(scores)
