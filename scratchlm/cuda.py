"""Whether there is a GPU: for the line with which most programs for PyTorch begin.

>>> import scratchlm as sl
>>> device = sl.device("cuda" if sl.cuda.is_available() else "cpu")
"""

from .device import get_device
from .errors import DeviceError


def is_available() -> bool:
    """Whether the device `cuda` opens here: there are CuPy, a driver and a card."""
    try:
        get_device("cuda")
    except DeviceError:
        return False
    return True
