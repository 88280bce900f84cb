"""Sums, tanh, sigmoid, ReLU, GELU [add, tanh, sigmoid, relu, gelu], element by element."""

import math

import numpy as np

from .compiling import inner, kernel, loop, normal, sigmoid, tanh
from .threads import parts, split, team

AT_LEAST = 1 << 13  # elements a thread: about 5 µs of work


def _each(function, *inputs, constants=()):
    """Run a compiled loop over all elements of equally shaped arrays; return a fresh result."""
    result = np.empty(inputs[0].shape, inputs[0].dtype)
    flat = [np.ascontiguousarray(x).reshape(-1) for x in inputs]
    numbers = (result.dtype.type(c) for c in constants)
    function(team(), parts(result.size, AT_LEAST), *flat, *numbers, result.reshape(-1))
    return result


@inner
def _blocks(y):
    """Work is split at multiples of 64 elements.

    A compiled loop treats the last few elements, which fill no vector, by other instructions, whose last bit
    may differ: this way they are the same elements for any number of threads.
    """
    return (y.size + 63) // 64


@loop
def _on_part_add(first, last, a, b, y):
    a, b, y = a[64 * first : 64 * last], b[64 * first : 64 * last], y[64 * first : 64 * last]
    for i in range(y.size):
        y[i] = a[i] + b[i]


@kernel
def _add(words, parts, a, b, y):
    split(words, parts, _blocks(y), _on_part_add, (a, b, y))


@loop
def _on_part_tanh_forward(first, last, x, y):
    x, y = x[64 * first : 64 * last], y[64 * first : 64 * last]
    for i in range(y.size):
        y[i] = tanh(x[i])


@kernel
def _tanh_forward(words, parts, x, y):
    split(words, parts, _blocks(y), _on_part_tanh_forward, (x, y))


@loop
def _on_part_tanh_backward(first, last, y, grad_y, grad_x):
    y, grad_y, grad_x = (
        y[64 * first : 64 * last],
        grad_y[64 * first : 64 * last],
        grad_x[64 * first : 64 * last],
    )
    for i in range(grad_x.size):
        grad_x[i] = (1 - y[i] * y[i]) * grad_y[i]


@kernel
def _tanh_backward(words, parts, y, grad_y, grad_x):
    split(words, parts, _blocks(grad_x), _on_part_tanh_backward, (y, grad_y, grad_x))


@loop
def _on_part_sigmoid_forward(first, last, x, y):
    x, y = x[64 * first : 64 * last], y[64 * first : 64 * last]
    for i in range(y.size):
        y[i] = sigmoid(x[i])


@kernel
def _sigmoid_forward(words, parts, x, y):
    split(words, parts, _blocks(y), _on_part_sigmoid_forward, (x, y))


@loop
def _on_part_sigmoid_backward(first, last, y, grad_y, grad_x):
    y, grad_y, grad_x = (
        y[64 * first : 64 * last],
        grad_y[64 * first : 64 * last],
        grad_x[64 * first : 64 * last],
    )
    for i in range(grad_x.size):
        grad_x[i] = y[i] * (1 - y[i]) * grad_y[i]


@kernel
def _sigmoid_backward(words, parts, y, grad_y, grad_x):
    split(words, parts, _blocks(grad_x), _on_part_sigmoid_backward, (y, grad_y, grad_x))


@loop
def _on_part_relu_forward(first, last, x, y):
    x, y = x[64 * first : 64 * last], y[64 * first : 64 * last]
    for i in range(y.size):
        y[i] = 0 if x[i] < 0 else x[i]  # written so that NaN stays NaN


@kernel
def _relu_forward(words, parts, x, y):
    split(words, parts, _blocks(y), _on_part_relu_forward, (x, y))


@loop
def _on_part_relu_backward(first, last, y, grad_y, grad_x):
    y, grad_y, grad_x = (
        y[64 * first : 64 * last],
        grad_y[64 * first : 64 * last],
        grad_x[64 * first : 64 * last],
    )
    for i in range(grad_x.size):
        grad_x[i] = grad_y[i] if y[i] > 0 else 0


@kernel
def _relu_backward(words, parts, y, grad_y, grad_x):
    split(words, parts, _blocks(grad_x), _on_part_relu_backward, (y, grad_y, grad_x))


def add(a, b):
    """y = a + b    [add]."""
    plain = a.dtype.char in "fd" and a.flags.c_contiguous and b.flags.c_contiguous
    # NumPy has the sum of few numbers before Python has called a kernel, 10 µs.
    return _each(_add, a, b) if plain and a.size >= 2 * AT_LEAST else a + b


def tanh_forward(x):
    """y = tanh x    [tanh]."""
    return _each(_tanh_forward, x)


def tanh_backward(y, grad_y):
    """∂L/∂x = (1 − y²) ∂L/∂y    [tanh]."""
    return _each(_tanh_backward, y, grad_y)


def sigmoid_forward(x):
    """y = 1 / (1 + e⁻ˣ)    [sigmoid]."""
    return _each(_sigmoid_forward, x)


def sigmoid_backward(y, grad_y):
    """∂L/∂x = y (1 − y) ∂L/∂y    [sigmoid]."""
    return _each(_sigmoid_backward, y, grad_y)


def relu_forward(x):
    """y = max(x, 0)    [relu]."""
    return _each(_relu_forward, x)


def relu_backward(y, grad_y):
    """∂L/∂x = ∂L/∂y where y > 0, else 0    [relu]."""
    return _each(_relu_backward, y, grad_y)


# Constants are arguments, so that they have the type of x: a Python float would make float64 of every float32
# that it meets.
TANH_FORM = (math.sqrt(2 / math.pi), 0.044715, 0.5)


@loop
def _on_part_gelu_tanh_forward(first, last, x, c, a, half, y):
    x, y = x[64 * first : 64 * last], y[64 * first : 64 * last]
    for i in range(y.size):
        y[i] = half * x[i] * (1 + tanh(c * (x[i] + a * x[i] * x[i] * x[i])))


@kernel
def _gelu_tanh_forward(words, parts, x, c, a, half, y):
    split(words, parts, _blocks(y), _on_part_gelu_tanh_forward, (x, c, a, half, y))


@loop
def _on_part_gelu_tanh_backward(first, last, x, grad_y, c, a, half, grad_x):
    x, grad_y, grad_x = (
        x[64 * first : 64 * last],
        grad_y[64 * first : 64 * last],
        grad_x[64 * first : 64 * last],
    )
    for i in range(grad_x.size):
        t = tanh(c * (x[i] + a * x[i] * x[i] * x[i]))
        slope = c * (1 + 3 * a * x[i] * x[i])
        grad_x[i] = half * (1 + t + x[i] * (1 - t * t) * slope) * grad_y[i]


@kernel
def _gelu_tanh_backward(words, parts, x, grad_y, c, a, half, grad_x):
    split(words, parts, _blocks(grad_x), _on_part_gelu_tanh_backward, (x, grad_y, c, a, half, grad_x))


@loop
def _on_part_gelu_forward(first, last, x, y):
    x, y = x[64 * first : 64 * last], y[64 * first : 64 * last]
    for i in range(y.size):
        y[i] = x[i] * normal(x[i])[0]


@kernel
def _gelu_forward(words, parts, x, y):
    split(words, parts, _blocks(y), _on_part_gelu_forward, (x, y))


@loop
def _on_part_gelu_backward(first, last, x, grad_y, peak, grad_x):
    x, grad_y, grad_x = (
        x[64 * first : 64 * last],
        grad_y[64 * first : 64 * last],
        grad_x[64 * first : 64 * last],
    )
    for i in range(grad_x.size):
        cdf, e = normal(x[i])
        grad_x[i] = (cdf + x[i] * peak * e) * grad_y[i]


@kernel
def _gelu_backward(words, parts, x, grad_y, peak, grad_x):
    split(words, parts, _blocks(grad_x), _on_part_gelu_backward, (x, grad_y, peak, grad_x))


def gelu_forward(x, approximate):
    """y = x Φ(x), exact or with tanh    [gelu]."""
    if not approximate:
        return _each(_gelu_forward, x)
    return _each(_gelu_tanh_forward, x, constants=TANH_FORM)


def gelu_backward(x, grad_y, approximate):
    """∂L/∂x = (Φ(x) + x φ(x)) ∂L/∂y, exact or with tanh    [gelu]."""
    if approximate:
        return _each(_gelu_tanh_backward, x, grad_y, constants=TANH_FORM)
    return _each(_gelu_backward, x, grad_y, constants=(1 / math.sqrt(2 * math.pi),))
