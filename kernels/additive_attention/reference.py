"""Additive attention [additive_attention].

Shapes: N sequences, T queries, S keys, A units of the hidden layer, E features of values.
"""

import numpy as np

from ..grammar import kernel


@kernel(
    "additive_attention",
    "query (N, T, A), keys (N, S, A), values (N, S, E), weight (A)",
    "y (N, T, E), p (N, T, S)",
    N=(1, 5),
    T=(1, 5),
)
def additive_attention_forward(query, keys, values, weight):
    """Y = P V with P = softmax_s(Σ_a w_a tanh(q_ta + k_sa))    [additive_attention].

    Returns Y (N, T, E) and P (N, T, S). Source: Bahdanau, Cho and Bengio 2015.
    """
    hidden = np.tanh(query[:, :, None] + keys[:, None])  # (N, T, S, A)
    scores = hidden @ weight  # (N, T, S)
    p = np.exp(scores - scores.max(axis=2, keepdims=True))
    p /= p.sum(axis=2, keepdims=True)
    return p @ values, p


@kernel(
    "additive_attention",
    "grad_y (N, T, E), query (N, T, A), keys (N, S, A), values (N, S, E), weight (A), p (N, T, S)",
    "grad_query (N, T, A), grad_keys (N, S, A), grad_values (N, S, E), grad_weight (A)",
    N=(1, 5),
    T=(1, 5),
)
def additive_attention_backward(grad_y, query, keys, values, weight, p):
    """∂L/∂V = Pᵀ G,  ∂L/∂P = G Vᵀ,  ∂L/∂S = P ⊙ (∂L/∂P − rowsum(P ⊙ ∂L/∂P))    [additive_attention].

    G = ∂L/∂Y, S the scores Σ_a w_a tanh(u_a) with u = q + k; rowsum(P ⊙ ∂L/∂P) is rowsum(G ⊙ Y). Then
    ∂L/∂w = Σ ∂L/∂S tanh(u), and ∂L/∂u = ∂L/∂S w (1 − tanh² u): summed over keys for q, over queries for k.
    """
    hidden = np.tanh(query[:, :, None] + keys[:, None])  # (N, T, S, A)
    grad_p = grad_y @ values.swapaxes(1, 2)  # (N, T, S)
    grad_scores = p * (grad_p - (p * grad_p).sum(axis=2, keepdims=True))
    grad_u = grad_scores[..., None] * weight * (1 - hidden * hidden)  # (N, T, S, A)
    grad_weight = np.tensordot(grad_scores, hidden, axes=3)
    return grad_u.sum(axis=2), grad_u.sum(axis=1), p.swapaxes(1, 2) @ grad_y, grad_weight


def example(kernel, drawn, draw):
    """Backward takes P from forward.

    Where tanh is straight, ∂L/∂query is Σ_s ∂L/∂score_s = 0 and rounding: queries and keys are 1 or more.
    """
    for name in ("query", "keys"):
        drawn[name] /= draw.dtype(min(1, draw.scale))
    inputs = (drawn[name] for name in ("query", "keys", "values", "weight"))
    return {"p": additive_attention_forward(*inputs)[1]} if kernel.endswith("backward") else {}
