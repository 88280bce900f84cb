"""Rows of a table, one for each token id [embedding]; the gradient over the sorted ids, in two stages."""

import numpy as np

from ..cuda.launching import array_module, each, launch, threads_for, whole

PIECE = 32  # tokens that one block adds up


def embedding_forward(weight, ids):
    """y_n = W_(id n)    [embedding]."""
    (weight,), (ids,) = whole(weight), whole(ids, dtype=np.int32)
    N, D = len(ids), weight.shape[1]
    y = array_module(weight).empty((N, D), weight.dtype)
    launch("embedding", "embedding_forward", N, threads_for(-(-D // 4)), weight, ids, y, D)
    return y


def embedding_backward(grad_y, ids, vocabulary):
    """∂L/∂W_v = Σ_(n: id n = v) ∂L/∂y_n, added in the order of n    [embedding]."""
    xp = array_module(grad_y)
    (grad_y,), (ids,) = whole(grad_y), whole(ids, dtype=np.int32)
    order, starts = by_id(ids, vocabulary)
    (N, D), pieces = grad_y.shape, -(-len(ids) // PIECE)
    grad_weight, parts = xp.empty((vocabulary, D), grad_y.dtype), xp.empty((pieces, 2, D), grad_y.dtype)
    threads = threads_for(-(-D // 4))
    launch(
        "embedding", "embedding_backward", pieces, threads,
        grad_y, ids, order, starts, grad_weight, parts, N, D, PIECE,
    )  # fmt: skip
    launch("embedding", "embedding_backward_join", vocabulary, threads, starts, parts, grad_weight, D, PIECE)
    return grad_weight


def by_id(ids, vocabulary):
    """The tokens sorted by id, those of one id in their order (N), and where each id begins (V + 1)."""
    xp = array_module(ids)
    order = xp.argsort(ids, kind="stable")
    starts = xp.searchsorted(ids[order], xp.arange(vocabulary + 1))
    return whole(order, starts, dtype=np.int32)


# ---------------------------------------------------------------- earlier versions, slower, to learn from
def embedding_backward_1(grad_y, ids, vocabulary):
    """A thread a number, atomically: other bits in another order    [embedding]."""
    (grad_y,), (ids,) = whole(grad_y), whole(ids, dtype=np.int32)
    D = grad_y.shape[1]
    grad_weight = array_module(grad_y).zeros((vocabulary, D), grad_y.dtype)
    each("embedding", "embedding_backward_1", grad_y.size, grad_y, ids, grad_weight, D)
    return grad_weight


def embedding_backward_2(grad_y, ids, vocabulary):
    """A block an id, looking through all tokens    [embedding]."""
    (grad_y,), (ids,) = whole(grad_y), whole(ids, dtype=np.int32)
    N, D = grad_y.shape
    grad_weight = array_module(grad_y).empty((vocabulary, D), grad_y.dtype)
    launch("embedding", "embedding_backward_2", vocabulary, threads_for(D), grad_y, ids, grad_weight, N, D)
    return grad_weight


def embedding_backward_3(grad_y, ids, vocabulary):
    """A block an id, the tokens sorted    [embedding]."""
    (grad_y,), (ids,) = whole(grad_y), whole(ids, dtype=np.int32)
    D = grad_y.shape[1]
    grad_weight = array_module(grad_y).empty((vocabulary, D), grad_y.dtype)
    tokens = by_id(ids, vocabulary)
    launch("embedding", "embedding_backward_3", vocabulary, threads_for(D), grad_y, *tokens, grad_weight, D)
    return grad_weight
