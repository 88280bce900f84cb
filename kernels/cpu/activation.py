"""tanh, sigmoid, ReLU [tanh, sigmoid, relu], element by element."""

import numpy as np

from .compiling import kernel, sigmoid, split, tanh

AT_LEAST = 1 << 17  # elements a thread: about 50 µs of work


def _each(loop, *inputs):
    """Run a compiled loop over all elements of equally shaped arrays; return a fresh result."""
    result = np.empty(inputs[0].shape, inputs[0].dtype)
    flat = [np.ascontiguousarray(x).reshape(-1) for x in inputs]
    y = result.reshape(-1)
    split(y.size, lambda a, b: loop(*(x[a:b] for x in flat), y[a:b]), AT_LEAST)
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
