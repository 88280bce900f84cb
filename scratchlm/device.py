"""A device is an array module plus a kernel set.

| name        | arrays | kernels                       | for                       |
|-------------|--------|-------------------------------|---------------------------|
| `reference` | NumPy  | NumPy, as on the page         | reading, stepping, truth  |
| `cpu`       | NumPy  | Numba, compiled at first use  | training on a laptop      |
| `emulator`  | NumPy  | CUDA, run on the CPU          | testing, stepping kernels |
| `cuda`      | CuPy   | the same, on an NVIDIA GPU    | training fast             |

Nothing falls back silently: a device has every kernel of the contract or refuses to open, by name. Between
host and card, arrays are copied by `upload` and `to_host` alone, and counted (see `transfers`); looks at ids
that are on the GPU already, which are checked before they are used, are not.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .errors import DeviceError, DtypeError, ShapeError, did_you_mean, quote, short

DEVICES = ("reference", "cpu", "emulator", "cuda")
KERNELS = {"emulator": "cuda"}  # the same kernels as on a GPU: where the arrays are decides who runs them


@dataclass(frozen=True)
class Device:
    """Where a tensor's array lives and which kernels work on it.

    Attributes:
        name: one of `DEVICES`.
        xp: the array module (NumPy or CuPy), for everything that needs no kernel of ours.
        kernels: every kernel of `scratchlm.kernels.contract`, with a check of its arguments before it.
        formulas: the kernels as formulas call them: the reference's without that check, which NumPy makes
            itself, so that one `s` at pdb's prompt leads from a formula into its kernel.
    """

    name: str
    xp: Any
    kernels: Any
    formulas: Any

    @property
    def on_card(self) -> bool:
        """Whether arrays lie in a GPU's memory, where a look at a number waits for all work before it."""
        return self.xp is not np

    def __reduce__(self) -> Any:
        return get_device, (self.name,)  # modules cannot be pickled or copied; there is one Device of a name

    def __repr__(self) -> str:
        return f"device('{self.name}')"


@cache
def _open(name: str) -> Device:
    try:
        from scratchlm import kernels as package
        from scratchlm.kernels.contract import CONTRACT, kernel_set

        _check_place(Path(package.__file__).parent)
        kernels = kernel_set(KERNELS.get(name, name))
    except ModuleNotFoundError as error:
        if error.name == "scratchlm.kernels":
            raise DeviceError(
                "The kernels are not beside this scratchlm: the folder kernels/ of its checkout is missing."
            ) from None
        raise DeviceError(
            f"Device '{name}' needs the package '{error.name}': run `pip install {error.name}`, "
            "or use the device 'reference', which needs NumPy alone."
        ) from None
    except ValueError as error:  # a setting in the environment that makes no sense
        raise DeviceError(str(error)) from None
    if missing := [kernel.name for kernel in CONTRACT if not hasattr(kernels, kernel.name)]:
        raise DeviceError(f"Device '{name}' lacks these kernels of the contract: {', '.join(missing)}.")
    if name == "emulator":
        _check_compiler()
    from .checking import checked

    with_check = checked(kernels, CONTRACT, on_card=name == "cuda")
    return Device(
        name, _cupy() if name == "cuda" else np, with_check, kernels if name == "reference" else with_check
    )


def _check_place(found: Path) -> None:
    """Refuse the kernels of another checkout: an engine and kernels of two states fit by chance."""
    own = Path(__file__).parent
    if found not in (own / "kernels", own.parent / "kernels"):
        raise DeviceError(
            f"This scratchlm is {own}, but the kernels that Python finds are {found}, of another one: run "
            "`pip install -e .` in this checkout, or start Python outside of it."
        )


def _cupy() -> Any:
    from scratchlm.kernels.cuda.card import open_card
    from scratchlm.kernels.emulator import KernelError

    try:
        return open_card()
    except KernelError as error:
        raise DeviceError(str(error)) from None


def _check_compiler() -> None:
    from scratchlm.kernels.emulator import KernelError, compiler

    try:
        compiler()
    except KernelError as error:
        raise DeviceError(str(error)) from None


def get_device(device: "str | Device | None" = None) -> Device:
    """Return the device of that name; the default device for None.

    Raises:
        DeviceError: the name is unknown, a package is missing, or a kernel of the contract is.
    """
    if isinstance(device, Device):
        return device
    if device is None:
        return default_device()
    if not isinstance(device, str) or device not in DEVICES:
        raise DeviceError(
            f"Unknown device {quote(device)}{did_you_mean(short(device), DEVICES)}: "
            f"this version has {', '.join(DEVICES)}."
        )
    return _open(device)


class _Callable(ModuleType):
    """This module, which PyTorch's `device("cpu")` also calls: `scratchlm.device` is both."""

    def __call__(self, device: "str | Device | None" = None) -> Device:
        return get_device(device)


sys.modules[__name__].__class__ = _Callable


# ---------------------------------------------------------------- between the host and a GPU
def transfers() -> AbstractContextManager[Any]:
    """Count the copies that are made inside a `with` block: see `Transfers` in kernels/transfers.py.

    with transfers() as copies:
        loss.item()
    print(copies.down, copies.down_bytes)  # 1 4 on the device cuda, 0 0 on the others
    """
    from scratchlm.kernels.transfers import transfers

    return transfers()


def upload(array: Any, device: Device) -> Any:
    """A NumPy array as the device's own: copied to a GPU, itself elsewhere."""
    if not device.on_card or isinstance(array, device.xp.ndarray):
        return array
    from scratchlm.kernels.transfers import copy_up

    return copy_up(array, device.xp)


def to_host(data: Any) -> np.ndarray:
    """A tensor, a device's array, a number or nested lists as a NumPy array; copied only from a GPU.

    Raises:
        ShapeError: nested lists of unequal lengths.
    """
    if hasattr(data, "_function"):  # a tensor
        data = data.data
    if not hasattr(data, "get") or not hasattr(data, "dtype"):  # NumPy's arrays have no get(), CuPy's have
        try:
            return np.asarray(data)
        except ValueError as error:
            raise ShapeError(f"A tensor needs nested lists of equal lengths ({error}).") from None
        except (RuntimeError, TypeError) as error:  # a tensor of PyTorch that requires a gradient, say
            raise DtypeError(f"NumPy cannot read a {type(data).__name__}: {short(error)}") from None
    from scratchlm.kernels.transfers import copy_down

    return copy_down(data)


_default = ContextVar("default device", default="reference")  # one for every thread


def default_device() -> Device:
    """The device of tensors that are made without naming one."""
    return _open(_default.get())


def set_default_device(device: "str | Device") -> None:
    """Make `device` the default of this thread from here on."""
    _default.set(get_device(device).name)


@contextmanager
def use_device(device: "str | Device") -> Iterator[Device]:
    """Make `device` the default inside a `with` block, in this thread."""
    before = default_device()
    set_default_device(device)
    try:
        yield get_device(device)
    finally:
        set_default_device(before)
