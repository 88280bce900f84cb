"""PyTorch's calls of the functions whose own take their arguments otherwise."""

import math
from numbers import Integral
from typing import Any

from .. import functions as F
from ..errors import ShapeError, quote
from ..function import tensor_of
from ..tensor import Tensor


def embedding(input: Any, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of weight (V, D) for token ids (…): (…, D)."""
    return F.embedding(weight, input, padding_idx)


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Rows with mean 0 and variance 1, times weight plus bias; a row is the last axes, of that shape."""
    input = tensor_of(input, "layer_norm")
    rows = _rows(input, normalized_shape, "layer_norm")
    y = F.layer_norm(
        rows, _flat(weight, rows, 1, normalized_shape), _flat(bias, rows, 0, normalized_shape), eps
    )
    return y if rows is input else y.reshape(input.shape)


def rms_norm(input: Tensor, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Rows with mean square 1, times weight; a row is the last axes, of that shape."""
    input = tensor_of(input, "rms_norm")
    rows = _rows(input, normalized_shape, "rms_norm")
    y = F.rms_norm(rows, _flat(weight, rows, 1, normalized_shape), eps)
    return y if rows is input else y.reshape(input.shape)


def _rows(x: Tensor, normalized_shape: Any, name: str) -> Tensor:
    """x (…, *normalized_shape) → (…, D)."""
    given = (normalized_shape,) if isinstance(normalized_shape, Integral) else normalized_shape
    shape = tuple(given) if isinstance(given, tuple | list) else ()
    if not shape or x.shape[-len(shape) :] != shape:
        raise ShapeError(f"{name} normalises the last axes {quote(given)}, got {x.shape}.")
    return x if len(shape) == 1 else x.reshape(*x.shape[: -len(shape)], math.prod(shape))


def _flat(parameter: Tensor | None, rows: Tensor, number: int, shape: Any) -> Tensor:
    """A parameter of that shape as (D) for rows (…, D); the number D times where there is none."""
    if parameter is None:
        return Tensor(rows.device.xp.full(rows.shape[-1], number, rows.dtype), device=rows.device)
    if parameter.shape != ((shape,) if isinstance(shape, Integral) else tuple(shape)):
        raise ShapeError(f"A norm over {quote(shape)} takes weight and bias of it, got {parameter.shape}.")
    return parameter if parameter.ndim == 1 else parameter.reshape(-1)
