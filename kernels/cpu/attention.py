"""Scaled dot-product attention without the T×S matrix [attention].

A thread takes one sequence (of batch × heads) at a time and of it a block of queries: their scores with the
keys that they see are made, used and forgotten. Under `causal` a block meets only the keys up to its last
query, so that about half of the products are left out. Backward makes the scores anew from Q, K and the saved
ln Σ e^score. Bound: 4·T·S·D operations forward, 10·T·S·D backward for each sequence, half of it if causal.
"""

import math

import numpy as np

from .compiling import exp, kernel
from .softmax import row_max
from .threads import split

BLOCK = 64  # queries at a time: 64 × 1024 scores fit into the cache of a core


@kernel
def _weights(scores, first, last_key, logsumexp):
    """Scores (R, S) of queries first, first+1, … become e^(score − m); query r sees keys < last_key[r]."""
    for r in range(scores.shape[0]):
        row, seen = scores[r], last_key[first + r]
        part = row[:seen]
        m, total = row_max(part), row.dtype.type(0)
        for s in range(part.size):
            part[s] = exp(part[s] - m)
            total += part[s]
        scale = 1 / total
        for s in range(part.size):
            part[s] *= scale
        row[seen:] = 0
        logsumexp[r] = m + np.log(total)


@kernel
def _weights_again(scores, first, last_key, logsumexp):
    """The same weights from the saved ln Σ e^score."""
    for r in range(scores.shape[0]):
        row, seen = scores[r], last_key[first + r]
        part, lse = row[:seen], logsumexp[r]
        for s in range(part.size):
            part[s] = exp(part[s] - lse)
        row[seen:] = 0


@kernel
def _grad_scores(weights, grad_weights, grad_y, y):
    """∂L/∂scores = P ⊙ (∂L/∂P − rowsum(G ⊙ Y)), into grad_weights."""
    for r in range(weights.shape[0]):
        p, g, gy, row = weights[r], grad_weights[r], grad_y[r], y[r]
        dot = gy.dtype.type(0)
        for e in range(gy.size):
            dot += gy[e] * row[e]
        for s in range(p.size):
            g[s] = p[s] * (g[s] - dot)


def _last_keys(T, S, length, causal):
    """For each query, how many keys it sees (T)."""
    last = np.full(T, length, np.int64)
    return np.minimum(last, np.arange(T) + S - T + 1) if causal else last


def _blocks(T):
    return [(a, min(a + BLOCK, T)) for a in range(0, T, BLOCK)]


def attention_forward(q, k, v, lengths, causal):
    """Y = softmax(Q Kᵀ / √D) V over the visible keys    [attention]. Y (N, T, E), ln Σ e^score (N, T)."""
    q, k, v = map(np.ascontiguousarray, (q, k, v))
    N, T, D = q.shape
    S, scale = k.shape[1], q.dtype.type(1 / math.sqrt(D))
    y, logsumexp = np.empty((N, T, v.shape[2]), q.dtype), np.empty((N, T), q.dtype)

    def sequences(first, last):
        for n in range(first, last):
            keys = _last_keys(T, S, lengths[n], causal)
            for a, b in _blocks(T):
                seen = keys[b - 1]
                scores = np.matmul(q[n, a:b] * scale, k[n, :seen].T)  # (R, S)
                _weights(scores, a, keys, logsumexp[n, a:b])
                np.matmul(scores, v[n, :seen], out=y[n, a:b])

    split(N, sequences)
    return y, logsumexp


def attention_backward(grad_y, q, k, v, y, logsumexp, lengths, causal):
    """∂L/∂V = Pᵀ G,  ∂L/∂scores = P ⊙ (G Vᵀ − rowsum(G ⊙ Y))    [attention]."""
    grad_y, q, k, v, y, logsumexp = map(np.ascontiguousarray, (grad_y, q, k, v, y, logsumexp))
    N, T, D = q.shape
    S, scale = k.shape[1], q.dtype.type(1 / math.sqrt(D))
    grad_q, grad_k, grad_v = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)

    def sequences(first, last):
        for n in range(first, last):
            keys = _last_keys(T, S, lengths[n], causal)
            for a, b in _blocks(T):
                seen = keys[b - 1]
                queries = q[n, a:b] * scale
                weights = np.matmul(queries, k[n, :seen].T)  # (R, S)
                _weights_again(weights, a, keys, logsumexp[n, a:b])
                grad_v[n, :seen] += weights.T @ grad_y[n, a:b]
                grad_scores = np.matmul(grad_y[n, a:b], v[n, :seen].T)
                _grad_scores(weights, grad_scores, grad_y[n, a:b], y[n, a:b])
                np.matmul(grad_scores, k[n, :seen], out=grad_q[n, a:b])
                grad_q[n, a:b] *= scale
                grad_k[n, :seen] += grad_scores.T @ queries

    split(N, sequences)
    return grad_q, grad_k, grad_v
