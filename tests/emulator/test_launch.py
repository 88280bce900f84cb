"""The call: arguments, sizes, compilers, the cache, signals."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError, Pointers, orders_differ, toolchain

SCALE = """extern "C" __global__ void scale(float* x, float a, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] *= a;
}
"""
X = np.ones(100, np.float32)
A, N = np.float32(2), np.int32(100)


@pytest.fixture
def scale():
    return Emulator(SCALE).get_function("scale")


def test_a_kernel_from_a_string_and_from_a_file_with_an_include(tmp_path, scale):
    x = X.copy()
    scale((2,), (64,), (x, A, N))
    assert (x == 2).all()
    (tmp_path / "twice.cuh").write_text("__device__ float twice(float v) {\n    return 2 * v;\n}\n")
    path = tmp_path / "own.cu"
    path.write_text(
        '#include "twice.cuh"\nextern "C" __global__ void own(float* x) {\n    x[0] = twice(x[1]);\n}\n'
    )
    Emulator(path).get_function("own")((1,), (1,), (x,))
    assert x[0] == 4
    with pytest.raises(KernelError, match=r"^own.cu:3: own, thread 0, block 0, reads x\[1\], but"):
        Emulator(path, mode="check").get_function("own")(1, 1, (x[:1],))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((X, 2.0, N), r"argument 2, a, is float: pass np.float32"),
        ((X, A, 100), r"argument 3, n, is int: pass np.int32"),
        ((X, np.int32(2), N), "argument 2, a, is a number of int32: pass np.float32"),
        ((X.astype(np.float64), A, N), "argument 1, x, is an array of float64: pass an array of float32"),
        ((A, A, N), "argument 1, x, is a number of float32: pass an array of float32"),
        ((X, X, N), "argument 2, a, is an array of float32: pass np.float32"),
        ((X, A), r"takes 3 arguments \(x, a, n\), not 2"),
    ],
)
def test_arguments_are_checked_against_the_parameters(scale, args, says):
    with pytest.raises(KernelError, match=says) as caught:
        scale((1,), (64,), args)
    assert caught.value.kind == "argument"


@pytest.mark.parametrize(
    ("grid", "block"),
    [
        (0, 64), ((1, 1, 1, 1), 64), (1.5, 64), (1, 1025), (1, (64, 64)), (1, (1, 1, 65)),
        ((1, 65536), 1), ((1, 1, 65536), 1), (2**31, 1), (5_000_000_000, 1), (1, (1, 1025)),
    ],
)  # fmt: skip
def test_grids_and_blocks_that_no_card_takes(grid, block):
    for mode in ("fast", "check", "debug"):
        scale = Emulator(SCALE, mode=mode).get_function("scale")
        with pytest.raises(KernelError, match=r"a card takes|whole numbers above 0") as caught:
            scale(grid, block, (X, A, N))
        assert caught.value.kind == "launch"
        scale((1, 65535), 1, (X.copy(), A, np.int32(0)))


def test_shared_memory_over_the_limit():
    source = 'extern "C" __global__ void big(float* x) {{ __shared__ float s[{}]; s[0] = x[0]; }}'
    fits = Emulator(source.format(12 * 1024)).get_function("big")
    fits(1, 1, (X.copy(),))
    with pytest.raises(KernelError, match="shared_mem=4 beside 49,152 bytes of its own is more than the 0"):
        fits(1, 1, (X.copy(),), shared_mem=4)
    with pytest.raises(
        KernelError, match="declares 49,168 bytes of shared memory, a block has 49,152"
    ) as caught:
        Emulator(source.format(12 * 1024 + 4)).get_function("big")(1, 1, (X.copy(),))
    assert caught.value.kind == "shared memory"
    scale = Emulator(SCALE).get_function("scale")
    with pytest.raises(KernelError, match="raise max_dynamic_shared_size_bytes") as caught:
        scale(1, 1, (X.copy(), A, N), shared_mem=50_000)
    assert caught.value.kind == "launch"
    scale.max_dynamic_shared_size_bytes = 100_000
    scale(1, 1, (X.copy(), A, N), shared_mem=50_000)
    with pytest.raises(KernelError, match="shared_mem"):
        scale(1, 1, (X.copy(), A, N), shared_mem=100_001)
    for wrong in (-4, 1.5):
        with pytest.raises(
            KernelError, match=f"shared_mem is {wrong}: give a number of bytes, 0 or more"
        ) as caught:
            scale(1, 1, (X.copy(), A, N), shared_mem=wrong)
        assert caught.value.kind == "launch"


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (
            "x[i] = x[(long long)i << 36];",
            "out of bounds",
            r"reads address 0x\w+, far from every array: the pointer or the index is wrong; mode \"check\"",
        ),
        ("x[i] = ((float*)(long long)x[0])[i];", "out of bounds", "reads through a null pointer"),
        ("x[i] = i / (int)x[0];", "division", "divides an integer by 0"),
    ],
)
def test_a_crash_in_fast_mode_is_an_error(body, kind, says):
    source = f'extern "C" __global__ void k(float* x) {{\n    int i = threadIdx.x + 1;\n    {body}\n}}'
    for _ in range(2):
        with pytest.raises(KernelError, match=rf"^<source>:3: k, thread .*{says}") as caught:
            Emulator(source).get_function("k")(1, 32, (np.zeros(4, np.float32),))
        assert caught.value.kind == kind
    scale = Emulator(SCALE).get_function("scale")
    scale(1, 64, (x := X.copy(), A, N))
    assert x[0] == 2


def test_limits_are_named_for_python_and_for_the_command():
    spin = 'extern "C" __global__ void spin(volatile float* x) { while (x[0] < 2) x[1] = 0; }'
    with pytest.raises(KernelError, match=r"raise steps \(--steps\)"):
        Emulator(spin, steps=10_000_000).get_function("spin")(1, 1, (X.copy(),))
    with pytest.raises(KernelError, match=r"raise seconds \(--seconds\)"):
        Emulator(spin, seconds=0.1, steps=10**15).get_function("spin")(1, 1, (X.copy(),))


def test_no_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SCRATCHLM_CXX", raising=False)
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    toolchain.compiler.cache_clear()
    try:
        with pytest.raises(KernelError, match=r"install g\+\+ or clang, or run `pip install ziglang`"):
            toolchain.compiler()
    finally:
        toolchain.compiler.cache_clear()


def test_processes_that_compile_the_same_kernel_at_once(tmp_path):
    code = (
        "import numpy as np\nfrom scratchlm.kernels.emulator import Emulator\n"
        "x = np.ones(100, np.float32)\n"
        f"scale = Emulator({SCALE!r}).get_function('scale')\n"
        "scale(2, 64, (x, np.float32(3), np.int32(100)))\nassert (x == 3).all()\n"
    )
    environment = {**os.environ, "SCRATCHLM_CACHE": str(tmp_path)}
    with ThreadPoolExecutor(3) as pool:
        done = list(
            pool.map(lambda _: subprocess.run([sys.executable, "-c", code], env=environment), range(3))
        )
    assert [process.returncode for process in done] == [0, 0, 0]
    kept = sorted(path.name.split("-", 1)[1] for path in (tmp_path / "emulator").iterdir())
    assert kept == ["check.o", "faults.o", "fibers.o", "order.o", "runtime.o", "source-fast.so"]


def test_threads_launch_one_after_another(scale):
    arrays = [np.ones(100, np.float32) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda x: scale(2, 64, (x, A, N)), arrays))
    assert all((x == 2).all() for x in arrays)


SPIN = 'extern "C" __global__ void spin(float* x) { while (x[0] < 2) x[0] *= 0.5f; }'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGALRM])
@pytest.mark.parametrize("mode", ["fast", "check"])
def test_a_signal_whose_handler_raises_ends_a_kernel(mode, number):
    spin = Emulator(SPIN, mode=mode, steps=10**15)
    before = signal.signal(number, signal.default_int_handler)
    started = time.monotonic()
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            spin.get_function("spin")(1, 1, (X.copy(),))
    finally:
        signal.signal(number, before)
    assert time.monotonic() - started < 5


def test_a_signal_whose_handler_goes_on_does_not_end_a_kernel():
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(1))
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KernelError, match=r"was still running after 0.5 s"):
            Emulator(SPIN, seconds=0.5, steps=10**15).get_function("spin")(1, 1, (X.copy(),))
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [1]


def test_signals_are_the_programs_own_after_a_launch():
    """A fault of its own ends a program as ever, with what faulthandler, which catches it in C, says."""
    code = (
        "import ctypes, faulthandler, numpy as np\nfrom scratchlm.kernels.emulator import Emulator\n"
        "faulthandler.enable()\n"
        f"Emulator({SCALE!r}).get_function('scale')(1, 32, (np.ones(9, 'f'), np.float32(3), np.int32(9)))\n"
        "print('launched', flush=True)\nctypes.string_at(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGSEGV, "launched\n")
    assert "Fatal Python error: Segmentation fault" in done.stderr


def test_a_cache_that_only_others_may_fill(tmp_path, monkeypatch):
    """Everything is compiled; a kernel is loaded from a copy of its own, which then lies elsewhere."""
    monkeypatch.setenv("SCRATCHLM_CACHE", str(tmp_path))
    Emulator(SCALE)
    mkdtemp = tempfile.mkdtemp

    def only_elsewhere(suffix=None, prefix=None, dir=None):  # root may write where others may not
        if dir is not None and Path(dir).is_relative_to(tmp_path):
            raise PermissionError(13, "Permission denied", str(dir))
        return mkdtemp(suffix, prefix, dir)

    monkeypatch.setattr(tempfile, "mkdtemp", only_elsewhere)
    Emulator(SCALE).get_function("scale")(2, 64, (x := X.copy(), A, N))
    assert (x == 2).all()


def test_a_cache_on_a_disk_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCHLM_CACHE", str(tmp_path))
    Emulator(SCALE)

    def read_only(path):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(os, "utime", read_only)
    Emulator(SCALE).get_function("scale")(2, 64, (x := X.copy(), A, N))
    assert (x == 2).all()


@pytest.mark.parametrize("left", [0, 60, -1])
@pytest.mark.parametrize("damaged", ["*.so", "*.o"])
def test_a_damaged_file_of_the_cache_is_compiled_anew(tmp_path, monkeypatch, damaged, left):
    monkeypatch.setenv("SCRATCHLM_CACHE", str(tmp_path))
    Emulator(SCALE)
    for path in (tmp_path / "emulator").glob(damaged):
        path.write_bytes(path.read_bytes()[:left])
    code = SCALE if damaged == "*.so" else SCALE + "// linked anew\n"
    Emulator(code).get_function("scale")(2, 64, (x := X.copy(), A, N))
    assert (x == 2).all()


def test_what_is_not_used_leaves_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCHLM_CACHE", str(tmp_path))
    monkeypatch.setattr(toolchain, "KEPT", 250)  # bytes: two of the files, whose seal has twelve
    made = []

    def get(name):
        def make(work):
            made.append(name)
            (work / "new").write_bytes(bytes(100))
            return work / "new"

        return toolchain._made(name, "key", make)

    for name in "abab":
        get(name)
    for seconds, name in enumerate("ba"):
        os.utime(get(name), (seconds, seconds))
    assert get("b").exists()  # used after a
    assert [get("c").exists(), get("b").exists(), (tmp_path / "emulator" / "key-a").exists()] == [
        True,
        True,
        False,
    ]
    get("a")
    assert made == ["a", "b", "c", "a"]


def test_a_compiled_kernel_is_small():
    """The memory of 1024 threads is no part of the file."""
    assert Emulator(SCALE, mode="check").path.stat().st_size < 200_000


ADD = """extern "C" __global__ void add(float* const* x, const float* const* y, int n) {
    if (threadIdx.x < n) x[blockIdx.x][threadIdx.x] += y[blockIdx.x][threadIdx.x];
}
"""


@pytest.mark.parametrize("mode", ["fast", "check", "debug"])
def test_a_table_of_arrays(mode):
    add, ones = Emulator(ADD, mode=mode).get_function("add"), np.ones(40, np.float32)
    x = [np.full(5, 2, np.float32), np.full((2, 4), 3, np.float32)]
    add(2, 32, (Pointers(x), Pointers([ones[:5], ones[20:28]]), np.int32(5)))
    assert x[0].tolist() == [3] * 5
    assert x[1].ravel().tolist() == [4] * 5 + [3] * 3
    with pytest.raises(
        KernelError, match=r"argument 1, x, is an array of float32: pass Pointers of arrays of"
    ):
        add(1, 32, (x[0], Pointers(x), np.int32(5)))
    with pytest.raises(
        KernelError, match="x, is Pointers of arrays of int32: pass Pointers of arrays of float32"
    ):
        add(1, 32, (Pointers([np.zeros(5, np.int32)]), Pointers(x), np.int32(5)))
    with pytest.raises(KernelError, match="holds arrays of one type, not of 2"):
        Pointers([ones, np.zeros(3)])


def test_beyond_an_array_of_a_table():
    add, ones = Emulator(ADD, mode="check").get_function("add"), np.ones(8, np.float32)
    x = [np.ones(n, np.float32) for n in (8, 6)]
    with pytest.raises(KernelError, match=r"reads x\[1\]\[6\], but it has 6 elements"):
        add(2, 32, (Pointers(x), Pointers([ones, ones]), np.int32(8)))
    with pytest.raises(KernelError, match=r"reads y\[2\], but it has 2 elements"):
        add(3, 32, (Pointers([*x, x[0].copy()]), Pointers([ones, ones]), np.int32(2)))


def test_an_array_that_the_order_of_the_threads_changes():
    """Known without atomics to be a fault; with them it may be rounding."""
    source = 'extern "C" __global__ void k(float* x) {{ if (threadIdx.x == 9) {}; }}'
    for body, atomics in (("x[0] += 1", False), ("atomicAdd(x, 1)", True), ("x[0] += 1", False)):
        k = Emulator(source.format(body), mode="check").get_function("k")
        assert not k.atomics
        k(1, 32, (np.zeros(1, np.float32),))
        assert k.atomics == atomics
    error = orders_differ(k, "x", 0.25)
    assert error.kind == "order"
    assert str(error).startswith(
        "<source>:1: k: the numbers in x depend on the order in which threads run (by up to 2.5e-01)"
    )
