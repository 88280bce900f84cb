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

from .tensor import Tensor, tensor  # first: it brings in the functions that its methods call

# isort: split
from .autograd import detect_anomaly, is_grad_enabled, no_grad
from .device import Device, default_device, get_device, set_default_device, use_device
from .errors import ScratchLMError
from .function import Function
from .random import manual_seed

__version__ = "0.1.0"

__all__ = [
    "Device",
    "Function",
    "ScratchLMError",
    "Tensor",
    "__version__",
    "default_device",
    "detect_anomaly",
    "get_device",
    "is_grad_enabled",
    "manual_seed",
    "no_grad",
    "set_default_device",
    "tensor",
    "use_device",
]
