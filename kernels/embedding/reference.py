"""Rows of a table, one for each token id [embedding]."""

import numpy as np

from ..grammar import kernel


@kernel("embedding", "weight (V, D), ids:int (N)", "y (N, D)")
def embedding_forward(weight, ids):
    """y_n = W_(id n)    [embedding]."""
    return weight[ids]


@kernel("embedding", "grad_y (N, D), ids:int (N), vocabulary:number", "grad_weight (V, D)")
def embedding_backward(grad_y, ids, vocabulary):
    """∂L/∂W_v = Σ_(n: id n = v) ∂L/∂y_n    [embedding].

    A token that occurs twice gets both gradients added, in the order of n (the same bits every time);
    `grad_weight[ids] += grad_y` would keep only the last.
    """
    grad_weight = np.zeros((vocabulary, grad_y.shape[1]), grad_y.dtype)
    np.add.at(grad_weight, ids, grad_y)
    return grad_weight
