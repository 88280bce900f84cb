"""Matrix products [matmul], with a bias [linear]: each thread makes a part of it (see cpu/gemm.py)."""

import math

import numpy as np

from ..cpu.compiling import inner
from ..cpu.gemm import PACKED, THIN, address_of_product, call_product, pack, panels_of
from ..cpu.intrinsics import address, bytes_of
from ..cpu.loops import parallel
from ..cpu.threads import PRODUCT_32, PRODUCT_64, get_team

AT_LEAST = 1 << 20  # floating-point operations a thread: about 10 µs at 100 GFLOP/s a core
# Not Python's own: Numba would compile a product for each of them.
AS_IS, FLIPPED = np.bool_(False), np.bool_(True)


def multiplying(dtype):
    """The team, for kernels that multiply matrices of this type: it has the product's address."""
    team, place = get_team(), PRODUCT_32 if dtype == np.float32 else PRODUCT_64
    if not team[place]:
        team[place] = address_of_product(np.dtype(dtype))
    return team


@inner
def product(team, sizes, a_flip, b_flip, alpha, a, b, beta, y, sums=0):
    """y ← α op(a) op(b) + β y, op(x) = xᵀ where flipped; on this core alone.

    a, b, y are addresses of matrices of α's type, with contiguous rows; sizes: M, N, K, and how far apart in
    elements the rows of a, b, y are. `team` come from `multiplying`. Where `sums` is an address, the sums of
    op(a)'s rows are added to the M numbers there, while they are in the cache.
    """
    M, N, K, lda, ldb, ldy = sizes
    size = bytes_of(alpha)
    left = (a, size, lda * size) if a_flip else (a, lda * size, size)
    right = (b, size, ldb * size) if b_flip else (b, ldb * size, size)
    function = team[PRODUCT_32] if size == 4 else team[PRODUCT_64]
    if call_product(function, (M, N, K), left, right, (y, ldy * size, sums), alpha, beta) != 0:
        raise MemoryError


@inner
def packed(rows, weight):
    """The panels of weight (K, N), for many products with as many rows; none where copying does not pay."""
    (K, N), one = weight.shape, weight.dtype.type(1)
    if rows < THIN:
        return np.empty(0, weight.dtype)
    panels = panels_of(K, N, one)
    pack(K, N, address(weight), weight.strides[0], weight.strides[1], address(panels), one)
    return panels


@inner
def add_product(team, a, weight, panels, beta, y):
    """y ← a · weight + β y for a (M, K), weight (K, N) and what `packed` made of it, y (M, N); in C order."""
    (M, K), N, size, one = a.shape, weight.shape[1], y.itemsize, y.dtype.type(1)
    b = (address(weight), weight.strides[0], weight.strides[1])
    if panels.size:
        b = (address(panels), PACKED, K)
    function = team[PRODUCT_32] if size == 4 else team[PRODUCT_64]
    at_y = (address(y), N * size, 0)
    if call_product(function, (M, N, K), (address(a), K * size, size), b, at_y, one, beta) != 0:
        raise MemoryError


@inner
def row_length(x):
    """How far apart in elements rows are."""
    return x.strides[0] // x.itemsize


@inner
def _copy_bias(bias, y):
    """Into each row, where there is a bias. (Numba takes seconds to compile an assignment of arrays.)"""
    for m in range(y.shape[0] if bias.size else 0):
        row = y[m]
        for n in range(bias.size):
            row[n] = bias[n]


@parallel
def _rows(first, last, team, a, a_flip, b, b_flip, bias, beta, y, sums):
    """Rows first … last−1 of y ← op(a) op(b) + β y, where y begins as the bias if there is one.

    The sums of op(a)'s rows are added to `sums`, if that has room for them.
    """
    one, K = a.dtype.type(1), a.shape[0] if a_flip else a.shape[1]
    _copy_bias(bias, y[first:last])
    product(
        team,
        (last - first, y.shape[1], K, row_length(a), row_length(b), row_length(y)),
        a_flip,
        b_flip,
        one,
        address(a) + first * (a.itemsize if a_flip else a.strides[0]),
        address(b),
        beta,
        address(y) + first * y.strides[0],
        address(sums) + first * sums.itemsize if sums.size else 0,
    )


@parallel
def _columns(first, last, team, a, a_flip, b, b_flip, bias, beta, y, sums):
    """Columns first … last−1 of the same."""
    one, K = a.dtype.type(1), a.shape[0] if a_flip else a.shape[1]
    _copy_bias(bias[first:last], y[:, first:last])
    product(
        team,
        (y.shape[0], last - first, K, row_length(a), row_length(b), row_length(y)),
        a_flip,
        b_flip,
        one,
        address(a),
        address(b) + first * (b.strides[0] if b_flip else b.itemsize),
        beta,
        address(y) + first * y.itemsize,
        address(sums) if sums.size and first == 0 else 0,
    )


@parallel
def _matrices(first, last, team, a, a_flip, b, b_flip, y):
    one, zero = a.dtype.type(1), a.dtype.type(0)
    K = a.shape[1] if a_flip else a.shape[2]
    for i in range(first, last):
        sizes = (y.shape[1], y.shape[2], K, row_length(a[i]), row_length(b[i]), row_length(y[i]))
        product(team, sizes, a_flip, b_flip, one, address(a[i]), address(b[i]), zero, address(y[i]))


def laid_out(x):
    """Return a matrix, or a stack of them, with contiguous rows, and whether it is the transpose of x."""
    flags = x.flags
    if flags.c_contiguous and flags.aligned:
        return x, False
    if not flags.aligned or any(step % x.itemsize for step in x.strides):  # a field of a record, say
        return np.array(x, order="C"), False
    if x.strides[-1] == x.itemsize and x.strides[-2] >= x.shape[-1] * x.itemsize:
        return x, False
    if x.strides[-2] == x.itemsize and x.strides[-1] >= x.shape[-2] * x.itemsize:
        return x.swapaxes(-1, -2), True
    return np.array(x, order="C"), False


def add_matmul(a, b, y, beta=1, bias=None, sums=None):
    """Y ← A B + β Y for matrices; with a bias (N), Y ← A B + bias; sums_m ← sums_m + Σ_k a_mk."""
    none = np.empty(0, y.dtype)
    bias, beta = (none, beta) if bias is None else (np.ascontiguousarray(bias), 1)
    added, team = none if sums is None else sums, multiplying(y.dtype)
    longer, along = (len(y), _rows) if y.shape[0] >= y.shape[1] else (y.shape[1], _columns)
    at_least = AT_LEAST // max(2 * a.shape[1] * min(y.shape), 1)
    along(longer, at_least, team, *laid_out(a), *laid_out(b), bias, y.dtype.type(beta), y, added)
    return y


def matmul(a, b):
    """Y = A B    [matmul]; the longer side of Y, or the batch, is split over the threads."""
    M, K, N = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.ndim == 2 and a.ndim > 2:
        return matmul(a.reshape(math.prod(a.shape[:-1]), K), b).reshape(*a.shape[:-1], N)
    if a.ndim == 2 and b.ndim == 2:
        return add_matmul(a, b, np.empty((M, N), a.dtype), 0)
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    count = math.prod(shape)
    y = np.empty((*shape, M, N), a.dtype)
    a = np.broadcast_to(a, (*shape, M, K)).reshape(count, M, K)
    b = np.broadcast_to(b, (*shape, K, N)).reshape(count, K, N)
    at_least = AT_LEAST // max(2 * M * K * N, 1)
    _matrices(count, at_least, multiplying(a.dtype), *laid_out(a), *laid_out(b), y.reshape(count, M, N))
    return y


def linear_forward(x, weight, bias):
    """Y = X Wᵀ + b    [linear]."""
    return add_matmul(x, weight.T, np.empty((len(x), len(weight)), x.dtype), bias=bias)


def linear_weight_backward(grad_y, x):
    """∂L/∂W = Gᵀ X, ∂L/∂b = Σ_n G_n    [linear]: G is summed where the product has it in the cache."""
    grad_weight = np.empty((grad_y.shape[1], x.shape[1]), grad_y.dtype)
    grad_bias = np.zeros(len(grad_weight), grad_y.dtype)
    return add_matmul(grad_y.T, x, grad_weight, 0, sums=grad_bias), grad_bias
