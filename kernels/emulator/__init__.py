"""Runs CUDA kernels on the CPU: the same .cu, the same call as CuPy's RawModule, on NumPy arrays.

    module = Emulator(Path("scale.cu"), mode="check")
    scale = module.get_function("scale")
    scale((4,), (64,), (x, np.float32(2), np.int32(x.size)))

- source.py: the .cu becomes C++; compiling.py: compiler and cache; cuda.h: the words of CUDA
- runtime.cpp: threads as fibers, barriers, shuffles; check.cpp: races, bounds, uninitialised reads
- launch.py: the call; report.py: what went wrong, in a sentence; symbols.py: lines and variables
"""

from .errors import KernelError
from .launch import Counts, Emulator, Function, Pointers

__all__ = ["Counts", "Emulator", "Function", "KernelError", "Pointers"]
