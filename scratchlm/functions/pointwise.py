"""Functions of one number, element by element; each class says f(x) and f'(x), side by side."""

import math
from typing import Any

from ..errors import OptionError, quote, refuse_fractions, refuse_words
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import Binary, divide, exp, floating, multiply, operands, power, subtract, where


class Pointwise(Function):
    """y = f(x);  ∂L/∂x = f'(x) · ∂L/∂y."""

    def value(self, x: Array) -> Array:
        """f(x)."""
        raise NotImplementedError

    def slope(self, x: Array, y: Array) -> Array:
        """f'(x), where y = f(x)."""
        raise NotImplementedError

    def forward(self, x: Array) -> Array:
        y = self.value(x)
        self.save(x, y)
        return y

    def backward(self, grad_y: Array) -> Array:
        x, y = self.saved
        return self.slope(x, y) * grad_y


class Abs(Pointwise):
    """y = |x|;  y' = sign x, 0 at 0."""

    def value(self, x: Array) -> Array:
        return self.xp.abs(x)

    def slope(self, x: Array, y: Array) -> Array:
        return self.xp.sign(x)


class Expm1(Pointwise):
    """y = eˣ − 1, exact for small x;  y' = y + 1."""

    def value(self, x: Array) -> Array:
        return self.xp.expm1(x)

    def slope(self, x: Array, y: Array) -> Array:
        return y + 1


class Log1p(Pointwise):
    """y = ln(1 + x), exact for small x;  y' = 1 / (1 + x)."""

    def value(self, x: Array) -> Array:
        return self.xp.log1p(x)

    def slope(self, x: Array, y: Array) -> Array:
        return 1 / (1 + x)


class Clamp(Pointwise):
    """y = x cut to the range [low, high];  y' = 1 inside and at its ends, else 0."""

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high

    def value(self, x: Array) -> Array:
        return self.xp.clip(x, self.low, self.high).astype(x.dtype)

    def slope(self, x: Array, y: Array) -> Array:
        return (x >= self.low) & (x <= self.high)


class Stairs(Pointwise):
    """y = ⌊x⌋ and the like, flat between its steps;  y' = 0."""

    def __init__(self, name: str):
        self.step = name  # of the array module's function

    def value(self, x: Array) -> Array:
        whole = x.astype("int64") if x.dtype.kind == "b" else x
        return getattr(self.xp, self.step)(whole).astype(x.dtype)

    def slope(self, x: Array, y: Array) -> Array:
        return self.xp.zeros_like(x)


class Larger(Binary):
    """y = max(a, b);  the gradient goes to the one that was taken, half to each where they are equal."""

    def formula(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return self.xp.maximum(a, b)

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        a, b = self.saved
        of_a = ((a > b) + 0.5 * (a == b)).astype(grad_y.dtype)
        return self.pair(of_a * grad_y, (1 - of_a) * grad_y)


class Smaller(Larger):
    """y = min(a, b);  the same for the smaller one."""

    def formula(self, a: Array, b: Array) -> Array:
        self.save(b, a)  # the smaller one is the one that the other is larger than
        return self.xp.minimum(a, b)


class FloorDivide(Binary):
    """y = ⌊a / b⌋: stairs, so no gradient."""

    def formula(self, a: Array, b: Array) -> Array:
        return self.xp.floor_divide(a, b)

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        return self.pair(0 * grad_y, 0 * grad_y)


class Remainder(Binary):
    """y = a − q b, q = ⌊a / b⌋, or a / b cut towards 0 ("fmod");  ∂L/∂a = ∂L/∂y, ∂L/∂b = −q ∂L/∂y."""

    def __init__(self, rest: str):
        self.rest = rest

    def formula(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return getattr(self.xp, self.rest)(a, b)

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        a, b = self.saved
        q = self.xp.trunc(a / b) if self.rest == "fmod" else self.xp.floor_divide(a, b)
        return self.pair(grad_y, -q * grad_y)


def abs(x: Tensor) -> Tensor:
    """|x|."""
    return Abs()(x)


def sign(x: Tensor) -> Tensor:
    """−1, 0 or 1; no gradient passes."""
    return Stairs("sign")(x)


def floor(x: Tensor) -> Tensor:
    """The largest whole number that is not above x; no gradient passes."""
    return Stairs("floor")(x)


def ceil(x: Tensor) -> Tensor:
    """The smallest whole number that is not below x; no gradient passes."""
    return Stairs("ceil")(x)


def trunc(x: Tensor) -> Tensor:
    """x without its digits after the point; no gradient passes."""
    return Stairs("trunc")(x)


def round(x: Tensor, decimals: int = 0) -> Tensor:
    """The nearest whole number, the even one of two; no gradient passes."""
    refuse_fractions("round", decimals)
    y = Stairs("round")(x * 10.0**decimals if decimals else x)
    return y / 10.0**decimals if decimals else y


def sqrt(x: Tensor) -> Tensor:
    """√x."""
    return power(x, 0.5)


def rsqrt(x: Tensor) -> Tensor:
    """1 / √x."""
    return power(x, -0.5)


def square(x: Tensor) -> Tensor:
    """x²."""
    return power(x, 2)


def reciprocal(x: Tensor) -> Tensor:
    """1 / x."""
    return divide(1.0, x)


def expm1(x: Tensor) -> Tensor:
    """eˣ − 1."""
    return Expm1()(floating(x))


def exp2(x: Tensor) -> Tensor:
    """2ˣ."""
    return power(2.0, floating(x))


def log1p(x: Tensor) -> Tensor:
    """ln(1 + x)."""
    return Log1p()(floating(x))


def log2(x: Tensor) -> Tensor:
    """Logarithm to base 2: bits for nats."""
    return floating(x).log() / math.log(2)


def log10(x: Tensor) -> Tensor:
    """Logarithm to base 10."""
    return floating(x).log() / math.log(10)


def clamp(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """x cut to the range [min, max], of which one may be left out; tensors are bounds of each element.

    Raises:
        OptionError: no bound is given.
    """
    if min is None and max is None:
        raise OptionError("clamp needs min, max or both.")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        x = x if min is None else where(x < min, min, x)
        return x if max is None else where(x > max, max, x)
    refuse_words("clamp", *(bound for bound in (min, max) if bound is not None))
    if x.dtype.kind != "f" and (isinstance(min, float) or isinstance(max, float)):
        x = floating(x)
    return Clamp(-math.inf if min is None else min, math.inf if max is None else max)(x)


def maximum(a: Any, b: Any) -> Tensor:
    """The larger one of each pair."""
    return Larger()(*operands(a, b))


def minimum(a: Any, b: Any) -> Tensor:
    """The smaller one of each pair."""
    return Smaller()(*operands(a, b))


def div(a: Any, b: Any, rounding_mode: str | None = None) -> Tensor:
    """a / b; rounding_mode "floor": the whole number below, "trunc": without the digits after the point."""
    if rounding_mode is None:
        return divide(a, b)
    if rounding_mode not in ("floor", "trunc"):
        raise OptionError(f"div has rounding_mode None, 'floor' or 'trunc', not {quote(rounding_mode)}.")
    a, b = operands(a, b)
    return Stairs(rounding_mode)(divide(a, b)).astype(a.dtype)


def logaddexp(a: Any, b: Any) -> Tensor:
    """ln(eᵃ + eᵇ), without overflow."""
    larger, apart = maximum(a, b), abs(subtract(a, b))
    apart = where(isnan(apart), 0.0, apart)  # ∞ − ∞
    return larger + log1p(exp(-apart))


def floor_divide(a: Any, b: Any) -> Tensor:
    """⌊a / b⌋, in whole numbers for whole numbers."""
    return FloorDivide()(*operands(a, b))


def remainder(a: Any, b: Any) -> Tensor:
    """a − b ⌊a / b⌋: with the sign of b, as Python's %."""
    return Remainder("remainder")(*operands(a, b))


def fmod(a: Any, b: Any) -> Tensor:
    """a − b trunc(a / b): with the sign of a, as C's."""
    return Remainder("fmod")(*operands(a, b))


def lerp(x: Tensor, end: Any, weight: Any) -> Tensor:
    """x + weight · (end − x)."""
    return x + weight * (end - x)


# ---------------------------------------------------------------- results without a gradient
def truth(x: Tensor, array: Array) -> Tensor:
    """A result beside the graph, on the device of x."""
    return Tensor._of(array, x.device)


def isnan(x: Tensor) -> Tensor:
    """True where x is not a number."""
    return truth(x, x.device.xp.isnan(x.data))


def isinf(x: Tensor) -> Tensor:
    """True where x is infinite."""
    return truth(x, x.device.xp.isinf(x.data))


def isfinite(x: Tensor) -> Tensor:
    """True where x is neither."""
    return truth(x, x.device.xp.isfinite(x.data))


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """True where |a − b| ≤ atol + rtol |b|."""
    a, b = operands(a, b)
    refuse_words("isclose", rtol, atol)
    multiply(a, b)  # refuses shapes that do not broadcast
    return truth(a, a.device.xp.isclose(a.data, b.data, rtol, atol, bool(equal_nan)))


def allclose(a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all pairs are close."""
    return bool(isclose(a, b, rtol, atol, equal_nan).data.all())


def logical_xor(a: Tensor, b: Any) -> Tensor:
    """True where just one of both is not 0."""
    return (a != 0) ^ (b != 0)


def logical_not(x: Tensor) -> Tensor:
    """True where x is 0."""
    return truth(x, x.data == 0)


absolute, clip = abs, clamp  # PyTorch's other names
