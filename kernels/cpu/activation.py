"""tanh, sigmoid, ReLU, GELU [tanh, sigmoid, relu, gelu], element by element."""

import math

import numpy as np

from .compiling import exp, kernel, normal_cdf, sigmoid, tanh
from .threads import split_elements

AT_LEAST = 1 << 17  # elements a thread: about 50 µs of work


def _each(loop, *inputs):
    """Run a compiled loop over all elements of equally shaped arrays; return a fresh result."""
    result = np.empty(inputs[0].shape, inputs[0].dtype)
    flat = [np.ascontiguousarray(x).reshape(-1) for x in inputs]
    y = result.reshape(-1)
    split_elements(y.size, lambda a, b: loop(*(x[a:b] for x in flat), y[a:b]), AT_LEAST)
    return result


@kernel
def _tanh_forward(x, y):
    for i in range(x.size):
        y[i] = tanh(x[i])


@kernel
def _tanh_backward(y, grad_y, grad_x):
    for i in range(y.size):
        grad_x[i] = (1 - y[i] * y[i]) * grad_y[i]


@kernel
def _sigmoid_forward(x, y):
    for i in range(x.size):
        y[i] = sigmoid(x[i])


@kernel
def _sigmoid_backward(y, grad_y, grad_x):
    for i in range(y.size):
        grad_x[i] = y[i] * (1 - y[i]) * grad_y[i]


@kernel
def _relu_forward(x, y):
    for i in range(x.size):
        y[i] = 0 if x[i] < 0 else x[i]  # written so that NaN stays NaN


@kernel
def _relu_backward(y, grad_y, grad_x):
    for i in range(y.size):
        grad_x[i] = grad_y[i] if y[i] > 0 else 0


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


# √(2/π), 0.044715 and 1/√(2π) as arguments, so that they have the type of x: a Python float would make
# float64 of every float32 that it meets.
@kernel
def _gelu_tanh_forward(x, c, a, half, y):
    for i in range(x.size):
        y[i] = half * x[i] * (1 + tanh(c * (x[i] + a * x[i] * x[i] * x[i])))


@kernel
def _gelu_tanh_backward(x, grad_y, c, a, half, grad_x):
    for i in range(x.size):
        t = tanh(c * (x[i] + a * x[i] * x[i] * x[i]))
        slope = c * (1 + 3 * a * x[i] * x[i])
        grad_x[i] = half * (1 + t + x[i] * (1 - t * t) * slope) * grad_y[i]


@kernel
def _gelu_forward(x, y):
    for i in range(x.size):
        y[i] = x[i] * normal_cdf(x[i])


@kernel
def _gelu_backward(x, grad_y, half, peak, grad_x):
    for i in range(x.size):
        grad_x[i] = (normal_cdf(x[i]) + x[i] * peak * exp(-half * x[i] * x[i])) * grad_y[i]


def gelu_forward(x, approximate):
    """y = x Φ(x), exact or with tanh    [gelu]."""
    if not approximate:
        return _each(_gelu_forward, x)
    c, a, half = _constants(x)
    return _each(lambda x, y: _gelu_tanh_forward(x, c, a, half, y), x)


def gelu_backward(x, grad_y, approximate):
    """∂L/∂x = (Φ(x) + x φ(x)) ∂L/∂y, exact or with tanh    [gelu]."""
    c, a, half = _constants(x)
    if approximate:
        return _each(lambda x, g, y: _gelu_tanh_backward(x, g, c, a, half, y), x, grad_y)
    peak = x.dtype.type(1 / math.sqrt(2 * math.pi))
    return _each(lambda x, g, y: _gelu_backward(x, g, half, peak, y), x, grad_y)


def _constants(x):
    return tuple(x.dtype.type(c) for c in (math.sqrt(2 / math.pi), 0.044715, 0.5))
