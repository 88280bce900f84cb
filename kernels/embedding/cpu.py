"""Rows of a table, one for each token id [embedding]."""

import numpy as np

from ..cpu.compiling import kernel


@kernel
def _add_rows(grad_y, ids, grad_weight):
    for n in range(ids.size):
        row, g = grad_weight[ids[n]], grad_y[n]
        for d in range(g.size):
            row[d] += g[d]


def embedding_forward(weight, ids):
    """y_n = W_(id n)    [embedding]."""
    return np.take(weight, ids, axis=0)


def embedding_backward(grad_y, ids, vocabulary):
    """∂L/∂W_v = Σ_(n: id n = v) ∂L/∂y_n, added in the order of n    [embedding].

    Bound by memory: the zeros (V, D) weigh more than the N rows added to them.
    """
    grad_weight = np.zeros((vocabulary, grad_y.shape[1]), grad_y.dtype)
    _add_rows(np.ascontiguousarray(grad_y), np.ascontiguousarray(ids, np.int64), grad_weight)
    return grad_weight
