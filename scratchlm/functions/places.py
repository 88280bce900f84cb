"""Elements by their places: taking, filling, sorting, running totals.

`dim` is PyTorch's name for `axis`.
"""

from typing import Any, NamedTuple

import numpy as np

from ..device import to_host, upload
from ..errors import DtypeError, OptionError, ShapeError, quote, refuse_fractions
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import filler, where
from .pointwise import logaddexp, truth
from .shape import axis_of, flip, numbers_too, several, stack, unbind


class Extremes(NamedTuple):
    """What `sort`, `max(dim=…)` and the like give: values along one axis, and the places where they were."""

    values: Tensor
    indices: Tensor


class Cumsum(Function):
    """y_i = Σ_(j ≤ i) x_j along one axis;  ∂L/∂x_j = Σ_(i ≥ j) ∂L/∂y_i."""

    def __init__(self, axis: int):
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return self.xp.cumsum(x, axis=self.axis, dtype=total_type(x))

    def backward(self, grad_y: Array) -> Array:
        from_the_end = self.xp.cumsum(self.xp.flip(grad_y, self.axis), axis=self.axis)
        return self.xp.flip(from_the_end, self.axis)


# ---------------------------------------------------------------- taking and putting
def places(x: Tensor, dim: int, index: Any, name: str) -> tuple[Array, ...]:
    """`index` along one axis, as index arrays of all axes: its element (i, j) leads to (i, index[i, j]).

    Raises:
        DtypeError: the index is not of integers.
        ShapeError: it has other axes than x, is longer along one of them, or leads out of x.
    """
    axis, xp = axis_of(x, dim, name), x.device.xp
    given = upload(to_host(index) if not isinstance(index, Tensor) else index.data, x.device)
    if given.dtype.kind not in "iu":
        raise DtypeError(f"{name} takes an index of integers, got {given.dtype}.")
    longer = [n > own for k, (n, own) in enumerate(zip(given.shape, x.shape, strict=False)) if k != axis]
    if given.ndim != x.ndim or True in longer:
        raise ShapeError(f"{name} along axis {dim} of {x.shape} takes an index that fits, got {given.shape}.")
    if given.size and (given.min() < -x.shape[axis] or given.max() >= x.shape[axis]):
        raise ShapeError(f"{name} along axis {dim} of {x.shape} got an index that leads out of it.")
    given = given.copy()  # backward needs it as it is now
    grid = xp.meshgrid(*(xp.arange(n) for n in given.shape), indexing="ij", sparse=True)
    return tuple(given if k == axis else part for k, part in enumerate(grid))


@numbers_too
def gather(x: Tensor, dim: int, index: Any) -> Tensor:
    """y_ij = x_(i, index_ij) for dim = 1 of a matrix: one element for each of the index."""
    return x[places(x, dim, index, "gather")]


def index_select(x: Tensor, dim: int, index: Any) -> Tensor:
    """The parts of x that a list of places along one axis names."""
    if x.ndim == 0:
        return gather(x.reshape(1), dim, index).reshape(())
    return x[(slice(None),) * axis_of(x, dim, "index_select") + (index,)]


def masked_fill(x: Tensor, mask: Any, value: Any) -> Tensor:
    """x with a number where the mask is True, in the element type of x."""
    mask = mask if isinstance(mask, Tensor) else Tensor(mask, device=x.device)
    if mask.dtype.kind != "b":
        raise DtypeError(f"masked_fill takes a mask of True and False, got {mask.dtype}: compare, mask == 0.")
    return where(mask, filler(x, value, "masked_fill"), x)


def masked_select(x: Tensor, mask: Any) -> Tensor:
    """The elements where the mask is True, in one axis."""
    mask = mask if isinstance(mask, Tensor) else Tensor(mask, device=x.device)
    if mask.dtype.kind != "b":
        raise DtypeError(f"masked_select takes a mask of True and False, got {mask.dtype}.")
    shape = (truth(x, x.data == x.data) & mask).shape
    return x.broadcast_to(*shape)[mask.broadcast_to(*shape)]


def one_hot(x: Tensor, num_classes: int = -1) -> Tensor:
    """Class indices (…) → (…, V) of 0 and 1; V the largest index + 1 where it is not given."""
    if x.dtype.kind not in "iu":
        raise DtypeError(f"one_hot takes integers, got {x.dtype}.")
    refuse_fractions("one_hot", num_classes)
    count = int(x.data.max(initial=-1)) + 1 if num_classes == -1 else num_classes
    if x.size and (x.data.min() < 0 or x.data.max() >= count):
        raise OptionError(f"one_hot of {count} classes got an index outside 0 … {count - 1}.")
    return truth(x, (x.data[..., None] == x.device.xp.arange(count)).astype("int64"))


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    """x with 0 above a diagonal of its last two axes."""
    refuse_fractions("tril", diagonal)
    return where(_triangle(x, diagonal), x, filler(x, 0, "tril"))


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    """x with 0 below a diagonal of its last two axes."""
    refuse_fractions("triu", diagonal)
    return where(~_triangle(x, diagonal - 1), x, filler(x, 0, "triu"))


def _triangle(x: Tensor, diagonal: int) -> Array:
    if x.ndim < 2:
        raise ShapeError(f"tril and triu take a matrix, or several, got shape {x.shape}.")
    xp = x.device.xp
    return xp.arange(x.shape[-1]) <= xp.arange(x.shape[-2])[:, None] + diagonal


def diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two axes as the last axis."""
    one, other = axis_of(x, dim1, "diagonal"), axis_of(x, dim2, "diagonal")
    refuse_fractions("diagonal", offset)
    if one == other:
        raise ShapeError(f"diagonal needs two axes, got {dim1} and {dim2}.")
    rows, columns = x.shape[one], x.shape[other]
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    k = x.device.xp.arange(count)
    rest = [axis for axis in range(x.ndim) if axis not in (one, other)]
    return x.permute(*rest, one, other)[..., k - min(offset, 0), k + max(offset, 0)]


def diag(x: Tensor, diagonal: int = 0) -> Tensor:
    """A vector on a diagonal of a square matrix of zeros, or the diagonal of a matrix as a vector."""
    if x.ndim == 2:
        return x.diagonal(diagonal)
    if x.ndim != 1:
        raise ShapeError(f"diag takes a vector or a matrix, got shape {x.shape}.")
    refuse_fractions("diag", diagonal)
    n, xp = len(x) + abs(diagonal), x.device.xp
    own = xp.arange(n)[:, None] + diagonal == xp.arange(n)
    return where(own, pad(x, (max(diagonal, 0), max(-diagonal, 0))), filler(x, 0, "diag"))


def roll(x: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved along axes; what leaves at the end comes back in front. As one row for dims None."""
    if dims is None:
        return roll(x.reshape(-1), shifts, 0).reshape(*x.shape)
    shifts, dims = several((shifts,), "roll"), several((dims,), "roll")
    if len(shifts) != len(dims):
        raise ShapeError(f"roll takes a shift for each axis, got {len(shifts)} for {len(dims)}.")
    for shift, dim in zip(shifts, dims, strict=True):
        axis = axis_of(x, dim, "roll")
        x = index_select(x, axis, (x.device.xp.arange(x.shape[axis]) - shift) % max(x.shape[axis], 1))
    return x


def repeat_interleave(x: Tensor, repeats: int, dim: int | None = None) -> Tensor:
    """Each element so many times, one after the other; in one row where dim is None."""
    refuse_fractions("repeat_interleave", repeats)
    if repeats < 0:
        raise OptionError(f"repeat_interleave repeats 0 times or more, got {repeats}.")
    if dim is None:
        return repeat_interleave(x.reshape(-1), repeats, 0)
    return index_select(
        x, dim, x.device.xp.arange(x.shape[axis_of(x, dim, "repeat_interleave")]).repeat(repeats)
    )


def unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements along one axis, one every `step`; their elements are a new last axis."""
    axis = axis_of(x, dimension, "unfold")
    refuse_fractions("unfold", size, step)
    if not 0 <= size <= x.shape[axis] or step < 1:
        raise OptionError(f"unfold needs 0 ≤ size ≤ {x.shape[axis]} and step ≥ 1, got {size} and {step}.")
    xp, last = x.device.xp, x.shape[axis] - size
    windows = xp.arange(0, last + 1, step)[:, None] + xp.arange(size)
    return index_select(x, axis, windows).movedim(axis + 1, -1)


def pad(x: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """More elements at the ends of axes: pad = (left, right) of the last axis, then of the one before, ….

    mode: "constant" (`value`, 0 for None), "reflect", "replicate" or "circular". Negative ones cut away.
    """
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    pad = several((pad,), "pad")
    if mode not in list(names):
        raise OptionError(f"pad has mode {', '.join(names)}, not {quote(mode)}.")
    pairs = list(zip(pad[::2], pad[1::2], strict=False))
    if len(pad) % 2 or len(pairs) > x.ndim:
        raise ShapeError(f"pad takes two numbers for each of at most {x.ndim} axes, got {len(pad)}.")
    for k, (left, right) in enumerate(pairs):
        axis, xp = x.ndim - 1 - k, x.device.xp
        places = xp.arange(-left, x.shape[axis] + right)
        inside = (places >= 0) & (places < x.shape[axis])
        if mode != "constant":
            places = xp.pad(xp.arange(x.shape[axis]), (max(left, 0), max(right, 0)), names[mode])
            places = places[max(-left, 0) : len(places) - max(-right, 0)]
            x = index_select(x, axis, places)
        else:
            shape = [1] * axis + [-1] + [1] * k
            x = (
                index_select(x, axis, xp.where(inside, places, 0))
                if x.shape[axis]
                else x.broadcast_to(*(len(places) if i == axis else n for i, n in enumerate(x.shape)))
            )
            x = where(inside.reshape(shape), x, filler(x, 0 if value is None else value, "pad"))
    return x


# ---------------------------------------------------------------- order
@numbers_too
def sort(
    x: Tensor, dim: int = -1, descending: bool = False, stable: bool = True, *, axis: int | None = None
) -> Extremes:
    """Values along one axis in order, and the places where they were; equal ones always keep their order."""
    dim = dim if axis is None else axis
    order = argsort(x, dim, descending)
    return Extremes(gather(x, dim, order), order)


@numbers_too
def argsort(
    x: Tensor, dim: int = -1, descending: bool = False, stable: bool = True, *, axis: int | None = None
) -> Tensor:
    """The places of values along one axis, in order."""
    dim = dim if axis is None else axis
    axis = axis_of(x, dim, "sort")
    if not descending:
        return truth(x, x.device.xp.argsort(x.data, axis=axis, kind="stable"))
    turned = x.device.xp.argsort(flip(x, axis).data, axis=axis, kind="stable")
    return truth(x, x.device.xp.flip(x.shape[axis] - 1 - turned, axis))


@numbers_too
def topk(
    x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, axis: int | None = None
) -> Extremes:
    """The k largest (or smallest) values along one axis, and their places; always in order."""
    axis = axis_of(x, dim if axis is None else axis, "topk")
    refuse_fractions("topk", k)
    if not 0 <= k <= x.shape[axis]:
        raise OptionError(f"topk needs k from 0 to {x.shape[axis]}, got {k}.")
    order = argsort(x, axis, descending=largest)[(slice(None),) * axis + (slice(0, k),)]
    return Extremes(gather(x, axis, order), order)


def nonzero(x: Tensor) -> Tensor:
    """The places (count, axes) of what is not 0."""
    if x.ndim == 0:
        return truth(x, x.device.xp.zeros((int(x.data != 0), 0), "int64"))
    return truth(x, x.device.xp.stack(x.device.xp.nonzero(x.data), axis=1))


# ---------------------------------------------------------------- running totals
def total_type(array: Array) -> Any:
    """The type of sums and products: of whole numbers, which would not fit into a smaller one, int64."""
    return array.dtype if array.dtype.kind == "f" else np.dtype(np.int64)


@numbers_too
def cumsum(x: Tensor, axis: int | None = None, *, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Sums of all elements so far along one axis; `dtype`: of what element type they are."""
    x = x if dtype is None else x.astype(dtype)
    axis = axis_of(x, axis if dim is None else dim, "cumsum")  # type: ignore[arg-type]
    return Cumsum(axis)(x)


@numbers_too
def cumprod(x: Tensor, axis: int | None = None, *, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Products of all elements so far along one axis, one after the other; `dtype` as above."""
    x = x if dtype is None else x.astype(dtype)
    axis = axis_of(x, axis if dim is None else dim, "cumprod")  # type: ignore[arg-type]
    parts = list(unbind(x.astype(total_type(x.data)), axis))
    for k in range(1, len(parts)):
        parts[k] = parts[k - 1] * parts[k]
    return stack(parts, axis) if parts else x


@numbers_too
def logcumsumexp(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """ln of the sums of e^x so far along one axis, without overflow."""
    axis = axis_of(x, axis if dim is None else dim, "logcumsumexp")  # type: ignore[arg-type]
    parts = list(unbind(x, axis))
    for k in range(1, len(parts)):
        parts[k] = logaddexp(parts[k - 1], parts[k])
    return stack(parts, axis) if parts else x


@numbers_too
def cummax(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Extremes:
    """The largest element so far along one axis, and its last place."""
    return _running(x, axis if dim is None else dim, "maximum")


@numbers_too
def cummin(x: Tensor, axis: int | None = None, *, dim: int | None = None) -> Extremes:
    """The smallest element so far along one axis, and its last place."""
    return _running(x, axis if dim is None else dim, "minimum")


def _running(x: Tensor, dim: Any, name: str) -> Extremes:
    xp = x.device.xp
    axis = axis_of(x, dim, name)
    so_far = getattr(xp, name).accumulate(x.data, axis=axis)
    own = xp.arange(x.shape[axis]).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    same = (x.data == so_far) | (x.data != x.data)  # the first NaN stays
    place = xp.maximum.accumulate(xp.where(same, own, 0), axis=axis)
    return Extremes(gather(x, axis, place), truth(x, place))
