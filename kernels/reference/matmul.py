"""Matrix products [matmul], with a bias [linear]."""

import numpy as np


def matmul(a, b):
    """Y = A B, y_mn = Σ_k a_mk b_kn    [matmul]; leading axes are batches and broadcast."""
    return np.matmul(a, b)


def linear_forward(x, weight, bias):
    """Y = X Wᵀ + b    [linear]: x (M, K), weight (N, K) as PyTorch stores it, bias (N) → (M, N)."""
    return x @ weight.T + bias


def linear_weight_backward(grad_y, x):
    """∂L/∂W = Gᵀ X, ∂L/∂b = Σ_n G_n with G = ∂L/∂Y    [linear]: each row has got the weight and the bias."""
    return grad_y.T @ x, grad_y.sum(axis=0)
