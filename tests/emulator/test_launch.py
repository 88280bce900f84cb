"""The call: arguments, sizes, sources that are refused, compilers, the cache, Ctrl-C."""

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

from scratchlm.kernels.emulator import Emulator, KernelError, Pointers, compiling

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
    ("line", "says"),
    [
        ('asm("mov.u32 %0, 1;" : "=r"(n));', "inline PTX"),
        ("__pipeline_commit();", "cp.async"),
        ("wgmma_fence();", "tensor core"),
        ("cooperative_groups::this_grid().sync();", "whole grid"),
        ("scale<<<1, 1>>>(x, a, n);", "launches in C"),
        ("x[0] = clock64();", "clocks"),
    ],
)
def test_what_it_cannot_run_is_refused_by_name(line, says):
    with pytest.raises(KernelError, match=says) as caught:
        Emulator(SCALE.replace("    if", f"    // asm in a comment is fine\n    {line}\n    if"))
    assert (caught.value.kind, caught.value.line) == ("unsupported", 4)


def test_a_part_for_cards_only_is_left_out():
    source = SCALE.replace("    if", '#ifndef EMULATOR\n    asm("exit;");\n#endif\n    if')
    Emulator(source).get_function("scale")(1, 1, (X.copy(), A, N))


def test_a_compile_error_names_the_line():
    with pytest.raises(KernelError, match=r"<source>:2: The compiler says: .*thread_id") as caught:
        Emulator(SCALE.replace("threadIdx", "thread_id"))
    assert caught.value.kind == "compile"
    with pytest.raises(KernelError, match="has no kernel: write extern"):
        Emulator("int nothing;")
    with pytest.raises(KernelError, match="has no kernel sclae: it has scale"):
        Emulator(SCALE).get_function("sclae")
    with pytest.raises(KernelError, match="There is no kernel file"):
        Emulator(Path("missing.cu"))


NAMES = ["a", "x", "args", "arguments", "launch", "kernel", "index", "max", "min", "abs", "exp", "round"]


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_kernels_with_names_of_other_things(mode):
    text = "__global__ void {}(float* x, int max_n = 4) {{ x[threadIdx.x] = max(fabsf(-2.f), exp(0.f)); }}\n"
    other = "__device__ void launch(float* x) { x[0] = 1; }\n"
    emulator = Emulator(other + "".join(map(text.format, NAMES)), mode=mode)
    for name in NAMES:
        x = np.zeros(32, np.float32)
        emulator.get_function(name)(1, 32, (x, np.int32(4)))
        assert (x == 2).all()
    assert emulator.source.kernels["max"] == ("x", "max_n")


TEMPLATE = """template <int N, class T> __device__ T sum(const T* x) {
    __shared__ T part[N];
    part[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    T all = 0;
    for (int k = 0; k < N; k++) all += part[k];
    return all;
}
__device__ inline float first(const float* x) {
    __shared__ float one;
    if (threadIdx.x == 0) one = x[0];
    __syncthreads();
    return one;
}
__global__ void eight(float* x, float* y) { y[threadIdx.x] = sum<8, float>(x) + first(x); }
__global__ void four(float* x, float* y);
void __global__ __launch_bounds__(64) four(float* x, float* y) {
    __shared__ float none[3];
    if (threadIdx.x == 0) none[0] = 0;
    y[threadIdx.x] = sum<4, float>(x);
}
"""


@pytest.mark.parametrize("mode", ["fast", "check", "debug"])
def test_templates_of_helpers_with_shared_memory(mode):
    emulator, x, y = Emulator(TEMPLATE, mode=mode), np.arange(1, 9, dtype=np.float32), np.zeros(8, np.float32)
    emulator.get_function("eight")(1, 8, (x, y))
    assert (y == 37).all()
    emulator.get_function("four")(1, 4, (x, y))
    assert (y[:4] == 10).all()
    if mode == "check":
        with pytest.raises(KernelError, match=r":3: four, thread 4, block 0, writes part\[4\], but it has"):
            emulator.get_function("four")(1, 8, (x, y))


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        (
            "\ntemplate <int N> __global__ void k(float* x) { x[0] = N; }",
            "unsupported",
            "k is a template: make",
        ),
        ("\n__global__ void (*k)(float*);", "compile", "No heading of a kernel: write extern"),
        (
            '\nextern "C" __global__ void remove(float* x) {}',
            "compile",
            "a function of C has this name: give",
        ),
        (
            "struct S { double a, b; };\n__global__ void k(S* x) { __shfl_sync(~0u, x[0], 0); }",
            "compile",
            "shuffles move 4 or 8",
        ),
    ],
)
def test_kernels_that_cannot_be_compiled_name_the_users_line(source, kind, says):
    with pytest.raises(KernelError, match=rf"^<source>:2: .*{says}") as caught:
        Emulator(source)
    assert caught.value.kind == kind


def test_a_local_variable_that_is_read_before_it_is_written():
    source = '\nextern "C" __global__ void k(float* x) {\n    float v;\n    v += x[0];\n    x[1] = v;\n}\n'
    Emulator(source)
    with pytest.raises(
        KernelError, match=r"^<source>:4: .*v.* uninitialized.*; give it a value first"
    ) as caught:
        Emulator(source, mode="check")
    assert caught.value.kind == "uninitialised"


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (
            "x[i] = x[(long long)i << 36];",
            "out of bounds",
            r"far from every array.*; mode \"check\" finds more of this",
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
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: None)
    compiling.compiler.cache_clear()
    try:
        with pytest.raises(KernelError, match=r"install g\+\+ or clang, or run `pip install ziglang`"):
            compiling.compiler()
    finally:
        compiling.compiler.cache_clear()


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
    assert kept == ["check.o", "faults.o", "order.o", "runtime.o", "source-fast.so"]


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
