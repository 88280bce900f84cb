"""Cross-entropy of class indices [cross_entropy], alone and fused with the linear layer before it
[linear_cross_entropy].

The fused one makes the logits for a chunk of rows at a time; a kernel turns them into their gradient.
"""

import numpy as np

from ..cuda.launching import array_module, launch, threads_for, whole

CHUNK = 1 << 24  # logits held at once: 64 MB in float32, several rows for each multiprocessor


def cross_entropy_forward(logits, targets, ignore_index, smoothing=0.0):
    """ℓ_n = ln Σ_v e^(z_nv) − (1−ε) z_(n, target n) − ε/V Σ_v z_nv    [cross_entropy]."""
    (logits,), (targets,) = whole(logits), whole(targets, dtype=np.int32)
    N, V = logits.shape
    xp = array_module(logits)
    losses, logsumexp = xp.empty(N, logits.dtype), xp.empty(N, logits.dtype)
    launch(
        "cross_entropy", "cross_entropy_forward", N, threads_for(-(-V // 4)),
        logits, targets, losses, logsumexp, V, ignore_index, float(smoothing),
    )  # fmt: skip
    return losses, logsumexp


def cross_entropy_backward(logits, targets, logsumexp, grad_losses, ignore_index, smoothing=0.0):
    """∂L/∂z_nv = (softmax(z_n)_v − (1−ε) [v = target n] − ε/V) ∂L/∂ℓ_n    [cross_entropy]."""
    logits, logsumexp, grad_losses = whole(logits, logsumexp, grad_losses)
    (targets,) = whole(targets, dtype=np.int32)
    grad_logits = array_module(logits).empty_like(logits)
    N, V = logits.shape
    launch(
        "cross_entropy", "cross_entropy_backward", N, threads_for(-(-V // 4)),
        logits, targets, logsumexp, grad_losses, grad_logits, V, ignore_index, float(smoothing),
    )  # fmt: skip
    return grad_logits


def linear_cross_entropy_losses(x, weight, bias, targets, ignore_index):
    """Losses of z = x Wᵀ + b, without gradients    [linear_cross_entropy]."""
    losses = array_module(x).empty(len(x), x.dtype)
    for rows, logits in _logits(x, weight):
        logits += bias
        losses[rows] = cross_entropy_forward(logits, targets[rows], ignore_index)[0]
    return losses


def linear_cross_entropy(x, weight, bias, targets, grad_losses, ignore_index):
    """Losses of z = x Wᵀ + b and gradients of x, W, b, in chunks of rows    [linear_cross_entropy]."""
    xp = array_module(x)
    bias, grad_losses = whole(bias, grad_losses)
    (targets,) = whole(targets, dtype=np.int32)
    N, V = len(x), len(weight)
    losses, grad_x = xp.empty(N, x.dtype), xp.empty(x.shape, x.dtype)
    grad_weight, grad_bias = xp.zeros(weight.shape, x.dtype), xp.zeros(V, x.dtype)
    for rows, logits in _logits(x, weight):
        launch(
            "cross_entropy", "linear_cross_entropy", len(logits), threads_for(-(-V // 4)),
            logits, bias, targets[rows], grad_losses[rows], losses[rows], V, ignore_index,
        )  # fmt: skip
        grad_x[rows] = xp.matmul(logits, weight)
        grad_weight += xp.matmul(logits.T, x[rows])
        grad_bias += logits.sum(axis=0)
    return losses, grad_x, grad_weight, grad_bias


def _logits(x, weight):
    """x Wᵀ in equal parts of at most CHUNK numbers, each in the memory of the one before: (rows, logits)."""
    xp, N, V = array_module(x), len(x), len(weight)
    parts = max(1, -(-N * V // CHUNK))
    memory = xp.empty((-(-N // parts), V), x.dtype)
    for k in range(parts):
        rows = slice(N * k // parts, N * (k + 1) // parts)
        logits = memory[: rows.stop - rows.start]
        yield rows, xp.matmul(x[rows], weight.T, out=logits)


# ---------------------------------------------------------------- earlier versions, slower, to learn from
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
