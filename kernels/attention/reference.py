"""Scaled dot-product attention [attention].

Shapes: N sequences (batch × heads), T queries, S keys, D features of queries and keys, E of values. Of the S
keys of sequence n only the first `lengths[n]` count (the others are padding); `causal` lets query t see keys
up to t + S − T, so that the last query sees the last key. Each query sees at least one key.
"""

import math

import numpy as np

from ..grammar import kernel


def visible(T, S, lengths, causal):
    """Which keys each query sees: (N, T, S)."""
    seen = np.arange(S)[None, None, :] < lengths[:, None, None]
    if causal:
        seen = seen & (np.arange(S)[None, :] <= np.arange(T)[:, None] + S - T)
    return np.broadcast_to(seen, (len(lengths), T, S))


@kernel(
    "attention",
    "q (N, T, D), k (N, S, D), v (N, S, E), lengths:int (N), causal:number",
    "y (N, T, E), logsumexp (N, T)",
)
def attention_forward(q, k, v, lengths, causal):
    """Y = P V with P = softmax(Q Kᵀ / √D) over the visible keys    [attention].

    Returns Y (N, T, E) and ln Σ_s e^(score) (N, T), from which backward has P without storing it. Source:
    Vaswani and others 2017.
    """
    scores = q @ k.swapaxes(1, 2) / q.dtype.type(math.sqrt(q.shape[2]))  # (N, T, S)
    scores = np.where(visible(scores.shape[1], scores.shape[2], lengths, causal), scores, -np.inf)
    largest = scores.max(axis=2, keepdims=True)
    weights = np.exp(scores - largest)
    total = weights.sum(axis=2, keepdims=True)  # (N, T, 1)
    return weights / total @ v, (largest + np.log(total))[:, :, 0]


@kernel(
    "attention",
    "grad_y (N, T, E), q (N, T, D), k (N, S, D), v (N, S, E), y (N, T, E), logsumexp (N, T), "
    "lengths:int (N), causal:number",
    "grad_q (N, T, D), grad_k (N, S, D), grad_v (N, S, E)",
)
def attention_backward(grad_y, q, k, v, y, logsumexp, lengths, causal):
    """∂L/∂V = Pᵀ G,  ∂L/∂P = G Vᵀ,  ∂L/∂S = P ⊙ (∂L/∂P − rowsum(G ⊙ Y))    [attention].

    G = ∂L/∂Y, S = Q Kᵀ/√D the scores: rowsum(G ⊙ Y) is Σ_s P ∂L/∂P of softmax's derivative. Then
    ∂L/∂Q = ∂L/∂S K/√D and ∂L/∂K = (∂L/∂S)ᵀ Q/√D. Source: Dao and others 2022 (with P made anew from Q, K).
    """
    scale = q.dtype.type(1 / math.sqrt(q.shape[2]))
    scores = q @ k.swapaxes(1, 2) * scale  # (N, T, S)
    seen = visible(scores.shape[1], scores.shape[2], lengths, causal)
    weights = np.exp(np.where(seen, scores - logsumexp[:, :, None], -np.inf))  # P
    grad_weights = grad_y @ v.swapaxes(1, 2)
    grad_scores = weights * (grad_weights - (grad_y * y).sum(axis=2, keepdims=True)) * scale
    return grad_scores @ k, grad_scores.swapaxes(1, 2) @ q, weights.swapaxes(1, 2) @ grad_y


@kernel(
    "attention",
    "qkv (B, T, 3, H, D), lengths:int (B), causal:number",
    "y (B, T, H, D), logsumexp (B, H, T)",
    B=(1, 4),
    H=(1, 4),
)
def attention_packed_forward(qkv, lengths, causal):
    """Attention of each head for q, k, v side by side in memory    [attention].

    qkv (B, T, 3, H, D), as one projection makes them; lengths (B). Returns Y (B, T, H, D) and ln Σ e^score
    (B, H, T).
    """
    B, T, _, H, D = qkv.shape
    q, k, v = _heads(qkv)
    y, logsumexp = attention_forward(q, k, v, np.repeat(lengths, H), causal)
    return y.reshape(B, H, T, D).swapaxes(1, 2).copy(), logsumexp.reshape(B, H, T)


@kernel(
    "attention",
    "grad_y (B, T, H, D), qkv (B, T, 3, H, D), y (B, T, H, D), logsumexp (B, H, T), "
    "lengths:int (B), causal:number",
    "grad_qkv (B, T, 3, H, D)",
    B=(1, 4),
    H=(1, 4),
)
def attention_packed_backward(grad_y, qkv, y, logsumexp, lengths, causal):
    """∂L/∂qkv (B, T, 3, H, D) of the same    [attention]."""
    B, T, _, H, D = qkv.shape
    grad_y, y = (x.swapaxes(1, 2).reshape(B * H, T, D) for x in (grad_y, y))
    logsumexp = logsumexp.reshape(B * H, T)
    grads = attention_backward(grad_y, *_heads(qkv), y, logsumexp, np.repeat(lengths, H), causal)
    return np.stack(grads).reshape(3, B, H, T, D).transpose(1, 3, 0, 2, 4).copy()


def _heads(qkv):
    """(B, T, 3, H, D) → q, k, v, each (BH, T, D)."""
    B, T, _, H, D = qkv.shape
    return qkv.transpose(2, 0, 3, 1, 4).reshape(3, B * H, T, D)


def example(kernel, drawn, draw):
    """At least one key a query; backward takes Y and ln Σ e^score from forward.

    Gradients are differences, whose rounding is of the size of the terms: these are kept at 1 or less.
    """
    packed = kernel.startswith("attention_packed")
    inputs = ["qkv"] if packed else ["q", "k", "v"]
    for name in (*inputs, *(["grad_y"] if "grad_y" in drawn else [])):
        drawn[name] /= draw.dtype(max(1, draw.scale))
    first, S = drawn[inputs[0]], drawn[inputs[-1]].shape[1]
    fixed = {"lengths": draw.rng.integers(1, S + 1, len(first))}
    fixed["causal"] = drawn["causal"] and first.shape[1] <= S
    if kernel.endswith("backward"):
        forward = attention_packed_forward if packed else attention_forward
        fixed["y"], fixed["logsumexp"] = forward(*(drawn[name] for name in inputs), *fixed.values())
    return fixed
