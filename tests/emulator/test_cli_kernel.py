"""`scratchlm kernel`, and gdb inside a thread of a kernel."""

import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from scratchlm.cli import cli
from scratchlm.errors import OptionError
from scratchlm.kernels.contract import CONTRACT
from scratchlm.kernels.cuda import ladders

SUMS = """extern "C" __global__ void sums(const float* x, float* y, int n) {
    __shared__ float s[8];
    int t = threadIdx.x;
    s[t] = x[blockIdx.x * 8 + t] * n;
    __syncthreads();
    y[blockIdx.x * 8 + t] = s[7 - t];
}
"""
ARGUMENTS = ["--args", "float32[16]", "float32[16]=0", "3"]


def kernel(*arguments):
    return CliRunner().invoke(cli, ["kernel", *map(str, arguments)])


def test_list():
    found = kernel("list").output
    assert "softmax.cu" in found
    assert "attention_grad_kv" in found
    assert all(version in found for version in ladders.VERSIONS if version != "layer_norm_backward_1")


@pytest.mark.parametrize("name", [*(row.name for row in CONTRACT if row.name != "matmul"), *ladders.VERSIONS])
def test_every_kernel_runs_by_name(name):
    found = kernel("run", name, "--mode", "check", "--order", "shuffled")
    assert found.exit_code == 0, found.output
    assert "no fault found" in found.output


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
        (("run", "matmul"), "did you mean 'matmul_3'"),
        (("run", "softmax", "--shape", "64"), "has the lengths N, V: write --shape 8,8"),
        (("run", "softmax", "--shape", "64,x"), "is no list of lengths"),
    ],
)
def test_mistakes(arguments, says):
    found = kernel(*arguments)
    assert isinstance(found.exception, OptionError)
    assert says in str(found.exception)


def test_check_of_a_file_of_ones_own(tmp_path):
    path = tmp_path / "my_kernel.cu"
    path.write_text(SUMS)
    sizes = ["--kernel", "sums", "--grid", "2", "--block", "8"]
    assert kernel("check", path, *sizes, *ARGUMENTS).exit_code == 0
    path.write_text(SUMS.replace("    __syncthreads();\n", "\n"))
    found = kernel("check", path, *sizes, *ARGUMENTS)
    assert found.exit_code == 1
    assert found.output.startswith("my_kernel.cu:6: sums, thread 0, block 0, reads s[7], which no thread")
    found = kernel("check", path, *sizes, "--args", "float32[16]", "float32[16]=0")
    assert found.exit_code == 1
    assert "sums takes 3 arguments (x, y, n), not 2" in found.output


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
