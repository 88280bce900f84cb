"""Is there a GPU that these kernels can run on? Each reason why not is a sentence: what to install."""

import ctypes
import importlib
import sys
from typing import Any

from ..emulator import KernelError

OLDEST = 75  # compute capability 7.5, Turing (2018): the oldest that CUDA 13 and the compile check know
NEWEST_WHEEL = 13  # CuPy's builds are named after CUDA's major version
NO_DEVICE = 100  # cudaErrorNoDevice
ELSE = "or use the device 'cpu' or 'emulator', which need no GPU"
NO_DRIVER = (
    "Device 'cuda' finds no NVIDIA driver: install the one for your card (nvidia.com/drivers; in a "
    "container, start it with `--gpus all`)"
)


def driver() -> Any:
    """NVIDIA's driver library; None where there is none."""
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


def wheel(cuda: int) -> str:
    """The CuPy package for a driver of this CUDA version, such as 12040; 0 for none known."""
    return f'"cupy-cuda{min(max(cuda // 1000, 12), NEWEST_WHEEL)}x[ctk]"'


def open_card() -> Any:
    """CuPy, after making sure that it can compile and run a kernel on the first card.

    Raises:
        KernelError: CuPy, the driver, a GPU, or NVIDIA's compiler with its headers is missing or too old.
        MemoryError: other programs have taken all of the GPU's memory.
    """
    try:
        cupy = importlib.import_module("cupy")
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise _refused(f"CuPy lacks the package '{error.name}': run `pip install {wheel(0)}`") from None
        if driver() is None:  # first, or CuPy would be installed for nothing
            raise _refused(NO_DRIVER) from None
        raise _refused(f"Device 'cuda' needs CuPy: run `pip install {wheel(0)}`") from None
    except ImportError as error:
        raise _refused(f"CuPy does not load ({_line(error)}): run `pip install {wheel(0)}`") from None
    _check_driver(cupy)
    _check_card(cupy)
    _check_compiler(cupy)
    return cupy


def describe(cupy: Any) -> str:
    """The GPU's name, architecture and memory, and what CuPy's pool holds of it."""
    free, total = cupy.cuda.runtime.memGetInfo()
    pool = cupy.get_default_memory_pool()
    limit = f", at most {pool.get_limit() / 2**30:.1f} GB" if pool.get_limit() else ""
    return (
        f"{_name(cupy)}, sm_{cupy.cuda.Device().compute_capability}, "
        f"{free / 2**30:.1f} of {total / 2**30:.1f} GB free; CuPy's pool holds "
        f"{pool.total_bytes() / 2**30:.1f} GB{limit} (CUPY_GPU_MEMORY_LIMIT limits it)"
    )


def _refused(what: str) -> KernelError:
    return KernelError("card", f"{what}, {ELSE}.")


def _line(error: Exception) -> str:
    """The first line of an error that may have many."""
    return next((line.strip(" .:") for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _name(cupy: Any) -> str:
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"]
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _check_driver(cupy: Any) -> None:
    driver, runtime = cupy.cuda.runtime.driverGetVersion(), cupy.cuda.runtime.runtimeGetVersion()
    if driver == 0:
        raise _refused(NO_DRIVER)
    if driver // 1000 >= runtime // 1000:  # a driver runs every CUDA up to its own, and later minor versions
        return
    version = f"The NVIDIA driver is for CUDA {driver // 1000}.{driver % 1000 // 10}, this CuPy needs CUDA "
    if driver < 12000:
        raise _refused(f"{version}{runtime // 1000}: install a driver from 525 on")
    raise _refused(
        f"{version}{runtime // 1000}: run `pip uninstall cupy-cuda{runtime // 1000}x` and "
        f"`pip install {wheel(driver)}`, or install a newer driver"
    )


def _check_card(cupy: Any) -> None:
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if error.status != NO_DEVICE:
            raise _refused(f"The NVIDIA driver gives no GPU ({_line(error)}): restart the machine") from None
        count = 0
    if count == 0:
        raise _refused(
            "There is an NVIDIA driver, but it shows no GPU: unset CUDA_VISIBLE_DEVICES if it is empty, "
            "start a container with `--gpus all`"
        )
    capability = cupy.cuda.Device().compute_capability
    if int(capability) < OLDEST:
        raise _refused(
            f"The GPU ({_name(cupy)}, sm_{capability}) is older than sm_{OLDEST}, the oldest that the "
            "kernels are made for: take a GPU from 2018 on"
        )


def _check_compiler(cupy: Any) -> None:
    """Compile and run the smallest kernel of CuPy's own, which needs what ours need, and a product."""
    fitting = f'"cupy-cuda{cupy.cuda.runtime.runtimeGetVersion() // 1000}x[ctk]"'
    try:
        cupy.cuda.nvrtc.getVersion()
    except (ImportError, OSError, RuntimeError):
        raise _refused(f"CuPy finds no NVRTC, NVIDIA's compiler: run `pip install {fitting}`") from None
    try:
        total = int((cupy.arange(3) + 1).sum())
        cupy.matmul(*[cupy.ones((2, 2), "float32")] * 2)  # loads cuBLAS
    except MemoryError:
        raise
    except Exception as error:  # CompileException is an Exception, a missing library a RuntimeError
        raise _refused(
            f"CuPy cannot run a kernel on the GPU ({_line(error)}): run `pip install {fitting}`, which "
            "brings the headers and cuBLAS"
        ) from None
    if total != 6:
        raise _refused(f"The GPU adds 1, 2 and 3 to {total}: look for a fault of the GPU")
