"""`scratchlm kernel`, and gdb inside a thread of a kernel."""

import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from scratchlm.cli import cli
from scratchlm.errors import OptionError
from scratchlm.kernels.contract import CONTRACT, earlier_versions
from scratchlm.kernels.optimizer import cuda as optimizer

SUMS = """extern "C" __global__ void sums(const float* x, float* y, int n) {
    __shared__ float s[8];
    int t = threadIdx.x;
    s[t] = x[blockIdx.x * 8 + t] * n;
    __syncthreads();
    y[blockIdx.x * 8 + t] = s[7 - t];
}
"""
COMPOSED = ("matmul", "linear_forward", "linear_weight_backward", "lstm_step", "transformer_step")
NAMES = [row.name for row in CONTRACT if row.name not in COMPOSED]
NAMES += earlier_versions()
ARGUMENTS = ["--args", "float32[16]", "float32[16]=0", "3"]


def kernel(*arguments):
    return CliRunner().invoke(cli, ["kernel", *map(str, arguments)])


def test_the_list_shows_all_that_can_be_run_and_its_lengths():
    found = kernel("list").output
    assert sorted(re.findall(r"^  (\w+)  ", found, re.M)) == sorted(NAMES)
    assert re.search(r"^  attention_backward +N,T,E,D,S +\S", found, re.M)
    *lines, folder = found.splitlines()
    assert folder.startswith("Files: ")
    assert max(map(cell_len, lines)) <= 80


def test_the_list_is_grouped_by_file():
    groups = re.split(r"^(\w+\.cu) *$", kernel("list").output, flags=re.M)[1:]
    files = dict(zip(groups[::2], groups[1::2], strict=True))
    assert len(files) == len(groups) / 2
    assert "  embedding_backward_2  " in files["embedding.cu"]
    assert "  softmax_forward  " in files["softmax.cu"]
    assert "softmax" not in files["embedding.cu"]


@pytest.mark.parametrize("name", NAMES)
def test_every_kernel_runs_by_name(name):
    found = kernel("run", name, "--mode", "check", "--order", "shuffled")
    assert found.exit_code == 0, found.output
    assert "no fault found" in found.output
    assert not re.search(r" 0 launches", found.output)


def test_results_are_compared_with_those_of_numpy(monkeypatch):
    found = kernel("run", "layer_norm_forward", "--shape", "3,40").output
    rows = re.findall(r"^(\w+) +([\d×]+) +([\d.]+) +(\S+e\S+) *$", found, re.M)
    assert [(name, shape) for name, shape, *_ in rows] == [("y", "3×40"), ("mean", "3"), ("scale", "3")]
    assert all(0 <= float(off) < 1e-5 for *_, off in rows)
    sums = optimizer.sgd_step
    monkeypatch.setattr(optimizer, "sgd_step", lambda *a: (sums(*a), a[0][0].__iadd__(0.5))[0])
    found = kernel("run", "sgd_step").output  # results that are written over arguments
    assert re.search(r"^parameters +1000 +\S+ +5\.0e-01", found, re.M), found
    assert re.search(r"^velocities +1000 +\S+ +0\.0e\+00", found, re.M), found


def test_counts_of_a_softmax():
    """Each version reads and writes less often than the one before; the last one four numbers at a time."""
    counts = {"softmax_forward_1": "1 +64 +192,000/64,000", "softmax_forward_3": "64 +256 +192,000/64,000"}
    for name, expected in (counts | {"softmax": "64 +256 +32,000/16,000"}).items():
        found = kernel("run", name, "--shape", "64,1000", "--mode", "check").output
        assert re.search(rf"softmax_forward\S* +{expected} ", found), found


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "softmax_fourward"), "did you mean 'softmax_forward'"),
        (("run", "sofmax"), "did you mean 'softmax'"),
        (("run", "FILE"), "a file is for `scratchlm kernel check` or `debug`"),
        (("run", "matmul"), "matmul has no CUDA kernel of its own"),
        (("run", "attention_grad_q"), "run one of attention_forward, attention_backward"),
        (("run", "softmax", "--shape", "100000,1000"), "has 763 MB"),
        (("debug", "softmax", "--block-index", "9"), "it launches softmax_forward 8 blocks of 32 threads"),
        (("run", "softmax", "--shape", "64"), "has the lengths N, V: write --shape 8,8"),
        (("run", "softmax", "--shape", "64,x"), "is no list of lengths"),
        (("run", "softmax", "--shape", "0,5"), "--shape 0,5: give lengths above 0, such as --shape 64,1000"),
        (("check", "nothing.cu"), "nothing.cu"),
    ],
)
def test_mistakes(arguments, says, tmp_path):
    path = tmp_path / "my_kernel.cu"
    path.write_text(SUMS)
    found = kernel(*(path if argument == "FILE" else argument for argument in arguments))
    assert isinstance(found.exception, OptionError)
    assert says in str(found.exception)


def test_check_of_a_file_of_ones_own(tmp_path):
    path = tmp_path / "my_kernel.cu"
    path.write_text(SUMS)
    sizes = ["--kernel", "sums", "--grid", "2", "--block", "8"]
    found = kernel("check", path, *sizes, "--args", "float32[16]=2", "float32[16]=0", "-3")
    assert found.exit_code == 0
    assert found.output.splitlines()[3].startswith("(not looked for: ")
    assert found.output.splitlines()[:2] == [
        "x: unchanged",
        "y: 16 of 16 numbers changed: -6 -6 -6 -6 -6 -6 -6 -6 …",
    ]
    path.write_text(SUMS.replace("    __syncthreads();\n", "\n"))
    found = kernel("check", path, *sizes, *ARGUMENTS)
    assert found.exit_code == 1
    assert found.output.startswith(
        "my_kernel.cu:6: sums, thread 0, block 0, reads s[7], which thread 7 wrote at line 4"
    )


def test_orders_that_matter_are_told(tmp_path):
    path = tmp_path / "last.cu"
    path.write_text("__global__ void last(int* y) { atomicExch(y, threadIdx.x); }")
    found = kernel("check", path, "--block", "8", "--args", "int32[1]=-1")
    assert found.exit_code == 0
    assert re.match(
        r"y: 1 of 1 numbers changed: 7; other orders of the threads differ by up to", found.output
    )


def test_what_is_no_number_is_compared_too(tmp_path):
    path = tmp_path / "logs.cu"
    path.write_text("__global__ void logs(float* x, float* y) { y[threadIdx.x] = log(0.0f * threadIdx.x); }")
    found = kernel("check", path, "--block", 8, "--args", "float32[8]=nan", "float32[8]=0")
    assert found.exit_code == 0
    assert found.output.splitlines()[:2] == [
        "x: unchanged",
        "y: 8 of 8 numbers changed: -inf -inf -inf -inf -inf -inf -inf -inf",
    ]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("int old = *y; atomicExch(y, old + 1);", "atomicAdd(p, 0)"),
        ("*y = 1;", "let one thread alone write it"),
    ],
)  # fmt: skip
def test_a_race_with_itself_is_told_what_to_do(tmp_path, code, says):
    path = tmp_path / "all.cu"
    path.write_text(f"__global__ void all(int* y) {{ {code} }}")
    found = kernel("check", path, "--args", "int32[1]=0")
    assert found.exit_code == 1
    assert says in found.output


@pytest.mark.parametrize("numbers", [1 << 16, 1 << 20, 1 << 23])
def test_large_local_arrays_are_too_much_for_the_stack(tmp_path, numbers):
    path = tmp_path / "large.cu"
    path.write_text(
        f"__global__ void large(float* y, int n) {{ float a[{numbers}]; "
        "for (int i = 0; i < n; i++) a[i] = i; y[threadIdx.x] = a[n - 1]; }"
    )
    start = "from scratchlm.cli import main; main()"
    program = [sys.executable, "-c", start, "kernel", "check", str(path), "--args", "float32[32]=0", "3"]
    done = subprocess.run(program, capture_output=True, text=True)  # a crash would be the tests' own
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("large.cu:1: large, thread 0, block 0, needs more than 240 KB")


def test_what_lies_before_dynamic_shared_memory_is_out_of_bounds(tmp_path):
    path = tmp_path / "before.cu"
    path.write_text(
        "__global__ void before(float* y) {\n"
        "    extern __shared__ float s[];\n"
        "    s[threadIdx.x] = 1;\n"
        "    __syncthreads();\n"
        "    y[threadIdx.x] = s[(int)threadIdx.x - 1];\n"
        "}\n"
    )
    found = kernel("check", path, "--shared", 128, "--args", "float32[32]=0")
    assert found.exit_code == 1
    assert found.output.startswith("before.cu:5: before, thread 0, block 0, reads dynamic shared memory[-1]")


def test_random_arrays_are_not_alike(tmp_path):
    path = tmp_path / "copy.cu"
    path.write_text("__global__ void copy(float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }")
    found = kernel("check", path, "--args", "float32[32]", "float32[32]")
    assert found.output.startswith("x: unchanged\ny: 32 of 32 numbers changed")


def test_dynamic_shared_memory_of_more_than_48_kb(tmp_path):
    path = tmp_path / "large.cu"
    path.write_text(
        "__global__ void large() { extern __shared__ int s[]; s[threadIdx.x * 512] = 1; __syncthreads(); }"
    )
    assert kernel("check", path, "--shared", 65536).exit_code == 0
    found = kernel("check", path)
    assert found.exit_code == 1
    assert "but it has no bytes: ask for some with shared_mem (--shared)" in found.output
    too_many = kernel("check", path, "--shared", 300000)
    assert isinstance(too_many.exception, OptionError)  # exit code 2: the launch is wrong, not the kernel
    assert "--shared 300000" in str(too_many.exception)
    assert "0 of them taken by the shared arrays of large: give at most 232,448" in str(too_many.exception)


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_gdb_stops_in_one_thread_and_stays_in_it(tmp_path):
    path = tmp_path / "sums.cu"
    path.write_text(SUMS)
    program = (
        "import numpy as np; from pathlib import Path; from scratchlm.kernels.emulator import Emulator\n"
        "x, y = np.arange(16, dtype=np.float32), np.zeros(16, np.float32)\n"
        f"sums = Emulator(Path({str(path)!r}), mode='debug').get_function('sums')\n"
        "sums(2, 8, (x, y, np.int32(1))); print(y.tolist())\n"
    )
    commands = [
        "set breakpoint pending on",
        "break sums.cu:5 if threadIdx.x == 3 && blockIdx.x == 1",
        "run",
        "print s",
        "next",
        "print threadIdx.x",
        "print s",
        "continue",
    ]
    options = [part for command in commands for part in ("-ex", command)]
    done = subprocess.run(
        ["gdb", "-nx", "-q", "-batch", *options, "--args", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    if "ptrace" in done.stderr:
        pytest.skip("gdb may not trace processes here")
    found = done.stdout
    assert "sums (x=" in found, found + done.stderr
    assert re.search(r"\$1 = .*\{8, 9, 10, 11, -nan", found), found  # the threads after 3 have not run yet
    assert "\n6\t" in found
    assert "$2 = 3" in found
    assert re.search(r"\$3 = .*\{8, 9, 10, 11, 12, 13, 14, 15\}", found), found
    assert "[7.0, 6.0, 5.0" in found
