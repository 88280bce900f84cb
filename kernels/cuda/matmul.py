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


def sum_rows(x):
    """y_d = Σ_n x_nd    [linear]."""
    return x.sum(axis=0)
