"""Softmax and its logarithm along one axis."""

from typing import Any

from ..errors import ShapeError
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import floating, where
from .reduction import amax, named
from .shape import axis_of, numbers_too


class RowFunction(Function):
    """A kernel over the rows of a matrix, applied along any axis of any tensor."""

    float_inputs = 1

    def __init__(self, axis: int = -1):
        self.axis = axis

    def rows(self, x: Array) -> Array:
        """Bring the axis to the end and all others to one: (…, V, …) → (N, V); a number is (1, 1)."""
        if x.ndim == 0:
            return self.rows(x.reshape(1))
        if x.shape[axis_of(x, self.axis, self.name)] == 0:
            raise ShapeError(f"{self.name} along axis {self.axis} needs elements there, got shape {x.shape}.")
        moved = self.xp.moveaxis(x, self.axis, -1)
        return moved.reshape(-1, moved.shape[-1])

    def unrows(self, rows: Array, shape: tuple[int, ...]) -> Array:
        """The way back: (N, V) → (…, V, …)."""
        if not shape:
            return rows.reshape(())
        order = [n for i, n in enumerate(shape) if i != self.axis % len(shape)]
        return self.xp.moveaxis(rows.reshape(*order, rows.shape[1]), -1, self.axis)


class Softmax(RowFunction):
    """y_v = e^(x_v) / Σ_w e^(x_w);  ∂L/∂x_v = y_v (∂L/∂y_v − Σ_w y_w ∂L/∂y_w)    [softmax]."""

    def forward(self, x: Array) -> Array:
        rows = self.rows(x)  # (N, V)
        y = self.kernels.softmax_forward(rows)
        self.save(y)
        return self.unrows(y, x.shape)

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        grad_rows = self.rows(grad_y)  # (N, V)
        grad_x = self.kernels.softmax_backward(y, grad_rows)
        return self.unrows(grad_x, grad_y.shape)


class LogSoftmax(RowFunction):
    """y_v = x_v − ln Σ_w e^(x_w);  ∂L/∂x_v = ∂L/∂y_v − e^(y_v) Σ_w ∂L/∂y_w    [log_softmax]."""

    def forward(self, x: Array) -> Array:
        rows = self.rows(x)  # (N, V)
        y = self.kernels.log_softmax_forward(rows)
        self.save(y)
        return self.unrows(y, x.shape)

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        grad_rows = self.rows(grad_y)  # (N, V)
        grad_x = self.kernels.log_softmax_backward(y, grad_rows)
        return self.unrows(grad_x, grad_y.shape)


def softmax(x: Tensor, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """Softmax along one axis: positive numbers that sum to 1."""
    return Softmax(axis if dim is None else dim)(x)


def softmax_composed(x: Tensor, axis: int = -1) -> Tensor:
    """The same out of primitive operations."""
    e = (x - x.max(axis=axis, keepdims=True).detach()).exp()
    return e / e.sum(axis, keepdims=True)


def softmin(x: Tensor, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """Softmax of −x: the smallest number has the largest part."""
    return softmax(-x, axis if dim is None else dim)


def log_softmax(x: Tensor, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """Logarithm of softmax along one axis, without the loss of digits of log(softmax(x))."""
    return LogSoftmax(axis if dim is None else dim)(x)


def log_softmax_composed(x: Tensor, axis: int = -1) -> Tensor:
    """The same out of primitive operations."""
    return x - logsumexp(x, axis, keepdims=True)


@numbers_too
def logsumexp(x: Tensor, axis: int = -1, keepdims: bool = False, **pytorch: Any) -> Tensor:
    """ln Σ_v e^(x_v) along one axis, with the maximum taken out first: no overflow.

    −∞ for scores that are all −∞, without a gradient; ∞ where one is ∞, which gets all of it.
    """
    axis, keepdims = named(axis, keepdims, pytorch)
    largest = amax(floating(x), axis, keepdims=True)
    infinite = largest.isinf()
    m = where(infinite, 0.0, largest.detach())
    z = where(infinite, 0.0, x - m)
    y = where(infinite, largest, z.exp().sum(axis, keepdims=True).log() + m)
    return y if keepdims else y.squeeze(axis)
