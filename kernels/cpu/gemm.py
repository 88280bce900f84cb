"""The matrix product on one core [matmul]: Y ← α A B + β Y, without a library.

Bound: 2·M·N·K floating-point operations; a core with vectors of 512 bits does 64 of them (float32) a clock.
Three ideas bring a product near it, each ten times or so faster than without:

1. A tile of Y, `ROWS` × 2 vectors, stays in registers while k runs: a number of A is loaded once for 2
   vectors, a vector of B once for `ROWS` rows, and the sums are not stored until the end.
2. B is copied into panels as wide as the tile, so that its numbers lie in the order in which they are used,
   and a panel of K_BLOCK rows stays in the fastest cache while all rows of A pass it.
3. A passes in blocks that stay in the second cache; where it is the transpose of what is in memory, it is
   copied, too.

Each number of Y is the sum over k in one order, wherever the tile begins, so (for α = 1, and `THIN` rows or
more a thread) results do not depend on how rows and columns are split over threads. Source: Goto and van de
Geijn, Anatomy of high-performance matrix multiplication, 2008; Van Zee and van de Geijn, BLIS, 2015.

Matrices are given as the address of their first number and two steps in bytes, from row to row and from
column to column.
"""

from functools import cache
from threading import Lock
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

from . import plain
from .compiling import OPTIONS, inner, keep
from .gemm_tile import ROWS, VECTOR, fetch, tile, transpose
from .intrinsics import WORD, address, at_address, bytes_of, read

K_BLOCK = 256  # 256 × 32 float32 are 32 kB: a panel in the first cache
N_BLOCK = 1024  # 256 × 1024 float32 are 1 MB, half of the second cache
M_BLOCK = 128  # 128 kB of A beside it
AHEAD = 8  # rows of B that are asked for before they are copied
COPIED = 64  # columns from which on copying A pays, too
THIN = 4  # with fewer rows copying B would cost more than multiplying
PACKED = -1  # no step between rows: B is in panels; how many rows those have is given as the other step


@inner
def width_of(size):
    """Columns of a panel and of a tile, for numbers of so many bytes."""
    return 2 * VECTOR // size


@inner
def panels_of(K, N, one):
    """Room for the panels of B (K, N), of the type of `one`."""
    width = width_of(bytes_of(one))
    return np.empty((N + width - 1) // width * width * K, type(one))


@inner
def pack(K, N, b, b_row, b_column, panels, one):
    """Copy B (K, N) into panels (K, width) behind each other, the last filled up with zeros."""
    size = bytes_of(one)
    width, lanes = width_of(size), VECTOR // size
    for first in range(0, N, width):
        columns, done = min(width, N - first), 0
        panel = carray(at_address(panels + first * K * size, one), K * width)
        if b_row == size and columns == width:  # columns lie in memory one after the other
            done = K // lanes * lanes
            for k in range(0, done, lanes):
                for half in range(2):
                    transpose(
                        b + k * b_row + (first + half * lanes) * b_column,
                        b_column,
                        panels + (first * K + k * width + half * lanes) * size,
                        width * size,
                        one,
                    )
        for k in range(done, K):
            out, row = panel[k * width : (k + 1) * width], b + k * b_row + first * b_column
            if b_column == size and columns == width:
                fetch(row + AHEAD * b_row)  # rows are too far apart for the processor to guess
                fetch(row + AHEAD * b_row + 64)
                source = carray(at_address(row, one), width)
                for j in range(width):
                    out[j] = source[j]
            else:
                for j in range(width):
                    out[j] = read(row + j * b_column, one) if j < columns else 0


@inner
def _copy(rows, columns, x, x_row, y, one):
    """Copy rows with contiguous numbers; return how many bytes apart they are in y.

    A line of cache more than they are long: at a power of two all rows would fall into the same few places.
    """
    size = bytes_of(one)
    step = columns + 64 // size
    for r in range(rows):
        source, out = carray(at_address(x + r * x_row, one), columns), y[r * step : r * step + columns]
        for j in range(columns):
            out[j] = source[j]
    return step * size


@inner
def _add_rows(rows, terms, a, a_row, a_column, sums, one):
    """sums_m ← sums_m + Σ_k a_mk."""
    size = bytes_of(one)
    totals = carray(at_address(sums, one), rows)
    if a_row == size:
        for k in range(terms):
            column = carray(at_address(a + k * a_column, one), rows)
            for m in range(rows):
                totals[m] += column[m]
    else:
        for m in range(rows):
            for k in range(terms):
                totals[m] += read(a + m * a_row + k * a_column, one)


@inner
def _multiply(M, N, K, a, a_row, a_column, panels, depth, y, y_row, alpha, beta):
    """Y ← α A B + β Y, tile by tile; panels have `depth` rows, of which K are used."""
    size, none = bytes_of(alpha), type(alpha)(0)
    width = width_of(size)
    edge = np.empty(ROWS * width, type(alpha))  # a tile of which only a part is wanted
    for first in range(0, N, width):
        columns = min(width, N - first)
        for m in range(0, M, ROWS):
            rows, place = min(ROWS, M - m), y + m * y_row + first * size
            whole = rows == ROWS and columns == width
            tile(
                K, rows, a + m * a_row, a_row, a_column, panels + first * depth * size,
                place if whole else address(edge), y_row if whole else width * size,
                alpha, beta if whole else none,
            )  # fmt: skip
            if not whole:
                for r in range(rows):
                    new = edge[r * width : r * width + columns]
                    out = carray(at_address(place + r * y_row, alpha), columns)
                    for j in range(columns):
                        out[j] = new[j] if beta == 0 else new[j] + beta * out[j]


@inner
def _thin(M, N, K, a, a_row, a_column, b, b_row, b_column, y, y_row, alpha, beta):
    """The same for few rows: B is read once for each, as it lies in memory."""
    size = bytes_of(alpha)
    factors = np.empty(K, type(alpha))
    for m in range(M):
        out = carray(at_address(y + m * y_row, alpha), N)
        for k in range(K):
            factors[k] = alpha * read(a + m * a_row + k * a_column, alpha)
        for n in range(N):
            out[n] = 0 if beta == 0 else beta * out[n]
        if b_row == size:
            for n in range(N):
                column, total = carray(at_address(b + n * b_column, alpha), K), type(alpha)(0)
                for k in range(K):
                    total += factors[k] * column[k]
                out[n] += total
        elif b_column == size:
            for k in range(K // 4 * 4, K):
                row = carray(at_address(b + k * b_row, alpha), N)
                for n in range(N):
                    out[n] += factors[k] * row[n]
            for k in range(0, K // 4 * 4, 4):  # four rows at a time: Y is read and written once for them
                f0, f1, f2, f3 = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
                row0, row1 = (
                    carray(at_address(b + k * b_row, alpha), N),
                    carray(at_address(b + (k + 1) * b_row, alpha), N),
                )
                row2, row3 = (
                    carray(at_address(b + (k + 2) * b_row, alpha), N),
                    carray(at_address(b + (k + 3) * b_row, alpha), N),
                )
                for n in range(N):
                    out[n] += f0 * row0[n] + f1 * row1[n] + f2 * row2[n] + f3 * row3[n]
        else:
            for k in range(K):
                for n in range(N):
                    out[n] += factors[k] * read(b + k * b_row + n * b_column, alpha)


@inner
def _blocks(M, N, K, a, a_row, a_column, b, b_row, b_column, y, y_row, sums, alpha, beta):
    """Y ← α A B + β Y. Where b_row is `PACKED`, B lies there in panels, made by `pack`.

    Where `sums` is an address, not 0, and B not in panels, the sums of A's rows are added to what is there.
    """
    size = bytes_of(alpha)
    if b_row == PACKED:
        _multiply(M, N, K, a, a_row, a_column, b, b_column, y, y_row, alpha, beta)
        return
    if M < THIN:
        if sums:
            _add_rows(M, K, a, a_row, a_column, sums, alpha)
        _thin(M, N, K, a, a_row, a_column, b, b_row, b_column, y, y_row, alpha, beta)
        return
    panels = panels_of(min(K, K_BLOCK), min(N, N_BLOCK), alpha)
    m_most, k_most = min(M, M_BLOCK), min(K, K_BLOCK)
    block = np.empty(m_most * k_most + 64 // size * max(m_most, k_most), type(alpha))
    for n in range(0, max(N, 1), N_BLOCK):  # without columns, there are still sums
        columns = min(N_BLOCK, N - n)
        for k in range(0, max(K, 1), K_BLOCK):
            terms, before = min(K_BLOCK, K - k), beta if k == 0 else type(alpha)(1)
            at_b = address(panels)
            pack(terms, columns, b + k * b_row + n * b_column, b_row, b_column, at_b, alpha)
            for m in range(0, M, M_BLOCK):
                rows, place = min(M_BLOCK, M - m), y + m * y_row + n * size
                at_a, row, column = a + m * a_row + k * a_column, a_row, a_column
                if columns >= COPIED and a_column == size:
                    row = _copy(rows, terms, at_a, a_row, block, alpha)
                    at_a = address(block)
                elif columns >= COPIED and a_row == size:
                    column = _copy(terms, rows, at_a, a_column, block, alpha)
                    at_a = address(block)
                if sums and n == 0:
                    _add_rows(rows, terms, at_a, row, column, sums + m * size, alpha)
                _multiply(rows, columns, terms, at_a, row, column, at_b, terms, place, y_row, alpha, before)


def _product(M, N, K, a, a_row, a_column, b, b_row, b_column, y, y_row, sums, alpha, beta):
    """The same for other kernels to call by its address; 1 where there was no memory to work in, else 0."""
    try:
        _blocks(M, N, K, a, a_row, a_column, b, b_row, b_column, y, y_row, sums, alpha, beta)
    except Exception:  # all that compiled code can name
        return 1
    return 0


_compiling = Lock()  # the folder of the cache is a setting of the process while a function is declared


@cache
def address_of_product(dtype: Any) -> int:
    """Address of `_product` for a type of numbers, compiled at the first call and kept on disk."""
    real, word = numba.from_dtype(dtype), types.int64
    signature = word(*[word] * 12, real, real)
    compiled = CFunc(_product, (signature.args, signature.return_type), {}, OPTIONS)
    with _compiling:
        keep(compiled, _product).compile()
    return compiled.address or 0


@intrinsic
def call_product(typingctx, function, sizes, a, b, y, alpha, beta):
    """Call `_product` at its address.

    sizes: M, N, K; a, b: address and steps; y: address, step, address for the sums of a's rows or 0.
    """

    def codegen(context, builder, signature, args):
        function, sizes, a, b, y, alpha, beta = args
        number = context.get_value_type(signature.args[5])
        kind = ir.FunctionType(WORD, [WORD] * 12 + [number] * 2)
        words = [word for part in (sizes, a, b, y) for word in cgutils.unpack_tuple(builder, part)]
        return builder.call(builder.inttoptr(function, kind.as_pointer()), [*words, alpha, beta])

    word = types.int64
    three = types.UniTuple(word, 3)
    return word(word, three, three, three, three, alpha, alpha), codegen


if plain.PLAIN:
    panels_of, pack = plain.panels_of, plain.pack
    call_product = plain.call_product  # type: ignore[assignment]

    def address_of_product(dtype: Any) -> int:  # type: ignore[misc]
        """Of no product: `call_product` has its own."""
        return 1
