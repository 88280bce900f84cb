"""Floats of 16 bits: half beside NumPy's float16, bfloat16 beside PyTorch's; both beside exact fractions."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError, check

HEADERS = "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n"
TYPES = {"half": (5, 10), "bfloat16": (8, 7)}  # bits of exponent and fraction
CODE = {"half": "__half", "bfloat16": "__nv_bfloat16"}


def run(name, body, *arrays, parameters):
    """A kernel of one thread for each element, in which T is the type."""
    code = f"{HEADERS}typedef {CODE[name]} T;\ntypedef {CODE[name]}2 T2;\n"
    code += f"__global__ void f({parameters}) {{\n    int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
    code += f"{body}\n}}\n"
    Emulator(code).get_function("f")(-(-arrays[0].size // 256), 256, arrays)


def bits_of(name, array):
    """An array as the kernel takes it: of bfloat16 the bits."""
    return array.view(np.float16) if name == "half" else array


@cache
def numbers(name):
    """What each of the 65,536 patterns of bits is, in double."""
    exponent, fraction = TYPES[name]
    bits = np.arange(1 << 16)
    e, f = bits >> fraction & ((1 << exponent) - 1), bits & ((1 << fraction) - 1)
    bias = (1 << (exponent - 1)) - 1
    value = np.where(e > 0, 1 + f / 2.0**fraction, f / 2.0**fraction) * 2.0 ** (np.maximum(e, 1) - bias)
    top = e == (1 << exponent) - 1
    value = np.where(top, np.where(f > 0, np.nan, np.inf), value)
    return np.where(bits >> 15, -value, value)


def test_the_tables_are_those_of_numpy_and_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")

    bits = np.arange(1 << 16, dtype=np.uint16)
    assert np.array_equal(numbers("half"), bits.view(np.float16).astype(float), equal_nan=True)
    peer = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).double().numpy()
    assert np.array_equal(numbers("bfloat16"), peer, equal_nan=True)


def rounded(name, x, way="rn"):
    """The bits of the numbers next to x, by a search among all of them."""
    table = numbers(name)[: 1 << 15]
    table = table[np.isfinite(table)]
    size, negative = np.abs(x), np.signbit(x)
    at = np.searchsorted(table, size, side="right") - 1  # the largest that is not above
    step = table[1:] - table[:-1]
    above = np.append(table[1:], table[-1] + step[-1])[at]  # past the largest: where ∞ is rounded to
    inexact = size > table[at]
    middle = (table[at] + above) / 2
    nearest = (size > middle) | ((size == middle) & (at % 2 == 1))
    up = {"rn": nearest, "rz": False, "rd": negative & inexact, "ru": ~negative & inexact}[way]
    bits = at + (up & inexact)
    bits = np.where(np.isinf(size), table.size, bits) | negative << 15
    return np.where(np.isnan(x), 0x7FFF, bits).astype(np.uint16)


def trials(name):
    """Every number, what lies in the middle between two, a float's step beside each; any floats."""
    table = numbers(name)
    table = np.sort(table[np.isfinite(table)])
    middles = (table[1:] + table[:-1]) / 2
    with np.errstate(over="ignore"):
        near = np.concatenate([table, middles, 2 * table[-1:], -2 * table[-1:]]).astype(np.float32)
        beside = [np.nextafter(near, np.float32(end)) for end in (np.inf, -np.inf)]
    drawn = np.random.default_rng(0).integers(0, 1 << 32, 50_000, np.uint32).view(np.float32)
    drawn = drawn[~np.isnan(drawn)]
    return np.concatenate([near, *beside, drawn, np.float32([0.0, -0.0, np.inf, -np.inf, np.nan])])


@pytest.mark.parametrize("name", TYPES)
def test_every_number_and_back(name):
    bits, y = np.arange(1 << 16, dtype=np.uint16), np.zeros(1 << 16, np.float32)
    run(name, "    y[i] = x[i];", bits_of(name, bits), y, parameters="const T* x, float* y")
    assert np.array_equal(y, numbers(name).astype(np.float32), equal_nan=True)
    z = np.zeros(1 << 16, np.uint16)
    run(name, "    y[i] = x[i];", y, bits_of(name, z), parameters="const float* x, T* y")
    assert np.array_equal(z, np.where(np.isnan(y), 0x7FFF, bits))


@pytest.mark.parametrize("way", ["rn", "rz", "rd", "ru"])
@pytest.mark.parametrize("name", TYPES)
def test_floats_are_rounded(name, way):
    x = trials(name)
    y = np.zeros(x.size, np.uint16)
    body = f"    if (i < n) y[i] = __float2{name}_{way}(x[i]);"
    run(name, body, x, bits_of(name, y), np.int32(x.size), parameters="const float* x, T* y, int n")
    assert np.array_equal(y, rounded(name, x.astype(float), way))


def test_rounding_to_nearest_is_that_of_numpy_and_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")

    for name in TYPES:
        x = trials(name)
        x = x[~np.isnan(x)]
        with np.errstate(over="ignore"):
            half = x.astype(np.float16).view(np.uint16)
        peer = torch.from_numpy(x).bfloat16().view(torch.int16).numpy().view(np.uint16)
        assert np.array_equal(rounded(name, x.astype(float)), half if name == "half" else peer)


def exactly(name, value):
    """A fraction's bits: those of the nearest number, of two the even one; by fractions alone."""
    table = numbers(name)[: 1 << 15]
    at = int(np.searchsorted(table[np.isfinite(table)], float(abs(value)), side="right"))
    top = Fraction(2) ** (1 << TYPES[name][0] - 1)  # where ∞ is rounded to
    distances = []
    for k in range(max(at - 2, 0), at + 2):
        distance = abs(abs(value) - (Fraction(float(table[k])) if np.isfinite(table[k]) else top))
        distances.append((distance, k % 2, k))
        if np.isinf(table[k]):
            break
    return min(distances)[2] | (0x8000 if value < 0 else 0)


OPERATIONS = {
    "a + b": lambda a, b, c: a + b,
    "a - b": lambda a, b, c: a - b,
    "a * b": lambda a, b, c: a * b,
    "a / b": lambda a, b, c: a / b,
    "__hfma(a, b, c)": lambda a, b, c: a * b + c,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", TYPES)
def test_one_operation_rounds_once(name, operation):
    rng = np.random.default_rng(1)
    table = numbers(name)
    usable = np.flatnonzero(np.isfinite(table) & (table != 0)).astype(np.uint16)
    x = rng.choice(usable, (3, 1200))
    one = int(np.flatnonzero(table == 1)[0])
    x[:2, :600] = one + rng.integers(-40, 40, (2, 600))  # near 1, where sums and products meet the middles
    x[2, :300] = rng.choice(usable[np.abs(table[usable]) < 1e-4], 300)
    y = np.zeros(1200, np.uint16)
    a, b, c = (bits_of(name, np.ascontiguousarray(row.astype(np.uint16))) for row in x)
    body = f"    if (i >= 1200) return;\n    T a = x[i], b = y[i], c = z[i];\n    w[i] = {operation};"
    run(name, body, a, b, c, bits_of(name, y), parameters="const T* x, const T* y, const T* z, T* w")
    for k in range(1200):
        value = OPERATIONS[operation](*(Fraction(float(table[bits])) for bits in x[:, k]))
        if value:
            assert y[k] == exactly(name, value), (k, x[:, k])


def test_the_product_of_a_fused_sum_may_lie_in_the_middle():
    """1 + 2⁻³ + 2⁻⁸ lies between two of bfloat16; 2⁻¹³⁰ decides, which no double of that size has."""
    y = np.zeros(2, np.uint16)
    body = "    if (i) return;\n    T a = 1.0625f, c = ldexpf(1, -130);  // a·a is 1 + 2⁻³ + 2⁻⁸\n"
    body += "    y[0] = __hfma(a, a, c), y[1] = __hfma(a, a, -c);"
    run("bfloat16", body, y, parameters="T* y")
    assert y.tolist() == [0x3F91, 0x3F90]


WORDS = {  # of 1.5 and -2.25 as a and b, of (1.5, -2.25) and (3, 0.5) as v and w
    "a + b * T(2)": -3, "-a": -1.5, "++a": 2.5, "a--": 1.5, "a += 1": 2.5, "(float)a / 2": 0.75,
    "(int)b": -2, "__hadd(a, b)": -0.75, "__hsub(a, b)": 3.75, "__hmul(a, b)": -3.375,
    "__hdiv(a, T(2))": 0.75, "__hneg(b)": 2.25, "__habs(b)": 2.25, "__hmax(a, b)": 1.5,
    "__hmin(a, b)": -2.25, "__hadd_sat(a, a)": 1, "__hmax_nan(a, T(NAN)) != T(0)": 1,
    "__hisnan(__hmin_nan(T(NAN), a))": 1, "(float)__hmax(a, T(NAN))": 1.5,
    "a > b && b < a && a >= b && b <= a && a != b && !(a == b)": 1, "__hgt(a, b) + __hlt(a, b)": 1,
    "a ? 7 : 8": 7, "T(-0.0f) ? 7 : 8": 8, "__hisinf(T(-INFINITY))": -1, "hceil(b)": -2, "hfloor(b)": -3,
    "htrunc(b)": -2, "hrint(T(2.5f))": 2, "hsqrt(T(4))": 2, "hrsqrt(T(4))": 0.5, "hrcp(T(4))": 0.25,
    "hexp2(T(3))": 8, "hlog2(T(8))": 3, "hexp(T(0))": 1, "hlog(T(1))": 0, "hcos(T(0))": 1,
    "hexp10(T(2))": 100, "htanh(T(0))": 0, "(v + w).x": 4.5, "(v - w).y": -2.75, "(v * w).x": 4.5,
    "(v / w).x": 0.5, "(-v).y": 2.25, "(v += w).y": -1.75, "v == v": 1, "v < w": 1, "v > w": 0,
    "__hadd2(v, w).y": -1.75, "__hfma2(v, w, w).x": 7.5, "__hneg2(v).x": -1.5, "__hmax2(v, w).y": 0.5,
    "__heq2(v, T2(a, a)).x": 1, "__hbeq2(v, T2(a, a))": 0, "h2sqrt(T2(4, 9)).y": 3, "__low2float(v)": 1.5,
    "__high2float(v)": -2.25, "__lowhigh2highlow(v).x": -2.25, "__h2div(v, w).x": 0.5,
    "__int2NAME_rn(3)": 3, "__NAME2int_rd(b)": -3, "__NAME2int_rn(T(2.5f))": 2, "__NAME2float(a)": 1.5,
    "__double2NAME(0.1) == T(0.1f)": 1, "__ushort_as_NAME(__NAME_as_ushort(b))": -2.25,
    "make_NAME2(a, b).y": -2.25, "__halves2NAME2(a, b).x": 1.5, "__floats2NAME2_rn(3, 4).y": 4,
    "__float22NAME2_rn(make_float2(3, 4)).x": 3, "__float2NAME2_rn(5).y": 5, "__NAME22float2(v).y": -2.25,
    "__low2NAME(v)": 1.5, "__high2NAME(v)": -2.25, "__low2NAME2(v).y": 1.5, "__high2NAME2(v).x": -2.25,
    "__lows2NAME2(v, w).y": 3, "__highs2NAME2(v, w).y": 0.5, "(float)__ll2NAME_rn(-5)": -5,
    "__NAME2ull_rz(b)": 0, "__shfl_sync(1u, b, 0)": -2.25,
}  # fmt: skip


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize("name", TYPES)
def test_the_words(name, mode):
    rows = "".join(f"    {{ SET y[{k}] = (float)({one}); }}\n" for k, one in enumerate(WORDS)).replace(
        "NAME", name
    )
    code = f"{HEADERS}#include <math.h>\ntypedef {CODE[name]} T;\ntypedef {CODE[name]}2 T2;\n"
    code += "#define SET T a = 1.5f, b = -2.25f; T2 v = T2(a, b), w = {T(3), T(0.5f)};\n"
    y = np.zeros(len(WORDS), np.float32)
    Emulator(f"{code}__global__ void f(float* y) {{\n{rows}}}\n", mode=mode).get_function("f")(1, 1, (y,))
    assert dict(zip(WORDS, y.tolist(), strict=True)) == WORDS


@pytest.mark.parametrize("name", TYPES)
def test_whole_numbers_of_64_bits_are_rounded_once(name):
    x = np.array(
        [1 << 62, (1 << 62) + (1 << 54), (1 << 62) + (1 << 54) + 1, -(1 << 62) - (1 << 54) - 1, -5, 0]
    )
    y = np.zeros(x.size, np.uint16)
    run(name, "    if (i < 6) y[i] = x[i];", x, bits_of(name, y), parameters="const long long* x, T* y")
    assert y.tolist() == [exactly(name, Fraction(int(value))) for value in x]


SUM = """#include <cuda_fp16.h>
__global__ void sum(const half2* x, half* y, int n) {
    __shared__ half2 s[32];
    int i = threadIdx.x;
    s[i] = x[i];
    __syncthreads();
    for (int k = 16; k > 0; k /= 2) {
        if (i < k) s[i] += s[i + k];
        __syncthreads();
    }
    if (i == 0) y[0] = s[0].x + s[0].y;
    atomicAdd(&y[1], __float2half(1.0f));
}
"""


@pytest.mark.parametrize(
    ("part", "instead", "kind", "line"),
    [
        ("", "", None, 0),
        ("s[i + k]", "s[i + k + 16]", "out of bounds", 8),
        ("x[i];", "x[i + 1];", "out of bounds", 5),
        ("y[0] =", "y[2] =", "out of bounds", 11),
        ("&y[1]", "&y[2]", "out of bounds", 12),
        ("x[i];\n    __syncthreads();", "x[i];", "race", 7),
        ("i == 0", "i < 2", "race", 11),
        ("i == 0) y[0] = s[0].x", "i < 2) y[0] += s[0].x", "race", 11),
        ("y[0] = s[0].x + s[0].y", "y[0]++", None, 0),
        ("i == 0) y[0] = s[0].x + s[0].y", "i < 2) --y[0]", "race", 11),
        ("s[i] = x[i];", "if (i) s[i] = x[i];", "uninitialised", 8),
        ("s[i] = x[i];", "s[i].x = x[i].x;", "uninitialised", 8),
        ("y[0] = s[0].x + s[0].y", "y[0] = y[32]", "out of bounds", 11),
        ("y[0] = s[0].x + s[0].y", "if (x[32] == x[0]) y[0] = 1", "out of bounds", 11),
        ("y[0] = s[0].x + s[0].y", "y[0] = (float)x[32].x", "out of bounds", 11),
        ("y[0] = s[0].x + s[0].y", "y[0] = __low2half(x[32])", "out of bounds", 11),
        ("if (i == 0)", "half2 v = {x[32].x, x[0].y}; if (v.x == v.y)", "out of bounds", 11),
    ],
)
def test_every_access_is_checked(part, instead, kind, line):
    assert part in SUM
    x, y = np.ones(64, np.float16), np.zeros(2, np.float16)
    verdict = check(SUM.replace(part, instead), 1, 32, (x, y, np.int32(0)))
    assert [(fault.kind, fault.line) for fault in verdict.faults] == ([(kind, line)] if kind else [])
    assert all(thread.line < 14 for fault in verdict.faults for thread in fault.threads)
    if not part:
        assert verdict.results["forward"]["y"].tolist() == [64, 32]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("h[0] = h[0] + 1.f;", r"half.*write which type is meant, as in \(float\)x"),
        ("h[0] = b[0];", "write which type is meant, as in"),
        ("h[0] = sqrt(h[0]);", "there is no sqrt of 16-bit floats: write which"),
    ],
)
def test_what_nvcc_finds_ambiguous(line, says):
    with pytest.raises(KernelError, match=says) as caught:
        Emulator(f"{HEADERS}__global__ void f(half* h, __nv_bfloat16* b) {{\n{line}\n}}\n")
    assert (caught.value.line, "emu_" in str(caught.value)) == (4, False)


@pytest.mark.parametrize("word", ["__half", "__nv_bfloat16"])
def test_their_headers_are_needed(word):
    with pytest.raises(KernelError, match=rf"knows `{word}` from <cuda_[bfp]+16.h> alone: include that"):
        Emulator(f"__global__ void f({word}* x) {{}}\n")


def test_what_python_hands_over():
    kernel = Emulator(
        f"{HEADERS}__global__ void f(half a, __nv_bfloat16 b, half* x) {{ x[0] = (float)a + (float)b; }}"
    )
    x = np.zeros(1, np.float16)
    kernel.get_function("f")(1, 1, (np.float16(2), np.uint16(0x3F80), x))
    assert x[0] == 3
    with pytest.raises(KernelError, match=r"x, is an array of float32: pass an array of float16"):
        kernel.get_function("f")(1, 1, (np.float16(2), np.uint16(0), x.astype(np.float32)))
