"""What the compiled kernels share; a family's own are in its cpu.py.

- loops.py: a kernel out of a loop over rows (`parallel`) or out of a formula of numbers (`elementwise`)
- threads.py: the team of threads, and how work is handed to it
- elementary.py: exp, sigmoid, tanh, the normal distribution, as code that becomes vector instructions
- gemm.py, gemm_tile.py: the matrix product on one core
- compiling.py: Numba's options, and the folder where compiled kernels are kept
- intrinsics.py: a few instructions that Numba has no words for
- memory.py: memory that is kept when it is freed, in large pages
"""

from .memory import keep_memory

keep_memory()
