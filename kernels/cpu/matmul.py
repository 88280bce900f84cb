"""Matrix products [matmul], with a bias [linear]: BLAS on one core for each part of the result."""

import math

import numpy as np
from numba import carray

from .compiling import inner, kernel, loop
from .native import at_address, bytes_of, call_gemm
from .threads import DGEMM, SGEMM, WIDE, parts, split, team

AT_LEAST = 1 << 20  # floating-point operations a thread: about 10 µs at 100 GFLOP/s a core
SUMS = 1 << 14  # elements a thread that are only added
# Not Python's own: Numba would compile a product for each of them.
AS_IS, FLIPPED = np.bool_(False), np.bool_(True)


@inner
def product(words, sizes, a_flip, b_flip, alpha, a, b, beta, y):
    """y ← α op(a) op(b) + β y, op(x) = xᵀ where flipped; on this core alone.

    a, b, y are addresses of matrices of α's type, with contiguous rows; sizes: M, N, K, and how far apart in
    elements the rows of a, b, y are.
    """
    M, N, K, lda, ldb, ldy = sizes
    function = words[SGEMM] if bytes_of(alpha) == 4 else words[DGEMM]
    if function != 0 and K > 0:
        call_gemm(function, words[WIDE] != 0, (a_flip, b_flip), sizes, alpha, a, b, beta, y)
        return
    # No BLAS is found, or there is nothing to multiply, which it refuses.
    left, right = (
        carray(at_address(a, alpha), M * K + K * lda),
        carray(at_address(b, alpha), K * ldb + N * ldb),
    )
    for m in range(M):
        row = carray(at_address(y + m * ldy * bytes_of(alpha), alpha), N)
        for n in range(N):
            row[n] = 0 if beta == 0 else beta * row[n]
        for k in range(K):
            scaled = alpha * left[k * lda + m if a_flip else m * lda + k]
            for n in range(N):
                row[n] += scaled * right[n * ldb + k if b_flip else k * ldb + n]


@inner
def address(x):
    """Of an array's first number."""
    return np.int64(x.ctypes.data)


@inner
def row_length(x):
    """How far apart in elements rows are; of a single row it has no meaning, but BLAS wants it large."""
    return max(x.strides[0] // x.itemsize, x.shape[1], 1)


@inner
def _copy_bias(bias, y):
    """Into each row, where there is a bias. (Numba takes seconds to compile an assignment of arrays.)"""
    for m in range(y.shape[0] if bias.size else 0):
        row = y[m]
        for n in range(bias.size):
            row[n] = bias[n]


@loop
def _rows(first, last, words, a, a_flip, b, b_flip, bias, y):
    """Rows first … last−1 of y = op(a) op(b), plus the bias where there is one."""
    one, K = a.dtype.type(1), a.shape[0] if a_flip else a.shape[1]
    _copy_bias(bias, y[first:last])
    product(
        words,
        (last - first, y.shape[1], K, row_length(a), row_length(b), row_length(y)),
        a_flip,
        b_flip,
        one,
        address(a) + first * (a.itemsize if a_flip else a.strides[0]),
        address(b),
        one if bias.size else a.dtype.type(0),
        address(y) + first * y.strides[0],
    )


@loop
def _columns(first, last, words, a, a_flip, b, b_flip, bias, y):
    """Columns first … last−1 of the same."""
    one, K = a.dtype.type(1), a.shape[0] if a_flip else a.shape[1]
    _copy_bias(bias[first:last], y[:, first:last])
    product(
        words,
        (y.shape[0], last - first, K, row_length(a), row_length(b), row_length(y)),
        a_flip,
        b_flip,
        one,
        address(a),
        address(b) + first * (b.strides[0] if b_flip else b.itemsize),
        one if bias.size else a.dtype.type(0),
        address(y) + first * y.itemsize,
    )


@kernel
def _product(words, parts, a, a_flip, b, b_flip, bias, y):
    """The longer side of y is split over the threads."""
    if y.shape[0] >= y.shape[1]:
        split(words, parts, y.shape[0], _rows, (words, a, a_flip, b, b_flip, bias, y))
    else:
        split(words, parts, y.shape[1], _columns, (words, a, a_flip, b, b_flip, bias, y))


@loop
def _matrices(first, last, words, a, a_flip, b, b_flip, y):
    one, zero = a.dtype.type(1), a.dtype.type(0)
    K = a.shape[1] if a_flip else a.shape[2]
    for i in range(first, last):
        sizes = (y.shape[1], y.shape[2], K, row_length(a[i]), row_length(b[i]), row_length(y[i]))
        product(words, sizes, a_flip, b_flip, one, address(a[i]), address(b[i]), zero, address(y[i]))


@kernel
def _batch(words, parts, a, a_flip, b, b_flip, y):
    split(words, parts, len(y), _matrices, (words, a, a_flip, b, b_flip, y))


@loop
def _sums(first, last, x, y):
    """Blocks of 64 columns, so that vectors do not depend on the number of threads."""
    total = y[64 * first : 64 * last]
    total[:] = 0
    for n in range(x.shape[0]):
        row = x[n, 64 * first : 64 * last]
        for d in range(row.size):
            total[d] += row[d]


@kernel
def _sum_rows(words, parts, x, y):
    split(words, parts, (y.size + 63) // 64, _sums, (x, y))


def laid_out(x):
    """Return a matrix, or a stack of them, with contiguous rows, and whether it is the transpose of x."""
    if x.strides[-1] == x.itemsize and x.strides[-2] >= x.shape[-1] * x.itemsize:
        return x, False
    if x.strides[-2] == x.itemsize and x.strides[-1] >= x.shape[-2] * x.itemsize:
        return x.swapaxes(-1, -2), True
    return np.array(x, order="C"), False


def matmul(a, b):
    """Y = A B    [matmul]; the longer side of Y, or the batch, is split over the threads."""
    M, K, N = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.shape[-2] != K:
        raise ValueError(f"matmul: {a.shape} and {b.shape} do not fit.")
    if b.ndim == 2 and a.ndim > 2:
        return matmul(a.reshape(math.prod(a.shape[:-1]), K), b).reshape(*a.shape[:-1], N)
    kind = np.result_type(a, b)
    if kind.char not in "fd" or not team()[SGEMM]:  # BLAS knows two types; without it NumPy is faster than us
        return np.matmul(a, b)
    a, b = a.astype(kind, copy=False), b.astype(kind, copy=False)
    if a.ndim == 2 and b.ndim == 2:
        y = np.empty((M, N), kind)
        at_least = AT_LEAST // max(2 * K * min(M, N), 1)
        _product(team(), parts(max(M, N), at_least), *laid_out(a), *laid_out(b), np.empty(0, kind), y)
        return y
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    count = math.prod(shape)
    y = np.empty((*shape, M, N), kind)
    a = np.broadcast_to(a, (*shape, M, K)).reshape(count, M, K)
    b = np.broadcast_to(b, (*shape, K, N)).reshape(count, K, N)
    split_in = parts(count, AT_LEAST // max(2 * M * K * N, 1))
    _batch(team(), split_in, *laid_out(a), *laid_out(b), y.reshape(count, M, N))
    return y


def linear_forward(x, weight, bias):
    """Y = X Wᵀ + b    [linear]."""
    if not team()[SGEMM]:
        return x @ weight.T + bias
    y = np.empty((len(x), len(weight)), x.dtype)
    at_least = AT_LEAST // max(2 * x.shape[1] * min(y.shape), 1)
    weight, flipped = laid_out(weight)
    in_parts = parts(max(y.shape), at_least)
    _product(team(), in_parts, *laid_out(x), weight, not flipped, np.ascontiguousarray(bias), y)
    return y


def sum_rows(x):
    """y_d = Σ_n x_nd    [linear]: the gradient of a bias."""
    x = np.ascontiguousarray(x)
    y = np.empty(x.shape[1], x.dtype)
    _sum_rows(team(), parts(-(-y.size // 64), SUMS // max(64 * len(x), 1)), x, y)
    return y
