"""NVRTC, NVIDIA's compiler, where the package nvidia-cuda-nvrtc is installed: it needs no GPU."""

import ctypes
import importlib.metadata
import re
from functools import cache
from pathlib import Path

from .errors import KernelError
from .front import Source

PACKAGES = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12")  # the second comes with CuPy and PyTorch
OPTIONS = (
    "--gpu-architecture=compute_90",
    "-std=c++17",
    "-DEMULATOR",
    "-DEMU_OF_HOST=",
    "--disable-warnings",
)
OF_NVCC = ("-default-device", "--device-int128")  # the host's part is out; what is left may be constexpr
ELSEWHERE = r"\bcooperative_groups\b|\bstd\s*::"  # in headers that the package does not have


def open_nvrtc() -> ctypes.CDLL:
    """NVRTC.

    Raises:
        KernelError: it is not installed.
    """
    for package in PACKAGES:
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if re.match(r"libnvrtc\.so\.\d+$|nvrtc64_\d+_0\.dll$", file.name):
                return ctypes.CDLL(str(file.locate()))
    raise KernelError("compiler", "NVRTC is not installed: run `pip install nvidia-cuda-nvrtc`.")


@cache
def version() -> str:
    """Which NVRTC is installed; "" where none is."""
    for package in PACKAGES:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def compiled(nvrtc: ctypes.CDLL, text: str, name: str, options: tuple[str, ...]) -> tuple[bool, str]:
    """Whether NVRTC takes a text, and what it says."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), name.encode(), 0, None, None)
    array = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    failed = nvrtc.nvrtcCompileProgram(program, len(options), array)
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return not failed, log.value.decode()


def refuse(source: Source, options: tuple[str, ...]) -> None:
    """Refuse what NVRTC refuses, where it is installed and has the headers.

    Raises:
        KernelError: with its first sentence.
    """
    if not version() or re.search(ELSEWHERE, source.device):
        return
    given = [option for option in options if option.startswith("-D") and option not in OPTIONS]
    given += OF_NVCC if source.for_nvcc else ()
    takes, log = compiled(open_nvrtc(), source.device, source.name, (*OPTIONS, *given))
    first = re.search(r"^(.*)\((\d+)\): error: (.*?)(?:\. Consider .*)?$", log, re.M)
    if not takes and first:  # else it lacks a header
        raise KernelError(
            "compile", f"NVIDIA's compiler says: {first[3]}.", Path(first[1]).name, int(first[2])
        )
