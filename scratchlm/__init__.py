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
from .tensor import tensor as tensor

# isort: split
from .autograd import detect_anomaly as detect_anomaly
from .autograd import is_grad_enabled as is_grad_enabled
from .autograd import no_grad as no_grad
from .device import Device as Device
from .device import default_device as default_device
from .device import get_device as get_device
from .device import set_default_device as set_default_device
from .device import use_device as use_device
from .errors import ScratchLMError as ScratchLMError
from .function import Function as Function
from .random import manual_seed as manual_seed

__version__ = "0.1.0"
