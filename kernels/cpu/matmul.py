"""Matrix products [matmul]: BLAS on one core for each part of the result."""

import numpy as np

from .threads import split

AT_LEAST = 1 << 22  # floating-point operations a thread: about 40 µs at 100 GFLOP/s a core


def matmul(a, b):
    """Y = A B    [matmul]; the longer side of Y, or the batch, is split over the threads."""
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = np.empty((*shape, a.shape[-2], b.shape[-1]), np.result_type(a, b))
    work = 2 * a.shape[-1]  # operations for each element of Y
    if shape:
        a, b = np.broadcast_to(a, shape + a.shape[-2:]), np.broadcast_to(b, shape + b.shape[-2:])
        each = work * y.size // max(len(y), 1)
        split(len(y), lambda i, j: np.matmul(a[i:j], b[i:j], out=y[i:j]), AT_LEAST // max(each, 1))
    elif y.shape[0] >= y.shape[1]:
        each = work * y.shape[1]
        split(len(y), lambda i, j: np.matmul(a[i:j], b, out=y[i:j]), AT_LEAST // max(each, 1))
    else:
        each = work * y.shape[0]
        split(y.shape[1], lambda i, j: np.matmul(a, b[:, i:j], out=y[:, i:j]), AT_LEAST // max(each, 1))
    return y
