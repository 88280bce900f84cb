"""Functions of a number that compiled kernels share: e to the x, sigmoid, tanh, the normal distribution.

Numba calls the C library for these, number by number; written out as polynomials, LLVM turns them into
vector instructions (`exp` of a row 7 times faster). Outside of a kernel each is NumPy's or Python's.
"""

import math

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from .compiling import OPTIONS


@intrinsic
def _float32_of_bits(typingctx, bits):
    """The float32 whose 32 bits are those of an int32."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(types.float32))

    return types.float32(types.int32), codegen


LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH = np.float32(0.693359375)  # ln 2 in two parts: k·LN2_HIGH is exact for |k| < 2⁹
LN2_LOW = np.float32(-2.12194440e-4)


def exp(x):
    """eˣ, which LLVM turns into vector instructions; x up to 88."""
    return np.exp(x)


def expm1(x):
    """eˣ − 1 without cancellation near 0; x up to 88."""
    return np.expm1(x)


@numba.njit(**OPTIONS)
def _reduced(x):
    """Return p, s with eˣ = s (1 + p): x = k ln 2 + r, s = 2ᵏ, p = eʳ − 1 by Taylor, |r| ≤ ½ ln 2.

    The first term left out is r⁸/8!, at most 1.5·10⁻⁸ of r: below half a unit of float32.
    """
    x = np.float32(-87.0) if x < np.float32(-87.0) else x  # written so that NaN stays NaN
    x = np.float32(88.0) if x > np.float32(88.0) else x
    k = np.floor(x * LOG2_E + np.float32(0.5))
    r = x - k * LN2_HIGH - k * LN2_LOW
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(1 / 2)
    p = p * r * r + r
    return p, _float32_of_bits((np.int32(k) + np.int32(127)) << np.int32(23))  # type: ignore[call-arg]


@overload(exp, jit_options=OPTIONS)
def _exp(x):
    def single(x):
        p, s = _reduced(x)
        return np.float32(0.0) if x < np.float32(-87.0) else s + s * p

    def double(x):
        return np.exp(x)

    return single if x == types.float32 else double


@overload(expm1, jit_options=OPTIONS)
def _expm1(x):
    def single(x):
        p, s = _reduced(x)
        return s * p + (s - np.float32(1.0))

    def double(x):
        return np.expm1(x)

    return single if x == types.float32 else double


def sigmoid(x):
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


def tanh(x):
    """(e²ˣ − 1) / (e²ˣ + 1)."""
    return np.tanh(x)


@overload(sigmoid, jit_options=OPTIONS)
def _sigmoid(x):
    one = np.float32(1) if x == types.float32 else np.float64(1)
    return lambda x: one / (one + exp(-x))


@overload(tanh, jit_options=OPTIONS)
def _tanh(x):
    def single(x):
        v = np.float32(-10) if x < np.float32(-10) else x  # tanh 10 is 1 in float32
        v = np.float32(10) if v > np.float32(10) else v
        e = expm1(v + v)
        return e / (e + np.float32(2))

    def double(x):
        return np.tanh(x)

    return single if x == types.float32 else double


def normal(x):
    """Φ(x) = ½ (1 + erf(x/√2)), and e^(−x²/2), which both Φ and its derivative take."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2))), math.exp(-0.5 * x * x)


# erfc(a) ≈ (c₁t + … + c₅t⁵) e^(−a²) with t = 1/(1 + 0.3275911 a), a ≥ 0, off by at most 1.5·10⁻⁷:
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. The factor ½ of Φ is in the constants.
ERFC = tuple(np.float32(c / 2) for c in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))
ERFC_T = np.float32(0.3275911 / math.sqrt(2))


@overload(normal, jit_options=OPTIONS)
def _normal(x):
    c1, c2, c3, c4, c5 = ERFC

    def single(x):
        a = -x if x < np.float32(0) else x
        t, e = np.float32(1) / (np.float32(1) + ERFC_T * a), exp(np.float32(-0.5) * x * x)
        tail = ((((c5 * t + c4) * t + c3) * t + c2) * t + c1) * t * e
        return tail if x < np.float32(0) else np.float32(1) - tail, e

    def double(x):
        return 0.5 * (1 + math.erf(x * 0.7071067811865476)), np.exp(-0.5 * x * x)

    return single if x == types.float32 else double
