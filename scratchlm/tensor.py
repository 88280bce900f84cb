"""Tensor: an array, its gradient, and the Function that made it.

Eager: every operation computes at once and can be stepped through. What is remembered for `backward` is the
chain `tensor._function.inputs → tensor._function.inputs → …`, the computation graph.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .arrays import Size, answer_numpy, as_array, beside, compare
from .autograd import Version, walk_back
from .device import Device, get_device, to_host
from .errors import DtypeError, GraphError, ShapeError, short, unknown
from .modes import is_grad_enabled


class Tensor:
    """An n-dimensional array that remembers how it was made.

    Args:
        data: an array, a number, nested lists of numbers, or a Tensor. Python floats become float32; arrays
            keep their element type.
        requires_grad: whether `backward` shall leave a gradient in `.grad`.
        device: where it lives; the default device for None.

    Raises:
        DtypeError: the data is not numeric, or a gradient is asked for integers.
        ShapeError: nested lists of unequal lengths.
    """

    __slots__ = (
        "__weakref__", "_data", "_function", "_index", "_version", "device", "grad", "requires_grad",
    )  # fmt: skip

    __array_priority__ = 1000  # CuPy's arrays, too, leave array * tensor to Tensor.__rmul__

    def __init__(self, data: Any, requires_grad: bool = False, device: "str | Device | None" = None) -> None:
        self.device = get_device(device)
        self._data = as_array(data, self.device)
        if requires_grad and self._data.dtype.kind != "f":
            raise DtypeError(
                f"Only float tensors have gradients, this one is {self._data.dtype}: "
                "write 1.0 for 1, or convert with .astype(np.float32)."
            )
        self.requires_grad = requires_grad
        self.grad: Tensor | None = None
        self._function: Any = None  # the Function that made this tensor; None for a leaf
        self._index = 0  # which of that Function's outputs it is
        # One memory has one version, whatever names it goes by.
        same = isinstance(data, Tensor) and data._data is self._data  # not copied to a GPU, say
        self._version: Version = data._version if same else Version()

    @classmethod
    def _of(cls, array: Any, device: Device) -> "Tensor":
        """A result: an array of the device already, so that nothing has to be converted or checked."""
        result = object.__new__(cls)
        result.device = device
        result._data = array if isinstance(array, device.xp.ndarray) else as_array(array, device)
        result.requires_grad, result.grad = False, None
        result._function, result._index, result._version = None, 0, Version()
        return result

    # ---------------------------------------------------------------- the array and its description
    @property
    def data(self) -> Any:
        """The array itself, without the graph."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = as_array(value, self.device)
        self._version.count += 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> "Size":
        """Number of elements, as in NumPy; called as in PyTorch, size() is the shape and size(0) a length."""
        size = Size(self._data.size)
        size.shape = self._data.shape
        return size

    @property
    def dtype(self) -> np.dtype:
        """Element type."""
        return self._data.dtype

    @property
    def is_leaf(self) -> bool:
        """True where no recorded operation made this tensor: parameters, inputs, constants."""
        return self._function is None

    def item(self) -> float | int:
        """The only element, as a Python number.

        Raises:
            ShapeError: there is more than one.
        """
        if self.size != 1:
            raise ShapeError(f"item() needs one element, this tensor has shape {self.shape}: index it first.")
        return to_host(self._data).item()

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array, which shares memory with this tensor; from a GPU, a copy."""
        return to_host(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return answer_numpy(ufunc, method, inputs, options)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise ShapeError("A scalar tensor has no length: use item() for its number.")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DtypeError(f"Only whole numbers count or are places in a list, this is {self.dtype}.")
        return self.item()  # type: ignore[return-value]

    def __format__(self, how: str) -> str:
        return format(self.item(), how) if how else str(self)

    def __getattr__(self, name: str) -> Any:
        """The methods below are set at the end of this file; this is for names that there are not."""
        if name.startswith("__"):
            raise AttributeError(name)  # protocols that somebody asks for
        raise unknown("A tensor", name, dir(Tensor))

    def __repr__(self) -> str:
        body = np.array2string(self.numpy(), separator=", ", prefix="tensor(")
        extra = "" if self.dtype in (np.float32, np.int64) else f", dtype={self.dtype}"
        if self._function is not None:
            extra += f", from={self._function.name}"
        elif self.requires_grad:
            extra += ", requires_grad=True"
        return f"tensor({body}{extra})"

    # ---------------------------------------------------------------- the graph
    def backward(
        self, gradient: Any = None, retain_graph: bool | None = False, create_graph: bool = False
    ) -> None:
        """Leave ∂self/∂leaf in the `.grad` of every leaf that requires it (added to what is there).

        Args:
            gradient: ∂L/∂self where self is not a scalar; 1 for a scalar.
            retain_graph: keep what was saved, so that backward can be called again.

        Raises:
            GraphError: nothing was recorded, self is not a scalar and no gradient is given, the graph is
                already freed, a saved array was changed in place, or create_graph is wanted.
        """
        if create_graph:
            raise GraphError("create_graph asks for second derivatives, left out here: see docs/pytorch.md.")
        if not self.requires_grad:
            raise GraphError(
                "backward() from a tensor that depends on no parameter: set requires_grad=True on what you "
                "want a gradient of, and compute outside no_grad()."
            )
        if gradient is None:
            if self.size != 1:
                raise GraphError(
                    f"backward() starts from a scalar, this tensor has shape {self.shape}: "
                    "call .sum() or .mean() first, or pass gradient=."
                )
            grad = self.device.xp.ones_like(self._data)
        else:
            grad = as_array(gradient, self.device).astype(self.dtype, copy=False)
            if grad.shape != self.shape:
                raise ShapeError(f"gradient has shape {grad.shape}, the tensor {self.shape}: not equal.")
        if self._function is None:
            self._accumulate(grad, owned=False)
        else:
            walk_back(self._function, self._index, grad, bool(retain_graph))

    def _accumulate(self, grad: Any, owned: bool) -> None:
        """Add to `.grad`. `owned`: nobody else holds this array, so it may be kept without a copy."""
        if self.grad is not None:
            if not isinstance(self.grad, Tensor):
                raise DtypeError(f".grad is a {type(self.grad).__name__}: set it to a Tensor, or to None.")
            if self.grad._data.shape != grad.shape:
                raise ShapeError(
                    f"The gradient of a tensor of shape {self.shape} has shape {self.grad.shape}: set .grad "
                    "to None after giving the tensor another shape."
                )
            self.grad.data += grad
        else:
            self.grad = Tensor._of(grad if owned else grad.copy(), self.device)

    def detach(self) -> "Tensor":
        """The same memory, cut off from the graph."""
        result = Tensor._of(self._data, self.device)
        result._version = self._version
        return result

    def retain_grad(self) -> "Tensor":
        """Let backward leave the gradient in `.grad` although this tensor is not a leaf."""
        if self._function is not None:
            self._function.watched = {**self._function.watched, self._index: self}
        return self

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Switch gradients of a leaf on or off, in place. Those of a recorded result are on already."""
        if self._function is not None:
            if requires_grad:
                return self
            raise GraphError("requires_grad_ is for leaves: use detach() to cut a result off from its graph.")
        if requires_grad and self.dtype.kind != "f":
            raise DtypeError(f"Only float tensors have gradients, this one is {self.dtype}.")
        self.requires_grad = requires_grad
        return self

    # ---------------------------------------------------------------- changes in place
    def _in_place(self, result: "Tensor") -> "Tensor":
        """What `x += y` does with x + y: overwrite x where nothing is recorded, else stand for it."""
        if not result.requires_grad or (self.is_leaf and self.requires_grad):
            if result.dtype.kind != self.dtype.kind and result.dtype.kind != "b":
                raise DtypeError(
                    f"An in-place change would cut {result.dtype} to {self.dtype}: convert x first."
                )
            return self.copy_(result.detach())
        return result

    def __iadd__(self, other: Any) -> "Tensor":
        return self._in_place(self + other)

    def __isub__(self, other: Any) -> "Tensor":
        return self._in_place(self - other)

    def __imul__(self, other: Any) -> "Tensor":
        return self._in_place(self * other)

    def __itruediv__(self, other: Any) -> "Tensor":
        return self._in_place(self / other)

    def __ipow__(self, other: Any) -> "Tensor":
        return self._in_place(self**other)

    def __setitem__(self, index: Any, value: Any) -> None:
        if is_grad_enabled() and (self.requires_grad or getattr(value, "requires_grad", False)):
            F.assign(self, beside(self, index), value)
            return
        try:
            value = list(value) if isinstance(value, tuple) else value  # tuples are indices of several axes
            self._data[beside(self, index)] = beside(self, value)
        except (TypeError, OverflowError) as error:
            what = f"Assigning to part of a tensor of {self.dtype} takes numbers that fit"
            raise DtypeError(f"{what}: {short(error)}.") from None
        except (ValueError, IndexError) as error:
            raise ShapeError(
                f"Assigning to part of a tensor of shape {self.shape} failed: {error}."
            ) from None
        self._version.count += 1

    # ---------------------------------------------------------------- operations, by their usual signs
    def __add__(self, other: Any) -> "Tensor":
        return F.add(self, other)

    def __radd__(self, other: Any) -> "Tensor":
        return F.add(other, self)

    def __sub__(self, other: Any) -> "Tensor":
        return F.subtract(self, other)

    def __rsub__(self, other: Any) -> "Tensor":
        return F.subtract(other, self)

    def __mul__(self, other: Any) -> "Tensor":
        return F.multiply(self, other)

    def __rmul__(self, other: Any) -> "Tensor":
        return F.multiply(other, self)

    def __truediv__(self, other: Any) -> "Tensor":
        return F.divide(self, other)

    def __rtruediv__(self, other: Any) -> "Tensor":
        return F.divide(other, self)

    def __floordiv__(self, other: Any) -> "Tensor":
        return F.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> "Tensor":
        return F.floor_divide(other, self)

    def __mod__(self, other: Any) -> "Tensor":
        return F.remainder(self, other)

    def __rmod__(self, other: Any) -> "Tensor":
        return F.remainder(other, self)

    def __pow__(self, other: Any) -> "Tensor":
        return F.power(self, other)

    def __rpow__(self, other: Any) -> "Tensor":
        return F.power(other, self)

    def __matmul__(self, other: Any) -> "Tensor":
        return F.matmul(self, other)

    def __rmatmul__(self, other: Any) -> "Tensor":
        return F.matmul(other, self)

    def __pos__(self) -> "Tensor":
        return self

    def __neg__(self) -> "Tensor":
        return F.negative(self)

    def __abs__(self) -> "Tensor":
        return F.abs(self)

    def __getitem__(self, index: Any) -> "Tensor":
        return F.getitem(self, beside(self, index))

    def __invert__(self) -> "Tensor":
        return Tensor._of(compare("^", self, self.device.xp.array(-1).astype(self.dtype)), self.device)

    def __eq__(self, other: object) -> Any:
        return False if other is None else Tensor._of(compare("==", self, other), self.device)

    def __ne__(self, other: object) -> Any:
        return True if other is None else Tensor._of(compare("!=", self, other), self.device)

    def __lt__(self, other: Any) -> "Tensor":
        return Tensor._of(compare("<", self, other), self.device)

    def __le__(self, other: Any) -> "Tensor":
        return Tensor._of(compare("<=", self, other), self.device)

    def __gt__(self, other: Any) -> "Tensor":
        return Tensor._of(compare(">", self, other), self.device)

    def __ge__(self, other: Any) -> "Tensor":
        return Tensor._of(compare(">=", self, other), self.device)

    def __and__(self, other: Any) -> "Tensor":
        return Tensor._of(compare("&", self, other), self.device)

    def __or__(self, other: Any) -> "Tensor":
        return Tensor._of(compare("|", self, other), self.device)

    def __xor__(self, other: Any) -> "Tensor":
        return Tensor._of(compare("^", self, other), self.device)

    def __lshift__(self, other: Any) -> "Tensor":
        return Tensor._of(compare("<<", self, other), self.device)

    def __rshift__(self, other: Any) -> "Tensor":
        return Tensor._of(compare(">>", self, other), self.device)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    __hash__ = object.__hash__  # by identity: == compares elements

    def where(self, condition: Any, other: Any) -> "Tensor":
        """self where the condition holds, other elsewhere."""
        return F.where(condition, self, other)

    @property
    def T(self) -> "Tensor":
        """Axes reversed: a matrix transposed."""
        return F.permute(self, *range(self.ndim)[::-1])

    @property
    def mT(self) -> "Tensor":
        """The last two axes exchanged: each matrix transposed."""
        return F.transpose(self, -1, -2)


# Last, because these modules need Tensor. Each function whose first argument is x or a is a method, too.
from . import functions as F  # noqa: E402

for name, function in F.METHODS.items():  # type: ignore[has-type]
    setattr(Tensor, name, function)
