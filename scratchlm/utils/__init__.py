"""PyTorch's `utils`, as far as programs on text use it: `utils.data`."""

from . import data as data
