"""The functions that bend the line, as layers: for nn.Sequential."""

from .. import functions as F
from ..tensor import Tensor
from .module import Module


class Tanh(Module):
    """tanh as a layer    [tanh]."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.tanh(x)


class Sigmoid(Module):
    """σ as a layer    [sigmoid]."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.sigmoid(x)


class ReLU(Module):
    """max(x, 0) as a layer    [relu]. `inplace` is taken, and changes nothing."""

    def __init__(self, inplace: bool = False):
        pass

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.relu(x)


class ReLU6(Module):
    """min(max(x, 0), 6) as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.relu6(x)


class GELU(Module):
    """x Φ(x) as a layer; approximate: "none" or "tanh"    [gelu]."""

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.gelu(x, self.approximate)


class SiLU(Module):
    """x σ(x) as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.silu(x)


class Mish(Module):
    """x tanh(softplus(x)) as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.mish(x)


class LeakyReLU(Module):
    """x, times negative_slope where x < 0, as a layer."""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """x, and α(eˣ − 1) where x < 0, as a layer."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.elu(x, self.alpha)


class CELU(Module):
    """x, and α(e^(x/α) − 1) where x < 0, as a layer."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.celu(x, self.alpha)


class SELU(Module):
    """λ elu(x, α) with two fixed numbers as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.selu(x)


class Softplus(Module):
    """ln(1 + e^(βx)) / β as a layer."""

    def __init__(self, beta: float = 1.0):
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.softplus(x, self.beta)


class Softsign(Module):
    """x / (1 + |x|) as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.softsign(x)


class LogSigmoid(Module):
    """ln σ(x) as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.logsigmoid(x)


class Hardtanh(Module):
    """x cut to [min_val, max_val], as a layer."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0):
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.hardtanh(x, self.min_val, self.max_val)


class Hardsigmoid(Module):
    """min(max(x + 3, 0), 6) / 6 as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.hardsigmoid(x)


class Hardswish(Module):
    """x · hardsigmoid(x) as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.hardswish(x)


class Softmax(Module):
    """Softmax along one axis as a layer    [softmax]."""

    def __init__(self, dim: int = -1):
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.softmax(x, self.dim)


class LogSoftmax(Module):
    """ln softmax along one axis as a layer    [log_softmax]."""

    def __init__(self, dim: int = -1):
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.log_softmax(x, self.dim)


class Softmin(Module):
    """Softmax of −x along one axis as a layer."""

    def __init__(self, dim: int = -1):
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.softmin(x, self.dim)
