"""Matrix products [matmul], with a bias [linear]."""

import numpy as np


def matmul(a, b):
    """Y = A B, y_mn = Σ_k a_mk b_kn    [matmul]; leading axes are batches and broadcast."""
    return np.matmul(a, b)


def linear_forward(x, weight, bias):
    """Y = X Wᵀ + b    [linear]: x (M, K), weight (N, K) as PyTorch stores it, bias (N) → (M, N)."""
    return x @ weight.T + bias


def sum_rows(x):
    """y_d = Σ_n x_nd    [linear]: of ∂L/∂Y it is the gradient of the bias, which every row has got."""
    return x.sum(axis=0)
