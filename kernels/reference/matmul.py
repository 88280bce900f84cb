"""Matrix products [matmul]."""

import numpy as np


def matmul(a, b):
    """Y = A B, y_mn = Σ_k a_mk b_kn    [matmul]; leading axes are batches and broadcast."""
    return np.matmul(a, b)
