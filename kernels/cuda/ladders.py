"""Earlier versions of kernels, slower, to learn from: `softmax_forward_1`, `_2`, … up to `softmax_forward`.

Each takes and gives what the kernel of the contract without the number does. The head of its .cu says what
each version gains. `scratchlm kernel run softmax_forward_1 --mode check` counts what it reads and writes.
"""

import math

import numpy as np

from .embedding import by_id
from .launching import THREADS, array_module, each, launch, threads_for, whole

TREE = 128  # threads of softmax_forward_2, as in softmax.cu


# ---------------------------------------------------------------- softmax.cu
def softmax_forward_1(x):
    """A thread a row    [softmax]."""
    y = array_module(x).empty(x.shape, x.dtype)
    N, V = x.shape
    threads = threads_for(N)
    launch("softmax", "softmax_forward_1", -(-N // threads), threads, *whole(x), y, N, V)
    return y


def softmax_forward_2(x):
    """A block a row, sums through shared memory    [softmax]."""
    y = array_module(x).empty(x.shape, x.dtype)
    launch("softmax", "softmax_forward_2", len(x), TREE, *whole(x), y, x.shape[1])
    return y


def softmax_forward_3(x):
    """A block a row, sums by shuffles    [softmax]."""
    y = array_module(x).empty(x.shape, x.dtype)
    launch("softmax", "softmax_forward_3", len(x), threads_for(x.shape[1]), *whole(x), y, x.shape[1])
    return y


# ---------------------------------------------------------------- norm.cu
def layer_norm_forward_1(x, weight, bias, eps):
    """A thread a row    [layer_norm]."""
    return _layer_norm_forward(1, x, weight, bias, eps)


def layer_norm_forward_2(x, weight, bias, eps):
    """A block a row, number by number    [layer_norm]."""
    return _layer_norm_forward(2, x, weight, bias, eps)


def _layer_norm_forward(version, x, weight, bias, eps):
    x, weight, bias = whole(x, weight, bias)
    xp = array_module(x)
    N, D = x.shape
    y, mean, scale = xp.empty_like(x), xp.empty(N, x.dtype), xp.empty(N, x.dtype)
    threads = threads_for(N if version == 1 else D)
    blocks, sizes = (-(-N // threads), (N, D)) if version == 1 else (N, (D,))
    kernel = f"layer_norm_forward_{version}"
    launch("norm", kernel, blocks, threads, x, weight, bias, y, mean, scale, float(eps), *sizes)
    return y, mean, scale


def layer_norm_backward_1(grad_y, x, weight, mean, scale):
    """A thread a row, then a thread a column    [layer_norm]."""
    grad_y, x, weight, mean, scale = whole(grad_y, x, weight, mean, scale)
    xp = array_module(x)
    N, D = x.shape
    grad_x, grad_weight, grad_bias = xp.empty_like(x), xp.empty(D, x.dtype), xp.empty(D, x.dtype)
    rows, columns = threads_for(N), threads_for(D)
    inputs = grad_y, x, weight, mean, scale
    launch("norm", "layer_norm_backward_1", -(-N // rows), rows, *inputs, grad_x, N, D)
    launch(
        "norm", "layer_norm_parameters_1", -(-D // columns), columns,
        grad_y, x, mean, scale, grad_weight, grad_bias, N, D,
    )  # fmt: skip
    return grad_x, grad_weight, grad_bias


# ---------------------------------------------------------------- cross_entropy.cu
def linear_cross_entropy_1(x, weight, bias, targets, grad_losses, ignore_index):
    """All logits at once, then a thread a row    [linear_cross_entropy]."""
    threads = threads_for(len(x))
    blocks, sizes = -(-len(x) // threads), (len(x), len(weight))
    return _linear_cross_entropy(
        1, blocks, threads, sizes, x, weight, bias, targets, grad_losses, ignore_index
    )


def linear_cross_entropy_2(x, weight, bias, targets, grad_losses, ignore_index):
    """All logits at once, then a block a row    [linear_cross_entropy]."""
    blocks, threads, sizes = len(x), threads_for(len(weight)), (len(weight),)
    return _linear_cross_entropy(
        2, blocks, threads, sizes, x, weight, bias, targets, grad_losses, ignore_index
    )


def _linear_cross_entropy(
    version, blocks, threads, sizes, x, weight, bias, targets, grad_losses, ignore_index
):
    xp = array_module(x)
    bias, grad_losses = whole(bias, grad_losses)
    (targets,) = whole(targets, dtype=np.int32)
    logits, losses = xp.matmul(x, weight.T), xp.empty(len(x), x.dtype)
    (logits,) = whole(logits)
    launch(
        "cross_entropy", f"linear_cross_entropy_{version}", blocks, threads,
        logits, bias, targets, grad_losses, losses, *sizes, ignore_index,
    )  # fmt: skip
    return losses, xp.matmul(logits, weight), xp.matmul(logits.T, x), logits.sum(axis=0)


# ---------------------------------------------------------------- attention.cu
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


# ---------------------------------------------------------------- matmul.cu
def matmul_1(a, b):
    """A thread a number of the result    [matmul]."""
    return _matmul(1, a, b, 16, 16)


def matmul_2(a, b):
    """Tiles in shared memory    [matmul]."""
    return _matmul(2, a, b, 16, 16)


def matmul_3(a, b):
    """Tiles in shared memory, 4 × 4 numbers a thread in registers    [matmul]."""
    return _matmul(3, a, b, 64, 64)


def _matmul(version, a, b, rows, columns):
    a, b = whole(a, b)
    (M, K), N = a.shape, b.shape[1]
    y = array_module(a).empty((M, N), a.dtype)
    blocks = -(-M // rows) * -(-N // columns)
    launch("matmul", f"matmul_{version}", blocks, THREADS, a, b, y, M, K, N)
    return y


# ---------------------------------------------------------------- embedding.cu
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


VERSIONS = tuple(name for name in list(globals()) if name[-1].isdigit() and not name.startswith("_"))
