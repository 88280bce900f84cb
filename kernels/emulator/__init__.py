"""Runs CUDA kernels on the CPU: the same .cu, the same call as CuPy's RawModule, on NumPy arrays.

    module = Emulator(Path("scale.cu"), mode="check")
    scale = module.get_function("scale")
    scale((4,), (64,), (x, np.float32(2), np.int32(x.size)))

- reading.py, refused.py, source.py: the .cu becomes C++; cuda.h: the words of CUDA
- compiling.py: compiler and cache
- runtime.cpp, fibers.cpp: threads as fibers, barriers, shuffles; faults.cpp: what the processor notices
- check.cpp: races, bounds, uninitialised reads; order.cpp: fences and atomics that order accesses
- launch.py: the call; report.py: what went wrong, in a sentence; symbols.py, variables.py: lines, variables
"""

from .errors import KernelError
from .launch import Counts, Emulator, Function, Pointers
from .report import NOT_SEEN, orders_differ

__all__ = ["NOT_SEEN", "Counts", "Emulator", "Function", "KernelError", "Pointers", "orders_differ"]
