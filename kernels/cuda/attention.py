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
