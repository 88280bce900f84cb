"""Gradients and parameters by PyTorch's path: `nn.utils.clip_grad_norm_`."""

from collections.abc import Iterable

from ... import functions as F
from ...errors import ShapeError
from ...function import tensor_of
from ...tensor import Tensor
from . import rnn as rnn
from .clipping import as_parameters
from .clipping import clip_grad_norm_ as clip_grad_norm_
from .clipping import clip_grad_value_ as clip_grad_value_


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after the other in one axis."""
    return F.cat([p.reshape(-1) for p in as_parameters(parameters, "parameters_to_vector")])


def vector_to_parameters(vector: Tensor, parameters: Iterable[Tensor]) -> None:
    """The way back, in place."""
    parameters, vector = as_parameters(parameters, "vector_to_parameters"), tensor_of(vector, "The vector")
    total = sum(p.data.size for p in parameters)
    if vector.shape != (total,):
        raise ShapeError(f"The parameters have {total} numbers, the vector has shape {vector.shape}.")
    start = 0
    for p in parameters:
        p.data = vector.data[start : start + p.data.size].reshape(p.shape).astype(p.dtype)
        start += p.data.size
