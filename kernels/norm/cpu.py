"""Layer normalisation over the rows of a matrix [layer_norm]; bound by memory: x is read once, y written."""

import numpy as np

from ..cpu.loops import parallel

AT_LEAST = 1 << 13  # elements a thread: about 5 µs of work
ROWS = 64  # rows summed at once into the parameters' gradients, whatever the number of threads


@parallel
def _forward(first, last, x, weight, bias, eps, y, mean, scale):
    D = x.shape[1]
    one, count = (
        weight.dtype.type(1),
        weight.dtype.type(D),
    )  # an integer would make float64 of what it divides
    for n in range(first, last):
        row, out = x[n], y[n]
        total = row.dtype.type(0)
        for d in range(D):
            total += row[d]
        mu = total / count
        square = row.dtype.type(0)
        for d in range(D):
            square += (row[d] - mu) * (row[d] - mu)
        s = one / np.sqrt(square / count + eps)
        for d in range(D):
            out[d] = (row[d] - mu) * s * weight[d] + bias[d]
        mean[n] = mu
        scale[n] = s


@parallel
def _backward(first, last, rows, grad_y, x, weight, mean, scale, grad_x, grads_weight, grads_bias):
    """Parameters' gradients are added up over a block of rows into one row each."""
    (N, D), zero = x.shape, weight.dtype.type(0)
    for block in range(first, last):
        grad_weight, grad_bias = grads_weight[block], grads_bias[block]
        for n in range(rows * block, min(rows * (block + 1), N)):
            row, gy, out, mu, s = x[n], grad_y[n], grad_x[n], mean[n], scale[n]
            sum_g, sum_gx = zero, zero
            for d in range(D):
                normed, g = (row[d] - mu) * s, gy[d] * weight[d]
                sum_g += g
                sum_gx += g * normed
                grad_weight[d] += gy[d] * normed
                grad_bias[d] += gy[d]
            mean_g, mean_gx = sum_g / weight.dtype.type(D), sum_gx / weight.dtype.type(D)
            for d in range(D):
                out[d] = (gy[d] * weight[d] - mean_g - (row[d] - mu) * s * mean_gx) * s


def layer_norm_forward(x, weight, bias, eps):
    """y = γ ⊙ (x − μ) / √(σ² + ε) + β    [layer_norm]. Returns y (N, D), μ (N), 1/√(σ² + ε) (N)."""
    x, weight, bias = map(np.ascontiguousarray, (x, weight, bias))
    N, D = x.shape
    y, mean, scale = np.empty_like(x), np.empty(N, x.dtype), np.empty(N, x.dtype)
    _forward(N, AT_LEAST // D, x, weight, bias, x.dtype.type(eps), y, mean, scale)
    return y, mean, scale


def layer_norm_backward(grad_y, x, weight, mean, scale):
    """∂L/∂x = scale·(G − mean(G) − x̂ ⊙ mean(G ⊙ x̂)); ∂L/∂γ, ∂L/∂β are sums over rows    [layer_norm]."""
    grad_y, x, weight, mean, scale = map(np.ascontiguousarray, (grad_y, x, weight, mean, scale))
    N, D = x.shape
    grad_x, blocks = np.empty_like(x), -(-N // ROWS)
    sums, at_least = np.zeros((2, blocks, D), x.dtype), -(-AT_LEAST // (ROWS * D))
    _backward(blocks, at_least, ROWS, grad_y, x, weight, mean, scale, grad_x, sums[0], sums[1])
    return grad_x, sums[0].sum(axis=0), sums[1].sum(axis=0)
