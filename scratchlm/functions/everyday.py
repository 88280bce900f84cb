"""Everyday names of PyTorch's, each in a line or two out of other functions."""

from typing import Any

from ..errors import OptionError, ShapeError, refuse_fractions, refuse_words
from ..tensor import Tensor
from .elementwise import filler, floating, multiply, operands, where
from .matmul import matmul
from .places import Extremes, gather, sort
from .pointwise import clamp, truth
from .reduction import norm
from .scatter import scatter_add
from .shape import axis_of, broadcast_to, cat, flatten, permute, repeat, reshape, several, swapaxes, unsqueeze


# ---------------------------------------------------------------- comparisons: no gradient
def eq(x: Tensor, other: Any) -> Tensor:
    """x == other."""
    return x == other


def ne(x: Tensor, other: Any) -> Tensor:
    """x != other."""
    return x != other


def lt(x: Tensor, other: Any) -> Tensor:
    """x < other."""
    return x < other


def le(x: Tensor, other: Any) -> Tensor:
    """x <= other."""
    return x <= other


def gt(x: Tensor, other: Any) -> Tensor:
    """x > other."""
    return x > other


def ge(x: Tensor, other: Any) -> Tensor:
    """x >= other."""
    return x >= other


def equal(x: Tensor, other: Any) -> bool:
    """Whether shapes and all elements are the same: one answer."""
    x, other = operands(x, other)
    return x.shape == other.shape and bool((x.data == other.data).all())


def logical_and(x: Tensor, other: Any) -> Tensor:
    """Where neither is 0."""
    return (x != 0) & (other != 0)


def logical_or(x: Tensor, other: Any) -> Tensor:
    """Where one is not 0."""
    return (x != 0) | (other != 0)


def count_nonzero(x: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not 0, over axes; over all for None."""
    return (x != 0).sum(dim)


# ---------------------------------------------------------------- products
def t(x: Tensor) -> Tensor:
    """A matrix transposed; a vector as it is."""
    if x.ndim > 2:
        raise ShapeError(f"t() takes a matrix, got shape {x.shape}: say which axes with transpose(i, j).")
    return permute(x, *range(x.ndim)[::-1])


def dot(x: Tensor, other: Any) -> Tensor:
    """Σ x_i y_i of two vectors."""
    x, other = operands(x, other)
    if x.ndim != 1 or x.shape != other.shape:
        raise ShapeError(f"dot takes two vectors of one length, got {x.shape} and {other.shape}.")
    return matmul(x, other)


def mv(x: Tensor, vector: Any) -> Tensor:
    """Matrix (M, N) times vector (N) → (M)."""
    x, vector = operands(x, vector)
    if x.ndim != 2 or vector.ndim != 1:
        raise ShapeError(f"mv takes a matrix and a vector, got {x.shape} and {vector.shape}.")
    return matmul(x, vector)


def outer(x: Tensor, other: Any) -> Tensor:
    """x_i y_j of two vectors (M), (N) → (M, N)."""
    x, other = operands(x, other)
    if x.ndim != 1 or other.ndim != 1:
        raise ShapeError(f"outer takes two vectors, got {x.shape} and {other.shape}.")
    return multiply(unsqueeze(x, 1), other)


def trace(x: Tensor) -> Tensor:
    """Sum of a matrix's diagonal."""
    if x.ndim != 2:
        raise ShapeError(f"trace takes a matrix, got shape {x.shape}.")
    return x.diagonal().sum()


def cosine_similarity(a: Tensor, other: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """a · b / (‖a‖ ‖b‖) along one axis: 1 for one direction, 0 at right angles; a length is at least eps."""
    a, b = operands(a, other)
    refuse_words("cosine_similarity", eps)
    shape = (a.detach() + b.detach()).shape  # a length is that of what is multiplied
    a, b = a.broadcast_to(*shape), b.broadcast_to(*shape)
    lengths = clamp(norm(a, 2, dim, True), eps), clamp(norm(b, 2, dim, True), eps)
    return (a / lengths[0] * (b / lengths[1])).sum(dim)


# ---------------------------------------------------------------- shapes
def ravel(x: Tensor) -> Tensor:
    """All elements in one axis."""
    return flatten(x)


def view_as(x: Tensor, other: Any) -> Tensor:
    """The same elements in the shape of another tensor."""
    return reshape(x, operands(x, other)[1].shape)


reshape_as = view_as


def expand_as(x: Tensor, other: Any) -> Tensor:
    """x repeated to the shape of another tensor."""
    return broadcast_to(x, operands(x, other)[1].shape)


def swapdims(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    return swapaxes(x, dim0, dim1)


def tile(x: Tensor, *dims: Any) -> Tensor:
    """x so many times along each axis; the last axes, where there are fewer numbers than axes."""
    times = several(dims)
    return repeat(x, *(1,) * (x.ndim - len(times)), *times)


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """The part at one place along one axis, without that axis."""
    refuse_fractions("select", index)
    return x[(slice(None),) * axis_of(x, dim, "select") + (index,)]


def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` parts along one axis, from `start` on."""
    axis = axis_of(x, dim, "narrow")
    refuse_fractions("narrow", start, length)
    start += x.shape[axis] if start < 0 else 0
    if not 0 <= start <= start + length <= x.shape[axis]:
        raise OptionError(f"narrow to {length} from {start} on leads out of axis {dim} of {x.shape}.")
    return x[(slice(None),) * axis + (slice(start, start + length),)]


def hstack(tensors: Any) -> Tensor:
    """Side by side: along the second axis, vectors along their only one."""
    return cat(tensors, 0 if tensors[0].ndim < 2 else 1)


def vstack(tensors: Any) -> Tensor:
    """One below the other: along the first axis, vectors as rows."""
    return cat([part.reshape(1, -1) if part.ndim < 2 else part for part in tensors], 0)


# ---------------------------------------------------------------- counts and middles
def median(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle value (the lower of two), of all, or with its place along one axis."""
    if x.size == 0:
        raise ShapeError(f"median needs at least one element, the tensor has shape {x.shape}.")
    if dim is None:
        unknown = x.dtype.kind == "f" and x.device.xp.isnan(x.data).any()
        return x.sum() if unknown else sort(flatten(x), 0).values[(x.size - 1) // 2]
    axis = axis_of(x, dim, "median")
    place = sort(x, axis).indices
    middle = narrow(place, axis, (x.shape[axis] - 1) // 2, 1)
    value = gather(x, axis, middle)
    return Extremes(value, middle) if keepdim else Extremes(value.squeeze(axis), middle.squeeze(axis))


def unique(x: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """The different elements, always in order; each element's place among them, or how often each comes."""
    if not isinstance(return_inverse, bool) or not isinstance(return_counts, bool):
        raise OptionError("unique takes True or False for return_inverse and return_counts.")
    values, inverse, counts = x.device.xp.unique(x.data, return_inverse=True, return_counts=True)
    asked = [inverse.reshape(x.shape)] * return_inverse + [counts] * return_counts
    return truth(x, values) if not asked else tuple(truth(x, part) for part in (values, *asked))


def bincount(x: Tensor, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 on comes; the sum of its weights, where they are given."""
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and x.data.min() < 0):
        raise OptionError(f"bincount takes one row of integers from 0 on, got {x.dtype} of shape {x.shape}.")
    refuse_fractions("bincount", minlength)
    if minlength < 0:
        raise OptionError(f"bincount takes a minlength from 0 on, got {minlength}.")
    weights = None if weights is None else operands(floating(x), weights)[1].data
    if weights is not None and weights.shape != x.shape:
        raise ShapeError(f"bincount takes a weight for each number {x.shape}, got {weights.shape}.")
    counts = x.device.xp.bincount(x.data, weights, minlength)
    return truth(x, counts if weights is None else counts.astype(weights.dtype))


def index_add(x: Tensor, dim: int, index: Any, source: Tensor, alpha: float = 1) -> Tensor:
    """x with the parts of `source` added at places along one axis; several at one place add up."""
    axis = axis_of(x, dim, "index_add")
    index = index if isinstance(index, Tensor) else Tensor(index, device=x.device)
    spread = index.reshape(*(-1 if k == axis else 1 for k in range(x.ndim)))
    return scatter_add(x, axis, broadcast_to(spread, source.shape), source * alpha)


def nan_to_num(x: Tensor, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
    """x with numbers for NaN and ±∞: 0 and the largest of its type where none are given."""
    largest = float(x.device.xp.finfo(floating(x).dtype).max)
    if x.dtype.kind != "f":
        return x
    x = where(x != x, filler(x, nan, "nan_to_num"), x)
    x = where(x == float("inf"), filler(x, largest if posinf is None else posinf, "nan_to_num"), x)
    return where(x == -float("inf"), filler(x, -largest if neginf is None else neginf, "nan_to_num"), x)
