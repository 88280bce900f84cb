"""Cross-entropy of class indices [cross_entropy], alone and fused with the linear layer before it
[linear_cross_entropy].

Bound of the fused one, N rows, D features, V classes: three products, 6·N·D·V operations. The logits are
made for a chunk of rows at a time, turned into their own gradient in place, and used up.
"""

import numpy as np

from ..cpu.elementary import exp
from ..cpu.loops import parallel
from ..matmul.cpu import add_matmul, linear_forward, matmul
from ..softmax.cpu import loss_of, row_max

AT_LEAST = 1 << 13  # elements a thread: two passes of exp take about 10 µs
CHUNK = 1 << 21  # logits held at once, 8 MB in float32; half of it costs W1 8 % more time


@parallel
def _forward(first, last, logits, targets, ignore_index, smoothing, losses, logsumexp):
    for n in range(first, last):
        row = logits[n]
        m, total = row_max(row), row.dtype.type(0)
        for v in range(row.size):
            total += exp(row[v] - m)
        logsumexp[n] = m + np.log(total)
        if targets[n] == ignore_index:
            losses[n] = 0
            continue
        wanted = row[targets[n]]
        if smoothing > 0:
            sum_z = row.dtype.type(0)
            for v in range(row.size):
                sum_z += row[v]
            wanted = (1 - smoothing) * wanted + smoothing * sum_z / row.size
        losses[n] = loss_of(m, np.log(total), wanted)


@parallel
def _backward(first, last, logits, targets, logsumexp, grad_losses, ignore_index, smoothing, grad_logits):
    evenly = smoothing / logits.shape[1]
    for n in range(first, last):
        row, out, lse, g = logits[n], grad_logits[n], logsumexp[n], grad_losses[n]
        if targets[n] == ignore_index:
            out[:] = 0
            continue
        for v in range(row.size):
            out[v] = g * (exp(row[v] - lse) - evenly)
        out[targets[n]] -= g * (1 - smoothing)


@parallel
def _losses_and_gradient(first, last, logits, bias, targets, grad_losses, ignore_index, losses):
    """Losses of `logits + bias`. The gradient replaces the logits; a row stays in cache for all passes."""
    for n in range(first, last):
        row, g = logits[n], grad_losses[n]
        if targets[n] == ignore_index:
            losses[n] = 0
            for v in range(row.size):
                row[v] = 0
            continue
        for v in range(row.size):
            row[v] += bias[v]
        m, total, z = row_max(row), row.dtype.type(0), row[targets[n]]
        for v in range(row.size):
            row[v] = exp(row[v] - m)
            total += row[v]
        losses[n] = loss_of(m, np.log(total), z)
        scale = g / total
        for v in range(row.size):
            row[v] *= scale
        row[targets[n]] -= g


def cross_entropy_forward(logits, targets, ignore_index, smoothing=0.0):
    """ℓ_n = ln Σ_v e^(z_nv) − (1−ε) z_(n, target n) − ε/V Σ_v z_nv    [cross_entropy]."""
    smoothing = logits.dtype.type(smoothing)
    logits, targets = np.ascontiguousarray(logits), np.ascontiguousarray(targets, np.int64)
    N, V = logits.shape
    losses, lse = np.empty(N, logits.dtype), np.empty(N, logits.dtype)
    _forward(N, AT_LEAST // V, logits, targets, ignore_index, smoothing, losses, lse)
    return losses, lse


def cross_entropy_backward(logits, targets, logsumexp, grad_losses, ignore_index, smoothing=0.0):
    """∂L/∂z_nv = (softmax(z_n)_v − (1−ε) [v = target n] − ε/V) ∂L/∂ℓ_n    [cross_entropy]."""
    smoothing = logits.dtype.type(smoothing)
    logits, targets = np.ascontiguousarray(logits), np.ascontiguousarray(targets, np.int64)
    lse, g = np.ascontiguousarray(logsumexp), np.ascontiguousarray(grad_losses)
    grad = np.empty_like(logits)
    N, V = logits.shape
    _backward(N, AT_LEAST // V, logits, targets, lse, g, ignore_index, smoothing, grad)
    return grad


def linear_cross_entropy_losses(x, weight, bias, targets, ignore_index):
    """Losses of z = x Wᵀ + b, without gradients    [linear_cross_entropy]."""
    losses = np.empty(len(x), x.dtype)
    for rows in _chunks(len(x), len(weight)):
        logits = linear_forward(x[rows], weight, bias)
        losses[rows] = cross_entropy_forward(logits, targets[rows], ignore_index)[0]
    return losses


def linear_cross_entropy(x, weight, bias, targets, grad_losses, ignore_index):
    """Losses of z = x Wᵀ + b and gradients of x, W, b, in chunks of rows    [linear_cross_entropy]."""
    bias, g = np.ascontiguousarray(bias), np.ascontiguousarray(grad_losses)
    targets = np.ascontiguousarray(targets, np.int64)
    losses, grad_x = np.empty(len(x), x.dtype), np.empty(x.shape, x.dtype)
    grad_weight, grad_bias = np.empty(weight.shape, x.dtype), np.zeros(len(weight), x.dtype)
    for number, rows in enumerate(_chunks(len(x), len(weight))):
        logits = matmul(x[rows], weight.T)  # (n, V); adding the bias below costs nothing, here 4 of 26 ms
        n, V = logits.shape
        _losses_and_gradient(
            n, AT_LEAST // V, logits, bias, targets[rows], g[rows], ignore_index, losses[rows]
        )
        add_matmul(logits, weight, grad_x[rows], 0)
        add_matmul(logits.T, x[rows], grad_weight, beta=number > 0, sums=grad_bias)
    return losses, grad_x, grad_weight, grad_bias


def _chunks(rows, classes):
    """Slices that cover range(rows) in equal parts of at most CHUNK logits."""
    count = max(1, -(-rows * classes // CHUNK))
    return [slice(rows * k // count, rows * (k + 1) // count) for k in range(count)]
