"""Matrix products and their derivatives."""

import math

from ..errors import ShapeError
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import operands, sum_to


class MatMul(Function):
    """Y = A B;  ∂L/∂A = ∂L/∂Y Bᵀ, ∂L/∂B = Aᵀ ∂L/∂Y    [matmul]. Leading axes are batches and broadcast.

    A vector is a matrix with one row (on the left) or one column (on the right); the result loses that axis.
    """

    def forward(self, a: Array, b: Array) -> Array:
        if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
            raise ShapeError(
                f"matmul got shapes {a.shape} and {b.shape}: the last length of the first must equal the "
                "second-last of the second; transpose one of them?"
            )
        self.save(a, b)
        matrix_a, matrix_b = self.matrices(a, b)
        try:
            if a.dtype.char in "fd":
                y = self.kernels.matmul(matrix_a, matrix_b)
            else:  # integers
                y = self.xp.matmul(matrix_a, matrix_b)
        except ValueError:
            raise ShapeError(
                f"matmul got shapes {a.shape} and {b.shape}, whose batch axes do not broadcast."
            ) from None
        lost = [axis for axis, x in ((-2, a), (-1, b)) if x.ndim == 1]
        return y.squeeze(tuple(lost)) if lost else y

    def matrices(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Both as matrices (…, M, K), (…, K, N)."""
        return (a[None, :] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)

    def backward(self, grad_y: Array) -> tuple[Array | None, Array | None]:
        a, b = self.saved
        matrix_a, matrix_b = self.matrices(a, b)
        if b.ndim == 1:
            grad_y = grad_y[..., None]
        if a.ndim == 1:
            grad_y = grad_y[..., None, :]
        grad_a = grad_b = None
        if self.needs_grad[0]:
            grad = self.kernels.matmul(grad_y, matrix_b.swapaxes(-1, -2))
            grad_a = sum_to(grad, matrix_a.shape).reshape(a.shape)
        if self.needs_grad[1]:
            grad = self.kernels.matmul(matrix_a.swapaxes(-1, -2), grad_y)
            grad_b = sum_to(grad, matrix_b.shape).reshape(b.shape)
        return grad_a, grad_b


class Linear(Function):
    """Y = X Wᵀ + b;  ∂L/∂X = G W, ∂L/∂W = Gᵀ X, ∂L/∂b = Σ_n G_n with G = ∂L/∂Y    [linear].

    X (…, D), W (E, D) as in PyTorch, b (E). Leading axes are put end to end to one matrix (N, D), so that
    there are three matrix products in all.
    """

    float_inputs = None

    def forward(self, x: Array, weight: Array, *bias: Array) -> Array:
        if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
            raise ShapeError(
                f"Linear got an input of shape {x.shape} and a weight of shape {weight.shape}: the weight is "
                "(out, in), and the input's last axis must have as many features as it has columns."
            )
        if bias and bias[0].shape != weight.shape[:1]:
            raise ShapeError(
                f"Linear got a weight of shape {weight.shape} and a bias of shape {bias[0].shape}: "
                "the bias has one number for each row of the weight."
            )
        self.save(x, weight)
        n = math.prod(x.shape[:-1])  # not -1: an empty batch has no unique answer
        rows = x.reshape(n, x.shape[-1])  # (N, D)
        if bias:
            y = self.kernels.linear_forward(rows, weight, bias[0])  # (N, E)
        else:
            y = self.kernels.matmul(rows, weight.T)
        return y.reshape(*x.shape[:-1], weight.shape[0])

    def backward(self, grad_y: Array) -> tuple[Array | None, ...]:
        x, weight = self.saved
        rows = grad_y.reshape(math.prod(x.shape[:-1]), weight.shape[0])  # G (N, E)
        grad_x = None
        if self.needs_grad[0]:
            grad_x = self.kernels.matmul(rows, weight).reshape(x.shape)
        if not any(self.needs_grad[1:]):
            return grad_x, *[None] * (len(self.inputs) - 1)
        grads = self.kernels.linear_weight_backward(rows, x.reshape(len(rows), weight.shape[1]))
        return grad_x, *grads[: len(self.inputs) - 1]


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Matrix product; leading axes are batches."""
    return MatMul()(*operands(a, b))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """X Wᵀ + b: x (…, D), weight (E, D), bias (E) → (…, E)."""
    if all(isinstance(t, Tensor) and t.dtype.kind in "iu" for t in (x, weight)):
        return linear_composed(x, weight, bias)
    return Linear()(x, weight) if bias is None else Linear()(x, weight, bias)


def linear_composed(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same out of primitive operations."""
    y = x @ weight.T
    return y if bias is None else y + bias


mm = bmm = matmul  # PyTorch's other names
