"""The hot loops. They know arrays only and import nothing of scratchlm.

- contract.py: the one list of kernels: name, arguments, shapes, formula id
- reference/: NumPy: the formula as on the page, the truth that the others are held to
- cpu/: Numba
- cuda/: CUDA C++ (*.cu), and beside each file the Python that chooses grid and block
- emulator/: runs CUDA kernels on the CPU, to test, check and step them
"""

if __name__ != "scratchlm.kernels":
    raise ImportError(
        "This folder is the package scratchlm.kernels: import it under that name, from the folder above."
    )
