"""Sums, means, maxima and what is made of them, over axes.

`dim` and `keepdim` are PyTorch's names for `axis` and `keepdims`.
"""

import math
from numbers import Integral
from typing import Any

from ..errors import OptionError, ShapeError, quote, refuse_words
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import astype, floating, where
from .places import Extremes, gather, total_type
from .pointwise import clamp, maximum, minimum, truth
from .shape import axis_of

Axis = int | tuple[int, ...] | None


class Reduction(Function):
    """Shared by the three: which axes go, and how a gradient gets them back."""

    def __init__(self, axis: Axis = None, keepdims: bool = False):
        self.axis = axis
        self.keepdims = keepdims

    def check(self, x: Array) -> None:
        """Refuse an axis that x does not have."""
        if self.axis is None:
            return
        if isinstance(self.axis, list):
            self.axis = tuple(self.axis)
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if [axis for axis in axes if not isinstance(axis, Integral) or isinstance(axis, bool)]:
            raise ShapeError(
                f"{self.name} takes an axis as a whole number, or several, got {quote(self.axis)}."
            )
        most = x.ndim or 1  # a scalar has axis 0, as in PyTorch
        wrong = [axis for axis in axes if not -most <= axis < most]
        if len({axis % (x.ndim or 1) for axis in axes}) < len(axes):
            raise ShapeError(f"{self.name} over axes {axes}: name each axis once.")
        if wrong:
            raise ShapeError(
                f"{self.name} over axis {wrong[0]} of a tensor of shape {x.shape}: no such axis."
            )
        if x.ndim == 0:
            self.axis = None  # the one axis that NumPy does not know

    def spread(self, reduced: Array, shape: tuple[int, ...]) -> Array:
        """Give a reduced array its lost axes back (length 1) and repeat it along them."""
        if not self.keepdims and shape:
            lost = range(len(shape)) if self.axis is None else self.axis
            reduced = self.xp.expand_dims(reduced, tuple(lost) if not isinstance(lost, int) else lost)
        return self.xp.broadcast_to(reduced, shape)


class Sum(Reduction):
    """y = Σ x;  ∂L/∂x = ∂L/∂y, repeated."""

    def forward(self, x: Array) -> Array:
        self.check(x)
        self.shape = x.shape
        return x.sum(axis=self.axis, keepdims=self.keepdims, dtype=total_type(x))

    def backward(self, grad_y: Array) -> Array:
        return self.spread(grad_y, self.shape)


class Mean(Reduction):
    """y = 1/n Σ x;  ∂L/∂x = ∂L/∂y / n, repeated."""

    def forward(self, x: Array) -> Array:
        self.check(x)
        self.shape = x.shape
        y = x.mean(axis=self.axis if x.ndim else None, keepdims=self.keepdims)
        self.n = x.size // (y.size or 1)
        return y

    def backward(self, grad_y: Array) -> Array:
        return self.spread(grad_y / self.n, self.shape)


class Max(Reduction):
    """y = max x;  ∂L/∂x = ∂L/∂y at the maximum, shared equally among equal ones, 0 elsewhere."""

    extreme = "max"  # the array's method

    def forward(self, x: Array) -> Array:
        self.check(x)
        try:
            y = getattr(x, self.extreme)(axis=self.axis, keepdims=self.keepdims)
        except ValueError:  # nothing along the axis
            raise ShapeError(
                f"{self.name} needs at least one element, the tensor has shape {x.shape}."
            ) from None
        self.save(x, y)
        return y

    def backward(self, grad_y: Array) -> Array:
        x, y = self.saved
        taken = x == self.spread(y, x.shape)
        return taken / taken.sum(axis=self.axis, keepdims=True) * self.spread(grad_y, x.shape)


class Min(Max):
    """y = min x;  ∂L/∂x as for Max."""

    extreme = "min"


class Product(Reduction):
    """y = Π x along one axis;  ∂L/∂x_i = ∂L/∂y · Π of all others."""

    def forward(self, x: Array) -> Array:
        self.check(x)
        self.save(x)
        return x.prod(axis=self.axis, keepdims=self.keepdims, dtype=total_type(x))

    def backward(self, grad_y: Array) -> Array:
        (x,) = self.saved
        rows = self.xp.moveaxis(x, self.axis, 0)
        before, after = self.xp.ones_like(rows), self.xp.ones_like(rows)  # products of those on either side
        before[1:] = rows[:-1].cumprod(axis=0)
        after[:-1] = rows[:0:-1].cumprod(axis=0)[::-1]
        return self.xp.moveaxis(before * after, 0, self.axis) * self.spread(grad_y, x.shape)


def named(axis: Any, keepdims: bool, pytorch: dict[str, Any]) -> tuple[Any, bool]:
    """Axis and keepdims, by these names or by PyTorch's."""
    if not pytorch:
        return axis, bool(keepdims)
    if unknown := pytorch.keys() - {"dim", "keepdim"}:
        raise OptionError(
            f"axis (or dim) and keepdims (or keepdim) are known, not {quote(sorted(unknown)[0])}."
        )
    return pytorch.get("dim", axis), bool(keepdims or pytorch.get("keepdim", False))


def sum(x: Tensor, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, **pytorch: Any) -> Tensor:
    """Sum over axes; over all for None. `dtype`: of what element type the terms are."""
    return Sum(*named(axis, keepdims, pytorch))(x if dtype is None else astype(x, dtype))


def mean(
    x: Tensor, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None, **pytorch: Any
) -> Tensor:
    """Mean over axes, with the options of `sum`. Integers have a float32 mean."""
    return Mean(*named(axis, keepdims, pytorch))(floating(x if dtype is None else astype(x, dtype)))


def amax(x: Tensor, axis: Axis = None, keepdims: bool = False, **pytorch: Any) -> Tensor:
    """Largest element over axes; over all for None. Equal ones share the gradient."""
    return Max(*named(axis, keepdims, pytorch))(x)


def amin(x: Tensor, axis: Axis = None, keepdims: bool = False, **pytorch: Any) -> Tensor:
    """Smallest element over axes; over all for None. Equal ones share the gradient."""
    return Min(*named(axis, keepdims, pytorch))(x)


def max(
    x: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False
) -> Any:
    """PyTorch's pair of values and indices along `dim`; by `axis`, `amax`; by another tensor, `maximum`."""
    if isinstance(dim, Tensor):
        return maximum(x, dim)
    return amax(x, axis, keepdims or keepdim) if dim is None else _pair(argmax, x, dim, keepdims or keepdim)


def min(
    x: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False
) -> Any:
    """PyTorch's pair of values and indices along `dim`; by `axis`, `amin`; by another tensor, `minimum`."""
    if isinstance(dim, Tensor):
        return minimum(x, dim)
    return amin(x, axis, keepdims or keepdim) if dim is None else _pair(argmin, x, dim, keepdims or keepdim)


def _pair(place: Any, x: Any, dim: int, keepdim: bool) -> Extremes:
    x = x if isinstance(x, Tensor) else Tensor(x)  # programs for PyTorch say max(outputs.data, 1)
    indices = place(x, dim, keepdims=True)
    values = gather(x, dim, indices)
    return Extremes(values, indices) if keepdim else Extremes(values.squeeze(dim), indices.squeeze(dim))


def prod(
    x: Tensor, axis: int | None = None, keepdims: bool = False, *, dtype: Any = None, **pytorch: Any
) -> Tensor:
    """Product along one axis, or of all elements, with the options of `sum`."""
    axis, keepdims = named(axis, keepdims, pytorch)
    x = x if dtype is None else astype(x, dtype)
    if axis is not None and x.ndim:
        return Product(axis, keepdims)(x)
    y = Product(0)(x.reshape(-1))
    return y.reshape(*[1] * x.ndim) if keepdims else y


def var(
    x: Tensor,
    axis: Any = None,
    unbiased: bool | None = None,
    keepdims: bool = False,
    correction: int = 1,
    **pytorch: Any,
) -> Tensor:
    """Σ (x − mean)² / (n − correction) over axes; `unbiased`: a correction of 1."""
    if isinstance(axis, bool):  # PyTorch's x.var(False)
        axis, unbiased = None, axis
    if unbiased is not None:
        if not isinstance(unbiased, bool):
            raise OptionError(f"unbiased is True or False, got {quote(unbiased)}.")
        correction = int(unbiased)
    axis, keepdims = named(axis, keepdims, pytorch)
    difference = floating(x) - mean(x, axis, keepdims=True)
    total = sum(difference * difference, axis, keepdims)
    freedom = x.data.size // (total.data.size or 1) - correction
    return total / (freedom if freedom > 0 else 0.0)


def std(x: Tensor, *args: Any, **options: Any) -> Tensor:
    """√var, with its arguments."""
    return _root(var(x, *args, **options))


def std_mean(x: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
    """`std` and `mean` over the same axes, given as for `std`."""
    kept = {key: options[key] for key in ("axis", "dim", "keepdims", "keepdim") if key in options}
    axes = [a for a in args[:1] if not isinstance(a, bool)]
    return std(x, *args, **options), mean(x, *axes, **kept)


def norm(x: Tensor, p: float = 2, axis: Axis = None, keepdims: bool = False, **pytorch: Any) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over axes: the length of a vector for p = 2; the largest |x| for ∞, the smallest for −∞,
    the number of x ≠ 0 for 0."""
    axis, keepdims = named(axis, keepdims, pytorch)
    refuse_words("norm", p)
    x = floating(x)
    if p == 2:
        return _root(sum(x * x, axis, keepdims))
    if math.isinf(p):
        return (amax if p > 0 else amin)(x.abs(), axis, keepdims)
    if p == 0:
        return sum((x != 0).astype(x.dtype), axis, keepdims)
    return _root(sum(x.abs() ** p, axis, keepdims), 1 / p)


def _root(total: Tensor, power: float = 0.5) -> Tensor:
    """A root; its slope at 0, where it has none, is 0: of a length 0, of the deviation of equal numbers."""
    zero = total.data == 0
    return where(zero, 0.0, where(zero, 1.0, total) ** power)


def normalize(
    x: Tensor, p: float = 2, axis: int = 1, eps: float = 1e-12, *, dim: int | None = None
) -> Tensor:
    """x divided by its `norm` along one axis, or by eps where that is smaller."""
    return x / clamp(norm(x, p, axis if dim is None else dim, keepdims=True), eps)


# ---------------------------------------------------------------- places and truths: no gradient
def argmax(x: Tensor, axis: int | None = None, keepdims: bool = False, **pytorch: Any) -> Tensor:
    """Place of the first largest element along one axis, or among all."""
    return _place("argmax", x, *named(axis, keepdims, pytorch))


def argmin(x: Tensor, axis: int | None = None, keepdims: bool = False, **pytorch: Any) -> Tensor:
    """Place of the first smallest element along one axis, or among all."""
    return _place("argmin", x, *named(axis, keepdims, pytorch))


def _place(name: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x = x if isinstance(x, Tensor) else Tensor(x)
    if axis is not None:
        axis = axis_of(x if x.ndim else x.reshape(1), axis, name)
    if 0 in (x.shape if axis is None else x.shape[axis : axis + 1]):
        raise ShapeError(f"{name} needs at least one element, the tensor has shape {x.shape}.")
    found = getattr(x.data, name)(axis=axis if x.ndim else None)
    if keepdims and x.ndim:
        found = found.reshape([1] * x.ndim) if axis is None else x.device.xp.expand_dims(found, axis)
    return truth(x, found)


def any(x: Tensor, axis: Axis = None, keepdims: bool = False, **pytorch: Any) -> Tensor:
    """Whether some element is not 0, over axes; over all for None."""
    over = Sum(*named(axis, keepdims, pytorch))
    over.check(x.data)
    return truth(x, (x.data != 0).any(axis=over.axis, keepdims=over.keepdims))


def all(x: Tensor, axis: Axis = None, keepdims: bool = False, **pytorch: Any) -> Tensor:
    """Whether no element is 0, over axes; over all for None."""
    over = Sum(*named(axis, keepdims, pytorch))
    over.check(x.data)
    return truth(x, (x.data != 0).all(axis=over.axis, keepdims=over.keepdims))
