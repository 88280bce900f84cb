"""Embedding: a table with one row of features for each token."""

from typing import Any

from ..errors import DtypeError, OptionError, ShapeError, TokenError
from ..function import Array, Function
from ..tensor import Tensor


class Embedding(Function):
    """y_n = W_(id n);  ∂L/∂W_v = Σ_(n: id n = v) ∂L/∂y_n    [embedding].

    W (V, D), ids of any shape (…) → (…, D). Gradients of repeated tokens are added, always in the same order;
    that of the row `padding_idx` is 0.
    """

    float_inputs = 1

    def __init__(self, padding_idx: int | None = None):
        self.padding_idx = padding_idx

    def forward(self, weight: Array, ids: Array) -> Array:
        if ids.dtype.kind not in "iu":
            raise DtypeError(f"An embedding takes token ids (integers), got {ids.dtype}.")
        if weight.ndim != 2:
            raise ShapeError(f"An embedding's table is (V, D), got {weight.shape}.")
        self.vocabulary = weight.shape[0]
        if self.padding_idx is not None and not -self.vocabulary <= self.padding_idx < self.vocabulary:
            raise OptionError(f"padding_idx is {self.padding_idx}, expected one of {self.vocabulary} rows.")
        seen = self.seen(1, ids)
        if seen.size and (seen.min() < 0 or seen.max() >= self.vocabulary):
            wrong = seen[(seen < 0) | (seen >= self.vocabulary)][0]
            raise TokenError(
                f"Token id {int(wrong)} is outside the embedding's table of {self.vocabulary} tokens "
                f"(0 to {self.vocabulary - 1}): is the tokenizer the one that the model was made for?"
            )
        self.save(ids)
        y = self.kernels.embedding_forward(weight, ids.reshape(-1))  # (N, D)
        return y.reshape(*ids.shape, weight.shape[1])

    def backward(self, grad_y: Array) -> tuple[Array, None]:
        (ids,) = self.saved
        rows = grad_y.reshape(ids.size, grad_y.shape[-1])  # (N, D)
        grad_weight = self.kernels.embedding_backward(rows, ids.reshape(-1), self.vocabulary)
        if self.padding_idx is not None:
            grad_weight[self.padding_idx] = 0
        return grad_weight, None


def embedding(weight: Tensor, ids: Any, padding_idx: int | None = None) -> Tensor:
    """Rows of `weight` (V, D) for token ids (…): (…, D). The row of `padding_idx` gets no gradient.

    Raises:
        TokenError: an id is outside the table.
        DtypeError: the ids are not integers.
    """
    return Embedding(padding_idx)(weight, ids)


def embedding_composed(weight: Tensor, ids: Tensor) -> Tensor:
    """The same out of a primitive operation: indexing, whose gradient adds too."""
    return weight[ids]
