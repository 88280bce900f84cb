"""Matrix products [matmul], with a bias [linear]."""

import numpy as np

from ..grammar import kernel


@kernel("matmul", "a (…, M, K), b (…, K, N)", "y (…, M, N)")
def matmul(a, b):
    """Y = A B, y_mn = Σ_k a_mk b_kn    [matmul]; leading axes are batches and broadcast."""
    return np.matmul(a, b)


@kernel("linear", "x (M, K), weight (N, K), bias (N)", "y (M, N)")
def linear_forward(x, weight, bias):
    """Y = X Wᵀ + b    [linear]: x (M, K), weight (N, K) as PyTorch stores it, bias (N) → (M, N)."""
    return x @ weight.T + bias


@kernel("linear", "grad_y (N, E), x (N, D)", "grad_weight (E, D), grad_bias (E)")
def linear_weight_backward(grad_y, x):
    """∂L/∂W = Gᵀ X, ∂L/∂b = Σ_n G_n with G = ∂L/∂Y    [linear]: each row has got the weight and the bias."""
    return grad_y.T @ x, grad_y.sum(axis=0)
