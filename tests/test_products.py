"""The cpu set's own matrix product: against NumPy's in float64, wherever rows, columns and terms are cut."""

import sys
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite.binding import get_host_cpu_features
from numba import njit

from scratchlm import get_device
from scratchlm.kernels.cpu import gemm as own

from .test_graph import python
from .tolerance import rounding, same

matmul_module = import_module("scratchlm.kernels.matmul.cpu")
FLOATS = [np.float32, np.float64]


@njit
def call(function, sizes, a, b, y, alpha, beta):
    return own.call_product(function, sizes, a, b, y, alpha, beta)


@njit
def in_panels(b, one):
    panels = own.panels_of(b.shape[0], b.shape[1], one)
    own.pack(b.shape[0], b.shape[1], b.ctypes.data, b.strides[0], b.strides[1], panels.ctypes.data, one)
    return panels


def multiply(a, b, y, alpha=1.0, beta=0.0, packed=False, sums=None):
    kind = y.dtype.type
    at_b = (b.ctypes.data, *b.strides)
    if packed:
        panels = in_panels(b, kind(1))
        at_b = (panels.ctypes.data, own.PACKED, len(b))
    sizes = (len(a), b.shape[1], len(b))
    at_a = (a.ctypes.data, *a.strides)
    at_y = (y.ctypes.data, y.strides[0], 0 if sums is None else sums.ctypes.data)
    assert call(own.address_of_product(y.dtype), sizes, at_a, at_b, at_y, kind(alpha), kind(beta)) == 0


def laid(rng, rows, columns, layout, dtype):
    """A matrix whose rows, or columns, or neither are contiguous; around it is NaN."""
    shape = (columns, rows) if layout == "columns" else (rows, columns)
    steps = (3, 2) if layout == "neither" else (1, 1)
    whole = np.full((shape[0] * steps[0] + 2, shape[1] * steps[1] + 5), np.nan, dtype)
    x = whole[1 : 1 + shape[0] * steps[0] : steps[0], 3 : 3 + shape[1] * steps[1] : steps[1]]
    x[...] = rng.standard_normal(shape)
    return x.T if layout == "columns" else x


LAYOUTS = st.sampled_from(["rows", "columns", "neither"])
SIZES = st.one_of(st.integers(1, 70), st.sampled_from([127, 128, 129, 200, 256, 257, 300, 520]))


@given(SIZES, st.one_of(st.just(0), SIZES, st.sampled_from([1023, 1024, 1025, 1100])),
       st.one_of(st.just(0), SIZES), LAYOUTS, LAYOUTS, st.sampled_from([0.0, 1.0, -0.5]), st.booleans(),
       st.sampled_from(FLOATS), st.integers(0, 2**31))  # fmt: skip
def test_products_are_numpys(M, N, K, layout_a, layout_b, beta, packed, dtype, seed):
    rng = np.random.default_rng(seed)
    a, b = laid(rng, M, K, layout_a, dtype), laid(rng, K, N, layout_b, dtype)
    around = np.full((M + 2, N + 7), 7, dtype)
    y = around[1:-1, 3:-4]
    before = rng.standard_normal((M, N)).astype(dtype)
    y[...] = before if beta else np.nan  # with β = 0 nothing of it may be read
    sums = None if packed else np.arange(M, dtype=dtype)
    multiply(a, b, y, 1.5, beta, packed, sums)
    if not packed:
        error = abs(sums - np.arange(M) - a.sum(1, dtype=float))
        assert (error <= rounding(K + 1, M + abs(a).sum(1, dtype=float), dtype)).all()
    expected = 1.5 * (a.astype(float) @ b.astype(float)) + (beta * before.astype(float) if beta else 0)
    size = 1.5 * (abs(a.astype(float)) @ abs(b.astype(float))) + abs(before)
    assert (abs(y - expected) <= rounding(K + 2, size, dtype)).all()  # two more: times α, and β y
    y[...] = 7
    assert (around == 7).all(), "something beside y was changed"


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_row_does_not_depend_on_the_rows_beside_it(dtype):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((150, 300)).astype(dtype), rng.standard_normal((300, 1100)).astype(dtype)
    whole, part = np.empty((150, 1100), dtype), np.empty((61, 500), dtype)
    multiply(a, b, whole)
    multiply(a[50:111], b[:, 37:537], part)
    assert np.array_equal(part, whole[50:111, 37:537])


def test_what_is_not_finite_stays_in_its_row_and_column():
    a, b = np.ones((13, 40), np.float32), np.ones((40, 45), np.float32)
    a[12, 3], b[7, 44] = np.nan, np.inf
    y = np.empty((13, 45), np.float32)
    multiply(a, b, y)
    assert np.isnan(y[12]).all()
    assert (y[:12, 44] == np.inf).all()
    assert (y[:12, :44] == 40).all()


@pytest.mark.parametrize("features", [("avx512",), ("avx512", "avx", "fma", "f16c", "vaes", "vpclmul")])
def test_narrower_vectors_give_the_same(features, tmp_path):
    if not any(on and name.startswith(features) for name, on in get_host_cpu_features().items()):
        pytest.skip(f"this processor has none of {features}: all other tests multiply so")
    code = f"""
import os
import llvmlite.binding as llvm
found = llvm.get_host_cpu_features()
for name in found:
    if name.startswith({features!r}):
        found[name] = False
llvm.get_host_cpu_features = lambda: found
os.environ |= {{"NUMBA_CPU_FEATURES": found.flatten(), "SCRATCHLM_CACHE": {str(tmp_path)!r}}}
import numpy as np
from scratchlm.kernels.cpu import gemm
from scratchlm.kernels.matmul.cpu import matmul
rng = np.random.default_rng(0)
for dtype, bound in (("f4", {rounding(70)}), ("f8", {rounding(70, 1, "f8")})):
    a, b = rng.standard_normal((23, 70)).astype(dtype), rng.standard_normal((70, 51)).astype(dtype)
    for left in (a, np.asfortranarray(a)):
        for right in (b, np.asfortranarray(b)):
            assert (abs(matmul(left, right) - a @ b) <= bound * (abs(a) @ abs(b))).all()
print(gemm.VECTOR)
"""
    assert int(python(code)) <= (32 if len(features) == 1 else 16)


@pytest.mark.parametrize("batch", [1, 2, 8])
@pytest.mark.parametrize("kernel", ["lstm_forward", "gru_forward"])
def test_a_recurrent_weight_may_be_one_row_broadcast(kernel, batch):
    rng, (T, H, gates) = np.random.default_rng(0), (3, 5, 4 if kernel == "lstm_forward" else 3)
    weight = np.broadcast_to(rng.standard_normal(H).astype(np.float32), (gates * H, H))
    steps = rng.standard_normal((T, batch, gates * H)).astype(np.float32)
    before = np.zeros((batch, H), np.float32)
    rest = (before, before, weight) if gates == 4 else (before, weight, np.zeros(gates * H, np.float32))
    found, expected = (
        getattr(get_device(device).kernels, kernel)(steps.copy(), *rest)[0] for device in ("cpu", "reference")
    )
    size = abs(steps).max() + abs(weight[0]).sum()  # of a gate's sum, |h| ≤ 1
    same(found, expected, rounding(T * (H + 1), size))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_numbers_that_are_not_aligned_are_multiplied(dtype):
    records = np.zeros((6, 5), np.dtype([("letter", "S1"), ("number", dtype)]))
    records["number"] = np.random.default_rng(0).standard_normal((6, 5))
    a = records["number"]
    expected, size = np.array(a) @ np.array(a).T, abs(a) @ abs(a.T)
    same(matmul_module.matmul(a, a.T), expected, rounding(5, size, dtype))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory so")
def test_without_memory_to_work_in_there_is_an_error():
    code = """
import resource
import numpy as np
from scratchlm.kernels.matmul.cpu import add_matmul
a, y = np.ones((1024, 1024), np.float32), np.zeros((1024, 1024), np.float32)
assert (add_matmul(a, a, y, 0) == 1024).all()
taken = [np.empty(0)]
resource.setrlimit(resource.RLIMIT_AS, (1 << 20, resource.RLIM_INFINITY))
for size in (20, 16, 12):
    while True:
        try:
            taken.append(np.empty(1 << size, np.uint8))
        except MemoryError:
            break
try:
    add_matmul(a, a, y, 0)
except MemoryError:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("refused")
"""
    assert python(code).strip() == "refused"


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (1, 9, 4), (6, 0, 2), (8, 1, 8), (0, 3, 2)])
def test_linear_adds_its_bias(shape):
    rng, (M, K, N) = np.random.default_rng(0), shape
    x, weight, bias = (rng.standard_normal(s).astype(np.float32) for s in ((M, K), (N, K), (N,)))
    y = matmul_module.linear_forward(x, weight, bias)
    same(y, x @ weight.T + bias, rounding(K + 1, abs(x) @ abs(weight.T) + abs(bias)))
