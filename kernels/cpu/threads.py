"""One thread pool for everything on the cpu device.

Kernels release Python's lock, so ordinary threads run them side by side, each on its own rows: compiling
Numba's `prange` would cost seconds a kernel, and its threads do not survive a fork. Matrix products are split
here too, and BLAS itself is set to one thread: two pools take the cores from each other, and OpenBLAS's waits
by spinning (with one other busy process on two cores, a GPT step of 12 × 64 tokens took 580 ms with it and
75 ms with ours).

A thread that waits here sleeps. Handing a part over costs about 20 µs.
"""

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from threadpoolctl import threadpool_limits

threadpool_limits(limits=1, user_api="blas")

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
if given := os.environ.get("SCRATCHLM_THREADS"):
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"SCRATCHLM_THREADS is {given!r}, expected a whole number from 1 on.")
    _threads = int(given)
_busy = threading.Lock()  # held by the thread whose work is being split


def threads() -> int:
    """Number of threads that kernels are split over (environment variable SCRATCHLM_THREADS)."""
    return _threads


class _Worker(threading.Thread):
    """Sleeps until it is given a part of the work, does it, and says so."""

    def __init__(self) -> None:
        super().__init__(name="scratchlm", daemon=True)
        self.given, self.done = threading.Lock(), threading.Lock()
        self.given.acquire()
        self.done.acquire()
        self.start()

    def give(self, work: Callable[[int, int], None], start: int, end: int) -> None:
        self.part = work, start, end
        self.error: BaseException | None = None
        self.given.release()

    def run(self) -> None:
        while True:
            self.given.acquire()
            work, start, end = self.part
            try:
                work(start, end)
            except BaseException as error:
                self.error = error
            del self.part, work  # arrays must not live until the next part comes
            self.done.release()


@cache
def _workers(process: int, count: int) -> list[_Worker]:
    return [_Worker() for _ in range(count)]


def split(n: int, work: Callable[[int, int], Any], at_least: int = 1) -> None:
    """Call `work(start, end)` for parts that cover range(n), side by side, none shorter than `at_least`.

    Choose `at_least` so that a part takes longer than handing it over. Work that is split inside of split
    work, or while another thread's is being split, runs on the thread that asks.
    """
    parts = max(1, min(_threads, n // max(at_least, 1)))
    if parts == 1 or not _busy.acquire(blocking=False):
        work(0, n)
        return
    try:
        # Helpers are kept for each process, because no thread survives a fork.
        helpers = _workers(os.getpid(), _threads - 1)[: parts - 1]
        ends = [n * k // parts for k in range(parts + 1)]
        for k, helper in enumerate(helpers, 1):
            helper.give(work, ends[k], ends[k + 1])
        try:
            try:
                work(ends[0], ends[1])
            finally:
                for helper in helpers:
                    helper.done.acquire()
        except KeyboardInterrupt:  # perhaps in the midst of waiting: take new helpers the next time
            _workers.cache_clear()
            raise
        for helper in helpers:
            if helper.error is not None:
                raise helper.error
    finally:
        _busy.release()


def split_elements(n: int, work: Callable[[int, int], Any], at_least: int) -> None:
    """`split` for loops over elements: parts begin at multiples of 64.

    A compiled loop treats the last few elements, which fill no vector, by other instructions, whose last bit
    may differ: this way they are the same elements for any number of threads.
    """
    split(-(-n // 64), lambda a, b: work(64 * a, min(64 * b, n)), at_least // 64)
