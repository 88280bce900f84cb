"""What a parameter is loaded from: numbers of any kind that it can hold, and what is refused by name."""

from typing import Any

import numpy as np

from ..device import to_host
from ..errors import CheckpointError, ShapeError, quote
from ..tensor import Tensor


def numbers(name: str, value: Any, own: Tensor) -> np.ndarray:
    """The numbers for the tensor `own` out of an array of NumPy's or PyTorch's, in its type.

    Raises:
        CheckpointError: they are none, have another shape, or do not go into its type.
    """
    if not isinstance(value, Tensor) and hasattr(value, "detach"):  # PyTorch's, perhaps with a gradient
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value  # a type that NumPy has not
    try:
        array = to_host(value)
    except (TypeError, ValueError) as error:
        reason = "lists of unequal lengths" if isinstance(error, ShapeError) else type(value).__name__
        raise CheckpointError(f"'{name}' is {reason} in the weights, expected an array of numbers.") from None
    if array.dtype.name == "bfloat16":  # of the package ml_dtypes
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        what = array.dtype if array.dtype != object else quote(value)
        raise CheckpointError(f"'{name}' is {what} in the weights, expected an array of real numbers.")
    if array.shape != own.shape:
        raise CheckpointError(
            f"'{name}' has shape {array.shape} in the weights and {own.shape} in the model."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        fitting = array.astype(own.dtype)
    same = np.isfinite(fitting) == np.isfinite(array) if own.dtype.kind == "f" else fitting == array
    if not same.all():
        raise CheckpointError(
            f"'{name}' has {array[~same].flat[0]} in the weights, which {own.dtype} cannot hold."
        )
    return fitting
