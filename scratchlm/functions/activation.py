"""The functions that bend the line: tanh, sigmoid, ReLU (derivatives written with the result y), GELU."""

import math

from ..errors import OptionError, quote
from ..function import Array, Function, tensor_of
from ..tensor import Tensor
from .elementwise import floating, where
from .pointwise import Pointwise, clamp


class Tanh(Function):
    """y = tanh x;  ∂L/∂x = (1 − y²) · ∂L/∂y    [tanh]."""

    float_inputs = 1

    def forward(self, x: Array) -> Array:
        y = self.kernels.tanh_forward(x)
        self.save(y)
        return y

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        return self.kernels.tanh_backward(y, grad_y)


class Sigmoid(Function):
    """y = σ(x) = 1 / (1 + e⁻ˣ);  ∂L/∂x = y(1 − y) · ∂L/∂y    [sigmoid]."""

    float_inputs = 1

    def forward(self, x: Array) -> Array:
        y = self.kernels.sigmoid_forward(x)
        self.save(y)
        return y

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        return self.kernels.sigmoid_backward(y, grad_y)


class ReLU(Function):
    """y = max(x, 0);  ∂L/∂x = ∂L/∂y where y > 0, else 0    [relu]."""

    float_inputs = 1

    def forward(self, x: Array) -> Array:
        y = self.kernels.relu_forward(x)
        self.save(y)
        return y

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        return self.kernels.relu_backward(y, grad_y)


class GELU(Function):
    """y = x Φ(x);  ∂L/∂x = (Φ(x) + x φ(x)) · ∂L/∂y    [gelu].

    Φ and φ are those of N(0, 1). approximate="tanh": Φ(x) ≈ ½ (1 + tanh(√(2/π)(x + 0.044715 x³))).
    """

    float_inputs = 1

    def __init__(self, approximate: str = "none"):
        if not isinstance(approximate, str) or approximate not in ("none", "tanh"):
            raise OptionError(f"gelu has approximate 'none' or 'tanh', not {quote(approximate)}.")
        self.tanh = approximate == "tanh"

    def forward(self, x: Array) -> Array:
        self.save(x)
        return self.kernels.gelu_forward(x, self.tanh)

    def backward(self, grad_y: Array) -> Array:
        (x,) = self.saved
        return self.kernels.gelu_backward(x, grad_y, self.tanh)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return Tanh()(floating(x))


def tanh_composed(x: Tensor) -> Tensor:
    """The same out of primitive operations: (1 − e⁻²ˣ) / (1 + e⁻²ˣ)."""
    z = (-2.0 * x).exp()
    return (1.0 - z) / (1.0 + z)


def sigmoid(x: Tensor) -> Tensor:
    """Logistic function."""
    return Sigmoid()(floating(x))


def sigmoid_composed(x: Tensor) -> Tensor:
    """The same out of primitive operations."""
    return 1.0 / (1.0 + (-x).exp())


class Softplus(Pointwise):
    """y = ln(1 + eˣ);  y' = σ(x) = e^(−ln(1 + e⁻ˣ)), so that no exponential overflows."""

    def value(self, x: Array) -> Array:
        return self.xp.logaddexp(x.dtype.type(0), x)

    def slope(self, x: Array, y: Array) -> Array:
        return self.xp.exp(-self.xp.logaddexp(x.dtype.type(0), -x))


def relu(x: Tensor) -> Tensor:
    """Rectified linear unit; whole numbers stay whole."""
    x = tensor_of(x, "relu")
    return ReLU()(x) if x.dtype.kind == "f" else clamp(x, 0)


def relu_composed(x: Tensor) -> Tensor:
    """The same out of primitive operations."""
    return where(x > 0, x, 0.0 * x)


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """Gaussian error linear unit; approximate: "none" or "tanh"."""
    return GELU(approximate)(x)


def gelu_composed(x: Tensor) -> Tensor:
    """The tanh form out of primitive operations; for the exact one, autograd has no primitive erf."""
    return 0.5 * x * (1.0 + (math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)).tanh())


# ---------------------------------------------------------------- out of those above, a line each
def silu(x: Tensor) -> Tensor:
    """x σ(x), also called swish. Source: Hendrycks and Gimpel 2016."""
    return x * sigmoid(x)


def softplus(x: Tensor, beta: float = 1.0) -> Tensor:
    """ln(1 + e^(βx)) / β, without overflow."""
    return Softplus()(beta * x) / beta


def logsigmoid(x: Tensor) -> Tensor:
    """ln σ(x) = −softplus(−x)."""
    return -softplus(-x)


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x, times negative_slope where x < 0."""
    return where(x > 0, x, negative_slope * x)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x, and α(eˣ − 1) where x < 0. Source: Clevert, Unterthiner and Hochreiter 2016."""
    return where(x > 0, x, alpha * clamp(x, max=0.0).expm1())


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x, and α(e^(x/α) − 1) where x < 0."""
    return where(x > 0, x, alpha * (clamp(x, max=0.0) / alpha).expm1())


def selu(x: Tensor) -> Tensor:
    """λ elu(x, α) with the two numbers of Klambauer and others 2017."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(x, 0, 6)


def hardtanh(x: Tensor, min_val: float = -1, max_val: float = 1) -> Tensor:
    """x cut to [min_val, max_val]; unlike `clamp`, it passes no gradient at these ends."""
    return where((x > min_val) & (x < max_val), x, clamp(x.detach(), min_val, max_val))


def hardsigmoid(x: Tensor) -> Tensor:
    """min(max(x + 3, 0), 6) / 6."""
    return relu6(x + 3) / 6


def hardswish(x: Tensor) -> Tensor:
    """x · hardsigmoid(x)."""
    return x * hardsigmoid(x)


def mish(x: Tensor) -> Tensor:
    """x tanh(softplus(x)). Source: Misra 2020."""
    return x * tanh(softplus(x))


def softsign(x: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return x / (1 + x.abs())


swish = silu  # PyTorch's other names
