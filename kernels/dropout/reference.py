"""Dropout from a counter-based generator [dropout]: the same mask on every device, drawn again in backward.

Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011) turns a
counter of four 32-bit words and a key of two into four random words by ten rounds of multiplication and
exclusive or. The counter of element e is (e // 4, call), the key is the seed, and e takes word e mod 4: any
element's number can be drawn without the others.
"""

import numpy as np

from ..grammar import kernel

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
KEY_STEPS = 0x9E3779B9, 0xBB67AE85  # added to the key before each further round
MASK = 0xFFFFFFFF


def philox(blocks, call, seed):
    """Four random 32-bit words for each block number: blocks (M) → (M, 4), as uint64 below 2³²."""
    blocks = np.asarray(blocks, np.uint64)
    low, shift = np.uint64(MASK), np.uint64(32)
    x0, x1 = blocks & low, blocks >> shift
    x2 = np.full_like(blocks, call & MASK)
    x3 = np.full_like(blocks, (call >> 32) & MASK)
    key0, key1 = seed & MASK, (seed >> 32) & MASK
    for _ in range(10):
        product0 = x0 * np.uint64(MULTIPLIERS[0])  # 32 × 32 → 64 bits
        product1 = x2 * np.uint64(MULTIPLIERS[1])
        x0, x1, x2, x3 = (
            (product1 >> shift) ^ x1 ^ np.uint64(key0),
            product1 & low,
            (product0 >> shift) ^ x3 ^ np.uint64(key1),
            product0 & low,
        )
        key0, key1 = (key0 + KEY_STEPS[0]) & MASK, (key1 + KEY_STEPS[1]) & MASK
    return np.stack([x0, x1, x2, x3], axis=1)


@kernel("dropout", "x (…), p:number, seed:number, call:number", "y (…)")
def dropout(x, p, seed, call):
    """y_e = 0 with probability p, else x_e / (1 − p), for the mask of (seed, call)    [dropout].

    E[y] = x. Backward is the same function of the gradient, for the same (seed, call).
    """
    words = philox(np.arange((x.size + 3) // 4), call, seed).reshape(-1)[: x.size]
    kept = (words >= int(p * 2**32)).reshape(x.shape)
    return np.where(kept, x, 0) * x.dtype.type(1 / (1 - p))
