"""Scaled dot-product attention without the T×S matrix [attention]: a block for each query or key."""

import math

import numpy as np

from .launching import array_module, launch, threads_for, whole


def attention_forward(q, k, v, lengths, causal):
    """Y = softmax(Q Kᵀ / √D) V over the visible keys    [attention]. Y (N, T, E), ln Σ e^score (N, T)."""
    q, k, v = whole(q, k, v)
    (lengths,) = whole(lengths, dtype=np.int32)
    xp = array_module(q)
    (N, T, D), (S, E) = q.shape, v.shape[1:]
    y, logsumexp = xp.empty((N, T, E), q.dtype), xp.empty((N, T), q.dtype)
    threads = threads_for(max(S, E))
    launch(
        "attention", "attention_forward", N * T, threads,
        q, k, v, lengths, y, logsumexp, T, S, D, E, bool(causal), 1 / math.sqrt(D), shared=threads + E,
    )  # fmt: skip
    return y, logsumexp


def attention_backward(grad_y, q, k, v, y, logsumexp, lengths, causal):
    """∂L/∂V = Pᵀ G,  ∂L/∂scores = P ⊙ (G Vᵀ − rowsum(G ⊙ Y))    [attention]."""
    grad_y, q, k, v, y, logsumexp = whole(grad_y, q, k, v, y, logsumexp)
    (lengths,) = whole(lengths, dtype=np.int32)
    xp = array_module(q)
    (N, T, D), (S, E) = q.shape, v.shape[1:]
    grad_q, grad_k, grad_v = xp.empty_like(q), xp.empty_like(k), xp.empty_like(v)
    delta = xp.empty_like(logsumexp)
    launch("attention", "attention_delta", N * T, 32, grad_y, y, delta, E)
    inputs, sizes = (grad_y, q, k, v, logsumexp, delta, lengths), (T, S, D, E, bool(causal), 1 / math.sqrt(D))
    threads = threads_for(max(S, D))
    launch("attention", "attention_grad_q", N * T, threads, *inputs, grad_q, *sizes, shared=threads + D)
    threads = threads_for(max(T, D, E))
    launch(
        "attention", "attention_grad_kv", N * S, threads,
        *inputs, grad_k, grad_v, *sizes, shared=2 * threads + D + E,
    )  # fmt: skip
    return grad_q, grad_k, grad_v


def attention_packed_forward(qkv, lengths, causal):
    """The same for q, k, v side by side    [attention]: (B, T, 3, H, D) → Y (B, T, H, D), (B, H, T)."""
    B, T, _, H, D = qkv.shape
    y, logsumexp = attention_forward(*_heads(qkv), lengths.repeat(H), causal)
    return whole(y.reshape(B, H, T, D).swapaxes(1, 2))[0], logsumexp.reshape(B, H, T)


def attention_packed_backward(grad_y, qkv, y, logsumexp, lengths, causal):
    """Its derivative, side by side too    [attention]: ∂L/∂qkv (B, T, 3, H, D)."""
    B, T, _, H, D = qkv.shape
    grad_y, y = (x.swapaxes(1, 2).reshape(B * H, T, D) for x in (grad_y, y))
    logsumexp = logsumexp.reshape(B * H, T)
    grads = attention_backward(grad_y, *_heads(qkv), y, logsumexp, lengths.repeat(H), causal)
    grad_qkv = array_module(qkv).empty_like(whole(qkv)[0])
    for i, grad in enumerate(grads):
        grad_qkv[:, :, i] = grad.reshape(B, H, T, D).swapaxes(1, 2)
    return grad_qkv


def _heads(qkv):
    """(B, T, 3, H, D) → q, k, v, each (BH, T, D)."""
    B, T, _, H, D = qkv.shape
    return qkv.transpose(2, 0, 3, 1, 4).reshape(3, B * H, T, D)
