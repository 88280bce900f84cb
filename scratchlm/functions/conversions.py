"""Other types of element, copies, changes in place: what PyTorch has as methods of a tensor."""

from typing import Any

import numpy as np

from ..device import Device, get_device
from ..errors import DtypeError, GraphError, OptionError, ShapeError, quote, refuse_fractions, refuse_words
from ..random import random_state
from ..tensor import Tensor
from .elementwise import add, astype, element, multiply
from .shape import axis_of, several, to_device


def float(x: Tensor) -> Tensor:
    """As float32."""
    return astype(x, np.float32)


def double(x: Tensor) -> Tensor:
    """As float64."""
    return astype(x, np.float64)


def half(x: Tensor) -> Tensor:
    """As float16: to store numbers in; formulas take float32 and float64."""
    return astype(x, np.float16)


def long(x: Tensor) -> Tensor:
    """As int64."""
    return astype(x, np.int64)


def int(x: Tensor) -> Tensor:
    """As int32."""
    return astype(x, np.int32)


def bool(x: Tensor) -> Tensor:
    """True where an element is not 0."""
    return astype(x, np.bool_)


def type(x: Tensor, dtype: Any = None) -> Any:
    """The element type; with an argument, `astype`."""
    return x.dtype if dtype is None else astype(x, dtype)


def to(
    x: Tensor, target: Any = None, dtype: Any = None, device: Any = None, non_blocking: Any = False
) -> Tensor:
    """The same values on another device, or in another type, or both, or in those of another tensor; x where
    nothing changes. `non_blocking` is taken, and changes nothing."""
    if isinstance(target, Tensor):
        target, dtype = target.device, target.dtype
    if isinstance(target, str | Device):
        device = target
    elif target is not None:
        dtype = target
    if device is None and dtype is None:
        raise OptionError("to() takes a device, a type of element, or both.")
    if dtype is not None and element(dtype) != x.dtype:
        x = astype(x, dtype)
    there = x.device if device is None else get_device(device)
    if there is x.device:
        return x
    return to_device(x, there) if x.requires_grad else Tensor(x, device=there)


def type_as(x: Tensor, other: Any) -> Tensor:
    """In the element type of another tensor."""
    if not isinstance(other, Tensor):
        raise DtypeError(f"type_as takes a tensor, got {quote(other)}.")
    return astype(x, other.dtype)


def new_zeros(x: Tensor, *size: Any) -> Tensor:
    """Zeros of another shape, in the element type of x and on its device."""
    shape = several(size)
    refuse_fractions("new_zeros", *shape)
    if any(n < 0 for n in shape):
        raise ShapeError(f"new_zeros takes lengths from 0 on, got {quote(shape)}.")
    return Tensor(x.device.xp.zeros(shape, x.dtype), device=x.device)


def new_ones(x: Tensor, *size: Any) -> Tensor:
    """Ones of another shape, in the element type of x and on its device."""
    shape = several(size)
    refuse_fractions("new_ones", *shape)
    if any(n < 0 for n in shape):
        raise ShapeError(f"new_ones takes lengths from 0 on, got {quote(shape)}.")
    return Tensor(x.device.xp.ones(shape, x.dtype), device=x.device)


def clone(x: Tensor) -> Tensor:
    """A copy in memory of its own, still part of the graph."""
    return add(x, 0) if x.requires_grad else Tensor._of(x.data.copy(), x.device)


def contiguous(x: Tensor) -> Tensor:
    """x itself: kernels here take any order in memory."""
    return x


def is_contiguous(x: Tensor) -> Any:
    """Whether elements that follow each other are neighbours in memory."""
    return x.data.flags.c_contiguous


def stride(x: Tensor, dim: Any = None) -> Any:
    """How many elements further in memory the next one of each axis is, or of one axis."""
    steps = tuple(step // x.data.itemsize for step in x.data.strides)
    return steps if dim is None else steps[axis_of(x, dim, "stride")]


def is_floating_point(x: Tensor) -> Any:
    """Whether the elements are floats."""
    return x.dtype.kind == "f"


def cpu(x: Tensor) -> Tensor:
    """x itself where NumPy reads its array; from a GPU, a copy on the device `cpu`."""
    return x.to("cpu") if x.device.on_card else x


def tolist(x: Tensor) -> Any:
    """Nested lists of Python numbers."""
    return x.numpy().tolist()


def dim(x: Tensor) -> Any:
    """Number of axes."""
    return x.ndim


def numel(x: Tensor) -> Any:
    """Number of elements."""
    return x.data.size


def nelement(x: Tensor) -> Any:
    """Number of elements."""
    return x.data.size


def detach_(x: Tensor) -> Tensor:
    """x itself, cut off from the graph that made it."""
    x._function, x.requires_grad = None, False
    return x


# ---------------------------------------------------------------- in place
def changed(before: Tensor, after: Tensor) -> Tensor:
    """What `before += …` gave: refused where a new tensor stands for it, which the caller would not see."""
    if after is not before:
        raise GraphError("A change in place would falsify a recorded gradient: write x = x + y instead.")
    return after


def copy_(x: Tensor, source: Any) -> Tensor:
    """All elements overwritten, in place."""
    x[...] = source
    return x


def add_(x: Tensor, other: Any, alpha: Any = 1) -> Tensor:
    """x += alpha · other."""
    return changed(x, x.__iadd__(other if alpha == 1 else multiply(other, alpha)))


def sub_(x: Tensor, other: Any, alpha: Any = 1) -> Tensor:
    """x −= alpha · other."""
    return changed(x, x.__isub__(other if alpha == 1 else multiply(other, alpha)))


def mul_(x: Tensor, other: Any) -> Tensor:
    """x *= other."""
    return changed(x, x.__imul__(other))


def div_(x: Tensor, other: Any) -> Tensor:
    """x /= other."""
    return changed(x, x.__itruediv__(other))


def clamp_(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """All elements cut to the range [min, max], in place."""
    return x.copy_(x.detach().clamp(min, max))


def masked_fill_(x: Tensor, mask: Any, value: Any) -> Tensor:
    """A number where the mask is True, in place."""
    return x.copy_(x.detach().masked_fill(mask, value))


def fill_(x: Tensor, value: Any) -> Tensor:
    """All elements one number, in place."""
    refuse_words("fill_", value)
    x[...] = value
    return x


def zero_(x: Tensor) -> Tensor:
    """All elements 0, in place."""
    return fill_(x, 0)


def normal_(x: Tensor, mean: Any = 0.0, std: Any = 1.0) -> Tensor:
    """All elements drawn from N(mean, std²), in place."""
    refuse_words("normal_", mean, std)
    return copy_(x, mean + std * random_state.generator.standard_normal(x.shape))


def uniform_(x: Tensor, low: Any = 0.0, high: Any = 1.0) -> Tensor:
    """All elements drawn from U(low, high), in place."""
    refuse_words("uniform_", low, high)
    return copy_(x, low + (high - low) * random_state.generator.random(x.shape))
