"""The compiled kernels as plain Python, so that a debugger stops in them: SCRATCHLM_PLAIN=1.

Each runs as it is written, its rows one after the other on one thread, some hundred times as slow. Only what
Python has no words for is put in here: numbers at an address, and the product of matrices (NumPy's).
"""

import ctypes
import os
from typing import Any

import numpy as np

PLAIN = os.environ.get("SCRATCHLM_PLAIN", "0") not in ("", "0")
PACKED = -1  # as in gemm.py


def larger(a: Any, b: Any) -> Any:
    """The larger of two numbers."""
    return a if a > b else b


def address(array: np.ndarray) -> int:
    """Of an array's first number."""
    return array.ctypes.data


def at_address(place: int, like: Any) -> Any:
    """An address as a pointer to numbers of the type of `like`."""
    return ctypes.cast(int(place), ctypes.POINTER(np.ctypeslib.as_ctypes_type(like.dtype)))


def bytes_of(number: Any) -> int:
    """4 for a float32, 8 for a float64."""
    return number.itemsize


def matrix(place: int, rows: int, columns: int, steps: tuple[int, int], dtype: Any) -> np.ndarray:
    """The matrix whose first number is at an address, `steps` bytes from row to row and column to column."""
    if not rows or not columns:
        return np.zeros((rows, columns), dtype)
    extent = (rows - 1) * steps[0] + (columns - 1) * steps[1] + dtype.itemsize
    return np.ndarray((rows, columns), dtype, (ctypes.c_char * extent).from_address(int(place)), 0, steps)  # type: ignore[arg-type]


def panels_of(K: int, N: int, one: Any) -> np.ndarray:
    """Room for a copy of B (K, N)."""
    return np.empty(K * N, one.dtype)


def pack(K: int, N: int, b: int, b_row: int, b_column: int, panels: int, one: Any) -> None:
    """Copy B (K, N), column by column."""
    size = one.itemsize
    matrix(panels, K, N, (size, K * size), one.dtype)[...] = matrix(b, K, N, (b_row, b_column), one.dtype)


def call_product(_: int, sizes: Any, a: Any, b: Any, y: Any, alpha: Any, beta: Any) -> int:
    """Y ← α A B + β Y, with sums of A's rows as gemm.py adds them."""
    (M, N, K), size, dtype = sizes, alpha.itemsize, alpha.dtype
    b_steps = (size, b[2] * size) if b[1] == PACKED else (b[1], b[2])  # b[2]: rows of the copy
    left = matrix(a[0], M, K, (a[1], a[2]), dtype)
    out = matrix(y[0], M, N, (y[1], size), dtype)
    product = alpha * (left @ matrix(b[0], K, N, b_steps, dtype))
    out[...] = product if beta == 0 else product + beta * out
    if y[2]:
        matrix(y[2], 1, M, (M * size, size), dtype)[0] += left.sum(axis=1)
    return 0


def split(_: Any, __: int, n: int, loop: Any, arguments: tuple[Any, ...]) -> None:
    """The loop over all rows, on this thread."""
    loop(0, n, *arguments)
