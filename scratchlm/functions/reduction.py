"""Sums, means and maxima over axes."""

from ..errors import ShapeError
from ..function import Array, Function
from ..tensor import Tensor

Axis = int | tuple[int, ...] | None


class Reduction(Function):
    """Shared by the three: which axes go, and how a gradient gets them back."""

    def __init__(self, axis: Axis = None, keepdims: bool = False):
        self.axis = axis
        self.keepdims = keepdims

    def check(self, x: Array) -> None:
        """Refuse an axis that x does not have."""
        axes = () if self.axis is None else (self.axis,) if isinstance(self.axis, int) else self.axis
        wrong = [axis for axis in axes if not -x.ndim <= axis < x.ndim]
        if len({axis % (x.ndim or 1) for axis in axes}) < len(axes):
            raise ShapeError(f"{self.name} over axes {axes}: name each axis once.")
        if wrong:
            raise ShapeError(
                f"{self.name} over axis {wrong[0]} of a tensor of shape {x.shape}: no such axis."
            )

    def spread(self, reduced: Array, shape: tuple[int, ...]) -> Array:
        """Give a reduced array its lost axes back (length 1) and repeat it along them."""
        if not self.keepdims:
            lost = range(len(shape)) if self.axis is None else self.axis
            reduced = self.xp.expand_dims(reduced, tuple(lost) if not isinstance(lost, int) else lost)
        return self.xp.broadcast_to(reduced, shape)


class Sum(Reduction):
    """y = Σ x;  ∂L/∂x = ∂L/∂y, repeated."""

    def forward(self, x: Array) -> Array:
        self.check(x)
        self.shape = x.shape
        return x.sum(axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad_y: Array) -> Array:
        return self.spread(grad_y, self.shape)


class Mean(Reduction):
    """y = 1/n Σ x;  ∂L/∂x = ∂L/∂y / n, repeated."""

    def forward(self, x: Array) -> Array:
        self.check(x)
        self.shape = x.shape
        y = x.mean(axis=self.axis, keepdims=self.keepdims)
        self.n = x.size // (y.size or 1)
        return y

    def backward(self, grad_y: Array) -> Array:
        return self.spread(grad_y / self.n, self.shape)


class Max(Reduction):
    """y = max x;  ∂L/∂x = ∂L/∂y at the maximum, shared equally among equal ones, 0 elsewhere."""

    def forward(self, x: Array) -> Array:
        self.check(x)
        if x.size == 0:
            raise ShapeError(f"Max needs at least one element, the tensor has shape {x.shape}.")
        y = x.max(axis=self.axis, keepdims=self.keepdims)
        self.save(x, y)
        return y

    def backward(self, grad_y: Array) -> Array:
        x, y = self.saved
        largest = x == self.spread(y, x.shape)
        return largest / largest.sum(axis=self.axis, keepdims=True) * self.spread(grad_y, x.shape)


def sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum over axes; over all for None."""
    return Sum(axis, keepdims)(x)


def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean over axes; over all for None."""
    return Mean(axis, keepdims)(x)


def max(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest element over axes; over all for None."""
    return Max(axis, keepdims)(x)
