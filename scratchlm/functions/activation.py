"""The functions that bend the line: tanh, sigmoid, ReLU. Each derivative is written with the result y."""

from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import where


class Tanh(Function):
    """y = tanh x;  ∂L/∂x = (1 − y²) · ∂L/∂y    [tanh]."""

    def forward(self, x: Array) -> Array:
        y = self.kernels.tanh_forward(x)
        self.save(y)
        return y

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        return self.kernels.tanh_backward(y, grad_y)


class Sigmoid(Function):
    """y = σ(x) = 1 / (1 + e⁻ˣ);  ∂L/∂x = y(1 − y) · ∂L/∂y    [sigmoid]."""

    def forward(self, x: Array) -> Array:
        y = self.kernels.sigmoid_forward(x)
        self.save(y)
        return y

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        return self.kernels.sigmoid_backward(y, grad_y)


class ReLU(Function):
    """y = max(x, 0);  ∂L/∂x = ∂L/∂y where y > 0, else 0    [relu]."""

    def forward(self, x: Array) -> Array:
        y = self.kernels.relu_forward(x)
        self.save(y)
        return y

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        return self.kernels.relu_backward(y, grad_y)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return Tanh()(x)


def tanh_composed(x: Tensor) -> Tensor:
    """The same out of primitive operations: (1 − e⁻²ˣ) / (1 + e⁻²ˣ)."""
    z = (-2.0 * x).exp()
    return (1.0 - z) / (1.0 + z)


def sigmoid(x: Tensor) -> Tensor:
    """Logistic function."""
    return Sigmoid()(x)


def sigmoid_composed(x: Tensor) -> Tensor:
    """The same out of primitive operations."""
    return 1.0 / (1.0 + (-x).exp())


def relu(x: Tensor) -> Tensor:
    """Rectified linear unit."""
    return ReLU()(x)


def relu_composed(x: Tensor) -> Tensor:
    """The same out of primitive operations."""
    return where(x > 0, x, 0.0 * x)
