"""tanh, sigmoid, ReLU [tanh, sigmoid, relu]: derivatives from the result y, so that x need not be kept."""

import numpy as np


def tanh_forward(x):
    """y = tanh x    [tanh]."""
    return np.tanh(x)


def tanh_backward(y, grad_y):
    """∂L/∂x = (1 − y²) ∂L/∂y    [tanh]."""
    return (1 - y * y) * grad_y


def sigmoid_forward(x):
    """y = 1 / (1 + e⁻ˣ)    [sigmoid]. The exponent is never positive, so that nothing overflows."""
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, z) / (1 + z)


def sigmoid_backward(y, grad_y):
    """∂L/∂x = y (1 − y) ∂L/∂y    [sigmoid]."""
    return y * (1 - y) * grad_y


def relu_forward(x):
    """y = max(x, 0)    [relu]."""
    return np.maximum(x, 0)


def relu_backward(y, grad_y):
    """∂L/∂x = ∂L/∂y where y > 0, else 0    [relu]."""
    return (y > 0) * grad_y
