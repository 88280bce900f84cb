"""One optimizer step over all parameters [sgd, adam], and the length of the gradient [gradient_norm].

Bound by memory: Adam reads four numbers and writes three for each parameter, 28 bytes in float32.
"""

import math

import numpy as np

from ..cpu.compiling import inner
from ..cpu.loops import STRIDE, parallel

AT_LEAST = 1 << 13  # elements a thread: Adam over them takes about 8 µs
BLOCK = 1 << 15  # elements summed at once: the result must not depend on the number of threads


@parallel
def _sum_of_squares(first, last, g, sums):
    for k in range(first, last):
        part, total = g[k * BLOCK : (k + 1) * BLOCK], 0.0
        for i in range(part.size):
            total += np.float64(part[i]) * np.float64(part[i])
        sums[k] = total


@inner
def _piece(first, last, x):
    """Work is cut at multiples of 64 elements, as in cpu/loops.py, and for the same reason."""
    return x[STRIDE * first : STRIDE * last]


@parallel
def _sgd(first, last, theta, v, g, constants):
    theta, v, g = _piece(first, last, theta), _piece(first, last, v), _piece(first, last, g)
    lr, momentum, weight_decay = constants[0], constants[1], constants[2]
    for i in range(theta.size):
        v[i] = momentum * v[i] + (g[i] + weight_decay * theta[i])
        theta[i] -= lr * v[i]


@parallel
def _adam(first, last, theta, m, s, g, constants):
    theta, m, s, g = (
        _piece(first, last, theta), _piece(first, last, m), _piece(first, last, s), _piece(first, last, g)
    )  # fmt: skip
    lr, beta1, beta2 = constants[0], constants[1], constants[2]
    one_minus1, one_minus2 = constants[3], constants[4]
    eps, l2, shrink, correction2 = constants[5], constants[6], constants[7], constants[8]
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
        _sum_of_squares(len(sums), 1, flat, sums)
        total += math.fsum(sums)
    return math.sqrt(total)


def _in_place(update, changed, gradients, constants):
    """Run `update` on flat views of each parameter, in pieces side by side."""
    typed = {g.dtype: np.array(constants, g.dtype) for g in gradients}
    for *arrays, g in zip(*changed, gradients, strict=True):
        work = [a if a.flags.c_contiguous else np.ascontiguousarray(a) for a in (*arrays, g)]
        flat = [a.reshape(-1) for a in work]
        update(-(-g.size // STRIDE), AT_LEAST // STRIDE, *flat, typed[g.dtype])
        for array, copy in zip(arrays, work, strict=False):
            if copy is not array:  # a non-contiguous parameter was worked on in a copy
                array[...] = copy


def sgd_step(parameters, gradients, velocities, lr, momentum, weight_decay):
    """v ← μ v + (g + λ θ),  θ ← θ − α v    [sgd]. All in place."""
    _in_place(_sgd, (parameters, velocities), gradients, (lr, momentum, weight_decay))


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
    _in_place(_adam, (parameters, means, squares), gradients, constants)
