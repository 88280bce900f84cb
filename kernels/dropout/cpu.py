"""Dropout from a counter-based generator [dropout]; the formula is in reference.py."""

import numpy as np

from ..cpu.loops import parallel

BLOCKS = 1 << 12  # blocks of four elements a thread: about 12 µs of work


@parallel
def _dropout(first, last, x, call, seed, limit, scale, y):
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    m0, m1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
    words = np.empty(4, np.uint64)
    for block in range(first, last):
        counter = np.uint64(block)
        x0, x1, x2, x3 = counter & low, counter >> shift, call & low, call >> shift
        key0, key1 = seed & low, seed >> shift
        for _ in range(10):
            product0, product1 = x0 * m0, x2 * m1
            x0 = (product1 >> shift) ^ x1 ^ key0
            x1 = product1 & low
            x2 = (product0 >> shift) ^ x3 ^ key1
            x3 = product0 & low
            key0 = (key0 + np.uint64(0x9E3779B9)) & low
            key1 = (key1 + np.uint64(0xBB67AE85)) & low
        words[0], words[1], words[2], words[3] = x0, x1, x2, x3
        for k in range(min(4, x.size - 4 * block)):
            e = 4 * block + k
            y[e] = x[e] * scale if words[k] >= limit else 0


def dropout(x, p, seed, call):
    """y_e = 0 with probability p, else x_e / (1 − p), for the mask of (seed, call)    [dropout]."""
    y = np.empty(x.shape, x.dtype)
    flat, out = np.ascontiguousarray(x).reshape(-1), y.reshape(-1)
    limit, scale = np.uint64(int(p * 2**32)), x.dtype.type(1 / (1 - p))
    seed, call = np.uint64(seed & (2**64 - 1)), np.uint64(call)
    _dropout((x.size + 3) // 4, BLOCKS, flat, call, seed, limit, scale, out)
    return y
