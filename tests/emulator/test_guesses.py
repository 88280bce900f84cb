"""A plain read beside atomics: in order as the first guess of an atomicCAS, else a race."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError

# The loops of the CUDA C++ programming guide (atomic functions), and two others that are written often.
DOUBLE = """
__device__ double add(double* p, double v) {
    unsigned long long* q = (unsigned long long*)p;
    unsigned long long old = *q, assumed;
    do {
        assumed = old;
        old = atomicCAS(q, assumed, __double_as_longlong(v + __longlong_as_double(assumed)));
    } while (assumed != old);
    return __longlong_as_double(old);
}
extern "C" __global__ void kernel(const float* x, double* y, int n) {
    add(y, x[blockIdx.x * 64 + threadIdx.x]);
}
"""
MAXIMUM = """
__device__ float larger(float* p, float v) {
    int *q = (int*)p, old = *q, assumed;
    do {
        assumed = old;
        old = atomicCAS(q, assumed, __float_as_int(fmaxf(v, __int_as_float(assumed))));
    } while (assumed != old);
    return __int_as_float(old);
}
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    larger(&y[threadIdx.x % 2], x[blockIdx.x * 64 + threadIdx.x]);
}
"""
EARLY_END = """
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    float v = x[(blockIdx.x * 64 + threadIdx.x) * 37 % 256];
    int *q = (int*)y, old = *q;
    while (__int_as_float(old) < v) {
        int assumed = old;
        old = atomicCAS(q, assumed, __float_as_int(v));
        if (old == assumed) break;
    }
}
"""
SHARED = """
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    __shared__ float most;
    if (threadIdx.x == 0) most = 0;
    __syncthreads();
    int *q = (int*)&most, old = *(volatile int*)q, assumed;
    do {
        assumed = old;
        float v = fmaxf(x[blockIdx.x * 64 + threadIdx.x], __int_as_float(assumed));
        old = atomicCAS(q, assumed, __float_as_int(v));
    } while (assumed != old);
    __syncthreads();
    if (threadIdx.x == 0) y[blockIdx.x] = most;
}
"""
CASES = {
    "a sum": (DOUBLE, np.float64, [255 * 128, 0, 0, 0]),
    "maxima": (MAXIMUM, np.float32, [254, 255, 0, 0]),
    "a maximum that may end without a test": (EARLY_END, np.float32, [255, 0, 0, 0]),
    "in shared memory": (SHARED, np.float32, [63, 127, 191, 255]),
}


def run(source, dtype, order="forward"):
    y = np.zeros(4, dtype)
    kernel = Emulator(source, mode="check", order=order, steps=10_000_000).get_function("kernel")
    kernel(4, 64, (np.arange(256, dtype=np.float32), y, np.int32(256)))
    return y.tolist()


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
@pytest.mark.parametrize("name", CASES)
def test_a_guess_that_atomic_cas_tests_is_no_race(name, order):
    source, dtype, expected = CASES[name]
    assert run(source, dtype, order) == expected


BODIES = {
    "a counter that is read without an atomic": "atomicAdd(&y[0], 1); if (y[0] == n) y[1] = 1;",
    "a plain write beside a loop of atomicCAS": """
        int old = y[0], seen;
        do { seen = old; old = atomicCAS(&y[0], seen, seen + 1); } while (old != seen);
        if (threadIdx.x == 40) y[0] = 7;""",
    "a guess that the next barrier comes before": """
        int old = y[0];
        __syncthreads();
        atomicCAS(&y[0], old, old + 1);""",
    "a guess of one word, a test of another": """
        int old = y[0];
        atomicCAS(&y[1], old, old + 1);
        atomicAdd(&y[0], 1);""",
    "a read on another line than the guess": """
        int old = y[0], seen;
        do { seen = old; old = atomicCAS(&y[0], seen, seen + 1); } while (old != seen);
        if (y[0] == 1000) y[1] = 1;""",
    "half of what atomicCAS changes": """
        int old = y[0];
        atomicCAS((unsigned long long*)y, (unsigned long long)old, (unsigned long long)n);""",
    "a guess that the thread writes itself": "int old = y[0]; y[0] = 3; atomicAdd(&y[0], old);",
}


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
@pytest.mark.parametrize("name", BODIES)
def test_other_reads_beside_atomics_are_races(name, order):
    source = f'extern "C" __global__ void kernel(const float* x, int* y, int n) {{\n    {BODIES[name]}\n}}\n'
    with pytest.raises(KernelError, match=r"y\[0\], which thread") as caught:
        run(source, np.int32, order)
    assert caught.value.kind == "race"


WAITS = """
extern "C" __global__ void kernel(const float* x, int* y, int n) {
    while (threadIdx.x > 40 && y[0] < n) {}
    atomicAdd(&y[0], 1);
}
"""


def test_a_word_that_is_waited_for():
    with pytest.raises(KernelError, match=r"reads y\[0\], which thread 40 changed atomically") as caught:
        run(WAITS, np.int32)
    assert caught.value.kind == "race"


def test_a_guess_without_a_test_is_told_before_what_it_leads_to():
    source = """
extern "C" __global__ void kernel(const float* x, int* y, int n) {
    if (threadIdx.x == 0) atomicAdd(&y[0], 1);
    if (threadIdx.x == 1) y[3] = n / (y[0] - 1);
}
"""
    says = r"<source>:4: kernel, thread 1, block 0, reads y\[0\], which thread 0 changed atomically at line 3"
    with pytest.raises(KernelError, match=says):
        run(source, np.int32)
