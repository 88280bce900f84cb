"""Matrix products [matmul], with a bias [linear]: cuBLAS on a card."""

from .launching import array_module


def matmul(a, b):
    """Y = A B    [matmul]; leading axes are batches and broadcast."""
    return array_module(a).matmul(a, b)


def linear_forward(x, weight, bias):
    """Y = X Wᵀ + b    [linear]."""
    y = array_module(x).matmul(x, weight.T)
    y += bias
    return y


def linear_weight_backward(grad_y, x):
    """∂L/∂W = Gᵀ X, ∂L/∂b = Σ_n G_n    [linear]."""
    return array_module(x).matmul(grad_y.T, x), grad_y.sum(axis=0)
