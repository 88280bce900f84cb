"""Additive attention without the (T, S, A) tanhs in memory [additive_attention].

A thread takes one sequence after the other. Bound: N·T·S·A tanhs in each direction, because backward makes
them again.
"""

import numpy as np

from .compiling import exp, kernel, tanh
from .softmax import row_max
from .threads import split

AT_LEAST = 1 << 16  # tanhs a thread: about 50 µs of work


@kernel
def _weights(query, keys, weight, p):
    """P (N, T, S) of these sequences: the scores, then their softmax, row by row."""
    for n in range(p.shape[0]):
        for t in range(p.shape[1]):
            q, row = query[n, t], p[n, t]
            for s in range(row.size):
                k, score = keys[n, s], row.dtype.type(0)
                for a in range(q.size):
                    score += weight[a] * tanh(q[a] + k[a])
                row[s] = score
            m, total = row_max(row), row.dtype.type(0)
            for s in range(row.size):
                row[s] = exp(row[s] - m)
                total += row[s]
            scale = 1 / total
            for s in range(row.size):
                row[s] *= scale


@kernel
def _grad_sums(p, grad_p, grad_y, query, keys, weight, grad_query, grad_keys, grad_values, grad_weight):
    """Add up gradients, which begin as zeros; ∂L/∂w (N, A) one row a sequence.

    Pᵀ G is made here, too: with one query a sequence, as in a decoder that asks at every step, a product of
    NumPy took 1.5 ms for 128 sequences of 29 keys and 256 features, and this loop 0.2 ms.
    """
    for n in range(p.shape[0]):
        per_unit = grad_weight[n]
        for t in range(p.shape[1]):
            row, g, gy, q, grad_q = p[n, t], grad_p[n, t], grad_y[n, t], query[n, t], grad_query[n, t]
            dot = row.dtype.type(0)
            for s in range(row.size):
                dot += row[s] * g[s]
            for s in range(row.size):
                grad_score, k, grad_k = row[s] * (g[s] - dot), keys[n, s], grad_keys[n, s]
                for a in range(q.size):
                    hidden = tanh(q[a] + k[a])
                    slope = grad_score * weight[a] * (1 - hidden * hidden)
                    grad_q[a] += slope
                    grad_k[a] += slope
                    per_unit[a] += grad_score * hidden
                grad_v = grad_values[n, s]
                for e in range(gy.size):
                    grad_v[e] += row[s] * gy[e]


def _at_least(query, keys):
    T, A = query.shape[1:]
    return AT_LEAST // max(T * keys.shape[1] * A, 1)


def additive_attention_forward(query, keys, values, weight):
    """Y = P V, P = softmax_s(Σ_a w_a tanh(q_ta + k_sa))    [additive_attention]. Y (N, T, E), P (N, T, S)."""
    query, keys, values, weight = map(np.ascontiguousarray, (query, keys, values, weight))
    N, T, _ = query.shape
    y, p = np.empty((N, T, values.shape[2]), query.dtype), np.empty((N, T, keys.shape[1]), query.dtype)

    def sequences(a, b):
        _weights(query[a:b], keys[a:b], weight, p[a:b])
        np.matmul(p[a:b], values[a:b], out=y[a:b])

    split(N, sequences, _at_least(query, keys))
    return y, p


def additive_attention_backward(grad_y, query, keys, values, weight, p):
    """∂L/∂V = Pᵀ G,  ∂L/∂scores = P ⊙ (G Vᵀ − rowsum(G ⊙ Y)), and through tanh    [additive_attention]."""
    arrays = grad_y, query, keys, values, weight, p
    grad_y, query, keys, values, weight, p = map(np.ascontiguousarray, arrays)
    N, A = len(query), len(weight)
    grad_query, grad_keys, grad_values = np.zeros_like(query), np.zeros_like(keys), np.zeros_like(values)
    grad_weight = np.zeros((N, A), weight.dtype)  # a row each, so that their sum knows no threads

    def sequences(a, b):
        grad_p = np.matmul(grad_y[a:b], values[a:b].swapaxes(1, 2))  # (N, T, S)
        inputs = p[a:b], grad_p, grad_y[a:b], query[a:b], keys[a:b], weight
        _grad_sums(*inputs, grad_query[a:b], grad_keys[a:b], grad_values[a:b], grad_weight[a:b])

    split(N, sequences, _at_least(query, keys))
    return grad_query, grad_keys, grad_values, grad_weight.sum(axis=0)
