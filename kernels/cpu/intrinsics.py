"""What Numba has no words for: atomic numbers, locks, numbers at an address.

Each is a few instructions of LLVM's language, written by hand. Addresses are arguments and never constants,
so that compiled kernels may be kept on disk.
"""

import platform

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import plain

WORD = ir.IntType(64)
VOID_POINTER = ir.IntType(8).as_pointer()
X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686", "x86")


def _item(context, builder, array_type, array, index):
    """Pointer to array[index] of a one-dimensional array of int64."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


@intrinsic
def load(typingctx, array, index):
    """array[index], and whatever the thread that stored it had written before."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(_item(context, builder, signature.args[0], *args), "acquire", 8)

    return types.int64(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, value):
    """array[index] = value, after all that this thread has written before."""

    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], _item(context, builder, signature.args[0], *args[:2]), "release", 8)

    return types.void(array, types.intp, types.int64), codegen


@intrinsic
def exchange(typingctx, array, index, value):
    """array[index] = value; return what was there, in one go."""

    def codegen(context, builder, signature, args):
        place = _item(context, builder, signature.args[0], *args[:2])
        return builder.atomic_rmw("xchg", place, args[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), codegen


@intrinsic
def replace(typingctx, array, index, expected, value):
    """array[index] = value if it is `expected`; return whether it was, in one go."""

    def codegen(context, builder, signature, args):
        place = _item(context, builder, signature.args[0], *args[:2])
        result = builder.cmpxchg(place, args[2], args[3], "seq_cst", "seq_cst")
        return builder.extract_value(result, 1)

    return types.boolean(array, types.intp, types.int64, types.int64), codegen


@intrinsic
def pause(typingctx):
    """Tell the processor that this thread is waiting in a loop: about 50 ns on x86, nothing elsewhere."""

    def codegen(context, builder, signature, args):
        if X86:
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", fnty=PAUSE), [])
        return context.get_dummy_value()

    return types.void(), codegen


PAUSE = ir.FunctionType(ir.VoidType(), [])


@intrinsic
def acquire_lock(typingctx, function, lock, microseconds):
    """PyThread_acquire_lock_timed at an address; −1 microseconds: without end."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(32), [VOID_POINTER, WORD, ir.IntType(32)])
        function = builder.inttoptr(args[0], kind.as_pointer())
        lock = builder.inttoptr(args[1], VOID_POINTER)
        return builder.call(function, [lock, args[2], ir.Constant(ir.IntType(32), 0)])

    return types.int32(types.int64, types.int64, types.int64), codegen


@intrinsic
def release_lock(typingctx, function, lock):
    """PyThread_release_lock at an address."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [VOID_POINTER])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [builder.inttoptr(args[1], VOID_POINTER)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


# ----------------------------------------------------------------------------------------------- memory
@intrinsic
def at_address(typingctx, address, like):
    """An address as a pointer to numbers of the type of `like`."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(like)(types.int64, like), codegen


@intrinsic
def address(typingctx, array):
    """Of an array's first number."""

    def codegen(context, builder, signature, args):
        return builder.ptrtoint(context.make_array(array)(context, builder, args[0]).data, WORD)

    return types.int64(array), codegen


@intrinsic
def bytes_of(typingctx, number):
    """4 for a float32, 8 for a float64."""

    def codegen(context, builder, signature, args):
        return ir.Constant(WORD, number.bitwidth // 8)

    return types.int64(number), codegen


@intrinsic
def read(typingctx, address, like):
    """The number of the type of `like` at an address."""

    def codegen(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        return builder.load(builder.inttoptr(args[0], kind.as_pointer()))

    return like(types.int64, like), codegen


@intrinsic
def larger(typingctx, a, b):
    """The larger of two floats; of a NaN and a number anything, so that a NaN has to be met again elsewhere.

    LLVM makes vectors of a maximum only if it may forget NaN and the sign of 0, which Numba does not tell it:
    the largest element of a row took 1.4 ns an element with `max` or `>`, and takes 0.03.
    """

    def codegen(context, builder, signature, args):
        more = builder.fcmp_ordered(">", args[0], args[1], flags=("nnan", "nsz"))
        return builder.select(more, args[0], args[1], flags=("nnan", "nsz"))

    return a(a, a), codegen


if plain.PLAIN:
    address, at_address = plain.address, plain.at_address  # type: ignore[assignment]
    bytes_of, larger = plain.bytes_of, plain.larger  # type: ignore[assignment]
