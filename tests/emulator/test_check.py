"""`emulator.check`: the verdict on a kernel as an object."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import (
    NOT_SEEN,
    ORDERS,
    Emulator,
    KernelError,
    Pointers,
    Thread,
    check,
)

from .bugs import read_bugs

SUM = """extern "C" __global__ void sum(const float* x, float* y) {
    extern __shared__ float s[];
    int t = threadIdx.x;
    s[t] = x[t];
    for (int half = blockDim.x / 2; half; half /= 2) {
        __syncthreads();
        if (t < half) s[t] += s[t + half];
    }
    if (t == 0) y[blockIdx.x] = s[0];
}
"""
# Races that no check sees, so that only results tell.
ORDERED = """__device__ int n;
__device__ __attribute__((no_sanitize_thread)) int next() { return n++; }
__global__ void ordered(float* y, float* z) { y[threadIdx.x] = next(); z[threadIdx.x] = 1; }
"""


def numbers():
    return np.arange(64, dtype=np.float32), np.full(2, -1, np.float32)


def test_a_correct_kernel():
    x, y = numbers()
    verdict = check(SUM, 2, 64, (x, y), shared_mem=256)
    assert verdict.ok
    assert (verdict.kernel, verdict.faults, verdict.spread, verdict.atomics) == ("sum", [], {}, False)
    assert tuple(verdict.results) == ORDERS
    assert all(arrays["y"].tolist() == [2016, 2016] for arrays in verdict.results.values())
    assert verdict.counts.barriers == 12
    assert verdict.not_seen == NOT_SEEN
    assert y.tolist() == [-1, -1]  # the arguments are left as they were


def test_a_fault_has_its_place_threads_and_advice(tmp_path):
    path = tmp_path / "sum.cu"
    path.write_text(SUM.replace("        __syncthreads();\n", ""))
    x, y = numbers()
    verdict = check(path, (1, 2), (8, 8), (x, y), shared_mem=256)
    assert not verdict.ok
    (fault,) = verdict.faults
    assert (fault.kind, fault.file, fault.line, fault.refused) == ("race", "sum.cu", 6, False)
    assert fault.threads[0] == Thread((0, 0, 0), (0, 0, 0), 6)
    assert fault.threads[1].block == (0, 0, 0)
    assert fault.threads[1].line == 4
    assert fault.threads[1].index != (0, 0, 0)
    assert fault.advice.startswith("put __syncthreads() between the two")
    assert str(fault).endswith(f": {fault.advice}.")
    assert (verdict.results, verdict.printed) == ({}, {})  # ended in the first order
    assert y.tolist() == [-1, -1]


def test_both_threads_of_a_fault_between_blocks_are_told():
    text = "__global__ void f(float* y) { y[0] = blockIdx.x; }"
    (fault,) = check(text, (1, 3), 1, (np.zeros(1, np.float32),), orders=["reversed"]).faults
    assert [thread.block for thread in fault.threads] == [(0, 1, 0), (0, 2, 0)]


def test_results_that_depend_on_the_order_of_threads():
    y, z = np.zeros(32, np.float32), np.zeros(32, np.float32)
    verdict = check(ORDERED, 1, 32, (y, z))
    assert verdict.spread == {"y": 31}
    assert not verdict.excused("y")
    (fault,) = verdict.faults
    assert (fault.kind, fault.line, fault.threads) == ("order", 3, ())
    assert "the numbers in y depend on the order in which threads run (by up to 3.1e+01)" in str(fault)
    assert verdict.results["reversed"]["y"].tolist() == list(range(31, -1, -1))
    assert check(ORDERED, 1, 32, (y, z), orders=["reversed"]).ok
    assert list(check(ORDERED, 1, 32, (y, z), orders=["forward", "shuffled"]).results) == [
        "forward",
        "shuffled",
    ]


def test_atomics_excuse_rounding_but_no_nan():
    text = (
        "__global__ void f(float* y, float* n) { float m = atomicAdd(n, 1); if (!threadIdx.x) y[0] = m / d; }"
    )
    arrays = np.zeros(1, np.float32), np.zeros(1, np.float32)
    verdict = check(text.replace("/ d", "/ 7"), 1, 8, arrays)
    assert verdict.ok
    assert verdict.atomics
    assert verdict.spread == {"y": 1}
    assert verdict.excused("y")
    verdict = check(text.replace("/ d", "/ 0.0f"), 1, 8, arrays)  # 0/0 in one order, 7/0 in another
    assert [fault.kind for fault in verdict.faults] == ["order"]
    assert not verdict.excused("y")


def test_several_arrays_that_depend_on_the_order_are_several_faults():
    text = ORDERED.replace("z[threadIdx.x] = 1", "z[threadIdx.x] = -y[threadIdx.x]")
    verdict = check(text, 1, 32, (np.zeros(32, np.float32), np.zeros(32, np.float32)))
    assert [str(fault).partition("numbers in ")[2][0] for fault in verdict.faults] == ["y", "z"]


def test_a_kernel_of_an_emulator_keeps_its_options_and_limits():
    module = Emulator(
        "__global__ void f(real* y) { while (y[0] == STOP) {} }", ("-Dreal=double", "-DSTOP=0"), steps=2 << 20
    )
    (fault,) = check(module.get_function("f"), 1, 1, (np.zeros(1),)).faults
    assert fault.kind == "endless loop"
    assert "ran 2,097,152 steps" in str(fault)
    large = Emulator(SUM).get_function("sum")
    with pytest.raises(KernelError, match="raise max_dynamic_shared_size_bytes"):
        check(large, 2, 64, numbers(), shared_mem=64 << 10)
    large.max_dynamic_shared_size_bytes = 64 << 10
    assert check(large, 2, 64, numbers(), shared_mem=64 << 10).ok
    assert check(SUM, 2, 64, numbers(), shared_mem=64 << 10).ok


def test_the_seed_of_the_shuffled_order():
    def order(seed, emulated):
        y = np.zeros(32, np.float32), np.zeros(32, np.float32)
        kernel = Emulator(ORDERED, seed=seed).get_function("ordered") if emulated else ORDERED
        seeds = {} if emulated else {"seed": seed}
        return check(kernel, 1, 32, y, orders=["shuffled"], **seeds).results["shuffled"]["y"].tolist()

    assert order(1, True) == order(1, False) != order(2, True) == order(2, False)


def test_one_of_several_kernels():
    two = SUM + SUM.replace("void sum", "void other")
    with pytest.raises(KernelError, match=r"^<source> has several kernels: name sum or other\.$") as caught:
        check(two, 2, 64, numbers(), shared_mem=256)
    assert caught.value.refused
    assert check(two, 2, 64, numbers(), name="other", shared_mem=256).kernel == "other"


@pytest.mark.parametrize(
    ("source", "arguments", "kind"),
    [
        (SUM.replace("float* y", "float* y;"), numbers(), "compile"),
        (SUM, (np.zeros(64), np.zeros(2, np.float32)), "argument"),
        (SUM.replace("s[t] = x[t];", 'asm("");'), numbers(), "unsupported"),
    ],
)
def test_what_was_not_run_is_no_verdict(source, arguments, kind):
    with pytest.raises(KernelError) as caught:
        check(source, 2, 64, arguments, shared_mem=256)
    assert (caught.value.kind, caught.value.refused) == (kind, True)


def test_arrays_that_overlap_and_arrays_of_pointers():
    shift = "__global__ void shift(float* y, const float* x) { y[threadIdx.x] = x[threadIdx.x]; }"
    x = np.arange(33, dtype=np.float32)
    (fault,) = check(shift, 1, 32, (x[:-1], x[1:])).faults
    assert fault.kind == "race"
    assert x.tolist() == list(range(33))
    rows = Pointers([np.zeros(8, np.float32) for _ in range(2)])
    each = "__device__ int n; __device__ __attribute__((no_sanitize_thread)) int next() { return n++; }"
    each += "__global__ void each(float* const* rows) { rows[1][threadIdx.x] = next(); }"
    verdict = check(each, 1, 8, (rows,))
    assert verdict.spread == {"rows": 7}
    assert verdict.results["forward"]["rows"][1].tolist() == list(range(8))
    assert not any(row.any() for row in rows.arrays)


def test_what_is_printed_is_kept_but_for_the_first_order(capfd):
    text = '__global__ void f(int n) { printf("%d", threadIdx.x + n); }'
    verdict = check(text, 1, 4, (np.int32(1),), orders=["forward", "reversed"])
    assert verdict.printed == {"reversed": "4321"}
    assert capfd.readouterr().out == "1234"


@pytest.mark.parametrize(
    "bug", [bug for bug in read_bugs() if "orders" not in bug.options], ids=lambda bug: bug.name
)
def test_the_seeded_faults_say_where_and_what_to_do(bug):
    limits = {"seconds": bug.number("seconds", 60.0), "steps": bug.number("steps", 100_000_000)}
    args = (np.arange(128, dtype=np.float32), np.zeros(128, np.float32), np.int32(128))
    sizes = bug.number("grid", 2), bug.number("block", 64)
    verdict = check(
        bug.source, *sizes, args, shared_mem=bug.number("shared_mem", 0), orders=["forward"], **limits
    )
    (fault,) = verdict.faults
    assert fault.threads[0].line == fault.line
    assert fault.advice
    assert str(fault).endswith(f": {fault.advice}.")
    if other := bug.options.get("says", "").partition("thread ")[2].partition(" ")[0]:
        assert fault.threads[1].index == (int(other), 0, 0)
