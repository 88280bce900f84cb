"""Arithmetic, element by element, with broadcasting.

Where broadcasting repeated an input along an axis, its gradient is the sum over that axis: the same number
was used several times, and derivatives of all uses add up (`sum_to`).
"""

from typing import Any

import numpy as np

from ..arrays import as_array
from ..device import upload
from ..errors import DtypeError, ShapeError, quote, refuse_words
from ..function import Array, Function
from ..tensor import Tensor


def sum_to(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum `grad` over the axes along which an array of `shape` was broadcast."""
    if grad.shape == shape:
        return grad
    new_axes = grad.ndim - len(shape)
    repeated = tuple(i + new_axes for i, n in enumerate(shape) if n == 1 and grad.shape[i + new_axes] != 1)
    return grad.sum(axis=(*range(new_axes), *repeated), keepdims=True).reshape(shape)


class Binary(Function):
    """Two operands: remembers their shapes, so that each gets a gradient of its own shape."""

    def forward(self, a: Array, b: Array) -> Array:
        """Apply `formula`; name both shapes where they do not broadcast."""
        self.shapes = a.shape, b.shape
        try:
            return self.formula(a, b)
        except ValueError:
            raise ShapeError(
                f"{self.name} got shapes {a.shape} and {b.shape}, which do not broadcast: aligned from the "
                "right, two lengths must be equal or one of them 1."
            ) from None

    def formula(self, a: Array, b: Array) -> Array:
        """The formula on arrays that broadcast."""
        raise NotImplementedError

    def pair(self, grad_a: Array, grad_b: Array) -> tuple[Array, Array]:
        """Both gradients, each summed to its operand's shape."""
        return sum_to(grad_a, self.shapes[0]), sum_to(grad_b, self.shapes[1])


class Add(Binary):
    """y = a + b;  ∂L/∂a = ∂L/∂b = ∂L/∂y    [add]."""

    def formula(self, a: Array, b: Array) -> Array:
        if a.shape == b.shape and a.dtype == b.dtype and a.dtype.char in "fd":
            return self.kernels.add(a, b)
        return a + b

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        return self.pair(grad_y, grad_y)


class Subtract(Binary):
    """y = a − b;  ∂L/∂a = ∂L/∂y, ∂L/∂b = −∂L/∂y."""

    def formula(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        return self.pair(grad_y, -grad_y)


class Multiply(Binary):
    """y = a·b;  ∂L/∂a = b·∂L/∂y, ∂L/∂b = a·∂L/∂y."""

    def formula(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return a * b

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        a, b = self.saved
        return self.pair(b * grad_y, a * grad_y)


class Divide(Binary):
    """y = a / b;  ∂L/∂a = ∂L/∂y / b, ∂L/∂b = −y/b · ∂L/∂y."""

    def formula(self, a: Array, b: Array) -> Array:
        y = a / b
        self.save(b, y)
        return y

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        b, y = self.saved
        return self.pair(grad_y / b, -y / b * grad_y)


class Negative(Function):
    """y = −x;  ∂L/∂x = −∂L/∂y."""

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, grad_y: Array) -> Array:
        return -grad_y


class Power(Function):
    """y = xⁿ for a fixed number n;  ∂L/∂x = n·xⁿ⁻¹ · ∂L/∂y."""

    def __init__(self, exponent: float):
        self.exponent = exponent

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x**self.exponent

    def backward(self, grad_y: Array) -> Array:
        (x,) = self.saved
        if self.exponent == 0:
            return 0 * grad_y  # not 0·x⁻¹, which is NaN at 0
        return self.exponent * x ** (self.exponent - 1) * grad_y


class PowerOf(Binary):
    """y = aᵇ;  ∂L/∂a = b·aᵇ⁻¹ · ∂L/∂y, ∂L/∂b = aᵇ ln a · ∂L/∂y (0 where a = 0 and b ≥ 0)."""

    def formula(self, a: Array, b: Array) -> Array:
        y = a**b
        self.save(a, b, y)
        return y

    def backward(self, grad_y: Array) -> tuple[Array, Array]:
        a, b, y = self.saved
        xp = self.xp
        nothing = (a == 0) & (b >= 0)
        log_a = xp.log(xp.where(nothing, 1, a))
        return self.pair(xp.where(b == 0, 0, b * a ** (b - 1)) * grad_y, y * log_a * grad_y)


class Exp(Function):
    """y = eˣ;  ∂L/∂x = y · ∂L/∂y."""

    def forward(self, x: Array) -> Array:
        y = self.xp.exp(x)
        self.save(y)
        return y

    def backward(self, grad_y: Array) -> Array:
        (y,) = self.saved
        return y * grad_y


class Log(Function):
    """y = ln x;  ∂L/∂x = ∂L/∂y / x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return self.xp.log(x)

    def backward(self, grad_y: Array) -> Array:
        (x,) = self.saved
        return grad_y / x


class Where(Function):
    """y = a where the condition holds, else b;  the gradient goes to the one that was taken."""

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        self.shapes = a.shape, b.shape
        self.save(condition)
        try:
            return self.xp.where(condition, a, b)
        except ValueError:
            raise ShapeError(
                f"{self.name} got shapes {condition.shape}, {a.shape} and {b.shape}, which do not broadcast."
            ) from None

    def backward(self, grad_y: Array) -> tuple[None, Array, Array]:
        (condition,) = self.saved
        zero = self.xp.zeros_like(grad_y)
        grad_a = self.xp.where(condition, grad_y, zero)
        grad_b = self.xp.where(condition, zero, grad_y)
        return None, sum_to(grad_a, self.shapes[0]), sum_to(grad_b, self.shapes[1])


class AsType(Function):
    """The same values in another element type;  the gradient in the former one."""

    def __init__(self, dtype: Any):
        self.dtype = dtype

    def forward(self, x: Array) -> Array:
        self.former = x.dtype
        return x.astype(self.dtype)

    def backward(self, grad_y: Array) -> Array:
        return grad_y.astype(self.former)


def operands(a: Any, b: Any, divide: bool = False) -> tuple[Any, Any]:
    """Give two operands one element type, as PyTorch does: a plain number takes the tensor's, so that 2·x
    stays float32; integers beside floats become floats; integers divided become float32."""
    if (
        isinstance(a, Tensor)
        and isinstance(b, Tensor)
        and a._data.dtype == b._data.dtype
        and a.dtype.kind == "f"
    ):
        return a, b  # as nearly always

    a, b = (x.item() if isinstance(x, np.generic) else x for x in (a, b))  # as Python's numbers

    def dtype_of(x: Any) -> Any:
        dtype = getattr(x, "dtype", None)  # PyTorch's tensors have another kind of type
        return dtype if isinstance(dtype, np.dtype) else None

    a, b = (
        Tensor(x, device=y.device) if isinstance(x, list | tuple) and isinstance(y, Tensor) else x
        for x, y in ((a, b), (b, a))
    )
    types = dtype_of(a), dtype_of(b)
    known = [t for t in types if t is not None]
    floats = [t for t in known if t.kind == "f"]
    target: Any
    if floats:
        target = np.result_type(*floats)
    elif divide or isinstance(a, float) or isinstance(b, float):
        target = np.dtype(np.float32)
    else:
        target = np.result_type(*known) if known else None
        whole = [x for x in (a, b) if isinstance(x, (int, np.integer)) and not isinstance(x, bool)]
        if whole and target == np.bool_:
            target = np.dtype(np.int64)

    def convert(x: Any, beside: Any) -> Any:
        if isinstance(x, Tensor):
            return x if target is None or x.dtype == target else astype(x, target)
        device = beside.device if isinstance(beside, Tensor) else None
        if device is None:
            return x
        if isinstance(x, (int, float)):
            try:  # on a card: filled there, not copied
                return Tensor(device.xp.full((), x, target), device=device)
            except OverflowError:
                raise DtypeError(
                    f"{quote(x)} is outside {target}: convert the tensor first, say with .astype(float)."
                ) from None
        array = as_array(x, device)  # refuses what is no number
        if not hasattr(x, "dtype"):
            array = upload(np.asarray(x, target), device)  # a list of floats: not by way of float32
        array = array if target is None else array.astype(target, copy=False)
        return Tensor(array.copy() if array is x else array, device=device)  # the caller may change its own

    return convert(a, b), convert(b, a)


def floating(x: Tensor) -> Tensor:
    """Integers as float32, for formulas whose values are no integers."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    return x if x.dtype.kind == "f" else astype(x, np.float32)


def refuse_truths(sign: str, instead: str, *given: Any) -> None:
    """Minus of True and False has no meaning."""
    if any(getattr(getattr(x, "dtype", None), "kind", None) == "b" for x in given):
        raise DtypeError(f"{sign} of True and False has no meaning: {instead}, or .astype(np.float32) first.")


def add(a: Any, b: Any, alpha: Any = 1) -> Tensor:
    """a + alpha·b, with broadcasting."""
    if type(alpha) is not int or alpha != 1:
        b = multiply(alpha, b)
    return Add()(*operands(a, b))


def subtract(a: Any, b: Any, alpha: Any = 1) -> Tensor:
    """a − alpha·b, with broadcasting."""
    if type(alpha) is not int or alpha != 1:
        b = multiply(alpha, b)
    one, other = operands(a, b)
    beside_whole = isinstance(a, int) or isinstance(b, int)  # 1 - mask
    refuse_truths("a - b", "use a ^ b", *((a, b) if beside_whole else (one,)))
    return Subtract()(one, other)


def multiply(a: Any, b: Any) -> Tensor:
    """a·b element by element, with broadcasting."""
    return Multiply()(*operands(a, b))


def divide(a: Any, b: Any) -> Tensor:
    """a / b element by element, with broadcasting."""
    return Divide()(*operands(a, b, divide=True))


def negative(x: Tensor) -> Tensor:
    """−x."""
    refuse_truths("-x", "use ~x", x)
    return Negative()(x)


def power(a: Any, b: Any) -> Tensor:
    """aᵇ, with broadcasting; roots and negative powers of integers are float32.

    Raises:
        DtypeError: a power that is no number.
    """
    if isinstance(a, Tensor) and isinstance(b, (int, float, np.number)):
        whole = isinstance(b, (int, np.integer)) and b >= 0
        return Power(b)(operands(a, b)[0] if whole else floating(a))  # type: ignore[arg-type]
    a, b = operands(a, b)
    if isinstance(b, Tensor) and b.dtype.kind != "f" and (b.data < 0).any():
        a, b = operands(a, floating(b))
    return PowerOf()(a, b)


def exp(x: Tensor) -> Tensor:
    """eˣ."""
    return Exp()(floating(x))


def log(x: Tensor) -> Tensor:
    """ln x; -inf at 0 and NaN below, as in NumPy."""
    return Log()(floating(x))


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """a where the condition holds, b elsewhere, with broadcasting."""
    return Where()(condition, *operands(a, b))


def filler(x: Tensor, value: Any, name: str) -> Tensor:
    """A number in the element type of x, to fill places of it with; a tensor stays part of the graph.

    Raises:
        DtypeError: x cannot hold it.
    """
    if isinstance(value, Tensor):
        return astype(value, x.dtype)
    refuse_words(name, value)
    return Tensor(refuse_unfitting(name, value, x.dtype), device=x.device)


def refuse_unfitting(name: str, value: Any, dtype: Any) -> Any:
    """The number in a type of element, None for any.

    Raises:
        DtypeError: the type cannot hold it.
    """
    if dtype is None:
        return value
    with np.errstate(invalid="ignore", over="ignore"):
        try:
            held = np.asarray(value).astype(element(dtype))
        except OverflowError:  # a whole number of more than 64 bits
            held = None
    if held is None or (held.dtype.kind != "f" and held != value):
        raise DtypeError(
            f"{name} puts {quote(value)} into a tensor of {element(dtype)}, which cannot hold it."
        )
    return held


def element(dtype: Any) -> np.dtype:
    """The type of element of that name.

    Raises:
        DtypeError: there is none.
    """
    try:
        return np.dtype(dtype)
    except TypeError:
        raise DtypeError(f"{quote(dtype)} is no type of element: float32, int64 and bool are.") from None


def astype(x: Tensor, dtype: Any) -> Tensor:
    """The same values in another element type."""
    return AsType(element(dtype))(x)


mul, neg, pow, sub = multiply, negative, power, subtract  # PyTorch's other names
