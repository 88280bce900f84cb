"""Faults are placed on the user's own line, whatever the emulator's headers have to do with them."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError, orders_differ, toolchain

HELPERS = """__device__ float inverse(float x) { return x > 0 ? 1 / x : 0; }
__device__ void wait_for(int* flag) {
    while (atomicAdd(flag, 0) == 0) {}
}
__global__ void k(float* x, int* flag) {
"""
LOOPS = {
    "min": ("for (int i = 0; i >= 0; i = (i + 1) & 1023)\n x[0] = min(x[1], __expf(x[0]));", (6, 7)),
    "a helper with branches": ("while (*(volatile int*)flag == 0) {\n x[0] += inverse(x[1]);\n}", (6, 7)),
    "an atomic": ("x[0] = 1;\nwhile (atomicAdd(flag, 0) == 0) {}\nx[1] = 1;", (7,)),
    "a loop in a helper": ("x[0] = 1;\nwait_for(flag);\nx[1] = 1;", (3,)),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize("loop", LOOPS)
def test_an_endless_loop_is_placed_in_the_function_that_has_it(loop, mode):
    text, lines = LOOPS[loop]
    k = Emulator(f"{HELPERS}{text}\n}}", mode=mode, steps=3_000_000).get_function("k")
    with pytest.raises(KernelError, match="steps without a wait and was still in this loop") as caught:
        k(1, 1, (np.zeros(4, np.float32), np.zeros(1, np.int32)))
    assert caught.value.file == "<source>"
    assert caught.value.line in lines


def test_a_block_that_waits_for_another_hears_of_tickets():
    text = "if (blockIdx.x == 0) wait_for(flag);\natomicAdd(flag, 1);"
    k = Emulator(f"{HELPERS}{text}\n}}", steps=3_000_000).get_function("k")
    for grid, told in ((1, False), (2, True)):
        with pytest.raises(KernelError) as caught:
            k(grid, 1, (np.zeros(4, np.float32), np.zeros(1, np.int32)))
        assert ("takes its number from an atomicAdd, not from blockIdx" in str(caught.value)) == told


@pytest.mark.parametrize("kind", ["float", "float4", "double"])
def test_ldg_is_an_access_of_its_callers_line(kind):
    source = f"__global__ void k(const float* x, {kind}* y) {{\n    y[0] = __ldg(({kind}*)x + 1);\n}}"
    kernel = Emulator(source, mode="check").get_function("k")
    item = {"float": 4, "float4": 16, "double": 8}[kind]
    y = np.zeros(4, np.float32).view("f8" if kind == "double" else "f4")
    kernel(1, 1, (np.ones(item // 2, np.float32), y))
    assert (kernel.counts.global_reads, kernel.counts.global_bytes_read) == (1, item)
    with pytest.raises(KernelError, match=r"^<source>:2: k, thread 0, block 0, reads .*x\["):
        kernel(1, 1, (np.ones(item // 4, np.float32), y))


@pytest.mark.parametrize(
    ("body", "says", "line"),
    [
        ("float acc[4];\n acc[0] = 1;\n y[0] = acc[3];", " (acc: declared without one)", 3),
        ("y[1] = 1;\n int r, *p;\n if (y[0]) r = 1;\n double d;\n", " (r, p, d: declared without one)", 4),
        ("int r = 1;\n y[0] = r;", ", or while another", 2),
    ],
)
def test_numbers_that_depend_on_the_order_name_the_variables_without_a_value(body, says, line, monkeypatch):
    monkeypatch.setattr(
        toolchain, "read_too_early", lambda source, options: None
    )  # as some compilers see none
    source = f"__device__ int other() {{ int z; return z = 1; }}\n__global__ void k(float* y) {{\n{body}\n}}"
    error = orders_differ(Emulator(source).get_function("k"), "y", 1.0)
    assert (error.file, error.line) == ("<source>", line)
    assert f"before it has a value{says}" in str(error)
