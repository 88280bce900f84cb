"""Matrix products [matmul], with a bias [linear]: cuBLAS on a GPU."""

from ..cuda.launching import THREADS, array_module, launch, whole


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


# ---------------------------------------------------------------- earlier versions, slower, to learn from
def matmul_1(a, b):
    """A thread a number of the result    [matmul]."""
    return _matmul(1, a, b, 16, 16)


def matmul_2(a, b):
    """Tiles in shared memory    [matmul]."""
    return _matmul(2, a, b, 16, 16)


def matmul_3(a, b):
    """Tiles in shared memory, 4 × 4 numbers a thread in registers    [matmul]."""
    return _matmul(3, a, b, 64, 64)


def _matmul(version, a, b, rows, columns):
    a, b = whole(a, b)
    (M, K), N = a.shape, b.shape[1]
    y = array_module(a).empty((M, N), a.dtype)
    blocks = -(-M // rows) * -(-N // columns)
    launch("matmul", f"matmul_{version}", blocks, THREADS, a, b, y, M, K, N)
    return y
