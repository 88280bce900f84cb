"""Sine and its relatives, their inverses, and the hyperbolic ones."""

import math

from ..function import Array
from ..tensor import Tensor
from .elementwise import floating
from .pointwise import Pointwise


class Sin(Pointwise):
    """y = sin x;  y' = cos x."""

    def value(self, x: Array) -> Array:
        return self.xp.sin(x)

    def slope(self, x: Array, y: Array) -> Array:
        return self.xp.cos(x)


class Cos(Pointwise):
    """y = cos x;  y' = −sin x."""

    def value(self, x: Array) -> Array:
        return self.xp.cos(x)

    def slope(self, x: Array, y: Array) -> Array:
        return -self.xp.sin(x)


class Arcsin(Pointwise):
    """y = arcsin x;  y' = 1 / √(1 − x²)."""

    def value(self, x: Array) -> Array:
        return self.xp.arcsin(x)

    def slope(self, x: Array, y: Array) -> Array:
        return (1 - x * x) ** -0.5


class Arctan(Pointwise):
    """y = arctan x;  y' = 1 / (1 + x²)."""

    def value(self, x: Array) -> Array:
        return self.xp.arctan(x)

    def slope(self, x: Array, y: Array) -> Array:
        return 1 / (1 + x * x)


class Sinh(Pointwise):
    """y = (eˣ − e⁻ˣ) / 2;  y' = cosh x."""

    def value(self, x: Array) -> Array:
        return self.xp.sinh(x)

    def slope(self, x: Array, y: Array) -> Array:
        return self.xp.cosh(x)


class Cosh(Pointwise):
    """y = (eˣ + e⁻ˣ) / 2;  y' = sinh x."""

    def value(self, x: Array) -> Array:
        return self.xp.cosh(x)

    def slope(self, x: Array, y: Array) -> Array:
        return self.xp.sinh(x)


class Arcsinh(Pointwise):
    """y = arsinh x = ln(x + √(x² + 1));  y' = 1 / √(x² + 1)."""

    def value(self, x: Array) -> Array:
        return self.xp.arcsinh(x)

    def slope(self, x: Array, y: Array) -> Array:
        return (x * x + 1) ** -0.5


class Arccosh(Pointwise):
    """y = arcosh x = ln(x + √(x² − 1)), x ≥ 1;  y' = 1 / √(x² − 1)."""

    def value(self, x: Array) -> Array:
        return self.xp.arccosh(x)

    def slope(self, x: Array, y: Array) -> Array:
        return (x * x - 1) ** -0.5


class Arctanh(Pointwise):
    """y = artanh x = ½ ln((1 + x)/(1 − x));  y' = 1 / (1 − x²)."""

    def value(self, x: Array) -> Array:
        return self.xp.arctanh(x)

    def slope(self, x: Array, y: Array) -> Array:
        return 1 / (1 - x * x)


def sin(x: Tensor) -> Tensor:
    """Sine of x in radians."""
    return Sin()(floating(x))


def cos(x: Tensor) -> Tensor:
    """Cosine of x in radians."""
    return Cos()(floating(x))


def tan(x: Tensor) -> Tensor:
    """sin x / cos x."""
    return sin(x) / cos(x)


def asin(x: Tensor) -> Tensor:
    """Inverse of the sine."""
    return Arcsin()(floating(x))


def acos(x: Tensor) -> Tensor:
    """π/2 − arcsin x."""
    return math.pi / 2 - asin(x)


def atan(x: Tensor) -> Tensor:
    """Inverse of the tangent."""
    return Arctan()(floating(x))


def sinh(x: Tensor) -> Tensor:
    """(eˣ − e⁻ˣ) / 2."""
    return Sinh()(floating(x))


def cosh(x: Tensor) -> Tensor:
    """(eˣ + e⁻ˣ) / 2."""
    return Cosh()(floating(x))


def asinh(x: Tensor) -> Tensor:
    """Inverse of sinh."""
    return Arcsinh()(floating(x))


def acosh(x: Tensor) -> Tensor:
    """Inverse of cosh."""
    return Arccosh()(floating(x))


def atanh(x: Tensor) -> Tensor:
    """Inverse of tanh."""
    return Arctanh()(floating(x))
