"""Softmax and its logarithm over the rows of a matrix [softmax, log_softmax]: a block for each row."""

from .launching import array_module, launch, threads_for, whole


def _rows(kernel, *arrays):
    result = array_module(arrays[0]).empty(arrays[0].shape, arrays[0].dtype)
    N, V = result.shape
    launch("softmax", kernel, N, threads_for(-(-V // 4)), *whole(*arrays), result, V)
    return result


def softmax_forward(x):
    """y_v = e^(x_v − m) / Σ_w e^(x_w − m)    [softmax]."""
    return _rows("softmax_forward", x)


def softmax_backward(y, grad_y):
    """∂L/∂x_v = y_v (∂L/∂y_v − Σ_w y_w ∂L/∂y_w)    [softmax]."""
    return _rows("softmax_backward", y, grad_y)


def log_softmax_forward(x):
    """y_v = x_v − m − ln Σ_w e^(x_w − m)    [log_softmax]."""
    return _rows("log_softmax_forward", x)


def log_softmax_backward(y, grad_y):
    """∂L/∂x_v = ∂L/∂y_v − e^(y_v) Σ_w ∂L/∂y_w    [log_softmax]."""
    return _rows("log_softmax_backward", y, grad_y)
