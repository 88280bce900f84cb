"""`scratchlm kernel debug` on a file of one's own: gdb in one thread, by commands as a user types them."""

import json
import shutil
import subprocess
import sys

import pytest

KERNELS = """#include "tile.cuh"
__global__ void twice(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    auto two = [&](float a) {
        return a * 2;
    };
    if (i < n) y[i] = two(x[i]);
}
"""
TILE = """__global__ void tile(int* y) {
    __shared__ int s[6];
    int i = threadIdx.y * blockDim.x + threadIdx.x;
    s[i] = i;
    __syncthreads();
    y[i] = s[5 - i];
}
"""
TWICE = ["--kernel", "twice", "--args", "float32[8]=3", "float32[8]=0", "8"]


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "my work"
    folder.mkdir()
    (folder / "tile.cuh").write_text(TILE)
    (folder / "my kernel.cu").write_text(KERNELS)
    return folder / "my kernel.cu"


@pytest.fixture
def gdb(file):
    """What gdb says to these lines, before the first prompt and after each; (output, standard error)."""
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")

    def call(lines, *options):
        start = "from scratchlm.cli import main; main()"
        program = [sys.executable, "-c", start, "kernel", "debug", str(file), *options]
        text = "\n".join([*lines, "continue"])
        done = subprocess.run(program, input=text, capture_output=True, text=True, timeout=120)
        if "ptrace" in done.stderr:
            pytest.skip("gdb may not trace processes here")
        said = done.stdout.split("(gdb) ")
        assert len(said) == len(lines) + 3, done.stdout + done.stderr
        return said[:-1], done.stderr

    return call


def test_gdb_stops_in_a_thread_of_a_kernel_of_ones_own(gdb):
    lines = ["print threadIdx.x", "next", "print i"]
    found, errors = gdb(lines, "--grid", "2", "--block", "4", "--thread", "3", "--block-index", "1", *TWICE)
    assert "twice (x=" in found[0]
    assert found[0].endswith("\n3\t    int i = blockIdx.x * blockDim.x + threadIdx.x;\n")
    assert [found[1], found[3]] == ["$1 = 3\n", "$2 = 7\n"]
    assert found[2] == "7\t    if (i < n) y[i] = two(x[i]);\n"
    assert "The thread has left the kernel." in found[4]
    assert "exited normally" in found[4]
    for noise in ("not defined", "pending", "No source file", "Redirecting", "deprecated"):
        assert noise not in found[0] + errors  # of what is not loaded yet


def test_at_a_line_of_a_lambda_it_stops_in_this_thread_alone(gdb):
    lines = ["at 5", "continue", "print threadIdx.x", "print a"]
    found, _ = gdb(lines, "--block", "8", "--thread", "2", *TWICE)
    assert "operator()" in found[2]
    assert found[3:5] == ["$1 = 2\n", "$2 = 3\n"]
    assert "exited normally" in found[5]


def test_a_thread_of_two_axes_in_an_included_file(gdb):
    options = [
        "--kernel",
        "tile",
        "--grid",
        "1,2",
        "--block",
        "3,2",
        "--thread",
        "2,1",
        "--block-index",
        "0,1",
    ]
    lines = ["print threadIdx", "next", "next", "next", "print s"]
    found, _ = gdb(lines, *options, "--args", "int32[6]=0")
    assert found[1] == "$1 = {x = 2, y = 1, z = 0}\n"
    assert found[5].endswith("{0, 1, 2, 3, 4, 5}\n")


def test_an_instance_of_a_template(gdb, file):
    text = (
        "template <class T, int N>\n__global__ void scale(T* y)\n{\n    T v = y[0];\n    y[0] = N * v;\n}\n"
    )
    instances = ("float, 4", "float, 5")
    file.write_text(
        text + "".join(f"template __global__ void scale<{each}>(float*);\n" for each in instances)
    )
    options = ["--kernel", "scale<float, 5>", "--block", "1", "--args", "float32[8]=3"]
    found, _ = gdb(["next", "print v", "print N"], *options)
    assert "scale<float, 5> (y=" in found[0]
    assert found[0].endswith("\n4\t    T v = y[0];\n")
    assert found[2:4] == ["$1 = 3\n", "$2 = 5\n"]


def test_a_configuration_of_ones_own_kernel(scratchlm, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--grid", "2", "--block", "2,4", "--thread", "1,2", "--block-index", "1", "--shared", 16]
    code, out, err = scratchlm("kernel", "debug", file, *options, "--vscode", *TWICE)
    assert (code, err) == (0, "")
    assert "has 'scratchlm: twice'" in out
    entry = json.loads((tmp_path / ".vscode" / "launch.json").read_text())["configurations"][0]
    assert entry["args"][3:] == [str(file), "twice", "2", "2,4", "16", *TWICE[3:]]
    texts = [command["text"] for command in entry["setupCommands"]]
    assert texts[:2] == ["set $thread = 5", "set $block = 1"]
    assert texts[3:] == ['emu_at "my kernel.cu":twice']


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["FILE", "--thread", "40", *TWICE],
            "--thread 40: a block of 32 has no such thread: count from 0, or",
        ),
        (["FILE", "--block-index", "1,1", *TWICE], "--block-index 1,1: a grid of 1 has no such block: count"),
        (["FILE", *TWICE[:-1], "1.5"], "twice: argument 3, n, is '1.5': give a whole number (int32)."),
        (
            ["FILE", *TWICE, "--shape", "3"],
            "--shape is for kernels of scratchlm: a file takes --grid, --block",
        ),
        (["FILE"], "has several kernels: add --kernel tile or twice."),
        (["nothing.cu"], "There is no kernel file nothing.cu"),
        (
            ["softmax", "--block", "1"],
            "--block is for a kernel in a file: --block-index names the block to stop",
        ),
        (["softmax", "--args", "1"], "--args is for a kernel in a file: --shape gives the sizes of softmax."),
        (["softmax", "--thraed", "1"], "'--thraed' is not an option"),
        (["softmax", "--thread", "1,1"], "have one axis: give one number, such as --thread 3."),
        (
            ["softmax", "--thread", "-1"],
            "-1 is no index: write one to three whole numbers, from 0 on, such as 3",
        ),
    ],
)
def test_what_cannot_be_debugged(scratchlm, file, options, says):
    code, out, err = scratchlm(
        "kernel", "debug", *(file if option == "FILE" else option for option in options)
    )
    assert (code, out) == (2, "")
    assert says in err
