"""Sums, tanh, sigmoid, ReLU, GELU [add, tanh, sigmoid, relu, gelu]: a thread for each four elements."""

from .launching import array_module, each, whole


def _each(kernel, arrays, *numbers):
    result = array_module(arrays[0]).empty(arrays[0].shape, arrays[0].dtype)
    each("activation", kernel, result.size, *whole(*arrays), result, *numbers, per=4)
    return result


def add(a, b):
    """y = a + b    [add]."""
    return _each("add", (a, b)) if a.dtype.char in "fd" else a + b


def tanh_forward(x):
    """y = tanh x    [tanh]."""
    return _each("tanh_forward", (x,))


def tanh_backward(y, grad_y):
    """∂L/∂x = (1 − y²) ∂L/∂y    [tanh]."""
    return _each("tanh_backward", (y, grad_y))


def sigmoid_forward(x):
    """y = 1 / (1 + e⁻ˣ)    [sigmoid]."""
    return _each("sigmoid_forward", (x,))


def sigmoid_backward(y, grad_y):
    """∂L/∂x = y (1 − y) ∂L/∂y    [sigmoid]."""
    return _each("sigmoid_backward", (y, grad_y))


def relu_forward(x):
    """y = max(x, 0)    [relu]."""
    return _each("relu_forward", (x,))


def relu_backward(y, grad_y):
    """∂L/∂x = ∂L/∂y where y > 0, else 0    [relu]."""
    return _each("relu_backward", (y, grad_y))


def gelu_forward(x, approximate):
    """y = x Φ(x), exact or with tanh    [gelu]."""
    return _each("gelu_forward", (x,), bool(approximate))


def gelu_backward(x, grad_y, approximate):
    """∂L/∂x = (Φ(x) + x φ(x)) ∂L/∂y, exact or with tanh    [gelu]."""
    return _each("gelu_backward", (x, grad_y), bool(approximate))
