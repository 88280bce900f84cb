"""Same numbers, other places: reshaping, transposing, indexing, joining, splitting.

`dim` is PyTorch's name for `axis`.
"""

import math
from collections.abc import Callable, Sequence
from functools import wraps
from numbers import Integral
from typing import Any, TypeVar

import numpy as np

from ..arrays import as_array
from ..device import Device
from ..errors import OptionError, ShapeError, quote, refuse_fractions, short
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import astype, sum_to

Operation = TypeVar("Operation", bound=Callable[..., Any])


class Reshape(Function):
    """The same elements in another shape;  the gradient in the former one."""

    view = True

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.former = x.shape
        try:
            if min(self.shape, default=0) < -1:  # NumPy takes -2 for -1
                raise ValueError
            return x.reshape(self.shape)
        except (ValueError, TypeError):
            raise ShapeError(
                f"reshape cannot make {self.shape} out of {x.shape}: it needs {x.size} elements."
            ) from None

    def backward(self, grad_y: Array) -> Array:
        return grad_y.reshape(self.former)


class Transpose(Function):
    """Axes in another order;  the gradient in the former order."""

    view = True

    def __init__(self, axes: tuple[int, ...] | None):
        self.axes = axes

    def forward(self, x: Array) -> Array:
        axes = tuple(range(x.ndim))[::-1] if self.axes is None else self.axes
        try:
            y = x.transpose(axes)
        except ValueError:
            raise ShapeError(f"permute got axes {axes} for shape {x.shape}: name each axis once.") from None
        self.back = tuple(sorted(range(x.ndim), key=lambda i: axes[i] % x.ndim))
        return y

    def backward(self, grad_y: Array) -> Array:
        return grad_y.transpose(self.back)


class BroadcastTo(Function):
    """Repeated along axes;  the gradient summed along them."""

    view = True

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.former = x.shape
        try:
            return self.xp.broadcast_to(x, self.shape)
        except ValueError:
            raise ShapeError(f"broadcast_to cannot repeat {x.shape} to {self.shape}.") from None

    def backward(self, grad_y: Array) -> Array:
        return sum_to(grad_y, self.former)


class ToDevice(Function):
    """The same values on another device;  the gradient goes back."""

    def __init__(self, target: Device):
        self.target, self.there = target, target.xp

    def forward(self, x: Array) -> Array:
        self.view = self.there is self.xp  # else the output is a copy, made when it becomes a tensor
        return x

    def backward(self, grad_y: Array) -> Array:
        return as_array(grad_y, self.device)


class GetItem(Function):
    """y = x[index];  ∂L/∂x is 0 except at index, where ∂L/∂y is *added*: an element may be taken twice."""

    view = True  # for slices; harmless for index arrays, which copy

    def __init__(self, index: Any):
        parts = index if isinstance(index, tuple) else (index,)
        copied = tuple(part.copy() if hasattr(part, "copy") else part for part in parts)  # arrays and lists
        self.index = copied if isinstance(index, tuple) else copied[0]

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        parts = self.index if isinstance(self.index, tuple) else (self.index,)
        if all(isinstance(part, Integral) and not isinstance(part, bool) for part in parts):
            parts = (*parts, ...)  # a view of one element, too
        try:
            return x[parts]
        except (IndexError, TypeError, ValueError) as error:
            raise ShapeError(f"Indexing a tensor of shape {x.shape} failed: {short(error)}.") from None

    def backward(self, grad_y: Array) -> Array:
        grad_x = self.xp.zeros(self.shape, grad_y.dtype)
        parts = self.index if isinstance(self.index, tuple) else (self.index,)
        if all(part is None or part is Ellipsis or isinstance(part, (int, slice)) for part in parts):
            grad_x[self.index] = grad_y  # a slice takes no element twice
        else:
            self.xp.add.at(grad_x, self.index, grad_y)
        return grad_x


class Concatenate(Function):
    """Tensors end to end along an axis;  each gets its part of the gradient."""

    def __init__(self, axis: int):
        self.axis = axis

    def forward(self, *parts: Array) -> Array:
        lengths = [part.shape[axis_of(part, self.axis, "cat")] for part in parts]
        self.ends = [sum(lengths[: i + 1]) for i in range(len(lengths) - 1)]
        try:
            return self.xp.concatenate(parts, axis=self.axis)
        except ValueError:
            raise ShapeError(
                f"cat along axis {self.axis} got shapes {[part.shape for part in parts]}: all other axes "
                "must be equal."
            ) from None

    def backward(self, grad_y: Array) -> tuple[Array, ...]:
        return tuple(self.xp.split(grad_y, self.ends, axis=self.axis))


class Split(Function):
    """One tensor in parts along an axis;  the gradient is the parts' gradients end to end."""

    def __init__(self, lengths: Sequence[int], axis: int):
        self.lengths = list(lengths)
        self.axis = axis

    def forward(self, x: Array) -> tuple[Array, ...]:
        axis_of(x, self.axis, "split")
        if min(self.lengths, default=0) < 0:
            raise ShapeError(f"split needs lengths from 0 on, got {self.lengths}.")
        if sum(self.lengths) != x.shape[self.axis]:
            raise ShapeError(
                f"split into {self.lengths} needs {sum(self.lengths)} elements along axis {self.axis}, "
                f"the tensor has shape {x.shape}."
            )
        ends = [sum(self.lengths[: i + 1]) for i in range(len(self.lengths) - 1)]
        return tuple(part.copy() for part in self.xp.split(x, ends, axis=self.axis))

    def backward(self, *grad_parts: Array) -> Array:
        return self.xp.concatenate(grad_parts, axis=self.axis)


def axis_of(x: Array | Tensor, axis: int, name: str) -> int:
    """An axis counted from the front, after checking that x has it."""
    if not isinstance(axis, Integral) or isinstance(axis, bool):
        raise ShapeError(f"{name} takes an axis as a whole number, got {quote(axis)}.")
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{name} along axis {axis} of a tensor of shape {x.shape}: no such axis.")
    return int(axis) % x.ndim


def numbers_too(function: Operation) -> Operation:
    """An operation along an axis, also for tensors without axes: they go in as rows of one, and back."""

    @wraps(function)
    def call(x: Tensor, *args: Any, **options: Any) -> Any:
        if getattr(x, "ndim", 1):
            return function(x, *args, **options)
        rows = [reshape(t, 1) if isinstance(t, Tensor) and t.ndim == 0 else t for t in (x, *args)]
        y = function(*rows, **options)
        return type(y)(*[reshape(part, ()) for part in y]) if isinstance(y, tuple) else reshape(y, ())

    return call  # type: ignore[return-value]


def several(numbers: tuple[Any, ...], what: str = "") -> tuple[Any, ...]:
    """Things given one by one, or together in a tuple or list; whole numbers, where it is said for what."""
    found = tuple(numbers[0]) if len(numbers) == 1 and isinstance(numbers[0], (tuple, list)) else numbers
    if what:
        refuse_fractions(what, *found)
    return found


def reshape(x: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape (given as it is, or as a tuple); one length may be -1."""
    return Reshape(several(shape))(x)


def view(x: Tensor, *shape: Any) -> Tensor:
    """`reshape`, by its other name."""
    return reshape(x, *shape)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from start_dim to end_dim as one."""
    if x.ndim == 0:
        return reshape(x, 1)
    first, last = axis_of(x, start_dim, "flatten"), axis_of(x, end_dim, "flatten")
    return reshape(x, *x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several, of the given lengths; one may be -1."""
    axis = axis_of(x, dim, "unflatten")
    sizes = several((sizes,), "unflatten")
    if -1 in sizes:
        rest = -math.prod(sizes)
        sizes = tuple(x.shape[axis] // rest if n == -1 else n for n in sizes)
    return reshape(x, *x.shape[:axis], *sizes, *x.shape[axis + 1 :])


def permute(x: Tensor, *axes: Any) -> Tensor:
    """Axes in another order."""
    return Transpose(several(axes, "permute"))(x)


def transpose(x: Tensor, *axes: int) -> Tensor:
    """Two axes exchanged. An order of all axes, as NumPy's transpose takes, is for `permute`.

    Raises:
        ShapeError: not two axes are named, or one that x has not.
    """
    if len(axes) != 2:
        raise ShapeError(
            f"transpose exchanges two axes, got {len(axes)}: an order of all axes is for permute, and .T "
            "transposes a matrix."
        )
    return swapaxes(x, *axes)


@numbers_too
def swapaxes(x: Tensor, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    order = list(range(x.ndim))
    one, other = axis_of(x, axis1, "transpose"), axis_of(x, axis2, "transpose")
    order[one], order[other] = other, one
    return Transpose(tuple(order))(x)


def movedim(x: Tensor, source: int, destination: int) -> Tensor:
    """One axis at another place, the others in their order."""
    order = [axis for axis in range(x.ndim) if axis != axis_of(x, source, "movedim")]
    order.insert(axis_of(x, destination, "movedim"), axis_of(x, source, "movedim"))
    return Transpose(tuple(order))(x)


def to_device(x: Tensor, device: Device) -> Tensor:
    """The same values on another device, still part of the graph."""
    return ToDevice(device)(x)


def broadcast_to(x: Tensor, *shape: Any) -> Tensor:
    """Repeated along new or length-1 axes."""
    return BroadcastTo(several(shape, "broadcast_to"))(x)


def expand(x: Tensor, *shape: Any) -> Tensor:
    """`broadcast_to`, with -1 for a length that stays."""
    sizes = several(shape, "expand")
    if len(sizes) < x.ndim:
        raise ShapeError(f"expand needs a length for each of {x.ndim} axes, got {sizes}.")
    kept = (*[1] * (len(sizes) - x.ndim), *x.shape)
    return broadcast_to(x, *(own if n == -1 else n for own, n in zip(kept, sizes, strict=False)))


def getitem(x: Tensor, index: Any) -> Tensor:
    """Part of a tensor: slices, integers, integer arrays, masks, None, in NumPy's rules."""
    return GetItem(index)(x)


@numbers_too
def squeeze(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Without one axis of length 1; without all of them for None."""
    axis = axis if dim is None else dim
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    axis = axis_of(x, axis, "squeeze")
    if x.shape[axis] != 1:
        raise ShapeError(f"squeeze needs length 1 on axis {axis}, the tensor has shape {x.shape}.")
    return reshape(x, x.shape[:axis] + x.shape[axis + 1 :])


def unsqueeze(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """With one new axis of length 1, at `axis` of the result."""
    axis = axis if dim is None else dim
    if not isinstance(axis, Integral) or not -x.ndim - 1 <= axis <= x.ndim:
        raise ShapeError(f"unsqueeze at axis {axis} of a tensor of shape {x.shape}: no such place.")
    axis = int(axis) % (x.ndim + 1)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def cat(tensors: Sequence[Tensor], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Tensors end to end along an axis; of several types, in the one that holds all.

    Raises:
        ShapeError: the list is empty, or other axes differ.
    """
    tensors = list(tensors)
    if not tensors:
        raise ShapeError("cat needs at least one tensor.")
    if len({t.dtype for t in tensors if isinstance(t, Tensor)}) > 1:
        kinds = [t.dtype for t in tensors]
        dtype = np.result_type(
            *([k for k in kinds if k.kind == "f"] or kinds)
        )  # as beside each other in a sum
        tensors = [astype(t, dtype) for t in tensors]
    return Concatenate(axis if dim is None else dim)(*tensors)


def stack(tensors: Sequence[Tensor], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Tensors side by side along a new axis."""
    axis = axis if dim is None else dim
    return cat([unsqueeze(t, axis) for t in tensors], axis)


def split(
    x: Tensor, lengths: int | Sequence[int], axis: int = 0, *, dim: int | None = None
) -> tuple[Tensor, ...]:
    """Parts along an axis: of the given lengths, or of one length each with a shorter rest."""
    axis = axis if dim is None else dim
    refuse_fractions("split", *(lengths if isinstance(lengths, (tuple, list)) else [lengths]))
    if isinstance(lengths, int):
        if lengths < 1:
            raise ShapeError(f"split into parts of one length needs a length from 1 on, got {lengths}.")
        n = x.shape[axis_of(x, axis, "split")]
        lengths = [min(lengths, n - start) for start in range(0, n, lengths)]
    return Split(lengths, axis)(x)


def chunk(x: Tensor, chunks: int, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """At most so many parts along an axis, of equal length but the last."""
    axis = axis if dim is None else dim
    refuse_fractions("chunk", chunks)
    if chunks < 1:
        raise OptionError(f"chunk makes 1 part or more, got {chunks}.")
    return split(x, max(1, -(-x.shape[axis_of(x, axis, "chunk")] // chunks)), axis)


def unbind(x: Tensor, axis: int = 0, *, dim: int | None = None) -> tuple[Tensor, ...]:
    """The parts of length 1 along an axis, without that axis."""
    axis = axis_of(x, axis if dim is None else dim, "unbind")
    return tuple(x[(slice(None),) * axis + (k,)] for k in range(x.shape[axis]))


@numbers_too
def flip(x: Tensor, *axes: Any, dims: Any = ()) -> Tensor:
    """Axes read backwards."""
    turned = {axis_of(x, axis, "flip") for axis in several(axes or (dims,))}
    return x[tuple(slice(None, None, -1 if axis in turned else None) for axis in range(x.ndim))]


def repeat(x: Tensor, *times: Any) -> Tensor:
    """The whole tensor, so many times along each axis (`times` counts from the last; more make new axes)."""
    counts = several(times, "repeat")
    if len(counts) < x.ndim or min(counts, default=0) < 0:
        raise ShapeError(f"repeat needs a number from 0 on for each of {x.ndim} axes, got {counts}.")
    x = reshape(x, *[1] * (len(counts) - x.ndim), *x.shape)
    wide = reshape(x, *(part for n in x.shape for part in (1, n)))
    wide = expand(wide, *(part for n, count in zip(x.shape, counts, strict=True) for part in (count, n)))
    return reshape(wide, *(n * count for n, count in zip(x.shape, counts, strict=True)))


concat = cat  # PyTorch's other names
