"""One optimizer step over all parameters [sgd, adam], and the length of the gradient [gradient_norm].

Bound by memory: Adam reads four numbers and writes three for each parameter, 28 bytes in float32.
"""

import math

import numpy as np

from .compiling import kernel
from .threads import split, split_elements

AT_LEAST = 1 << 16  # elements a thread: Adam over them takes about 60 µs
BLOCK = 1 << 15  # elements summed at once: the result must not depend on the number of threads


@kernel
def _sum_of_squares(g, sums):
    for k in range(sums.size):
        part = g[k * BLOCK : (k + 1) * BLOCK]
        total = 0.0
        for i in range(part.size):
            total += np.float64(part[i]) * np.float64(part[i])
        sums[k] = total


@kernel
def _sgd(theta, g, v, lr, momentum, weight_decay):
    for i in range(theta.size):
        v[i] = momentum * v[i] + (g[i] + weight_decay * theta[i])
        theta[i] -= lr * v[i]


@kernel
def _adam(theta, g, m, s, lr, beta1, beta2, one_minus1, one_minus2, eps, l2, shrink, correction2):
    for i in range(theta.size):
        gradient = g[i] + l2 * theta[i]
        m[i] = beta1 * m[i] + one_minus1 * gradient
        s[i] = beta2 * s[i] + one_minus2 * gradient * gradient
        theta[i] = theta[i] * shrink - lr * m[i] / (np.sqrt(s[i] * correction2) + eps)


def gradient_norm(gradients):
    """‖g‖ = √ Σ g², over all parameters together, summed in float64    [gradient_norm]."""
    total = 0.0
    for g in gradients:
        flat = np.ascontiguousarray(g).reshape(-1)
        sums = np.empty(-(-flat.size // BLOCK))
        split(len(sums), _blocks(flat, sums), at_least=8)
        total += math.fsum(sums)
    return math.sqrt(total)


def _blocks(flat, sums):
    return lambda a, b: _sum_of_squares(flat[a * BLOCK : b * BLOCK], sums[a:b])


def _in_place(update, changed, gradients):
    """Run `update(*changed, gradient)` on flat views of each parameter, in parts side by side."""
    for *arrays, g in zip(*changed, gradients, strict=True):
        work = [np.ascontiguousarray(a) for a in arrays]
        flat = [a.reshape(-1) for a in (*work, np.ascontiguousarray(g))]
        split_elements(g.size, _part(update, flat), AT_LEAST)
        for array, copy in zip(arrays, work, strict=True):
            if copy is not array:  # a non-contiguous parameter was worked on in a copy
                array[...] = copy


def _part(update, flat):
    return lambda a, b: update(*(x[a:b] for x in flat))


def sgd_step(parameters, gradients, velocities, lr, momentum, weight_decay):
    """v ← μ v + (g + λ θ),  θ ← θ − α v    [sgd]. All in place."""

    def update(theta, v, g):
        number = theta.dtype.type
        _sgd(theta, g, v, number(lr), number(momentum), number(weight_decay))

    _in_place(update, (parameters, velocities), gradients)


def adam_step(parameters, gradients, means, squares, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """m ← β₁ m + (1−β₁) g,  s ← β₂ s + (1−β₂) g²,  θ ← θ − α m̂ / (√ŝ + ε)    [adam]. All in place."""
    constants = (
        lr / (1 - beta1**step),
        beta1,
        beta2,
        1 - beta1,
        1 - beta2,
        eps,
        0.0 if decoupled else weight_decay,
        1 - lr * weight_decay if decoupled else 1.0,
        1 / (1 - beta2**step),
    )

    def update(theta, m, s, g):
        _adam(theta, g, m, s, *(theta.dtype.type(c) for c in constants))

    _in_place(update, (parameters, means, squares), gradients)
