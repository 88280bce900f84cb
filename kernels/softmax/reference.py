"""Softmax and its logarithm over the rows of a matrix [softmax, log_softmax]."""

import numpy as np

from ..grammar import kernel


@kernel("softmax", "x (N, V)", "y (N, V)")
def softmax_forward(x):
    """y_v = e^(x_v − m) / Σ_w e^(x_w − m) with m = max_w x_w    [softmax].

    m cancels; without it e^100 is already infinite in float32.
    """
    e = np.exp(x - x.max(axis=1, keepdims=True))  # (N, V)
    return e / e.sum(axis=1, keepdims=True)


@kernel("softmax", "y (N, V), grad_y (N, V)", "grad_x (N, V)")
def softmax_backward(y, grad_y):
    """∂L/∂x_v = y_v (∂L/∂y_v − Σ_w y_w ∂L/∂y_w)    [softmax]."""
    return y * (grad_y - (y * grad_y).sum(axis=1, keepdims=True))


@kernel("log_softmax", "x (N, V)", "y (N, V)")
def log_softmax_forward(x):
    """y_v = x_v − m − ln Σ_w e^(x_w − m) with m = max_w x_w    [log_softmax]."""
    shifted = x - x.max(axis=1, keepdims=True)  # (N, V)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@kernel("log_softmax", "y (N, V), grad_y (N, V)", "grad_x (N, V)")
def log_softmax_backward(y, grad_y):
    """∂L/∂x_v = ∂L/∂y_v − e^(y_v) Σ_w ∂L/∂y_w    [log_softmax]."""
    return grad_y - np.exp(y) * grad_y.sum(axis=1, keepdims=True)


def example(kernel, drawn, draw):
    """Backward takes y from forward."""
    forward = {"softmax_backward": softmax_forward, "log_softmax_backward": log_softmax_forward}.get(kernel)
    return {"y": forward(drawn["y"])} if forward else {}
