"""Scaled dot-product attention without the T×S matrix [attention]: a block for each 32 queries or keys."""

import math

import numpy as np

from ..cuda.launching import THREADS, WARP, array_module, launch, threads_for, whole

SIDE, WIDTH, TEAM = 32, 64, 64  # as in attention.cu


def attention_forward(q, k, v, lengths, causal):
    """Y = softmax(Q Kᵀ / √D) V over the visible keys    [attention]. Y (N, T, E), ln Σ e^score (N, T)."""
    q, k, v = whole(q, k, v)
    (N, T, D), (S, E) = q.shape, v.shape[1:]
    y, logsumexp = _forward((q, k, v), lengths, (N, T, S, D, E), 1, False, causal)
    return y.reshape(N, T, E), logsumexp


def attention_backward(grad_y, q, k, v, y, logsumexp, lengths, causal):
    """∂L/∂V = Pᵀ G,  ∂L/∂scores = P ⊙ (G Vᵀ − rowsum(G ⊙ Y))    [attention]."""
    grad_y, q, k, v, y, logsumexp = whole(grad_y, q, k, v, y, logsumexp)
    xp = array_module(q)
    (N, T, D), (S, E) = q.shape, v.shape[1:]
    grads = xp.empty_like(q), xp.empty_like(k), xp.empty_like(v)
    _backward(grad_y, (q, k, v), y, logsumexp, lengths, grads, (N, T, S, D, E), 1, False, causal)
    return grads


def attention_packed_forward(qkv, lengths, causal):
    """The same for q, k, v side by side    [attention]: (B, T, 3, H, D) → Y (B, T, H, D), (B, H, T)."""
    (qkv,) = whole(qkv)
    B, T, _, H, D = qkv.shape
    y, logsumexp = _forward((qkv,) * 3, lengths, (B * H, T, T, D, D), H, True, causal)
    return y.reshape(B, T, H, D), logsumexp.reshape(B, H, T)


def attention_packed_backward(grad_y, qkv, y, logsumexp, lengths, causal):
    """Its derivative, side by side too    [attention]: ∂L/∂qkv (B, T, 3, H, D)."""
    grad_y, qkv, y, logsumexp = whole(grad_y, qkv, y, logsumexp)
    B, T, _, H, D = qkv.shape
    grad_qkv = array_module(qkv).empty_like(qkv)
    sizes = B * H, T, T, D, D
    _backward(grad_y, (qkv,) * 3, y, logsumexp, lengths, (grad_qkv,) * 3, sizes, H, True, causal)
    return grad_qkv


# N sequences, of which H lie side by side in memory; `packed`: q, k and v do, too, and are one array.
def _forward(qkv, lengths, sizes, H, packed, causal):
    (lengths,) = whole(lengths, dtype=np.int32)
    N, T, S, D, E = sizes
    xp, dtype = array_module(qkv[0]), qkv[0].dtype
    y, logsumexp = xp.empty(N * T * E, dtype), xp.empty((N, T), dtype)
    launch(
        "attention", "attention_forward", N * _parts(T, SIDE) * _parts(E, WIDTH), TEAM,
        *qkv, lengths, y, logsumexp, T, S, D, E, H, packed, bool(causal), 1 / math.sqrt(D),
    )  # fmt: skip
    return y, logsumexp


def _backward(grad_y, qkv, y, logsumexp, lengths, grads, sizes, H, packed, causal):
    (lengths,) = whole(lengths, dtype=np.int32)
    N, T, S, D, E = sizes
    delta = array_module(y).empty_like(logsumexp)
    queries = THREADS // WARP  # of a block: a warp each
    launch("attention", "attention_delta", _parts(N * T, queries), THREADS, grad_y, y, delta, T, E, H, N * T)
    inputs = grad_y, *qkv, logsumexp, delta, lengths
    numbers = T, S, D, E, H, packed, bool(causal), 1 / math.sqrt(D)
    blocks = N * _parts(T, SIDE) * _parts(D, WIDTH)
    launch("attention", "attention_grad_q", blocks, TEAM, *inputs, grads[0], *numbers)
    blocks = N * _parts(S, SIDE) * _parts(max(D, E), WIDTH)
    launch("attention", "attention_grad_kv", blocks, TEAM, *inputs, grads[1], grads[2], *numbers)


def _parts(length, size):
    return -(-length // size)


# ---------------------------------------------------------------- earlier versions, slower, to learn from
def attention_forward_1(q, k, v, lengths, causal):
    """A thread a query    [attention]."""
    return _attention_forward(1, q, k, v, lengths, causal)


def attention_forward_2(q, k, v, lengths, causal):
    """A block a query    [attention]."""
    return _attention_forward(2, q, k, v, lengths, causal)


def _attention_forward(version, q, k, v, lengths, causal):
    q, k, v = whole(q, k, v)
    (lengths,) = whole(lengths, dtype=np.int32)
    xp = array_module(q)
    (N, T, D), (S, E) = q.shape, v.shape[1:]
    y, logsumexp = xp.empty((N, T, E), q.dtype), xp.empty((N, T), q.dtype)
    threads = threads_for(N * T if version == 1 else max(S, E))
    blocks, sizes = (-(-N * T // threads), (N,)) if version == 1 else (N * T, ())
    launch(
        "attention", f"attention_forward_{version}", blocks, threads,
        q, k, v, lengths, y, logsumexp, *sizes, T, S, D, E, bool(causal), 1 / math.sqrt(D),
        shared=0 if version == 1 else threads + E,
    )  # fmt: skip
    return y, logsumexp
