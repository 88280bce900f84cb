"""One optimizer step over all parameters [sgd, adam], and the length of the gradient [gradient_norm].

Each is one launch, whatever the number of parameters.
"""

from functools import lru_cache

import numpy as np

from ..cuda.launching import THREADS, addresses, array_module, launch, whole
from ..transfers import copy_up

CHUNK = 1 << 12  # elements that one block takes: four rounds of its threads


def gradient_norm(gradients):
    """‖g‖ = √ Σ g², over all parameters together, summed in float64    [gradient_norm]."""
    total = 0.0
    for dtype, (flat,) in _by_type(gradients):
        flat = whole(*flat)
        sizes, chunks, blocks = _cut(array_module(flat[0]), tuple(g.size for g in flat))
        sums = array_module(flat[0]).empty(blocks, np.float64)
        launch(
            "optimizer", "sum_of_squares", blocks, THREADS,
            addresses(flat), sizes, chunks, sums, CHUNK, dtype=dtype,
        )  # fmt: skip
        total = total + sums.sum()
    return total**0.5  # an array without axes on a GPU: the caller decides when to wait for it


def sgd_step(parameters, gradients, velocities, lr, momentum, weight_decay):
    """v ← μ v + (g + λ θ),  θ ← θ − α v    [sgd]. All in place."""
    _in_place("sgd", (parameters, velocities), gradients, lr, momentum, weight_decay)


def adam_step(parameters, gradients, means, squares, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """m ← β₁ m + (1−β₁) g,  s ← β₂ s + (1−β₂) g²,  θ ← θ − α m̂ / (√ŝ + ε)    [adam]. All in place."""
    l2, shrink = (0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1)
    numbers = lr / (1 - beta1**step), beta1, beta2, 1 - beta1, 1 - beta2, eps, l2, shrink
    _in_place("adam", (parameters, means, squares), gradients, *numbers, 1 / (1 - beta2**step))


def _in_place(kernel, changed, gradients, *numbers):
    """Run a kernel on all parameters, their states and their gradients."""
    for dtype, (*lists, flat) in _by_type(*changed, gradients):
        work = [whole(*arrays) for arrays in lists]
        flat = whole(*flat, dtype=dtype)
        sizes, chunks, blocks = _cut(array_module(flat[0]), tuple(g.size for g in flat))
        launch(
            "optimizer", kernel, blocks, THREADS,
            *map(addresses, work), addresses(flat), sizes, chunks, *map(float, numbers), CHUNK,
            dtype=dtype,
        )  # fmt: skip
        for arrays, copies in zip(lists, work, strict=True):
            for array, copy in zip(arrays, copies, strict=True):
                if copy is not array:  # a non-contiguous parameter was worked on in a copy
                    array[...] = copy


def _by_type(*lists):
    """For each type of float among the arrays: the type, and what is of it in each list; no empty arrays."""
    rows = [row for row in zip(*lists, strict=True) if row[0].size]
    for dtype in dict.fromkeys(row[0].dtype for row in rows):
        yield dtype, [list(column) for column in zip(*(r for r in rows if r[0].dtype == dtype), strict=True)]


@lru_cache(maxsize=16)
def _cut(xp, sizes):
    """On the device: the sizes, and which chunk of which array each block takes; then how many blocks."""
    counts = [-(-size // CHUNK) for size in sizes]
    chunks = [(k, number) for k, count in enumerate(counts) for number in range(count)]
    on_device = (copy_up(np.array(numbers, np.int32), xp) for numbers in (sizes, chunks))
    return *on_device, len(chunks)
