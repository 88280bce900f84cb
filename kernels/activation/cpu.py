"""Sums, tanh, sigmoid, ReLU, GELU [add, tanh, sigmoid, relu, gelu], element by element."""

import math

from ..cpu import loops
from ..cpu.elementary import normal, sigmoid, tanh
from ..cpu.loops import elementwise

C, PEAK = math.sqrt(2 / math.pi), 1 / math.sqrt(2 * math.pi)  # of the tanh form; the density of N(0, 1) at 0


@elementwise
def _add(a, b):
    return a + b


def add(a, b):
    """y = a + b    [add]."""
    plain = a.dtype.char in "fd" and a.flags.c_contiguous and b.flags.c_contiguous
    # NumPy has the sum of few numbers before Python has called a kernel, 10 µs.
    return _add(a, b) if plain and a.size >= 2 * loops.AT_LEAST else a + b


@elementwise
def tanh_forward(x):
    """y = tanh x    [tanh]."""
    return tanh(x)


@elementwise
def tanh_backward(y, grad_y):
    """∂L/∂x = (1 − y²) ∂L/∂y    [tanh]."""
    return (1 - y * y) * grad_y


@elementwise
def sigmoid_forward(x):
    """y = 1 / (1 + e⁻ˣ)    [sigmoid]."""
    return sigmoid(x)


@elementwise
def sigmoid_backward(y, grad_y):
    """∂L/∂x = y (1 − y) ∂L/∂y    [sigmoid]."""
    return y * (1 - y) * grad_y


@elementwise
def relu_forward(x, zero=0):
    """y = max(x, 0)    [relu]; written so that NaN stays NaN."""
    return zero if x < 0 else x


@elementwise
def relu_backward(y, grad_y, zero=0):
    """∂L/∂x = ∂L/∂y where y > 0, else 0    [relu]."""
    return grad_y if y > 0 else zero


@elementwise
def _gelu(x):
    return x * normal(x)[0]


@elementwise
def _gelu_tanh(x, c=C, a=0.044715, half=0.5):
    return half * x * (1 + tanh(c * (x + a * x * x * x)))


def gelu_forward(x, approximate):
    """y = x Φ(x), exact or with tanh    [gelu]."""
    return _gelu_tanh(x) if approximate else _gelu(x)


@elementwise
def _gelu_slope(x, grad_y, peak=PEAK):
    cdf, e = normal(x)
    return (cdf + x * peak * e) * grad_y


@elementwise
def _gelu_tanh_slope(x, grad_y, c=C, a=0.044715, half=0.5):
    t = tanh(c * (x + a * x * x * x))
    slope = c * (1 + 3 * a * x * x)
    return half * (1 + t + x * (1 - t * t) * slope) * grad_y


def gelu_backward(x, grad_y, approximate):
    """∂L/∂x = (Φ(x) + x φ(x)) ∂L/∂y, exact or with tanh    [gelu]."""
    return _gelu_tanh_slope(x, grad_y) if approximate else _gelu_slope(x, grad_y)
