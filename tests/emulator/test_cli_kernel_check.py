"""`scratchlm kernel check` on files of one's own: arrays, orders, and what kernels print."""

import re

import pytest
from click.testing import CliRunner

from scratchlm.cli import cli

# Something whose races no check sees, so that only results tell.
UNSEEN = (
    "__device__ int n; __device__ __attribute__((no_sanitize_thread)) int set(int v) "
    "{ int old = n; n = v < 0 ? n + 1 : v; return old; }"
)


@pytest.fixture
def check(tmp_path):
    def call(code, *arguments):
        path = tmp_path / "f.cu"
        path.write_text(f"{UNSEEN}\n__global__ void f(float* y, float* z) {{\n{code}\n}}")
        found = CliRunner().invoke(cli, ["kernel", "check", str(path), *arguments])
        return found.exit_code, found.output.splitlines()

    return call


ARRAYS = ["--args", "float32[32]=0", "float32[1]=0"]


@pytest.mark.parametrize(("code", "off"), [("set(-1)", "3.1e+01"), ("log((float)(set(-1) - 1))", "inf")])
def test_results_that_depend_on_the_order_are_a_fault(check, code, off):
    code, lines = check(f"y[threadIdx.x] = {code};", *ARRAYS)
    assert code == 1
    assert re.fullmatch(
        rf"y: 3[12] of 32 numbers changed: .*; other orders of the threads differ by up to {re.escape(off)}",
        lines[0],
    ), lines
    assert lines[1] == "z: unchanged"
    assert lines[2].startswith("f.cu:2: f: the numbers in y depend on the order in which threads run")


def test_what_only_another_order_writes_is_no_unchanged_array(check):
    code, lines = check("int old = set(3); if (threadIdx.x == 31) y[0] = old;", *ARRAYS, "--block", "32")
    code_after, lines_after = check("int old = set(3); if (threadIdx.x == 0) y[0] = old;", *ARRAYS)
    assert (code, code_after) == (1, 1)
    assert lines[0].startswith("y: 1 of 32 numbers changed: 3 0 ")
    assert lines_after[0] == "y: unchanged; other orders of the threads differ by up to 3.0e+00"


def test_with_atomics_it_is_none(check):
    code, lines = check("atomicExch(z, threadIdx.x);", *ARRAYS)
    assert code == 0
    assert lines[:2] == [
        "y: unchanged",
        "z: 1 of 1 numbers changed: 31; other orders of the threads differ by up to "
        + lines[1].rpartition(" up to ")[2],
    ]
    assert lines[1].endswith(" (by atomics: no fault where it is rounding)")
    assert lines[2] == "f.cu: f: no fault found in three orders of the threads."


def test_a_kernel_that_changes_nothing_is_remarked_on(check):
    code, lines = check("if (threadIdx.x > 31) y[0] = 1;", *ARRAYS)
    assert code == 0
    remark = "No array was changed: see whether it was meant to write one, and whether its tests let it."
    assert lines[:3] == ["y: unchanged", "z: unchanged", remark]
    assert remark not in check("y[threadIdx.x] = 1;", *ARRAYS)[1]


def test_what_a_kernel_prints_appears_once(check, capfd):
    code, lines = check('if (threadIdx.x % 16 == 0) printf("%d\\n", threadIdx.x); y[0] += z[0];', *ARRAYS)
    assert code == 1  # a race, in the first order already
    assert capfd.readouterr().out == "0\n"
    code, lines = check('if (threadIdx.x % 16 == 3) printf("%d\\n", threadIdx.x);', *ARRAYS)
    assert code == 0
    assert capfd.readouterr().out == "3\n19\n"
    assert not any("printed" in line for line in lines)


def test_what_it_prints_before_a_fault_that_comes_in_another_order(check, capfd):
    code = 'printf("%d\\n", threadIdx.x); if (set(1) == 0 && threadIdx.x == 1) y[40] = 1;'
    code, lines = check(code, *ARRAYS, "--block", "2")
    assert code == 1
    assert capfd.readouterr().out == "0\n1\n"
    assert lines[:2] == ["The kernel printed, threads reversed:", "1"]
    assert lines[2].startswith("f.cu:3: f, thread 1, block 0, writes y[40]")


@pytest.mark.parametrize("first", [0, 31])
def test_atomics_of_one_order_count(check, first):
    """The thread comes first in one order alone, and uses one only there."""
    code, lines = check(f"int old = set(1); if (threadIdx.x == {first} && !old) atomicAdd(z, 1);", *ARRAYS)
    assert code == 0, lines
    assert lines[1].endswith("differ by up to 1.0e+00 (by atomics: no fault where it is rounding)")


def test_no_rounding_makes_nan_of_a_number(check):
    code, lines = check(
        "float s; for (int k = 0; k < 4; k++) s += z[k];\ny[threadIdx.x] = s;\natomicAdd(z + 4, 1);",
        "--args", "float32[32]=0", "float32[5]=1",
    )  # fmt: skip
    assert code == 1
    assert lines[0].endswith("differ by up to inf")
    assert (
        "the numbers in y depend on the order in which threads run, and no rounding explains it" in lines[2]
    )


def test_whole_numbers_are_not_rounded(tmp_path):
    path = tmp_path / "slots.cu"
    path.write_text("__global__ void slots(int* y, int* n) { y[atomicAdd(n, 1)] = threadIdx.x; }")
    found = CliRunner().invoke(cli, ["kernel", "check", str(path), "--args", "int32[32]", "int32[1]=0"])
    assert found.exit_code == 0
    assert "differ by up to 3.1e+01 (by atomics: no fault where their order is free)" in found.output
