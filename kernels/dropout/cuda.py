"""Dropout from a counter-based generator [dropout]; the formula is in reference.py."""

import numpy as np

from ..cuda.launching import array_module, each, whole


def dropout(x, p, seed, call):
    """y_e = 0 with probability p, else x_e / (1 − p), for the mask of (seed, call)    [dropout]."""
    y = array_module(x).empty(x.shape, x.dtype)
    limit, seed = np.uint32(int(p * 2**32)), np.uint64(seed & (2**64 - 1))
    each("dropout", "dropout", x.size, *whole(x), y, np.uint64(call), seed, limit, 1 / (1 - p), per=4)
    return y
