"""Rows of a table, one for each token id [embedding]: a block for each row."""

import numpy as np

from .launching import array_module, launch, threads_for, whole


def embedding_forward(weight, ids):
    """y_n = W_(id n)    [embedding]."""
    (weight,), (ids,) = whole(weight), whole(ids, dtype=np.int32)
    N, D = len(ids), weight.shape[1]
    y = array_module(weight).empty((N, D), weight.dtype)
    launch("embedding", "embedding_forward", N, threads_for(D), weight, ids, y, D)
    return y


def embedding_backward(grad_y, ids, vocabulary):
    """∂L/∂W_v = Σ_(n: id n = v) ∂L/∂y_n, added in the order of n    [embedding]."""
    xp = array_module(grad_y)
    (grad_y,) = whole(grad_y)
    D = grad_y.shape[1]
    order = xp.argsort(ids, kind="stable")
    starts = xp.searchsorted(ids[order], xp.arange(vocabulary + 1))
    grad_weight = xp.empty((vocabulary, D), grad_y.dtype)
    order, starts = whole(order, starts, dtype=np.int32)
    launch(
        "embedding", "embedding_backward", vocabulary, threads_for(D), grad_y, order, starts, grad_weight, D
    )
    return grad_weight
