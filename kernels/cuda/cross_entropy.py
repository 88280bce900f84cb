"""Cross-entropy of class indices [cross_entropy], alone and fused with the linear layer before it
[linear_cross_entropy].

The fused one makes the logits for a chunk of rows at a time; a kernel turns them into their gradient.
"""

import numpy as np

from .launching import array_module, launch, threads_for, whole

CHUNK = 1 << 24  # logits held at once: 64 MB in float32, several rows for each multiprocessor


def cross_entropy_forward(logits, targets, ignore_index, smoothing=0.0):
    """ℓ_n = ln Σ_v e^(z_nv) − (1−ε) z_(n, target n) − ε/V Σ_v z_nv    [cross_entropy]."""
    (logits,), (targets,) = whole(logits), whole(targets, dtype=np.int32)
    N, V = logits.shape
    xp = array_module(logits)
    losses, logsumexp = xp.empty(N, logits.dtype), xp.empty(N, logits.dtype)
    launch(
        "cross_entropy", "cross_entropy_forward", N, threads_for(V),
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
        "cross_entropy", "cross_entropy_backward", N, threads_for(V),
        logits, targets, logsumexp, grad_losses, grad_logits, V, ignore_index, float(smoothing),
    )  # fmt: skip
    return grad_logits


def linear_cross_entropy_losses(x, weight, bias, targets, ignore_index):
    """Losses of z = x Wᵀ + b, without gradients    [linear_cross_entropy]."""
    xp = array_module(x)
    parts = [
        cross_entropy_forward(xp.matmul(x[rows], weight.T) + bias, targets[rows], ignore_index)[0]
        for rows in _chunks(len(x), len(weight))
    ]
    return xp.concatenate(parts)


def linear_cross_entropy(x, weight, bias, targets, grad_losses, ignore_index):
    """Losses of z = x Wᵀ + b and gradients of x, W, b, in chunks of rows    [linear_cross_entropy]."""
    xp = array_module(x)
    bias, grad_losses = whole(bias, grad_losses)
    (targets,) = whole(targets, dtype=np.int32)
    N, V = len(x), len(weight)
    losses, grad_x = xp.empty(N, x.dtype), xp.empty(x.shape, x.dtype)
    grad_weight, grad_bias = xp.zeros(weight.shape, x.dtype), xp.zeros(V, x.dtype)
    for rows in _chunks(N, V):
        logits = xp.matmul(x[rows], weight.T)  # (n, V)
        launch(
            "cross_entropy", "linear_losses_and_gradient", len(logits), threads_for(V),
            logits, bias, targets[rows], grad_losses[rows], losses[rows], V, ignore_index,
        )  # fmt: skip
        grad_x[rows] = xp.matmul(logits, weight)
        grad_weight += xp.matmul(logits.T, x[rows])
        grad_bias += logits.sum(axis=0)
    return losses, grad_x, grad_weight, grad_bias


def _chunks(rows, classes):
    """Slices that cover range(rows) in equal parts of at most CHUNK logits."""
    parts = max(1, -(-rows * classes // CHUNK))
    return [slice(rows * k // parts, rows * (k + 1) // parts) for k in range(parts)]
