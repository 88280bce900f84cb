"""What may become a tensor's array, and what stands beside one in a comparison."""

import operator
from typing import Any

import numpy as np

from .device import Device
from .errors import DtypeError, ShapeError

COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def as_array(data: Any, device: Device) -> Any:
    """The array of a tensor, or of whatever can be made one; Python floats become float32.

    Raises:
        ShapeError: nested lists of unequal lengths.
        DtypeError: something that is no number.
    """
    if type(data) is not np.ndarray:
        data = plain(data)
    if isinstance(data, device.xp.ndarray):
        array = data
    else:
        try:
            array = device.xp.asarray(data)
        except ValueError as error:
            raise ShapeError(f"A tensor needs nested lists of equal lengths ({error}).") from None
        if not hasattr(data, "dtype") and array.dtype.kind == "f":
            array = array.astype(np.float32)  # as every array that trains
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"A tensor holds numbers, not {array.dtype} ({str(data)[:40]!r}): encode text.")
    return array


def plain(index: Any) -> Any:
    """Replace tensors (also inside a tuple) by their arrays."""
    if isinstance(index, tuple):
        return tuple(plain(part) for part in index)
    return index.data if hasattr(index, "_function") else index


def compare(sign: str, tensor: Any, other: Any) -> Any:
    """The array of True and False for `tensor sign other`.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    a, b = tensor.data, plain(other)
    try:
        return COMPARISONS[sign](a, b)
    except ValueError:
        raise ShapeError(f"{sign} compares shapes that broadcast, got {a.shape} and {np.shape(b)}.") from None
