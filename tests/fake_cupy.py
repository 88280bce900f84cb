"""A stand-in for CuPy on a machine without a card, stricter than CuPy itself.

An array of it is no NumPy array and refuses to become one: what CuPy refuses (NumPy arrays as operands,
implicit conversion) and what CuPy would copy in silence (a NumPy array as index or argument) raise TypeError.
What makes a copy is counted in `bus`, so that one that scratchlm does not count itself is found. Kernels run
on the emulator. Only functions that CuPy 14 has are here.
"""

import sys
from time import perf_counter
from types import ModuleType, SimpleNamespace
from weakref import WeakValueDictionary

import numpy as np

from scratchlm.kernels.emulator import Emulator, Pointers

bus = {"up": 0, "up_bytes": 0, "down": 0, "down_bytes": 0}
_pointed = WeakValueDictionary()  # arrays whose addresses a kernel may get, by address
SCALARS = (bool, int, float, np.generic)


def _count(way, a):
    bus[way] += 1
    bus[f"{way}_bytes"] += a.nbytes
    return a


def _inside(value):
    """The NumPy array behind an array of ours, also inside tuples and lists; refuses NumPy's own."""
    if isinstance(value, ndarray):
        return value._a
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {np.ndarray}: a NumPy array beside the card's.")
    if isinstance(value, tuple | list):
        return type(value)(_inside(part) for part in value)
    return value


def _wrapped(value):
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))  # CuPy has arrays without axes where NumPy has scalars
    return type(value)(map(_wrapped, value)) if isinstance(value, tuple | list) else value


def _function(function):
    def call(*args, **kwargs):
        return _wrapped(function(*map(_inside, args), **{k: _inside(v) for k, v in kwargs.items()}))

    return call


class ndarray:
    """CuPy's array: some of its methods, none that copies in silence."""

    __array_ufunc__ = None
    __array_priority__ = 100

    def __init__(self, a):
        self._a = a

    shape, dtype, ndim, size, nbytes, itemsize, strides, flags = (
        property(lambda self, name=name: getattr(self._a, name))
        for name in ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags")
    )
    T = property(lambda self: _wrapped(self._a.T))
    base = property(lambda self: None if self._a.base is None else self)

    @property
    def data(self):
        _pointed[self._a.ctypes.data] = self._a
        return SimpleNamespace(ptr=self._a.ctypes.data)

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed: use .get().")

    def get(self):
        return _count("down", self._a).copy()

    def item(self):
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def __bool__(self):
        return bool(self.get())

    def __int__(self):
        return int(self.get())

    def __float__(self):
        return float(self.get())

    def __index__(self):
        return int(self.get())

    def __repr__(self):
        return f"on the card: {self._a!r}"

    def __len__(self):
        return len(self._a)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index):
        value = self._a[_index(index)]
        return ndarray(value if isinstance(value, np.ndarray) else self._view(index))

    def _view(self, index):
        """One element as a view without axes, as in CuPy."""
        return self._a[(*index, ...) if isinstance(index, tuple) else (index, ...)]

    def __setitem__(self, index, value):
        if not isinstance(value, (ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)} set into an array of the card.")
        self._a[_index(index)] = _inside(value)


def _index(index):
    if any(isinstance(part, list) for part in (index if isinstance(index, tuple) else (index,))):
        raise TypeError("A list as index: CuPy would copy it to the card each time.")
    return _inside(index)


def _operator(name):
    def call(self, other):
        if not isinstance(other, (ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(other)} beside an array of the card.")
        result = getattr(self._a, name)(_inside(other))
        if result is NotImplemented:
            raise TypeError(f"{name} of {self.dtype} and {type(other)}.")
        if name.startswith("__i"):
            return self
        return _wrapped(result)

    return call


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul", "and", "or", "xor", "mod", "floordiv"):
    for _form in ("__{}__", "__r{}__", "__i{}__"):
        setattr(ndarray, _form.format(_name), _operator(_form.format(_name)))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
ndarray.__hash__ = None
METHODS = (
    "__neg__", "__invert__", "__abs__", "all", "any", "argmax", "argsort", "astype", "copy", "cumsum", "fill",
    "max", "mean", "min", "ravel", "repeat", "reshape", "squeeze", "sum", "swapaxes", "transpose",
)  # fmt: skip
for _name in METHODS:
    setattr(ndarray, _name, _function(getattr(np.ndarray, _name)))

# Functions of arrays that are on the card already, and those that make one there without a copy.
FUNCTIONS = (
    "abs", "arange", "argsort", "array_equal", "ascontiguousarray", "broadcast_to", "concatenate",
    "copyto", "cumsum", "diff", "empty", "empty_like", "exp", "expand_dims", "full", "full_like",
    "isfinite", "log", "matmul", "maximum", "minimum", "moveaxis", "ones", "ones_like", "repeat",
    "searchsorted", "split", "sqrt", "stack", "sum", "tanh", "where", "zeros", "zeros_like",
)  # fmt: skip


def array(a, dtype=None, copy=True, order="K"):
    """CuPy's array(): copies what is not on the card yet."""
    if isinstance(a, ndarray):
        return ndarray(np.array(a._a, dtype, order=order))
    return ndarray(_count("up", np.array(a, dtype, order=order)))


def asarray(a, dtype=None):
    """The same, without a copy of what is there already."""
    return a if isinstance(a, ndarray) and dtype in (None, a.dtype) else array(a, dtype)


class RawModule:
    """Compiles for the emulator; numbers need a NumPy type, as CuPy takes int for long long."""

    def __init__(self, code, options=()):
        assert "-std=c++17" in options
        self.emulator = Emulator(code, tuple(option for option in options if option.startswith("-D")))

    def get_function(self, name):
        return RawKernel(self.emulator.get_function(name))


class RawKernel:
    def __init__(self, function):
        self.function = function

    @property
    def max_dynamic_shared_size_bytes(self):
        return self.function.max_dynamic_shared_size_bytes

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size):
        self.function.max_dynamic_shared_size_bytes = size

    def __call__(self, grid, block, args, shared_mem=0):
        if wrong := [a for a in args if not isinstance(a, ndarray | np.generic)]:
            raise TypeError(f"Unsupported type {type(wrong[0])} as a kernel's argument.")
        args = list(map(_inside, args))
        for k, code in enumerate(self.function.codes):
            if code.endswith("**"):  # a table of addresses: the emulator wants to know the arrays
                args[k] = Pointers([_pointed[int(address)] for address in args[k]])
        self.function(grid, block, tuple(args), shared_mem=shared_mem)


class Event:
    """A time in the card's queue, which here is always empty."""

    def record(self):
        self.time = perf_counter()

    def synchronize(self):
        pass


class CUDARuntimeError(RuntimeError):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class OutOfMemoryError(MemoryError):
    __module__ = "cupy.cuda.memory"


def module(capability="90", driver=12080, runtime=12090, count=1):
    """A module to be known as `cupy`: a card of this capability, a driver and runtime of these versions."""
    cupy = ModuleType("cupy")
    for name in FUNCTIONS:
        setattr(cupy, name, _function(getattr(np, name)))
    cupy.add = SimpleNamespace(at=_function(np.add.at))
    cupy.may_share_memory = lambda a, b: np.may_share_memory(
        _inside(a), _inside(b)
    )  # looks at addresses only
    cupy.ndarray, cupy.array, cupy.asarray, cupy.RawModule = ndarray, array, asarray, RawModule
    cupy.asnumpy = lambda a: a.get()
    pool = SimpleNamespace(total_bytes=lambda: 3 << 30, used_bytes=lambda: 1 << 30, get_limit=lambda: 0)
    cupy.get_default_memory_pool = lambda: pool
    cupy.cuda = SimpleNamespace(
        runtime=SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            driverGetVersion=lambda: driver,
            runtimeGetVersion=lambda: runtime,
            getDeviceCount=lambda: count,
            getDeviceProperties=lambda index: {"name": b"Imagined card"},
            memGetInfo=lambda: (60 << 30, 80 << 30),
        ),
        Device=lambda: SimpleNamespace(compute_capability=capability, synchronize=lambda: None),
        nvrtc=SimpleNamespace(getVersion=lambda: (12, 9)),
        Event=Event,
        get_elapsed_time=lambda begin, end: 1e3 * (end.time - begin.time),
    )
    return cupy


ndarray.__module__ = "cupy"  # by which launching.py knows where an array is


def install(patch, **card):
    """Let `import cupy` find the stand-in, and the device cuda open anew, while the MonkeyPatch lasts."""
    from scratchlm import device

    cupy = module(**card)
    patch.setitem(sys.modules, "cupy", cupy)
    opened, plain = {}, device._open

    def opening(name):
        if name != "cuda":
            return plain(name)
        if name not in opened:
            opened[name] = plain.__wrapped__(name)
        return opened[name]

    patch.setattr(device, "_open", opening)
    patch.setattr(device, "_default", device._default)  # what is made the default meanwhile
    return cupy
