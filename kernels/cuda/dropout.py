"""Dropout from a counter-based generator [dropout]; the formula is in kernels/reference/dropout.py."""

import numpy as np

from .launching import array_module, launch, threads_for, whole


def dropout(x, p, seed, call):
    """y_e = 0 with probability p, else x_e / (1 − p), for the mask of (seed, call)    [dropout]."""
    y = array_module(x).empty(x.shape, x.dtype)
    blocks = -(-x.size // 4)
    threads = threads_for(blocks)
    limit, seed = np.uint32(int(p * 2**32)), np.uint64(seed & (2**64 - 1))
    launch(
        "dropout", "dropout", -(-blocks // threads) if blocks else 0, threads,
        *whole(x), y, np.uint64(call), seed, limit, 1 / (1 - p), x.size,
    )  # fmt: skip
    return y
