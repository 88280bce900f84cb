"""What the CUDA kernels share; a family's own are in its .cu, and its cuda.py chooses grid and block.

- common.cuh: sums over a warp or a block, four numbers at a time
- launching.py: launches a kernel on a GPU through CuPy, or on the emulator, wherever the arrays are
- card.py: is there a GPU that can run them, and if not, what to install
- compile_check.py: compiles every kernel with NVIDIA's compiler, which needs no GPU
"""
