"""What this machine can do at most, measured in the same run: `python -m scratchlm.bench.machine 2 cpu`.

The rate of a large float32 product is the bound of the workloads' products, that of a copy the bound of
everything that goes through memory. On the host the product is our own kernel, on a card cuBLAS's.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .processes import run_module

SIDE = 1024  # rows and columns of the host's product: 4 MB a matrix, 2.1e9 operations
COPIED = 1 << 26  # numbers: 268 MB, more than the caches of most processors hold
TIMES = 20  # of which the best counts: other work can only slow one down


@dataclass(frozen=True)
class Machine:
    """Both bounds; bytes that a copy reads and bytes that it writes count both."""

    device: str
    threads: int
    product: int  # rows and columns
    gflops_per_second: float
    copy_gigabytes_per_second: float


def machine(threads: int, device: str) -> Machine:
    """Measure in a fresh process, so that the number of threads is the workloads'.

    Raises:
        OptionError: the process failed.
    """
    return Machine(**run_module("machine", (str(threads), device), "The machine's bound cannot be measured"))


def measure(threads: int, device: str, side: int = SIDE, copied: int = COPIED) -> Machine:
    """Measure in this process: a product of (side, side) matrices, a copy of `copied` float32 numbers."""
    from ..device import get_device

    opened = get_device(device)
    if opened.on_card:
        from .card import Sizes, limits

        sizes = Sizes()
        rate, flops = limits(opened.xp, sizes)
        return Machine(device, threads, sizes.product, flops / 1e9, rate / 1e9)
    a, b = np.random.default_rng(0).standard_normal((2, side, side), np.float32)
    product = best(lambda: opened.kernels.matmul(a, b))
    return Machine(device, threads, side, 2 * side**3 / product / 1e9, copy_rate(threads, copied) / 1e9)


def copy_rate(threads: int, numbers: int) -> float:
    """Bytes a second that a copy reads and writes, split over threads (NumPy copies without the GIL)."""
    from concurrent.futures import ThreadPoolExecutor

    source, target = np.ones(numbers, np.float32), np.zeros(numbers, np.float32)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:
        seconds = best(lambda: list(pool.map(lambda part: np.copyto(*part), parts)))
    return 2 * source.nbytes / seconds


def best(call: Callable[[], Any]) -> float:
    """Seconds of the fastest of TIMES calls; the first, which compiles and touches memory, is left out."""
    call()
    seconds = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def main() -> None:
    """Measure and print both bounds."""
    threads, device = sys.argv[1:]
    os.environ["SCRATCHLM_THREADS"] = threads
    print(json.dumps(asdict(measure(int(threads), device))))


if __name__ == "__main__":
    main()
