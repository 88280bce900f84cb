"""One optimizer step over all parameters [sgd, adam], and the length of the gradient [gradient_norm]."""

import math

import numpy as np

from .launching import THREADS, array_module, each, launch, whole

CHUNK = 1 << 14  # squares that one block adds up


def gradient_norm(gradients):
    """‖g‖ = √ Σ g², over all parameters together, summed in float64    [gradient_norm]."""
    flat = [g for g in whole(*gradients) if g.size]
    if not flat:
        return 0.0
    blocks = [-(-g.size // CHUNK) for g in flat]
    sums = array_module(flat[0]).empty(sum(blocks), np.float64)
    for k, g in enumerate(flat):
        part = sums[sum(blocks[:k]) :][: blocks[k]]
        launch("optimizer", "sum_of_squares", blocks[k], THREADS, g, part, CHUNK, g.size)
    return math.sqrt(float(sums.sum()))


def _in_place(kernel, changed, gradients, *numbers):
    """Run a kernel on each parameter, its state and its gradient."""
    for *arrays, g in zip(*changed, gradients, strict=True):
        work = whole(*arrays)
        each("optimizer", kernel, g.size, *work, *whole(g), *map(float, numbers))
        for array, copy in zip(arrays, work, strict=True):
            if copy is not array:  # a non-contiguous parameter was worked on in a copy
                array[...] = copy


def sgd_step(parameters, gradients, velocities, lr, momentum, weight_decay):
    """v ← μ v + (g + λ θ),  θ ← θ − α v    [sgd]. All in place."""
    _in_place("sgd", (parameters, velocities), gradients, lr, momentum, weight_decay)


def adam_step(parameters, gradients, means, squares, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """m ← β₁ m + (1−β₁) g,  s ← β₂ s + (1−β₂) g²,  θ ← θ − α m̂ / (√ŝ + ε)    [adam]. All in place."""
    l2, shrink = (0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1)
    numbers = lr / (1 - beta1**step), beta1, beta2, 1 - beta1, 1 - beta2, eps, l2, shrink
    _in_place("adam", (parameters, means, squares), gradients, *numbers, 1 / (1 - beta2**step))
