"""The hot loops, each formula a folder. They know arrays only and import nothing of scratchlm.

- softmax/, lstm/, attention/ …: reference.py (NumPy, the formula as on the page, the truth that the others
  are held to), cpu.py (Numba), cuda.py and a .cu (CUDA C++, and the Python that chooses grid and block)
- grammar.py, contract.py: how a kernel is declared; all of them, collected; a device's set of them
- cpu/, cuda/: what the kernels of one set share: threads and compiling, launching and the GPU
- emulator/: runs CUDA kernels on the CPU, to test, check and step them
- transfers.py, cache.py: copies between host and GPU, counted; where compiled kernels are kept
"""

if __name__ != "scratchlm.kernels":
    raise ImportError(
        "This folder is the package scratchlm.kernels: import it under that name, from the folder above."
    )
