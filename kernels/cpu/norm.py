"""Layer normalisation over the rows of a matrix [layer_norm]; bound by memory: x is read once, y written."""

import numpy as np

from .compiling import kernel
from .threads import split

AT_LEAST = 1 << 16  # elements a thread: about 50 µs of work
ROWS = 64  # rows summed at once into the parameters' gradients, whatever the number of threads


@kernel
def _forward(x, weight, bias, eps, y, mean, scale):
    D = x.shape[1]
    for n in range(x.shape[0]):
        row, out = x[n], y[n]
        total = row.dtype.type(0)
        for d in range(D):
            total += row[d]
        mu = total / D
        square = row.dtype.type(0)
        for d in range(D):
            square += (row[d] - mu) * (row[d] - mu)
        s = 1 / np.sqrt(square / D + eps)
        for d in range(D):
            out[d] = (row[d] - mu) * s * weight[d] + bias[d]
        mean[n] = mu
        scale[n] = s


@kernel
def _backward(grad_y, x, weight, mean, scale, grad_x, grad_weight, grad_bias):
    """Parameters' gradients are added up over these rows into one row each."""
    D = x.shape[1]
    for n in range(x.shape[0]):
        row, gy, out, mu, s = x[n], grad_y[n], grad_x[n], mean[n], scale[n]
        sum_g, sum_gx = row.dtype.type(0), row.dtype.type(0)
        for d in range(D):
            normed, g = (row[d] - mu) * s, gy[d] * weight[d]
            sum_g += g
            sum_gx += g * normed
            grad_weight[d] += gy[d] * normed
            grad_bias[d] += gy[d]
        mean_g, mean_gx = sum_g / D, sum_gx / D
        for d in range(D):
            out[d] = (gy[d] * weight[d] - mean_g - (row[d] - mu) * s * mean_gx) * s


def layer_norm_forward(x, weight, bias, eps):
    """y = γ ⊙ (x − μ) / √(σ² + ε) + β    [layer_norm]. Returns y (N, D), μ (N), 1/√(σ² + ε) (N)."""
    x, weight, bias = map(np.ascontiguousarray, (x, weight, bias))
    N, D = x.shape
    y, mean, scale = np.empty_like(x), np.empty(N, x.dtype), np.empty(N, x.dtype)
    eps = x.dtype.type(eps)
    split(
        N,
        lambda a, b: _forward(x[a:b], weight, bias, eps, y[a:b], mean[a:b], scale[a:b]),
        AT_LEAST // D,
    )
    return y, mean, scale


def layer_norm_backward(grad_y, x, weight, mean, scale):
    """∂L/∂x = scale·(G − mean(G) − x̂ ⊙ mean(G ⊙ x̂)); ∂L/∂γ, ∂L/∂β are sums over rows    [layer_norm]."""
    grad_y, x, weight, mean, scale = map(np.ascontiguousarray, (grad_y, x, weight, mean, scale))
    N, D = x.shape
    grad_x, blocks = np.empty_like(x), -(-N // ROWS)
    parts = np.zeros((2, blocks, D), x.dtype)

    def run(first, last):
        for k in range(first, last):
            r = slice(k * ROWS, (k + 1) * ROWS)
            _backward(grad_y[r], x[r], weight, mean[r], scale[r], grad_x[r], parts[0, k], parts[1, k])

    split(blocks, run, -(-AT_LEAST // (ROWS * D)))
    return grad_x, parts[0].sum(axis=0), parts[1].sum(axis=0)
