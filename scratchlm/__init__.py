"""scratchlm: a language-model engine to read, run and step through.

>>> import scratchlm as sl
>>> x = sl.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from pathlib import Path

# The kernels are the package scratchlm.kernels: inside this folder in a wheel, beside it in a checkout.
if not Path(__file__).with_name("kernels").is_dir():
    __path__.append(str(Path(__file__).parents[1]))

# "A as A": type checkers then know that A is for users; packages below do the same.
from .tensor import Tensor as Tensor  # first: it brings in the functions that its methods call

# isort: split
from . import creation, functions
from . import cuda as cuda
from . import nn as nn
from . import optim as optim
from . import utils as utils
from .creation import tensor as tensor
from .device import Device as Device
from .device import default_device as default_device
from .device import get_device as get_device
from .device import set_default_device as set_default_device
from .device import use_device as use_device
from .errors import ScratchLMError as ScratchLMError
from .errors import unknown
from .function import Function as Function
from .modes import detect_anomaly as detect_anomaly
from .modes import enable_grad as enable_grad
from .modes import is_grad_enabled as is_grad_enabled
from .modes import no_grad as no_grad
from .modes import set_grad_enabled as set_grad_enabled
from .random import Generator as Generator
from .random import manual_seed as manual_seed
from .weights import load as load
from .weights import save as save

inference_mode = no_grad  # there is no third mode
__version__ = "0.1.0"

_TYPES = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
    "short": "int16", "bool": "bool_",
}  # fmt: skip
_TYPES |= {
    name: name for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")
}


def __getattr__(name: str) -> object:
    """PyTorch keeps types, makers of tensors and functions here: `sl.zeros`, `sl.softmax`, `sl.float32`."""
    import numpy as np

    if name in _TYPES:
        return getattr(np, _TYPES[name])
    if name in ("inf", "nan", "pi", "e"):
        return getattr(np, name)
    for room in (creation, functions):
        found = getattr(room, name, None)
        if getattr(found, "__module__", "").startswith(room.__name__):
            return found
    if name.startswith("__"):
        raise AttributeError(name)
    raise unknown("scratchlm", name, [*globals(), *vars(creation), *vars(functions)])
