"""scratchlm doctor: what this machine has and lacks, for reports of trouble too."""

import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

import click

from .. import __version__
from ..device import get_device
from ..errors import DeviceError
from .common import make_console, make_table


@click.command()
def doctor() -> None:
    """Say what this machine has: Python, BLAS, threads, Numba, GPU, caches."""
    make_console().print(make_table(f"scratchlm {__version__}", examine()))


def examine() -> list[tuple[str, str]]:
    """Name and finding of everything that decides what runs here and how fast."""
    return [
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("system", f"{platform.system()} {platform.machine()}, {os.cpu_count()} processor(s)"),
        ("NumPy", _version("numpy")),
        ("BLAS (reference)", _blas()),
        ("threads", _threads()),
        ("Numba", _numba()),
        ("kernel cache", _cache()),
        ("GPU", _gpu()),
        ("CuPy", _cupy()),
        ("device cuda", _card()),
        ("device emulator", _emulator()),
        ("gdb", shutil.which("gdb") or "none: only `scratchlm kernel debug` needs it (apt install gdb)"),
        ("NVRTC", _nvrtc()),
        (
            "PyTorch",
            _version(
                "torch",
                "none: only `scratchlm bench` and comparisons in the tests need it (pip install torch)",
            ),
        ),
        ("default text", _text()),
        ("runs", str(Path("runs").absolute())),
    ]


def _version(package: str, missing: str = "none") -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return missing


def _blas() -> str:
    import numpy  # noqa: F401 (loads its BLAS)
    from threadpoolctl import threadpool_info

    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    if not found:
        return "one that threadpoolctl does not know (Accelerate, say)"
    return "; ".join(
        f"{pool['internal_api']} {pool['version']} for {pool.get('architecture', 'unknown')}, "
        f"{pool['num_threads']} thread(s)"
        for pool in found
    )


def _threads() -> str:
    if importlib.util.find_spec("numba") is None:
        return "kernels run on one"
    get_device("cpu")  # refuses a SCRATCHLM_THREADS that is no number
    from scratchlm.kernels.cpu.threads import threads

    return f"kernels are split over {threads()} (set SCRATCHLM_THREADS to change it)"


def _numba() -> str:
    if importlib.util.find_spec("numba") is None:
        return "none: device 'cpu' needs it (pip install numba); 'reference' does not"
    from llvmlite import binding

    return f"{_version('numba')}, compiling for {binding.get_host_cpu_name()}"


def _cache() -> str:
    if importlib.util.find_spec("numba") is None:
        return "none"
    from scratchlm.kernels.cpu.compiling import CACHE, cache_folder

    return _size(cache_folder()) if CACHE else "none: kernels are compiled anew in every process"


def _size(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return f"{folder}, {sum(p.stat().st_size for p in files) / 2**20:.1f} MB in {len(files)} files"


def _emulator() -> str:
    """The compiler that turns CUDA kernels into code for the CPU, and where the result is kept."""
    from scratchlm.kernels.cache import cache_home
    from scratchlm.kernels.emulator import KernelError, compiler

    try:
        command = " ".join(compiler())
    except KernelError as error:
        return f"no: {error}"
    return f"compiles with {command}; {_size(cache_home() / 'emulator')}"


def _nvrtc() -> str:
    """NVIDIA's compiler, for the compile check."""
    from scratchlm.kernels.emulator.nvrtc import PACKAGES

    found = [f"{name} {_version(name)}" for name in PACKAGES if _version(name) != "none"]
    return (
        ", ".join(found)
        or "none: only the emulator and the compile check ask it (pip install nvidia-cuda-nvrtc)"
    )


def _gpu() -> str:
    """Ask NVIDIA's driver library itself: it tells the newest CUDA version that it can run."""
    from scratchlm.kernels.cuda.card import driver as load

    driver = load()
    if driver is None:
        return "none found (no NVIDIA driver)"
    version, count = ctypes.c_int(), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDriverGetVersion(ctypes.byref(version)):
        return "an NVIDIA driver is installed, but no GPU answers"
    driver.cuDeviceGetCount(ctypes.byref(count))
    names = []
    for index in range(count.value):
        text = ctypes.create_string_buffer(128)
        driver.cuDeviceGetName(text, len(text), index)
        names.append(text.value.decode(errors="replace"))
    major = version.value // 1000
    old = "" if major >= 12 else ", which is older than CUDA 12: install a driver from 525 on"
    return f"{', '.join(names)}; driver for CUDA {major}.{version.value % 1000 // 10}{old}"


def _cupy() -> str:
    """CuPy's packages are named after the CUDA that they are built for."""
    from scratchlm.kernels.cuda.card import wheel

    names = ("cupy-cuda12x", "cupy-cuda13x", "cupy")
    found = [f"{name} {_version(name)}" for name in names if _version(name) != "none"]
    return ", ".join(found) or f"none: only the device 'cuda' needs it (pip install {wheel(0)})"


def _card() -> str:
    """What the device cuda would run on, or what it lacks."""
    try:
        cupy = get_device("cuda").xp
    except DeviceError as error:
        return f"no: {error}"
    except MemoryError as error:
        return f"no: the GPU's memory is taken ({error})"
    from scratchlm.kernels.cuda.card import describe

    tf32 = "on" if os.environ.get("CUPY_TF32") == "1" else "off (CUPY_TF32=1 turns it on)"
    return f"{describe(cupy)}; TF32 {tf32}"


def _text() -> str:
    from ..text import default_corpus

    return str(default_corpus())
