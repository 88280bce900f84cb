"""What may become a tensor's array, and what stands beside one in a comparison."""

import operator
from typing import Any

import numpy as np

from .device import Device, to_host, upload
from .errors import DtypeError, GraphError, ShapeError, quote
from .modes import is_grad_enabled

COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}


class Size(int):
    """A number of elements that knows the shape."""

    shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        """The shape, or the length of one axis."""
        return self.shape if dim is None else self.shape[dim]


def as_array(data: Any, device: Device) -> Any:
    """The array of a tensor, or of whatever can be made one; Python floats become float32.

    Raises:
        ShapeError: nested lists of unequal lengths.
        DtypeError: something that is no number.
        GraphError: a list of tensors that require a gradient.
    """
    if type(data) is np.ndarray and data.dtype.kind == "f" and data.dtype.isnative and not device.on_card:
        return data  # most of all: half a microsecond instead of two
    if isinstance(data, list | tuple) and len(data) and getattr(data[0], "requires_grad", False):
        raise GraphError("A tensor made of tensors loses their graph: join them with stack() or cat().")
    data = plain(data)
    if isinstance(data, device.xp.ndarray):
        array = np.asarray(data) if isinstance(data, np.ndarray) else data  # no matrix, no masked array
    else:
        array = to_host(data)
        if not hasattr(data, "dtype") and array.dtype.kind == "f":
            array = array.astype(np.float32)  # as every array that trains
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"A tensor holds numbers, not {array.dtype} ({str(data)[:40]!r}): encode text.")
    if not array.dtype.isnative:  # big-endian, from a file: kernels read the bytes as they are
        array = array.astype(array.dtype.newbyteorder("="))
    return upload(array, device)


def plain(index: Any) -> Any:
    """Replace tensors (also inside a tuple) by their arrays."""
    if isinstance(index, tuple):
        return tuple(plain(part) for part in index)
    return index.data if hasattr(index, "_function") else index


def beside(tensor: Any, value: Any) -> Any:
    """`plain`, with NumPy arrays and lists copied to the tensor's GPU: CuPy takes none beside its own."""
    value, device = plain(value), tensor.device
    if isinstance(value, np.generic):
        return value.item()  # as Python's numbers: x == np.float64(0.1) in the type of x
    if not device.on_card:
        return value
    if isinstance(value, tuple):
        return tuple(beside(tensor, part) for part in value)
    return upload(to_host(value), device) if isinstance(value, list | np.ndarray) else value


def compare(sign: str, tensor: Any, other: Any) -> Any:
    """The array of True and False (or of bits) for `tensor sign other`.

    Raises:
        ShapeError: the shapes do not broadcast.
        DtypeError: bits of what has none.
    """
    a, b = tensor.data, beside(tensor, list(other) if isinstance(other, tuple) else other)
    try:
        return COMPARISONS[sign](a, np.asarray(b) if isinstance(b, list) else b)
    except ValueError:
        shape = b.shape if hasattr(b, "shape") else quote(b)
        raise ShapeError(f"{sign} compares shapes that broadcast, got {a.shape} and {shape}.") from None
    except OverflowError:
        raise DtypeError(f"{sign} got {quote(b)}, which {a.dtype} cannot hold.") from None
    except TypeError:
        kinds = f"{a.dtype} and {getattr(b, 'dtype', type(b).__name__)}"
        raise DtypeError(f"{sign} takes True and False, or integers, got {kinds}.") from None


# What NumPy asks for in `array + tensor`, and the tensor's answer: names of ufuncs and of methods.
REFLECTED = {
    "add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__",
    "floor_divide": "__rfloordiv__", "remainder": "__rmod__", "power": "__rpow__", "matmul": "__rmatmul__",
    "bitwise_and": "__and__", "bitwise_or": "__or__", "bitwise_xor": "__xor__",
    "equal": "__eq__", "not_equal": "__ne__", "less": "__gt__", "less_equal": "__ge__",
    "greater": "__lt__", "greater_equal": "__le__",
}  # fmt: skip


def answer_numpy(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """`array += tensor` changes the array; `array + tensor` is a tensor, part of the graph.

    Raises:
        DtypeError: another function of NumPy's was called with a tensor.
    """
    if "out" in options and not any(hasattr(array, "_function") for array in options["out"]):
        if is_grad_enabled() and any(getattr(x, "requires_grad", False) for x in inputs):
            raise GraphError("An array keeps no tensor's graph: give it tensor.detach(), or use no_grad().")
        return getattr(ufunc, method)(*map(plain, inputs), **options)
    answer = REFLECTED.get(ufunc.__name__) if method == "__call__" and not options else None
    if answer and not hasattr(inputs[0], "_function"):
        return getattr(inputs[1], answer)(inputs[0])
    raise DtypeError(
        f"numpy.{ufunc.__name__} computes with arrays: give it x.numpy(), or use a function of scratchlm's, "
        "which keeps the graph."
    )
