"""Putting numbers at the places that an index names, where several may come to one place.

`dim` is PyTorch's name for `axis`; the index is that of `gather`.
"""

from typing import Any

import numpy as np

from ..errors import DtypeError, GraphError, OptionError, ShapeError, quote
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import filler, sum_to
from .places import places
from .shape import GetItem, axis_of, numbers_too


class ScatterAdd(Function):
    """y = x, and y[index] += source, element by element;  ∂L/∂x = ∂L/∂y, ∂L/∂source = ∂L/∂y[index]."""

    def __init__(self, index: tuple[Array, ...]):
        self.index = index

    def forward(self, x: Array, source: Array) -> Array:
        y = x.copy()
        self.xp.add.at(y, self.index, source)
        return y

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        return grad_y, grad_y[self.index]


class Scatter(Function):
    """y = x, and y[index] = source;  ∂L/∂x = ∂L/∂y but 0 there, ∂L/∂source = ∂L/∂y[index]."""

    def __init__(self, index: tuple[Array, ...]):
        self.index = index

    def forward(self, x: Array, source: Array) -> Array:
        y = x.copy()
        y[self.index] = source
        return y

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        grad_x = grad_y.copy()
        grad_x[self.index] = 0
        return grad_x, grad_y[self.index]


class SetItem(Function):
    """y = x, and y[index] = v;  ∂L/∂x = ∂L/∂y but 0 there, ∂L/∂v = ∂L/∂y[index], summed over repeats."""

    def __init__(self, index: Any):
        self.index = GetItem(index).index

    def forward(self, x: Array, v: Array) -> Array:
        y = x.copy()
        try:
            y[self.index] = v
        except (ValueError, IndexError) as error:
            raise ShapeError(f"Assigning to part of a tensor of shape {x.shape} failed: {error}.") from None
        self.shape = v.shape
        return y

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        grad_x = grad_y.copy()
        grad_x[self.index] = 0
        return grad_x, sum_to(grad_y[self.index], self.shape)


class ScatterExtreme(Function):
    """y = x, and y[index] = max(y[index], source), or min;  equal ones share ∂L/∂y.

    Without `own`, what x has at a place that the index names does not count.
    """

    def __init__(self, index: tuple[Array, ...], name: str, own: bool):
        self.index, self.extreme, self.own = index, name, own

    def forward(self, x: Array, source: Array) -> Array:
        y = x.copy()
        if not self.own:
            y[self.index] = source  # any of them: the extreme of all comes next
        getattr(self.xp, self.extreme).at(y, self.index, source)
        self.save(x, source, y)
        return y

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        x, source, y = self.saved
        from_x, from_source = (x == y).astype(y.dtype), (source == y[self.index]).astype(y.dtype)
        if not self.own:
            from_x[self.index] = 0
        count = from_x.copy()
        self.xp.add.at(count, self.index, from_source)
        share = grad_y / self.xp.where(count == 0, 1, count)
        return from_x * share, from_source * share[self.index]


class ScatterProduct(Function):
    """y = x, and y[index] *= source;  the slope for each factor is the product of all others at its place."""

    def __init__(self, index: tuple[Array, ...], axis: int):
        self.index, self.axis = index, axis

    def multiply(self, y: Array, source: Array) -> None:
        """y[index] *= source: those with one place along the axis differ elsewhere, so never meet."""
        index = self.xp.broadcast_arrays(*self.index)
        for k in range(source.shape[self.axis]):
            y[tuple(part.take(k, self.axis) for part in index)] *= source.take(k, self.axis)

    def forward(self, x: Array, source: Array) -> Array:
        y = x.copy()
        self.multiply(y, source)
        self.save(x, source)
        return y

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        x, source = self.saved
        zeros, rest = (x == 0).astype("int64"), self.xp.where(x == 0, 1, x)  # rest: the product without zeros
        self.xp.add.at(zeros, self.index, (source == 0).astype("int64"))
        self.multiply(rest, self.xp.where(source == 0, 1, source))

        def others(factor: Array, zeros: Array, rest: Array) -> Array:
            here = factor == 0
            return self.xp.where(zeros - here == 0, rest / self.xp.where(here, 1, factor), 0)

        grad_source = others(source, zeros[self.index], rest[self.index]) * grad_y[self.index]
        return others(x, zeros, rest) * grad_y, grad_source


def _source(x: Tensor, index: tuple[Array, ...], src: Any) -> Tensor:
    """What is to be put at `index`: a number, or the part of a tensor that the index covers."""
    shape = np.broadcast_shapes(*(part.shape for part in index))
    src = Tensor(src, device=x.device) if isinstance(src, np.ndarray | list) else src
    if not isinstance(src, Tensor):
        return filler(x, src, "scatter").broadcast_to(*shape)
    if src.ndim != len(shape) or any(n > own for n, own in zip(shape, src.shape, strict=True)):
        raise ShapeError(f"scatter takes as many numbers as its index {shape} has, got {src.shape}.")
    if src.dtype.kind == "f" != x.dtype.kind:
        raise DtypeError(f"scatter puts {src.dtype} into a tensor of {x.dtype}: convert one of them.")
    return src[tuple(slice(0, n) for n in shape)].astype(x.dtype)


@numbers_too
def scatter_add(x: Tensor, dim: int, index: Any, src: Any) -> Tensor:
    """x with src_ij added at (i, index_ij) for dim = 1 of a matrix; several at one place add up."""
    where_to = places(x, dim, index, "scatter_add")
    return ScatterAdd(where_to)(x, _source(x, where_to, src))


@numbers_too
def scatter(x: Tensor, dim: int, index: Any, src: Any, *, reduce: str | None = None) -> Tensor:
    """x with src_ij (or a number) at (i, index_ij) for dim = 1 of a matrix; reduce: "add" or "multiply"."""
    if reduce is not None:
        names = {"add": "sum", "multiply": "prod"}
        if reduce not in list(names):
            raise OptionError(f"scatter has reduce 'add' or 'multiply', not {quote(reduce)}.")
        return scatter_reduce(x, dim, index, src, names[reduce])
    where_to = places(x, dim, index, "scatter")
    return Scatter(where_to)(x, _source(x, where_to, src))


def scatter_(x: Tensor, dim: int, index: Any, src: Any) -> Tensor:
    """`scatter`, in place."""
    return x.copy_(scatter(x.detach(), dim, index, src))


def scatter_add_(x: Tensor, dim: int, index: Any, src: Any) -> Tensor:
    """`scatter_add`, in place."""
    return x.copy_(scatter_add(x.detach(), dim, index, src))


@numbers_too
def scatter_reduce(
    x: Tensor, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Tensor:
    """x where nothing comes; elsewhere all src_ij for a place (i, index_ij), and x's own, made to one number.

    reduce: "sum", "prod", "mean", "amax" or "amin". Without include_self, x's own does not count.
    """
    if reduce not in ["sum", "prod", "mean", "amax", "amin"]:
        raise OptionError(f"scatter_reduce has sum, prod, mean, amax and amin, not {quote(reduce)}.")
    where_to = places(x, dim, index, "scatter_reduce")
    source = _source(x, where_to, src)
    if reduce in ("amax", "amin"):
        extreme = "maximum" if reduce == "amax" else "minimum"
        return ScatterExtreme(where_to, extreme, include_self)(x, source)
    if not include_self:
        x = Scatter(where_to)(x, _source(x, where_to, reduce == "prod"))  # 1 for a product, 0 for a sum
    if reduce == "prod":
        return ScatterProduct(where_to, axis_of(x, dim, reduce))(x, source)
    total = ScatterAdd(where_to)(x, source)
    if reduce == "sum":
        return total
    count = x.device.xp.ones(x.shape, "int64")
    if not include_self:
        count[where_to] = 0
    x.device.xp.add.at(count, where_to, 1)
    count = x.device.xp.maximum(count, 1).astype(x.dtype)
    return total / count if x.dtype.kind == "f" else total // count


def assign(x: Tensor, index: Any, value: Any) -> None:
    """`x[index] = value` where a gradient is wanted: from now on, x is what SetItem made of it.

    Raises:
        GraphError: x is a parameter, or a recorded operation has read it and would go back through the new x.
    """
    if x._version.read or (x.is_leaf and x.requires_grad):
        raise GraphError(
            "An in-place change of a parameter, or of a tensor that a recorded operation has read, would "
            "falsify gradients: do it inside no_grad(), or build a new tensor with where() or cat()."
        )
    handle = ("_data", "requires_grad", "_function", "_index", "_version")
    before = Tensor._of(x._data, x.device)
    for name in handle:
        setattr(before, name, getattr(x, name))
    after = SetItem(index)(before, value if not isinstance(value, Tensor) else value.astype(x.dtype))
    for name in (*handle, "device"):
        setattr(x, name, getattr(after, name))
