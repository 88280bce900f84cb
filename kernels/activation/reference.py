"""Sums, tanh, sigmoid, ReLU, GELU [add, tanh, sigmoid, relu, gelu], element by element."""

import math

import numpy as np

from ..grammar import kernel


@kernel("add", "a (…), b (…)", "y (…)")
def add(a, b):
    """y = a + b    [add]."""
    return a + b


@kernel("tanh", "x (…)", "y (…)")
def tanh_forward(x):
    """y = tanh x    [tanh]."""
    return np.tanh(x)


@kernel("tanh", "y (…), grad_y (…)", "grad_x (…)")
def tanh_backward(y, grad_y):
    """∂L/∂x = (1 − y²) ∂L/∂y    [tanh]."""
    return (1 - y * y) * grad_y


@kernel("sigmoid", "x (…)", "y (…)")
def sigmoid_forward(x):
    """y = 1 / (1 + e⁻ˣ)    [sigmoid]. The exponent is never positive, so that nothing overflows."""
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, z) / (1 + z)


@kernel("sigmoid", "y (…), grad_y (…)", "grad_x (…)")
def sigmoid_backward(y, grad_y):
    """∂L/∂x = y (1 − y) ∂L/∂y    [sigmoid]."""
    return y * (1 - y) * grad_y


@kernel("relu", "x (…)", "y (…)")
def relu_forward(x):
    """y = max(x, 0)    [relu]."""
    return np.maximum(x, 0)


@kernel("relu", "y (…), grad_y (…)", "grad_x (…)")
def relu_backward(y, grad_y):
    """∂L/∂x = ∂L/∂y where y > 0, else 0    [relu]."""
    return (y > 0) * grad_y


def _erf(x):
    """(2/√π) ∫₀ˣ e^(−t²) dt; NumPy has none, Python's own takes one number at a time."""
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x)).astype(x.dtype)


@kernel("gelu", "x (…), approximate:number", "y (…)")
def gelu_forward(x, approximate):
    """y = x Φ(x), Φ the normal distribution    [gelu].

    Φ(x) = ½ (1 + erf(x/√2)); `approximate`: Φ(x) ≈ ½ (1 + tanh(√(2/π) (x + 0.044715 x³))).
    Source: Hendrycks and Gimpel 2016.
    """
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


@kernel("gelu", "x (…), grad_y (…), approximate:number", "grad_x (…)")
def gelu_backward(x, grad_y, approximate):
    """∂L/∂x = (Φ(x) + x φ(x)) ∂L/∂y with the normal density φ(x) = e^(−x²/2) / √(2π)    [gelu].

    `approximate`: the derivative of the tanh form, with u = √(2/π) (x + 0.044715 x³):
    ½ (1 + tanh u) + ½ x (1 − tanh² u) √(2/π) (1 + 3·0.044715 x²).
    """
    if approximate:
        t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope) * grad_y
    density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return (0.5 * (1 + _erf(x / math.sqrt(2))) + x * density) * grad_y


def example(kernel, drawn, draw):
    """Backward takes y from forward."""
    forward = {"tanh_backward": tanh_forward, "sigmoid_backward": sigmoid_forward}.get(kernel)
    return {"y": forward(drawn["y"])} if forward else {}
