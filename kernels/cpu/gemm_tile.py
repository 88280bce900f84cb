"""A tile of a matrix product in registers, and other words of the processor for gemm.py."""

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import WORD, X86

_features = get_host_cpu_features()
# Bytes of a vector, and rows of a tile: its 2 · ROWS sums, 2 vectors of B and 1 of A have to fit the
# registers, of which there are 32 with 512 bits and on ARM, 16 else.
VECTOR = 64 if _features.get("avx512f") else 32 if _features.get("avx") else 16
FUSED = _features.get("fma") or not X86  # a multiplication and an addition in one go
ROWS = 8 if VECTOR == 64 or _features.get("neon") else 6
BYTES = ir.IntType(8).as_pointer()
FETCH = ir.FunctionType(ir.VoidType(), [BYTES, *[ir.IntType(32)] * 3])


@intrinsic
def tile(typingctx, K, rows, a, a_row, a_column, panel, y, y_row, alpha, beta):
    """Y ← α A B + β Y for `ROWS` rows and 2 vectors of columns; y is not read where β is 0.

    Of A's rows only the first `rows` are read, the last of them again for those that lack.
    """

    def codegen(context, builder, signature, args):
        K, rows, a, a_row, a_column, panel, y, y_row, alpha, beta = args
        number = context.get_value_type(signature.args[8])
        bytes_of_number = signature.args[8].bitwidth // 8
        vector = ir.VectorType(number, VECTOR // bytes_of_number)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector, [vector] * 3),
            f"llvm.fma.v{vector.count}f{8 * bytes_of_number}",
        )

        def multiply_add(x, y, z):
            return builder.call(function, [x, y, z]) if FUSED else builder.fadd(builder.fmul(x, y), z)

        def everywhere(value):
            one = builder.insert_element(
                ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
            )
            places = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
            return builder.shuffle_vector(one, one, places)

        def memory(address, offset=0):
            return builder.inttoptr(builder.add(address, ir.Constant(WORD, offset)), vector.as_pointer())

        row_of = []
        for r in range(ROWS):
            there = builder.icmp_signed("<", ir.Constant(WORD, r), rows)
            last = builder.sub(rows, ir.Constant(WORD, 1))
            row = builder.select(there, ir.Constant(WORD, r), last)
            row_of.append(builder.add(a, builder.mul(a_row, row)))

        places = [
            memory(builder.add(y, builder.mul(y_row, ir.Constant(WORD, r))), VECTOR * c)
            for r in range(ROWS)
            for c in range(2)
        ]
        # Fetch the tile of Y while the sums are made: its rows are too far apart for the processor to guess.
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [BYTES], FETCH)
        for place in places:
            flags = [ir.Constant(ir.IntType(32), value) for value in (1, 3, 1)]  # to write, to keep, data
            builder.call(fetch, [builder.bitcast(place, BYTES), *flags])

        before = builder.block
        body, finish = builder.append_basic_block("k"), builder.append_basic_block("sums")
        builder.cbranch(builder.icmp_signed(">", K, ir.Constant(WORD, 0)), body, finish)
        builder.position_at_end(body)
        k, offset, at_b = builder.phi(WORD), builder.phi(WORD), builder.phi(WORD)
        sums = [[builder.phi(vector) for _ in range(2)] for _ in range(ROWS)]
        b = [builder.load(memory(at_b, VECTOR * c), align=bytes_of_number) for c in range(2)]
        added = []
        for r in range(ROWS):
            place = builder.inttoptr(builder.add(row_of[r], offset), number.as_pointer())
            factor = everywhere(builder.load(place))
            added.append([multiply_add(factor, b[c], sums[r][c]) for c in range(2)])
        following = builder.add(k, ir.Constant(WORD, 1))
        for phi, first, later in (
            (k, ir.Constant(WORD, 0), following),
            (offset, ir.Constant(WORD, 0), builder.add(offset, a_column)),
            (at_b, panel, builder.add(at_b, ir.Constant(WORD, 2 * VECTOR))),
            *((sums[r][c], ir.Constant(vector, None), added[r][c]) for r in range(ROWS) for c in range(2)),
        ):
            phi.add_incoming(first, before)
            phi.add_incoming(later, body)
        builder.cbranch(builder.icmp_signed("<", following, K), body, finish)

        builder.position_at_end(finish)
        totals = []
        for r in range(ROWS):
            for c in range(2):
                total = builder.phi(vector)
                total.add_incoming(ir.Constant(vector, None), before)
                total.add_incoming(added[r][c], body)
                totals.append(total)
        alpha, beta_everywhere = everywhere(alpha), everywhere(beta)
        nothing = builder.fcmp_ordered("==", beta, ir.Constant(number, 0.0))
        with builder.if_else(nothing) as (fresh, onto):
            with fresh:
                for place, total in zip(places, totals, strict=True):
                    builder.store(builder.fmul(alpha, total), place, align=bytes_of_number)
            with onto:
                for place, total in zip(places, totals, strict=True):
                    old = builder.fmul(beta_everywhere, builder.load(place, align=bytes_of_number))
                    total = multiply_add(alpha, total, old)
                    builder.store(total, place, align=bytes_of_number)
        return context.get_dummy_value()

    word, real = types.int64, alpha
    return types.void(word, word, word, word, word, word, word, word, real, real), codegen


@intrinsic
def transpose(typingctx, x, x_row, y, y_row, like):
    """Yᵀ ← X for a square as wide as a vector, both with contiguous rows; `like` is a number of its type.

    In log₂ steps: numbers change places with those that lie 1, then 2, 4, … rows and columns away.
    """

    def codegen(context, builder, signature, args):
        x, x_row, y, y_row, _ = args
        number, size = context.get_value_type(like), VECTOR // (like.bitwidth // 8)
        vector = ir.VectorType(number, size)

        def row(address, step, r):
            place = builder.add(address, builder.mul(step, ir.Constant(WORD, r)))
            return builder.inttoptr(place, vector.as_pointer())

        rows = [builder.load(row(x, x_row, r), align=like.bitwidth // 8) for r in range(size)]
        distance = 1
        while distance < size:
            for r in (r for r in range(size) if not r & distance):
                upper, lower = rows[r], rows[r | distance]
                # numbers of `upper` are 0 … size−1 to LLVM, those of `lower` size … 2 size−1
                above = [c - distance + size if c & distance else c for c in range(size)]
                below = [c + size if c & distance else c + distance for c in range(size)]
                kind = ir.VectorType(ir.IntType(32), size)
                rows[r] = builder.shuffle_vector(upper, lower, ir.Constant(kind, above))
                rows[r | distance] = builder.shuffle_vector(upper, lower, ir.Constant(kind, below))
            distance *= 2
        for r in range(size):
            builder.store(rows[r], row(y, y_row, r), align=like.bitwidth // 8)
        return context.get_dummy_value()

    word = types.int64
    return types.void(word, word, word, word, like), codegen


@intrinsic
def fetch(typingctx, address):
    """Ask for the line of cache at an address that will be read soon."""

    def codegen(context, builder, signature, args):
        function = builder.module.declare_intrinsic("llvm.prefetch", [BYTES], FETCH)
        flags = [ir.Constant(ir.IntType(32), value) for value in (0, 3, 1)]  # to read, to keep, data
        builder.call(function, [builder.inttoptr(args[0], BYTES), *flags])
        return context.get_dummy_value()

    return types.void(types.int64), codegen
