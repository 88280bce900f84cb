"""Matrix products [matmul]: cuBLAS on a card."""

from .launching import array_module


def matmul(a, b):
    """Y = A B    [matmul]; leading axes are batches and broadcast."""
    return array_module(a).matmul(a, b)
