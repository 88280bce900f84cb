"""Fences and atomics order what other threads see: no report with them, a race without any one of them."""

import re

import numpy as np
import pytest

from scratchlm.kernels.emulator import NOT_SEEN, Emulator, KernelError

# y: a counter, a sum, and one number for each thread or block. x: the numbers 0 … 255, in 4 blocks of 64.
LAST_BLOCK = """
__device__ unsigned done = 0;
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    __shared__ bool last;
    int t = threadIdx.x, sum = 0;
    y[2 + blockIdx.x * 64 + t] = x[blockIdx.x * 64 + t];
    __threadfence();
    __syncthreads();
    if (t == 0) last = atomicAdd(&done, 1u) == gridDim.x - 1;
    __syncthreads();
    if (!last) return;
    for (int k = t; k < n; k += 64) sum += ((volatile int*)y)[2 + k];
    atomicAdd(&y[1], sum);
    if (t == 0) done = 0;
}
"""
ONE_FENCES = LAST_BLOCK.replace("__threadfence();", "").replace(
    "if (t == 0) last", "if (t == 0) __threadfence();\n    if (t == 0) last"
)
RESET = """
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    if (threadIdx.x > 0) return;
    y[2 + blockIdx.x] = 255 * 32 + x[0];
    __threadfence();
    if (atomicInc((unsigned*)y, gridDim.x) == gridDim.x - 1) {
        y[0] = 0;
        for (int k = 0; k < 4; k++) y[1] += y[2 + k];
    }
}
"""
WARP_LEADS = """
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * 64 + t, last;
    y[2 + i] = x[i];
    __threadfence();
    __syncwarp();
    if (t % 32 == 0) last = atomicAdd(&y[0], 1) == 2 * gridDim.x - 1;
    __syncwarp();
    if (__shfl_sync(~0u, last, 0) == 0) return;
    for (int k = t % 32; k < n; k += 32) atomicAdd(&y[1], y[2 + k]);
    if (t % 32 == 0) atomicExch(&y[0], 0);
}
"""
LANE_FENCES = WARP_LEADS.replace("    __threadfence();\n", "").replace(
    "if (t % 32 == 0) last", "if (t % 32 == 0) __threadfence();\n    if (t % 32 == 0) last"
)
LOCK = """
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    while (atomicCAS(&y[0], 0, 1) != 0) {}
    y[1] += x[blockIdx.x * 64 + threadIdx.x];
    __threadfence();
    atomicExch(&y[0], 0);
}
"""
SHARED_LOCK = """
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    __shared__ int lock, sum;
    if (threadIdx.x == 0) lock = sum = 0;
    __syncthreads();
    while (atomicCAS(&lock, 0, 1) != 0) {}
    sum += x[blockIdx.x * 64 + threadIdx.x];
    __threadfence_block();
    atomicExch(&lock, 0);
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(&y[1], sum);
}
"""
TWO_LOCKS = """
__device__ void add(int* lock, int* sum, int v) {
    while (atomicCAS(lock, 0, 1) != 0) {}
    *sum += v;
    __threadfence();
    atomicExch(lock, 0);
}
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    for (int k = 0; k < 3; k++) add(&y[0], &y[1], x[blockIdx.x * 64 + threadIdx.x] * (k == 1));
    for (int k = 0; k < 3; k++) add(&y[2], &y[3], 1);
}
"""
CASES = {
    "the last block adds up": LAST_BLOCK,
    "one thread fences for its block": ONE_FENCES,
    "the counter is put back": RESET,
    "a warp's lanes fence, one counts": WARP_LEADS,
    "a lane fences for its warp": LANE_FENCES,
    "a lock": LOCK,
    "a lock in shared memory": SHARED_LOCK,
    "two locks": TWO_LOCKS,
}


def run(source, order="forward", grid=4, block=64):
    y = np.zeros(300, np.int32)
    kernel = Emulator(source, mode="check", order=order, steps=10_000_000).get_function("kernel")
    kernel(grid, block, (np.arange(256, dtype=np.int32), y, np.int32(256)))
    return y


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
@pytest.mark.parametrize("name", CASES)
def test_no_report_with_fences(name, order):
    y = run(CASES[name], order)
    assert y[1] == 255 * 128
    assert y[0] == 0


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
@pytest.mark.parametrize("name", CASES)
def test_a_race_without_them(name, order):
    with pytest.raises(KernelError, match=r"__threadfence\(\) before") as caught:
        run(re.sub(r"__threadfence\w*\(\);", "", CASES[name]), order)
    assert caught.value.kind == "race"


def test_a_fence_of_the_block_does_not_reach_another_block():
    for source in (LAST_BLOCK, ONE_FENCES, RESET, LOCK):
        with pytest.raises(KernelError) as caught:
            run(source.replace("__threadfence()", "__threadfence_block()"))
        assert caught.value.kind == "race"
    run(LOCK.replace("__threadfence()", "__threadfence_block()"), grid=1)


@pytest.mark.parametrize(("handed_on", "ends"), [("y[1]", True), ("y[9]", False)])
def test_what_a_thread_took_over_it_hands_on(handed_on, ends):
    """Thread 0 to 1 by y[0], 1 to 2 by y[1]: then 2 may read what 0 wrote."""
    source = f"""
extern "C" __global__ void kernel(const int* x, int* y, int n) {{
    int t = threadIdx.x;
    if (t == 0) y[5] = 7;
    if (t == 1 && atomicAdd(&y[0], 0) == 0) return;
    __threadfence();
    if (t == 0) atomicExch(&y[0], 1);
    if (t == 1) atomicExch(&{handed_on}, 1);
    if (t == 2) atomicAdd(&y[1], 0);
    if (t == 2) y[6] = y[5];
}}
"""
    if ends:
        assert run(source, grid=1, block=3)[6] == 7
        return
    with pytest.raises(KernelError, match=r"reads y\[5\], which thread 0 wrote at line 4"):
        run(source, grid=1, block=3)


SCOPES = {
    "a lock in each block's shared memory": (
        """
    __shared__ int lock;
    if (threadIdx.x == 0) lock = 0;
    __syncthreads();
    while (atomicCAS(&lock, 0, 1)) {}
    y[1] += x[blockIdx.x];
    __threadfence();
    atomicExch(&lock, 0);""",
        (4, 1),
    ),
    "an atomicCAS that fails": (
        """
    if (threadIdx.x == 0) {
        y[1] = 1;
        __threadfence();
        atomicCAS(&y[0], 1, 2);
    } else if (atomicAdd(&y[0], 1) == 0) y[2] = y[1];""",
        (1, 2),
    ),
    "a block's fence after another block's knowledge": (
        """
    int b = blockIdx.x;
    if (b == 0) y[1] = 1;
    if (b == 1) atomicAdd(&y[0], 1);
    if (b == 2) y[2] = 7 * atomicAdd(&y[5], 0);
    if (b < 1) __threadfence(); else __threadfence_block();
    if (b == 0) atomicAdd(&y[0], 1);
    if (b == 1) atomicAdd(&y[5], 1);
    if (b == 2) y[2] = y[1];""",
        (3, 1),
    ),
}


@pytest.mark.parametrize("name", SCOPES)
def test_what_does_not_reach_another_thread(name):
    body, (grid, block) = SCOPES[name]
    source = f'extern "C" __global__ void kernel(const int* x, int* y, int n) {{{body}\n}}'
    with pytest.raises(KernelError, match=r"y\[1\], which thread") as caught:
        run(source, grid=grid, block=block)
    assert caught.value.kind == "race"


@pytest.mark.parametrize("ends", [True, False])
def test_a_fence_for_all_beside_one_for_the_block(ends):
    """Lane 0 fences for every block, lane 1 for its own: by __syncwarp their warp has both."""
    source = """
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    int t = threadIdx.x;
    if (t == 0) y[2 + blockIdx.x] = 1;
    if (t == 0) __threadfence();
    if (t == 1) __threadfence_block();
    __syncwarp();
    if (t == 2 && atomicAdd(&y[0], 1) == 1) y[1] = y[2] + y[3];
}
"""
    if ends:
        assert run(source, grid=2, block=32)[1] == 2
        return
    with pytest.raises(KernelError, match="__threadfence"):
        run(source.replace("__threadfence();", "__threadfence_block();"), grid=2, block=32)


def test_variables_of_the_file_begin_anew_in_each_emulator():
    source = (
        "__device__ int calls = 0;\n__global__ void kernel(const int* x, int* y, int n) { y[0] = ++calls; }"
    )
    assert [run(source, order, 1, 1)[0] for order in ("forward", "reversed", "forward")] == [1, 1, 1]


def test_what_is_not_looked_for_is_said():
    assert "local variables" in NOT_SEEN
    for body in (
        "float v; if (n > 300) v = x[0]; y[threadIdx.x] = v;",
        "float v[4] = {}, *p = v; for (int k = 0; k < 6; k++) y[threadIdx.x] += p[k] > 9;",
        "y[threadIdx.x] = x[1] * n * n * 1e30f + sqrtf(-1.f);",
        "((int*)x)[threadIdx.x] = 1;",
    ):
        source = 'extern "C" __global__ void kernel(const int* x, int* y, int n) {'
        run(f"{source} if (threadIdx.x < 4) {{ {body} }} }}", grid=1, block=4)
