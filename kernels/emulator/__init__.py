"""Runs CUDA kernels on the CPU: the same .cu, the same call as CuPy's RawModule, on NumPy arrays.

    module = Emulator(Path("scale.cu"), mode="check")
    scale = module.get_function("scale")
    scale((4,), (64,), (x, np.float32(2), np.int32(x.size)))

    verdict = check(Path("scale.cu"), 4, 64, (x, np.float32(2), np.int32(x.size)))

- check.py: the verdict on a kernel, from several orders of its threads
- raw_module.py: the call; staging.py, its arguments in memory; report.py, what went wrong, in a sentence
- front/: reads the .cu and makes C++ of it; toolchain.py, nvrtc.py: compilers and cache
- runtime/: cuda.h, words.h, standard.h, groups.h, the words of CUDA; include/, the headers that a .cu names,
  small.h, 16-bit floats; runtime.cpp, fibers.cpp: threads as fibers, barriers, shuffles; check.cpp: races,
  bounds, uninitialised reads; order.cpp: fences and atomics that order accesses; faults.cpp: what the
  processor notices
- abi.py: what Python and runtime/ agree on
- symbols.py, variables.py: lines and variables of the compiled code
"""

from .abi import ORDERS, Counts
from .check import Verdict, check, orders_differ
from .errors import KernelError, Thread
from .raw_module import Emulator, KernelFunction, Pointers
from .report import NOT_SEEN
from .toolchain import compiler

__all__ = [
    "NOT_SEEN", "ORDERS", "Counts", "Emulator", "KernelError", "KernelFunction", "Pointers", "Thread",
    "Verdict", "check", "compiler", "orders_differ",
]  # fmt: skip
