"""Layers with parameters, initialised as in PyTorch, from the engine's own generator (`manual_seed`)."""

from typing import Any

import numpy as np

from .. import functions as F
from ..device import Device
from ..errors import OptionError
from ..random import random_state
from ..tensor import Tensor
from .module import Module, Parameter


def uniform(bound: float, shape: tuple[int, ...], device: "str | Device | None") -> Parameter:
    """A parameter drawn from U(−bound, bound)."""
    return Parameter(random_state.generator.uniform(-bound, bound, shape).astype(np.float32), device=device)


class Linear(Module):
    """y = x Wᵀ + b: x (…, in_features) → (…, out_features)    [linear].

    `weight` (out_features, in_features) and `bias` (out_features) start from U(−1/√in, 1/√in).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: "str | Device | None" = None,
    ):
        bound = in_features**-0.5
        self.weight = uniform(bound, (out_features, in_features), device)
        self.bias = uniform(bound, (out_features,), device) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x (…, in_features) → (…, out_features)."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, bias={self.bias is not None}"


class Embedding(Module):
    """One row of features for each token: ids (…) → (…, embedding_dim)    [embedding].

    `weight` (num_embeddings, embedding_dim) starts from N(0, 1).
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, device: "str | Device | None" = None):
        drawn = random_state.generator.standard_normal((num_embeddings, embedding_dim), dtype=np.float32)
        self.weight = Parameter(drawn, device=device)

    def forward(self, ids: Any) -> Tensor:
        """Token ids (…) → (…, embedding_dim)."""
        return F.embedding(self.weight, ids)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Dropout(Module):
    """Zeroes each element with probability p while training, scales the others by 1/(1−p)    [dropout]."""

    def __init__(self, p: float = 0.5):
        if not 0 <= p < 1:
            raise OptionError(f"Dropout probability is {p}, expected 0 ≤ p < 1.")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"p={self.p}"


class LayerNorm(Module):
    """Each row with mean 0 and variance 1, times `weight` plus `bias` (from 1 and 0)    [layer_norm]."""

    def __init__(self, normalized_shape: int, eps: float = 1e-5, device: "str | Device | None" = None):
        self.eps = eps
        self.weight = Parameter(np.ones(normalized_shape, np.float32), device=device)
        self.bias = Parameter(np.zeros(normalized_shape, np.float32), device=device)

    def forward(self, x: Tensor) -> Tensor:
        """x (…, normalized_shape), the same shape."""
        return F.layer_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.weight.shape[0]}"


class GELU(Module):
    """x Φ(x) as a layer; approximate: "none" or "tanh"    [gelu]."""

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.gelu(x, self.approximate)


class Tanh(Module):
    """tanh as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.tanh(x)


class Sigmoid(Module):
    """σ as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.sigmoid(x)


class ReLU(Module):
    """max(x, 0) as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.relu(x)


class Softmax(Module):
    """Softmax along one axis as a layer."""

    def __init__(self, axis: int = -1):
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.softmax(x, self.axis)


class CrossEntropyLoss(Module):
    """Cross-entropy of logits (N, V) and class indices (N)    [cross_entropy]."""

    def __init__(self, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0):
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Any) -> Tensor:
        """A scalar, or (N) for reduction 'none'."""
        return F.cross_entropy(logits, targets, self.ignore_index, self.reduction, self.label_smoothing)


class MSELoss(Module):
    """Mean squared error    [mse]."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of one shape → a scalar."""
        return F.mse_loss(a, b)


class Identity(Module):
    """The input itself, where a layer is expected; arguments are those of whatever it stands for."""

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def forward(self, x: Tensor) -> Tensor:
        """x."""
        return x


class Flatten(Module):
    """Axes start_dim to end_dim as one: (B, …) → (B, features)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """The same elements."""
        return F.flatten(x, self.start_dim, self.end_dim)
