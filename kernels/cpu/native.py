"""What Numba has no words for: atomic numbers, calls through addresses, one loop run by several threads.

Each is a few instructions of LLVM's language, written by hand. Addresses are arguments and never constants,
so that compiled kernels may be kept on disk.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, models, register_model, typeof_impl

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


# ------------------------------------------------------------------------- a loop as an address to call
THUNK = ir.FunctionType(WORD, [WORD, WORD, VOID_POINTER])


class Loop:
    """A compiled function loop(first, last, *arguments) that `split` may be given.

    Numba's own functions cannot be arguments in a kernel that is kept on disk: they become addresses in it.
    """

    def __init__(self, function: Any):
        self.dispatcher = function


class LoopType(types.Dummy):
    """Numba's type of a Loop: each one has its own, and no value."""

    def __init__(self, dispatcher: Any):
        self.dispatcher = dispatcher
        function = dispatcher.py_func
        super().__init__(f"Loop({function.__module__}.{function.__qualname__})")


register_model(LoopType)(models.OpaqueModel)
typeof_impl.register(Loop)(lambda loop, c: LoopType(loop.dispatcher))
lower_constant(LoopType)(lambda context, builder, kind, loop: context.get_dummy_value())


@intrinsic
def thunk_of(typingctx, loop, arguments):
    """Address of `thunk(first, last, place)`: loop(first, last, *arguments at place); 1 where that failed."""
    call = typingctx.resolve_function_type(
        types.Dispatcher(loop.dispatcher), (types.int64, types.int64, *arguments.types), {}
    )

    def codegen(context, builder, signature, args):
        compiled = loop.dispatcher.overloads[call.args]
        context.add_linking_libs([compiled.library])
        name = builder.module.get_unique_name("thunk")
        function = ir.Function(builder.module, THUNK, name)
        function.linkage = "internal"
        inner = ir.IRBuilder(function.append_basic_block())
        place = inner.bitcast(function.args[2], context.get_value_type(arguments).as_pointer())
        # One by one: LLVM takes seconds over a load of a hundred numbers at once.
        parts = [inner.load(cgutils.gep_inbounds(inner, place, 0, i)) for i in range(len(arguments.types))]
        # A helper has no Python to raise in.
        values = [function.args[0], function.args[1], *parts]
        status, _ = context.call_internal_no_propagate(inner, compiled.fndesc, call, values)
        inner.ret(inner.zext(status.is_error, WORD))
        return builder.ptrtoint(function, WORD)

    return types.int64(loop, arguments), codegen


@intrinsic
def place_of(typingctx, arguments):
    """Address of a copy of a tuple on the stack of the calling kernel."""

    def codegen(context, builder, signature, args):
        place = cgutils.alloca_once(builder, context.get_value_type(arguments))
        for i, part in enumerate(cgutils.unpack_tuple(builder, args[0])):
            builder.store(part, cgutils.gep_inbounds(builder, place, 0, i))
        return builder.ptrtoint(place, WORD)

    return types.int64(arguments), codegen


@intrinsic
def call_thunk(typingctx, thunk, first, last, place):
    """Call a thunk at its address."""

    def codegen(context, builder, signature, args):
        function = builder.inttoptr(args[0], THUNK.as_pointer())
        return builder.call(function, [args[1], args[2], builder.inttoptr(args[3], VOID_POINTER)])

    return types.int64(types.int64, types.int64, types.int64, types.int64), codegen


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
