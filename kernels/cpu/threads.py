"""One team of threads for everything on the cpu device.

Compiled kernels hand loops to the team without Python: a worker waits in compiled code for a loop's address,
spinning for about 0.1 ms, then asleep on a lock. Handing over costs less than 2 µs while it spins and about
50 µs when it has to be woken; by Python's threads it cost 20 to 100 µs, because each piece had to wait for
Python's lock. (Numba's own `prange` would cost seconds of compilation a kernel; its threads do not survive a
fork.) Matrix products are ours, too (gemm.py): a library's pool of threads would take the cores from this
one, because it spins after every product (with one other busy process on two cores, a GPT step of 12 × 64
tokens took 580 ms with OpenBLAS's pool and 75 ms with this one).

The team is an array of 64-bit words, so that a kernel takes it as an argument: LANE words for all, then LANE
words for each worker, far enough apart that no two threads write to the same cache line.

Words used here: a *loop* is a compiled function (first, last, *arguments); a *piece* the rows first … last−1
that one thread takes; a *thunk* a loop as an address to call, its arguments at a *place* in memory.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, models, register_model, typeof_impl

from . import plain
from .compiling import inner, kernel
from .intrinsics import (
    VOID_POINTER,
    WORD,
    acquire_lock,
    exchange,
    load,
    pause,
    release_lock,
    replace,
    store,
)

LANE = 16  # words: two cache lines, because processors fetch them in pairs
# The words for all: taken while a loop is split; addresses of functions; a lock that is never free.
TAKEN, ACQUIRE, RELEASE, NEVER, PRODUCT_32, PRODUCT_64 = range(6)
# The words of a worker, from its lane on: its state; its lock, released to wake it; its piece of work.
STATE, LOCK, THUNK, FIRST, LAST, PLACE, FAILED = range(7)
WAITING, ASKED, WORKING, ASLEEP = range(4)
SPINS = 2000  # of about 50 ns

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
if given := os.environ.get("SCRATCHLM_THREADS"):
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"SCRATCHLM_THREADS is {given!r}, expected a whole number from 1 on.")
    _threads = int(given)


def threads() -> int:
    """Number of threads that kernels are split over (environment variable SCRATCHLM_THREADS)."""
    return _threads


def pieces_of(n: int, at_least: int = 1) -> int:
    """Into how many pieces to cut n rows, none shorter than `at_least`: a piece should take 10 µs or more."""
    most = n // at_least if at_least > 1 else n
    return _threads if most >= _threads else most or 1  # max and min would take longer than all of this


def get_team() -> np.ndarray:
    """The team, for kernels that split their work; its threads start at the first call."""
    return _team(_threads)


@cache
def _team(count: int) -> np.ndarray:
    team = np.zeros(LANE * count, np.int64)
    if plain.PLAIN:
        return team
    python, address = ctypes.pythonapi, ctypes.c_void_p
    new_lock, take = python.PyThread_allocate_lock, python.PyThread_acquire_lock
    new_lock.restype, take.argtypes = address, (address, ctypes.c_int)
    team[ACQUIRE] = ctypes.cast(python.PyThread_acquire_lock_timed, address).value or 0
    team[RELEASE] = ctypes.cast(python.PyThread_release_lock, address).value or 0
    for place in (NEVER, *(lane + LOCK for lane in range(LANE, LANE * count, LANE))):
        lock = new_lock()
        take(lock, 1)
        team[place] = lock
    for lane in range(LANE, LANE * count, LANE):
        threading.Thread(target=_work, args=(team, lane), name="scratchlm", daemon=True).start()
    return team


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_team.cache_clear)  # no thread survives a fork


# ---------------------------------------------------------------- a loop as an address to call
THUNK_TYPE = ir.FunctionType(WORD, [WORD, WORD, VOID_POINTER])


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
        function = ir.Function(builder.module, THUNK_TYPE, name)
        function.linkage = "internal"
        inner = ir.IRBuilder(function.append_basic_block())
        place = inner.bitcast(function.args[2], context.get_value_type(arguments).as_pointer())
        # One by one: LLVM takes seconds over a load of a hundred numbers at once.
        values = [inner.load(cgutils.gep_inbounds(inner, place, 0, i)) for i in range(len(arguments.types))]
        # A worker has no Python to raise in.
        values = [function.args[0], function.args[1], *values]
        status, _ = context.call_internal_no_propagate(inner, compiled.fndesc, call, values)
        inner.ret(inner.zext(status.is_error, WORD))
        return builder.ptrtoint(function, WORD)

    return types.int64(loop, arguments), codegen


@intrinsic
def place_of(typingctx, arguments):
    """Address of a copy of a tuple on the stack of the calling kernel."""

    def codegen(context, builder, signature, args):
        place = cgutils.alloca_once(builder, context.get_value_type(arguments))
        for i, value in enumerate(cgutils.unpack_tuple(builder, args[0])):
            builder.store(value, cgutils.gep_inbounds(builder, place, 0, i))
        return builder.ptrtoint(place, WORD)

    return types.int64(arguments), codegen


@intrinsic
def call_thunk(typingctx, thunk, first, last, place):
    """Call a thunk at its address."""

    def codegen(context, builder, signature, args):
        function = builder.inttoptr(args[0], THUNK_TYPE.as_pointer())
        return builder.call(function, [args[1], args[2], builder.inttoptr(args[3], VOID_POINTER)])

    return types.int64(types.int64, types.int64, types.int64, types.int64), codegen


def loop(function: Callable) -> Any:
    """A function (first, last, …) for `split`, compiled as part of the kernels that split it."""
    return function if plain.PLAIN else Loop(inner(function))


# ---------------------------------------------------------------- handing work over
@kernel
def _work(team, lane):
    """A worker's main loop: spin for work, then sleep on its lock; run what it is handed."""
    while True:
        spins = 0
        while load(team, lane + STATE) != ASKED or not replace(team, lane + STATE, ASKED, WORKING):
            spins += 1
            if spins < SPINS:
                pause()
            elif replace(team, lane + STATE, WAITING, ASLEEP):
                acquire_lock(team[ACQUIRE], team[lane + LOCK], -1)
        team[lane + FAILED] = call_thunk(
            team[lane + THUNK], team[lane + FIRST], team[lane + LAST], team[lane + PLACE]
        )
        store(team, lane + STATE, WAITING)


@inner
def _run(team, pieces, n, thunk, place):
    """`split` for a loop that is an address already: the same code for every loop, compiled once."""
    failed = 0
    if pieces == 1 or not replace(team, TAKEN, 0, 1):
        for k in range(pieces):  # the same pieces, so that the same bits come out
            failed |= call_thunk(thunk, n * k // pieces, n * (k + 1) // pieces, place)
        if failed:
            raise MemoryError("A kernel of the cpu device found no memory to work in.")
        return
    for k in range(1, pieces):
        lane = LANE * k
        team[lane + THUNK], team[lane + PLACE] = thunk, place
        team[lane + FIRST], team[lane + LAST] = n * k // pieces, n * (k + 1) // pieces
        if exchange(team, lane + STATE, ASKED) == ASLEEP:
            release_lock(team[RELEASE], team[lane + LOCK])
    failed = call_thunk(thunk, 0, n // pieces, place)
    for k in range(1, pieces):
        lane, spins = LANE * k, 0
        if replace(
            team, lane + STATE, ASKED, WAITING
        ):  # not begun: its core is busy, or it is still waking up
            failed |= call_thunk(thunk, team[lane + FIRST], team[lane + LAST], place)
            continue
        while load(team, lane + STATE) == WORKING:
            spins += 1
            if spins < SPINS:
                pause()
            else:  # its core is busy with something else: let it have this one
                acquire_lock(team[ACQUIRE], team[NEVER], 50)
        failed |= team[lane + FAILED]
    store(team, TAKEN, 0)
    if failed:
        raise MemoryError("A kernel of the cpu device found no memory to work in.")


@numba.njit(inline="always")
def split(team, pieces, n, loop, arguments):
    """Call loop(first, last, *arguments) for `pieces` pieces that cover range(n), side by side.

    Work that is split inside of split work, or while another thread's is being split, is done by the thread
    that asks.
    """
    _run(team, pieces, n, thunk_of(loop, arguments), place_of(arguments))


if plain.PLAIN:
    split = plain.split  # type: ignore[assignment]
