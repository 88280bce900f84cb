"""CUDA's words for numbers, beside formulas of Python's own."""

import math
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError, check, nvrtc

A, B = 0xF1234567, 0x89ABCDEF  # with the highest bit, and all bytes different


def signed(x, bits=32):
    """A number's lower bits as a signed number."""
    return (x & (1 << bits) - 1) - (1 << bits) * (x >> bits - 1 & 1)


def parts(x, bits=8):
    """The bytes, or halves, of a word, lowest first."""
    return [x >> at & (1 << bits) - 1 for at in range(0, 32, bits)]


def joined(values, bits=8):
    return sum((v & (1 << bits) - 1) << bits * k for k, v in enumerate(values))


def both(formula, bits=8):
    """A formula of each part of A and B."""
    return joined([formula(a, b) for a, b in zip(parts(A, bits), parts(B, bits), strict=True)], bits)


def bytes_of(x):
    return [signed(part, 8) for part in parts(x)]


S, T, LONG = signed(A), signed(B), -0x123456789ABCDEF
WHOLE = {
    "__mul24(a, b)": signed(signed(A, 24) * signed(B, 24)),
    "__umul24(ua, ub)": (A & 0xFFFFFF) * (B & 0xFFFFFF) & 0xFFFFFFFF,
    "__mulhi(a, b)": S * T >> 32,
    "__umulhi(ua, ub)": A * B >> 32,
    "__mul64hi(l, l + 1)": LONG * (LONG + 1) >> 64,
    "__umul64hi(5ull << 60, 9ull << 60)": 45 << 120 >> 64,
    "__clz(1)": 31, "__clz(0)": 32, "__clzll(1)": 63, "__clzll(0)": 64, "__ffsll(1ll << 40)": 41,
    "__ffsll(0)": 0,
    "__brev(ua)": int(f"{A:032b}"[::-1], 2),
    "__brevll((unsigned long long)ua)": signed(int(f"{A:064b}"[::-1], 2), 64),
    "__byte_perm(ua, ub, 0x7250)": joined([(parts(A) + parts(B))[k] for k in (0, 5, 2, 7)]),
    "__funnelshift_l(ua, ub, 40)": (B << 8 | A >> 24) & 0xFFFFFFFF,
    "__funnelshift_r(ua, ub, 40)": (B << 24 | A >> 8) & 0xFFFFFFFF,
    "__funnelshift_lc(ua, ub, 40)": A, "__funnelshift_rc(ua, ub, 40)": B,
    "__dp4a(a, b, 7)": sum(x * y for x, y in zip(bytes_of(A), bytes_of(B), strict=True)) + 7,
    "__dp4a(ua, ub, 7u)": sum(x * y for x, y in zip(parts(A), parts(B), strict=True)) + 7,
    "__vadd4(ua, ub)": both(lambda x, y: x + y), "__vsub4(ua, ub)": both(lambda x, y: x - y),
    "__vadd2(ua, ub)": both(lambda x, y: x + y, 16), "__vmaxu4(ua, ub)": both(max),
    "__vminu2(ua, ub)": both(min, 16), "__vabsdiffu4(ua, ub)": both(lambda x, y: abs(x - y)),
    "__hadd(a, b)": (S + T) // 2, "__rhadd(a, b)": (S + T + 1) // 2, "__hadd(-3, 0)": -2,
    "__uhadd(ua, ub)": (A + B) // 2, "__urhadd(ua, ub)": (A + B + 1) // 2,
    "__sad(a, 5, 7)": abs(S - 5) + 7, "__usad(5, ua, 7)": A + 2,
    "min(-1, 5u)": 5, "max(7u, -1)": 0xFFFFFFFF, "max(2ll, 3ull)": 3,
    "__float2int_rn(2.5f)": 2, "__float2int_rz(-2.5f)": -2, "__float2int_rd(-2.5f)": -3,
    "__float2int_ru(2.1f)": 3,
    "__float2int_rn(3e9f)": 2**31 - 1, "__float2uint_rn(-1.f)": 0, "__float2uint_rn(3e9f)": 3 * 10**9,
    "__float2int_rn(CUDART_NAN_F)": 0, "__double2int_rn(CUDART_NAN)": -(2**31), "__double2int_rn(-3.5)": -4,
    "__double2ll_rz(-1e300)": -(2**63), "__double2uint_ru(1.25)": 2, "__float2ll_rd(-0.5f)": -1,
    "make_short2(3, 4).y": 4, "make_longlong2(3, 4).y": 4, "make_ulong2(3, 4).x": 3,
    "make_double4(1, 2, 3, 4).w": 4,
    "__shfl_sync(1u, (short)-7, 0)": -7, "__shfl_sync(1u, (unsigned char)200, 0)": 200,
}  # fmt: skip


def directed(exact, way, dtype=np.float32):
    """A fraction rounded to a type: down, up, or to zero."""
    near = dtype(float(exact)) if dtype is np.float64 else dtype(np.float64(float(exact)))
    candidates = [np.nextafter(near, dtype(end)) for end in (-np.inf, np.inf)] + [near]
    below = max(c for c in candidates if Fraction(float(c)) <= exact)
    above = min(c for c in candidates if Fraction(float(c)) >= exact)
    return float({"rd": below, "ru": above, "rz": below if exact > 0 else above}[way])


P, Q = np.float32(1.1), np.float32(-3.3e-5)
X, Y = Fraction(float(P)), Fraction(float(Q))
EXACT = {
    f"{name}_{way}({arguments})": directed(value, way, dtype)
    for way in ("rz", "rd", "ru")
    for name, arguments, value, dtype in (
        ("__fadd", "p, q", X + Y, np.float32), ("__fsub", "q, p", Y - X, np.float32),
        ("__fmul", "p, q", X * Y, np.float32), ("__fdiv", "q, p", Y / X, np.float32),
        ("__fmaf", "p, q, -q", X * Y - Y, np.float32), ("__frcp", "q", 1 / Y, np.float32),
        ("__dadd", "(double)p, 1e-20", X + Fraction(1e-20), np.float64),
        ("__dmul", "(double)p, 0.1", X * Fraction(0.1), np.float64),
        ("__int2float", "-123456789", Fraction(-123456789), np.float32),
        ("__double2float", "-0.1", Fraction(-0.1), np.float32),
    )
} | {
    "__double2float_rn(0.1)": float(np.float32(0.1)), "__int2double_rn(-5)": -5.0,
    "__fsqrt_rz(2.f)": 1.41421353816986083984375,
    "sinpif(1.f)": 0.0, "cospif(0.5f)": 0.0, "sinpif(0.5f)": 1.0, "cospif(3.f)": -1.0, "sinpif(-2.5f)": -1.0,
    "max(1.5, 2.5f)": 2.5, "CUDART_INF_F": math.inf, "-CUDART_INF": -math.inf, "CUDART_PI": math.pi,
    "erfinvf(1.f)": math.inf, "normcdfinvf(0.f)": -math.inf,
}  # fmt: skip
CLOSE = {
    "sinpif(0.3f)": math.sin(math.pi * np.float32(0.3)), "cospif(1000.25f)": math.sqrt(0.5),
    "rcbrtf(-8.f)": -0.5, "rhypotf(3, 4)": 0.2, "norm3df(2, 3, 6)": 7, "norm4df(1, 1, 1, 1)": 2,
    "rnorm3df(2, 3, 6)": 1 / 7, "__tanf(1)": math.tan(1), "__log10f(50)": math.log10(50),
    "(__sincosf(2, &s, &c), s + 2 * c)": math.sin(2) + 2 * math.cos(2),
    **{f"normcdfinvf({p}f)": NormalDist().inv_cdf(float(np.float32(p))) for p in (1e-9, 0.01, 0.3, 0.5, 0.9)},
    **{f"erfinvf(erff({x}f))": x for x in (-1.5, -0.2, 0.0, 1e-4, 0.7, 1.9)},
    "erfcinv(erfc(5.0))": 5,
}  # fmt: skip


def values(expressions, dtype):
    """What each expression gives on one thread."""
    rows = "".join(f"    y[{k}] = ({dtype}){one};\n" for k, one in enumerate(expressions))
    code = (
        f"#include <math_constants.h>\n__global__ void f({dtype}* y, int a, int b, float p, float q) {{\n"
        f"    unsigned ua = a, ub = b; long long l = {LONG}ll; float s, c;\n{rows}}}\n"
    )
    y = np.zeros(len(expressions), np.int64 if dtype == "long long" else np.float64)
    found = []
    for mode in ("fast", "check"):
        f = Emulator(code, mode=mode).get_function("f")
        f(1, 1, (y, np.int32(S), np.int32(T), P, Q))
        found.append(y.tolist())
    assert found[0] == found[1]
    return dict(zip(expressions, found[0], strict=True))


def test_whole_numbers():
    assert values(WHOLE, "long long") == WHOLE


def test_rounded_numbers():
    assert values(EXACT, "double") == EXACT


def test_functions():
    found = values(CLOSE, "double")
    # erf's own float result moves its inverse: near 1.9 by 20 times the rounding.
    assert found == pytest.approx(CLOSE, rel=2e-5, abs=1e-7)


CACHED = """__global__ void f(const float* x, float* y) {
    int i = threadIdx.x;
    __stcs(y + i, __ldcs(x + i) + __ldcg(x + i) + __ldca(x + i) + __ldcv(x + i));
    __stcg(y + i, 2 * __ldcg(y + i)), __stwt(y + i, y[i] + 1), __stwb(y + i, y[i]);
    __builtin_assume(i < 32);
    __shared__ float s;
    if (!__isGlobal(y) || __isGlobal(&s) || !__isShared(&s)) y[i] = 0;
}
"""


def test_loads_and_stores_that_name_a_cache():
    x, y = np.arange(1, 3, dtype=np.float32), np.zeros(2, np.float32)
    f = Emulator(CACHED, mode="check").get_function("f")
    f(1, 1, (x, y))
    assert y[0] == 8 * x[0] + 1
    with pytest.raises(KernelError, match=r"writes y\[2\], but it has 2 elements"):
        f(1, 3, (np.ones(3, np.float32), y))


ATOMIC = """__global__ void f(float2* y, float4* z) {
    float2 old = atomicAdd(y, make_float2(1, threadIdx.x));
    atomicAdd(z, make_float4(1, 2, 3, old.x < 0));
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_atomics_of_vectors(mode):
    y, z = np.zeros(2, np.float32), np.zeros(4, np.float32)
    Emulator(ATOMIC, mode=mode).get_function("f")(1, 32, (y, z))
    assert (y.tolist(), z.tolist()) == ([32, 31 * 16], [32, 64, 96, 0])


REDUCE = """#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;
__global__ void f(const int* x, int* y) {
    auto tile = cg::tiled_partition<8>(cg::this_thread_block());
    int v = x[threadIdx.x], *row = y + 5 * threadIdx.x;
    row[0] = cg::reduce(tile, v, cg::plus<int>());
    row[1] = cg::reduce(tile, v, cg::less<int>());
    row[2] = cg::reduce(tile, v, cg::greater<int>());
    row[3] = cg::reduce(tile, v, cg::bit_xor<int>()) + cg::reduce(tile, v, cg::bit_and<int>());
    row[4] = cg::reduce(tile, v, [](int a, int b) { return a | b; });
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_reduce_of_cooperative_groups(mode):
    x, y = np.random.default_rng(1).integers(0, 99, 32).astype(np.int32), np.zeros((32, 5), np.int32)
    Emulator(REDUCE, mode=mode).get_function("f")(1, 32, (x, y))
    rows = x.reshape(4, 8)
    xor_and = np.bitwise_xor.reduce(rows, 1) + np.bitwise_and.reduce(rows, 1)
    expected = [rows.sum(1), rows.min(1), rows.max(1), xor_and, np.bitwise_or.reduce(rows, 1)]
    assert (y == np.stack(expected, 1).repeat(8, 0)).all()


WARP = """__global__ void f(const int* x, const long long* l, const float* p, int* y) {
    int i = threadIdx.x, v = x[i], all = 7, *row = y + 12 * i;
    row[0] = __match_any_sync(~0u, v);
    row[1] = __match_any_sync(~0u, l[i]);
    row[2] = __match_any_sync(~0u, p[i]);
    row[3] = __match_all_sync(~0u, v, &all), row[4] = all;
    row[5] = __reduce_add_sync(~0u, v) + 1000 * __reduce_min_sync(~0u, v);
    row[5] += 100000 * __reduce_max_sync(~0u, v);
    row[6] = __reduce_min_sync(~0u, (unsigned)v), row[7] = __reduce_max_sync(~0u, (unsigned)v);
    row[8] = __reduce_and_sync(~0u, v | 8), row[9] = __reduce_or_sync(~0u, v);
    row[10] = __reduce_xor_sync(~0u, v);
    if (i >= 20) return;
    row[11] = __reduce_add_sync(0xfffffu, 1u) + 100 * (__match_all_sync(~0u, 5, &all) == 0xfffff && all);
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize("order", ["forward", "shuffled"])
def test_matches_and_reductions_of_a_warp(mode, order):
    x = np.random.default_rng(2).integers(-3, 4, 32).astype(np.int32)
    far, p, y = x.astype(np.int64) << 40, x.astype(np.float32) / 3, np.zeros((32, 12), np.int32)
    Emulator(WARP, mode=mode, order=order).get_function("f")(1, 32, (x, far, p, y))
    same = ((x[:, None] == x) << np.arange(32)).sum(1).astype(np.uint32).view(np.int32)
    u = x.astype(np.uint32)
    assert (y[:, :3] == same[:, None]).all()
    assert (y[:, 3:5] == 0).all()
    assert (y[:, 5] == x.sum() + 1000 * x.min() + 100000 * x.max()).all()
    rows = [u.min(), u.max(), np.bitwise_and.reduce(u | 8), np.bitwise_or.reduce(u), np.bitwise_xor.reduce(u)]
    assert (y[:, 6:11].view(np.uint32) == rows).all()
    assert y[:, 11].tolist() == [120] * 20 + [0] * 12


@pytest.mark.parametrize("word", ["__match_any_sync(~0u, i)", "__reduce_add_sync(~0u, i)"])
def test_a_mask_names_lanes_that_do_not_call(word):
    code = f"__global__ void f(int* y) {{\n    int i = threadIdx.x;\n    if (i < 16) y[i] = {word};\n}}\n"
    verdict = check(code, 1, 32, (np.zeros(32, np.int32),))
    assert [(fault.kind, fault.line) for fault in verdict.faults] == [("missing lanes", 3)]
    verdict = check(code.replace("~0u", "1u"), 1, 32, (np.zeros(32, np.int32),))
    assert "its own lane is not in the mask" in str(verdict.faults[0])


SCAN = """#include <cooperative_groups.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;
__global__ void f(const int* x, int* y) {
    auto tile = cg::tiled_partition<8>(cg::this_thread_block());
    int v = x[threadIdx.x], *row = y + 4 * threadIdx.x;
    row[0] = cg::inclusive_scan(tile, v), row[1] = cg::exclusive_scan(tile, v);
    row[2] = cg::inclusive_scan(tile, v, cg::greater<int>());
    row[3] = cg::exclusive_scan(tile, v, cg::plus<int>());
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_scans_of_cooperative_groups(mode):
    x, y = np.random.default_rng(3).integers(-50, 50, 32).astype(np.int32), np.zeros((32, 4), np.int32)
    Emulator(SCAN, mode=mode).get_function("f")(1, 32, (x, y))
    rows = x.reshape(4, 8)
    sums, most = rows.cumsum(1), np.maximum.accumulate(rows, 1)
    assert (y == np.stack([sums, sums - rows, most, sums - rows], 2).reshape(32, 4)).all()


TRAITS = """#include <type_traits>
template <class T> using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;
template <class T, class = std::enable_if_t<std::is_integral<T>::value>>
__device__ int kind(T) { return 1; }
template <class T, std::enable_if_t<std::is_floating_point<T>::value, int> = 0>
__device__ int kind(T) { return 2; }
template <bool B> __device__ int chosen(std::bool_constant<B>) { return B ? 4 : 8; }
__global__ void f(int* y) {
    y[0] = sizeof(Sum<float>), y[1] = sizeof(Sum<int>), y[2] = kind(1u) + 10 * kind(1.0f);
    y[3] = chosen(std::true_type()) + std::integral_constant<int, 32>::value;
    std::remove_cv_t<const float> v = 1;
    v += 1, y[4] = std::move(v);
}
"""


def test_types_computed_from_types():
    y = np.zeros(5, np.int32)
    Emulator(TRAITS).get_function("f")(1, 1, (y,))
    assert y.tolist() == [8, 4, 21, 36, 2]


COMPLEX = """#include <cuComplex.h>
__global__ void f(float* y, double* z, float2* w) {
    cuFloatComplex a = make_cuFloatComplex(1, 2), b = {3, -4};
    cuFloatComplex sum = cuCaddf(a, b), product = cuCmulf(a, b), fused = cuCfmaf(a, b, a);
    cuFloatComplex all[] = {sum, cuCsubf(a, b), product, cuCdivf(a, b), cuConjf(a), fused};
    for (int k = 0; k < 6; k++) y[2 * k] = cuCrealf(all[k]), y[2 * k + 1] = cuCimagf(all[k]);
    cuDoubleComplex c = cuCdiv(make_cuDoubleComplex(1e200, 0), cuComplexFloatToDouble(b));
    z[0] = c.x, z[1] = cuCimag(c), z[2] = cuCabs(cuComplexFloatToDouble(b)), w[0] = cuCmulf(w[0], w[1]);
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_complex_numbers(mode):
    y, z, w = np.zeros(6, np.complex64), np.zeros(3), np.array([1j, 2], np.complex64)
    Emulator(COMPLEX, mode=mode).get_function("f")(1, 1, (y.view(np.float32), z, w.view(np.float32)))
    a, b = 1 + 2j, 3 - 4j
    assert y == pytest.approx([a + b, a - b, a * b, a / b, a.conjugate(), a * b + a], rel=1e-6)
    assert z == pytest.approx([0.12e200, 0.16e200, 5])
    assert w[0] == 2j


PLACED = """__global__ void f(float* y) {
    __shared__ struct {
        float first;
        int all[32];
    } s;
    __shared__ union { float number; unsigned bits; } u;
    int i = threadIdx.x;
    s.all[i] = i;
    if (i == 0) s.first = 2, u.number = 1;
    __syncthreads();
    y[i] = s.first * s.all[31 - i] + (u.bits == 0x3f800000);
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_shared_structures_whose_type_is_written_where_they_are(mode):
    y = np.zeros(32, np.float32)
    Emulator(PLACED, mode=mode).get_function("f")(1, 32, (y,))
    assert (y == 2 * np.arange(31, -1, -1) + 1).all()
    verdict = check(PLACED.replace("    __syncthreads();\n", ""), 1, 32, (y,))
    assert [(fault.kind, fault.line) for fault in verdict.faults] == [("race", 10)]


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize(
    ("before", "line", "says"),
    [
        ("__device__ float g(float v);", "x[0] = g(1);", "g is declared but nowhere defined"),
        ("template <class T> __device__ T g();", "x[0] = g<float>();", "g is declared but nowhere defined"),
        ("struct P { __device__ float g(); };", "x[0] = P().g();", "g is declared but nowhere defined"),
        (
            "struct P { __device__ virtual float g(); };",
            "P p; x[0] = p.g();",
            "declared but nowhere defined",
        ),
    ],
)
def test_what_has_no_body_has_its_line(mode, before, line, says):
    with pytest.raises(KernelError, match=says) as caught:
        Emulator(f"{before}\n__global__ void f(float* x) {{ {line} }}\n", mode=mode)
    assert (caught.value.kind, caught.value.line) == ("compile", 1)


@pytest.mark.parametrize("mode", ["fast", "check"])
@pytest.mark.parametrize("line", ["static float s = x[0];", "static P s;"])
def test_static_variables_start_with_values_that_the_compiler_knows(mode, line, monkeypatch):
    monkeypatch.setattr(nvrtc, "PACKAGES", ())  # it says so by itself
    nvrtc.version.cache_clear()
    code = (
        "struct P { float v; __device__ P() : v(1) {} };\n__global__ void f(float* x) {\n    "
        + line
        + "\n}\n"
    )
    with pytest.raises(
        KernelError, match="variable s starts with a value that a function computes"
    ) as caught:
        Emulator(code, mode=mode)
    nvrtc.version.cache_clear()
    assert (caught.value.refused, caught.value.line) == (True, 3)
