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
    """max(x, 0) as a layer    [relu]."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.relu(x)


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


class Softplus(Module):
    """ln(1 + e^(βx)) / β as a layer."""

    def __init__(self, beta: float = 1.0):
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.softplus(x, self.beta)


class LogSigmoid(Module):
    """ln σ(x) as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.logsigmoid(x)


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
