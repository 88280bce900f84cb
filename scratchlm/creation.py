"""New tensors: filled, counted, drawn. Random ones come from the engine's own generator (`manual_seed`).

All take `dtype` and `device`, and the filled and drawn ones `requires_grad`, as `Tensor` does.
"""

import math
from typing import Any

import numpy as np

from .device import Device, to_host
from .errors import DtypeError, OptionError, ShapeError, quote, refuse_fractions, refuse_words
from .functions.elementwise import element, refuse_unfitting
from .random import drawing
from .tensor import Tensor


def _shape(lengths: Any) -> tuple[int, ...]:
    """Lengths given one by one or together; refuses what is none."""
    shape = tuple(lengths[0]) if len(lengths) == 1 and isinstance(lengths[0], (tuple, list)) else lengths
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape):
        raise ShapeError(f"A shape is of whole numbers from 0 on, got {quote(shape)}.")
    return tuple(int(n) for n in shape)


def tensor(
    data: Any, requires_grad: bool = False, device: "str | Device | None" = None, dtype: Any = None
) -> Tensor:
    """Make a Tensor with memory of its own (what is passed to `Tensor` itself is shared).

    Raises:
        DtypeError: a number is too large for an integer type, or NaN.
    """
    array = data.data if isinstance(data, Tensor) else data
    array = array.copy() if hasattr(array, "dtype") else array
    if dtype is not None:
        given = to_host(array)
        with np.errstate(invalid="ignore"):
            array = given.astype(element(dtype))
        if array.dtype.kind in "iu" and given.dtype.kind in "fiu" and (array != np.trunc(given)).any():
            raise DtypeError(f"{quote(data)} has a number that {array.dtype} cannot hold.")
    return Tensor(array, requires_grad, device)


def full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Tensor:
    """One number everywhere; int64 for a whole number, float32 for another, bool for True."""
    kinds = {bool: np.bool_, int: np.int64}
    refuse_words("full", fill_value)
    fill_value = fill_value.item() if isinstance(fill_value, np.generic) else fill_value
    refuse_unfitting("full", fill_value, dtype)
    return Tensor(
        np.full(_shape((shape,)), fill_value, element(dtype or kinds.get(type(fill_value), np.float32))),
        **options,
    )


def zeros(*shape: Any, dtype: Any = np.float32, **options: Any) -> Tensor:
    """0 everywhere."""
    return full(_shape(shape), 0, np.float32 if dtype is None else dtype, **options)


def ones(*shape: Any, dtype: Any = np.float32, **options: Any) -> Tensor:
    """1 everywhere."""
    return full(_shape(shape), 1, np.float32 if dtype is None else dtype, **options)


empty = zeros  # memory that nobody has written to would make other numbers at each run


def full_like(x: Tensor, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """One number everywhere, in the shape and type of x and on its device."""
    return full(x.shape, fill_value, dtype or x.dtype, requires_grad=requires_grad, device=x.device)


def zeros_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """0 everywhere, in the shape and type of x and on its device."""
    return full_like(x, 0, dtype, requires_grad)


def ones_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """1 everywhere, in the shape and type of x and on its device."""
    return full_like(x, 1, dtype, requires_grad)


def arange(start: Any, end: Any = None, step: Any = 1, dtype: Any = None, **options: Any) -> Tensor:
    """start, start + step, … below end; from 0 where one number is given. int64, or float32 with a float."""
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (n.item() if isinstance(n, Tensor) else n for n in (start, end, step))
    refuse_words("arange", start, end, step)
    if step == 0 or not math.isfinite(start) or not math.isfinite(end):
        raise OptionError(f"arange needs finite ends and a step other than 0, got {start}, {end}, {step}.")
    whole = all(isinstance(n, (int, np.integer)) for n in (start, end, step))
    return Tensor(
        np.arange(start, end, step).astype(element(dtype or (np.int64 if whole else np.float32))), **options
    )


def linspace(start: float, end: float, steps: int, dtype: Any = np.float32, **options: Any) -> Tensor:
    """`steps` numbers from start to end, both included, at equal distances."""
    (count,) = _shape((steps,))
    refuse_words("linspace", start, end)
    return Tensor(
        np.linspace(start, end, count).astype(element(np.float32 if dtype is None else dtype)), **options
    )


def eye(n: int, m: int | None = None, dtype: Any = np.float32, **options: Any) -> Tensor:
    """1 on the diagonal of a matrix (n, m), 0 elsewhere; square where m is not given."""
    rows, columns = _shape((n, n if m is None else m))
    return Tensor(np.eye(rows, columns, dtype=element(np.float32 if dtype is None else dtype)), **options)


def tril_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Rows and columns (2, n) of what lies on and below a diagonal."""
    rows, columns = _shape((row, col))
    refuse_fractions("tril_indices", offset)
    return Tensor(np.stack(np.tril_indices(rows, offset, columns)))


def triu_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Rows and columns (2, n) of what lies on and above a diagonal."""
    rows, columns = _shape((row, col))
    refuse_fractions("triu_indices", offset)
    return Tensor(np.stack(np.triu_indices(rows, offset, columns)))


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor of ours."""
    return isinstance(x, Tensor)


def as_tensor(data: Any, dtype: Any = None, **options: Any) -> Tensor:
    """The tensor itself, or one that shares the array's memory where its type stays."""
    made = data if isinstance(data, Tensor) and not options else Tensor(data, **options)
    return made if dtype is None else made.to(dtype)


def FloatTensor(data: Any) -> Tensor:
    """The numbers as float32."""
    return Tensor(data).float()


def LongTensor(data: Any) -> Tensor:
    """The numbers as int64."""
    return Tensor(data).long()


def from_numpy(array: Any) -> Tensor:
    """A tensor that shares the array's memory."""
    if not isinstance(array, np.ndarray):
        raise DtypeError(f"from_numpy takes a NumPy array, got {type(array).__name__}.")
    return Tensor(array)


def meshgrid(*tensors: Tensor, indexing: str = "ij") -> tuple[Tensor, ...]:
    """For vectors of lengths n and m, two (n, m): the first varies down, the second across ("xy": turned)."""
    if indexing not in ("ij", "xy"):
        raise OptionError(f"meshgrid has indexing 'ij' or 'xy', not {quote(indexing)}.")
    lengths = [t.data.size for t in tensors]
    n = len(tensors)
    spread = [
        t.reshape(*(1 if i != k else -1 for i in range(n))).broadcast_to(*lengths)
        for k, t in enumerate(tensors)
    ]
    return tuple(t.swapaxes(0, 1) for t in spread) if indexing == "xy" and n > 1 else tuple(spread)


# ---------------------------------------------------------------- drawn
def rand(*shape: Any, dtype: Any = np.float32, generator: Any = None, **options: Any) -> Tensor:
    """From U(0, 1)."""
    return Tensor(
        drawing(generator).random(_shape(shape)).astype(element(np.float32 if dtype is None else dtype)),
        **options,
    )


def randn(*shape: Any, dtype: Any = np.float32, generator: Any = None, **options: Any) -> Tensor:
    """From N(0, 1)."""
    return Tensor(
        drawing(generator)
        .standard_normal(_shape(shape))
        .astype(element(np.float32 if dtype is None else dtype)),
        **options,
    )


def rand_like(x: Tensor) -> Tensor:
    """From U(0, 1), in the shape and type of x and on its device."""
    return rand(x.shape, dtype=x.dtype, device=x.device)


def randn_like(x: Tensor) -> Tensor:
    """From N(0, 1), in the shape and type of x and on its device."""
    return randn(x.shape, dtype=x.dtype, device=x.device)


def randint(
    low: int, high: Any, size: Any = None, dtype: Any = np.int64, generator: Any = None, **options: Any
) -> Tensor:
    """Whole numbers from low to high − 1; from 0 where one number is given: randint(10, (2, 3))."""
    low, high, size = (0, low, high) if size is None else (low, high, size)
    refuse_fractions("randint", low, high)
    if not -(2**63) <= low < high <= 2**63 - 1:
        raise OptionError(
            f"randint draws from low to high - 1, of 64 bits, got {quote(low)} and {quote(high)}."
        )
    return Tensor(
        drawing(generator)
        .integers(low, high, _shape((size,)))
        .astype(element(np.int64 if dtype is None else dtype)),
        **options,
    )


def randperm(n: int, generator: Any = None, **options: Any) -> Tensor:
    """0 … n − 1 in a random order."""
    return Tensor(drawing(generator).permutation(*_shape((n,))), **options)


def normal(mean: float, std: float, size: Any, **options: Any) -> Tensor:
    """From N(mean, std²)."""
    return randn(size, **options) * std + mean


def bernoulli(p: Tensor, generator: Any = None) -> Tensor:
    """1 with the probability that each element is, 0 otherwise."""
    if p.dtype.kind != "f" or not ((p.data >= 0) & (p.data <= 1)).all():
        raise OptionError("bernoulli takes probabilities from 0 to 1.")
    return (rand(p.shape, dtype=p.dtype, device=p.device, generator=generator) < p).astype(p.dtype)


def multinomial(
    weights: Tensor, num_samples: int, replacement: bool = False, generator: Any = None
) -> Tensor:
    """Places drawn by their weights: (V) → (num_samples), or for each row (N, V) → (N, num_samples).

    Raises:
        OptionError: weights below 0, NaN or all 0, or more draws than weights above 0 without replacement.
    """
    refuse_fractions("multinomial", num_samples)
    if num_samples < 0:
        raise OptionError(f"multinomial draws 0 times or more, got {num_samples}.")
    p = weights.numpy().astype(np.float64)
    rows = p.reshape(-1, p.shape[-1]) if p.ndim in (1, 2) else np.zeros((1, 1))
    if not np.isfinite(rows).all() or (rows < 0).any() or not rows.any(axis=1).all():
        raise OptionError("multinomial takes weights (V) or (N, V) from 0 on, some of each row above 0.")
    if not replacement and (np.count_nonzero(rows, axis=1) < num_samples).any():
        raise OptionError(f"multinomial draws {num_samples} without replacement from fewer weights above 0.")
    draw = drawing(generator).choice
    drawn = [draw(len(row), num_samples, replacement, row / row.sum()) for row in rows]
    return Tensor(np.array(drawn).reshape(*p.shape[:-1], num_samples), device=weights.device)
