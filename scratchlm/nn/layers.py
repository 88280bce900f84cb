"""Layers with parameters, initialised as in PyTorch, from the engine's own generator (`manual_seed`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functions as F
from ..device import Device, to_host
from ..errors import OptionError, ShapeError, quote
from ..random import random_state
from ..tensor import Tensor
from . import calls
from .module import Module, Parameter


def uniform(bound: float, shape: tuple[int, ...], device: "str | Device | None") -> Parameter:
    """A parameter drawn from U(−bound, bound)."""
    return Parameter(random_state.generator.uniform(-bound, bound, shape).astype(np.float32), device=device)


def whole(name: str, value: Any) -> int:
    """A size, if it is one.

    Raises:
        OptionError: it is no whole number, or below 1.
    """
    if not isinstance(value, int | np.integer) or value < 1:
        raise OptionError(f"{name} is {quote(value)}, expected a whole number from 1 on.")
    return int(value)


def checked_lengths(lengths: Any, batch: int, steps: int, name: str) -> np.ndarray:
    """How many tokens of each sequence count, on the host.

    Raises:
        ShapeError: they are not whole numbers from 1 to `steps`, one for each sequence.
    """
    found = to_host(lengths)
    if found.dtype.kind not in "iu" or found.shape != (batch,) or (found < 1).any() or (found > steps).any():
        raise ShapeError(
            f"{name} takes lengths from 1 to {steps}, one for each of {batch} sequences, got "
            f"{quote(found.tolist())}."
        )
    return found


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
        bound = whole("in_features", in_features) ** -0.5
        whole("out_features", out_features)
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

    `weight` (num_embeddings, embedding_dim) starts from N(0, 1); the row of `padding_idx` from 0, and it is
    not trained. `sparse` is taken, and changes nothing: gradients are whole tables here.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        sparse: bool = False,
        device: "str | Device | None" = None,
    ):
        shape = whole("num_embeddings", num_embeddings), whole("embedding_dim", embedding_dim)
        drawn = random_state.generator.standard_normal(shape, dtype=np.float32)
        self.padding_idx = self._row(padding_idx, num_embeddings)
        if self.padding_idx is not None:
            drawn[self.padding_idx] = 0
        self.weight = Parameter(drawn, device=device)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> "Embedding":
        """A layer of the rows given (V, D); they are not trained where they are frozen."""
        layer = cls.__new__(cls)
        layer.weight = Parameter(embeddings, requires_grad=not freeze, device=embeddings.device)
        if layer.weight.ndim != 2:
            raise ShapeError(f"Embedding.from_pretrained takes rows (V, D), got {layer.weight.shape}.")
        layer.padding_idx = cls._row(padding_idx, len(layer.weight))
        return layer

    @staticmethod
    def _row(padding_idx: int | None, rows: int) -> int | None:
        if padding_idx is None:
            return None
        if not -rows <= padding_idx < rows:
            raise OptionError(f"padding_idx is {padding_idx}, expected one of the {rows} rows.")
        return padding_idx % rows

    def forward(self, ids: Any) -> Tensor:
        """Token ids (…) → (…, embedding_dim)."""
        return F.embedding(self.weight, ids, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}{padding}"


class Dropout(Module):
    """Zeroes each element with probability p while training, scales the others by 1/(1−p)    [dropout]."""

    def __init__(self, p: float = 0.5):
        F.check_probability(p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"p={self.p}"


class Norm(Module):
    """What LayerNorm and RMSNorm share: the last axes of the input are one row."""

    def __init__(self, normalized_shape: int | Sequence[int]):
        lengths = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else normalized_shape
        self.normalized_shape = tuple(whole("normalized_shape", n) for n in lengths)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return ", ".join(map(str, self.normalized_shape))


class LayerNorm(Norm):
    """Each row with mean 0 and variance 1, times `weight` plus `bias` (from 1 and 0)    [layer_norm].

    A row is the last axis, or several: normalized_shape (3, 4) for x (…, 3, 4).
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: "str | Device | None" = None,
    ):
        super().__init__(normalized_shape)
        shape = self.normalized_shape
        self.eps = eps
        self.weight = Parameter(np.ones(shape, np.float32), device=device) if elementwise_affine else None
        trained = elementwise_affine and bias
        self.bias = Parameter(np.zeros(shape, np.float32), device=device) if trained else None

    def forward(self, x: Tensor) -> Tensor:
        """x (…, *normalized_shape), the same shape."""
        return calls.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Norm):
    """Each row with mean square 1, times `weight` (from 1). Source: Zhang and Sennrich 2019."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: "str | Device | None" = None,
    ):
        super().__init__(normalized_shape)
        self.eps = eps
        ones = np.ones(self.normalized_shape, np.float32)
        self.weight = Parameter(ones, device=device) if elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:
        """x (…, *normalized_shape), the same shape."""
        return calls.rms_norm(x, self.normalized_shape, self.weight, self.eps)


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
