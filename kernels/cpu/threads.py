"""One team of threads for everything on the cpu device.

Compiled kernels hand loops to it without Python: a helper waits in compiled code for a loop's address, first
in a circle for about 0.1 ms, then asleep. Handing over costs less than 2 µs while it circles and about 50 µs
when it has to be woken; by Python's threads it cost 20 to 100 µs, because each part had to wait for Python's
lock. (Numba's own `prange` would cost seconds of compilation a kernel; its threads do not survive a fork.)
Matrix products are ours, too (product.py): a library's pool of threads would take the cores from this one,
because it waits in circles after every product (with one other busy process on two cores, a GPT step of
12 × 64 tokens took 580 ms with OpenBLAS's pool and 75 ms with this one).

The team is an array of 64-bit words, so that a kernel takes it as an argument: LANE words for the team, then
LANE words for each helper, apart enough that no two threads write to the same line of cache.
"""

import ctypes
import os
import threading
from functools import cache

import numba
import numpy as np

from .compiling import inner, kernel
from .native import (
    acquire_lock,
    call_thunk,
    exchange,
    load,
    pause,
    place_of,
    release_lock,
    replace,
    store,
    thunk_of,
)

LANE = 16  # words: two lines of cache, because processors fetch them in pairs
# Words of the team: taken while a loop is split; addresses of functions; a lock that is never free.
TAKEN, ACQUIRE, RELEASE, NEVER, PRODUCT_32, PRODUCT_64 = range(6)
# Words of a helper, from its lane on: its state; its lock, released to wake it; its part of the work.
STATE, LOCK, THUNK, FIRST, LAST, PLACE, FAILED = range(7)
WAITING, ASKED, WORKING, ASLEEP = range(4)
CIRCLES = 2000  # of about 50 ns

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
if given := os.environ.get("SCRATCHLM_THREADS"):
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"SCRATCHLM_THREADS is {given!r}, expected a whole number from 1 on.")
    _threads = int(given)


def threads() -> int:
    """Number of threads that kernels are split over (environment variable SCRATCHLM_THREADS)."""
    return _threads


def parts(n: int, at_least: int = 1) -> int:
    """In how many parts to do n rows, none shorter than `at_least`: a part should take 10 µs or more."""
    return max(1, min(_threads, n // max(at_least, 1)))


def team() -> np.ndarray:
    """The words of the team, for kernels that split their work."""
    return _team(_threads)


@cache
def _team(count: int) -> np.ndarray:
    words = np.zeros(LANE * count, np.int64)
    python, address = ctypes.pythonapi, ctypes.c_void_p
    new_lock, take = python.PyThread_allocate_lock, python.PyThread_acquire_lock
    new_lock.restype, take.argtypes = address, (address, ctypes.c_int)
    words[ACQUIRE] = ctypes.cast(python.PyThread_acquire_lock_timed, address).value or 0
    words[RELEASE] = ctypes.cast(python.PyThread_release_lock, address).value or 0
    for place in (NEVER, *(lane + LOCK for lane in range(LANE, LANE * count, LANE))):
        lock = new_lock()
        take(lock, 1)
        words[place] = lock
    for lane in range(LANE, LANE * count, LANE):
        threading.Thread(target=_help, args=(words, lane), name="scratchlm", daemon=True).start()
    return words


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_team.cache_clear)  # no thread survives a fork


@kernel
def _help(words, lane):
    """What a helper does all its life: wait, first in a circle, then asleep; work."""
    while True:
        circles = 0
        while load(words, lane + STATE) != ASKED or not replace(words, lane + STATE, ASKED, WORKING):
            circles += 1
            if circles < CIRCLES:
                pause()
            elif replace(words, lane + STATE, WAITING, ASLEEP):
                acquire_lock(words[ACQUIRE], words[lane + LOCK], -1)
        words[lane + FAILED] = call_thunk(
            words[lane + THUNK], words[lane + FIRST], words[lane + LAST], words[lane + PLACE]
        )
        store(words, lane + STATE, WAITING)


@inner
def _run(words, parts, n, thunk, place):
    """The same for every loop, and so compiled once."""
    failed = 0
    if parts == 1 or not replace(words, TAKEN, 0, 1):
        for k in range(parts):  # the same parts, so that the same bits come out
            failed |= call_thunk(thunk, n * k // parts, n * (k + 1) // parts, place)
        if failed:
            raise MemoryError("A kernel of the cpu device found no memory to work in.")
        return
    for k in range(1, parts):
        lane = LANE * k
        words[lane + THUNK], words[lane + PLACE] = thunk, place
        words[lane + FIRST], words[lane + LAST] = n * k // parts, n * (k + 1) // parts
        if exchange(words, lane + STATE, ASKED) == ASLEEP:
            release_lock(words[RELEASE], words[lane + LOCK])
    failed = call_thunk(thunk, 0, n // parts, place)
    for k in range(1, parts):
        lane, circles = LANE * k, 0
        if replace(words, lane + STATE, ASKED, WAITING):  # not begun: its core is busy, or it still wakes up
            failed |= call_thunk(thunk, words[lane + FIRST], words[lane + LAST], place)
            continue
        while load(words, lane + STATE) == WORKING:
            circles += 1
            if circles < CIRCLES:
                pause()
            else:  # its core is busy otherwise: let it have this one
                acquire_lock(words[ACQUIRE], words[NEVER], 50)
        failed |= words[lane + FAILED]
    store(words, TAKEN, 0)
    if failed:
        raise MemoryError("A kernel of the cpu device found no memory to work in.")


@numba.njit(inline="always")
def split(words, parts, n, loop, arguments):
    """Call loop(first, last, *arguments) for `parts` parts that cover range(n), side by side.

    Work that is split inside of split work, or while another thread's is being split, is done by the thread
    that asks.
    """
    _run(words, parts, n, thunk_of(loop, arguments), place_of(arguments))
