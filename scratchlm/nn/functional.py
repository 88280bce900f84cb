"""The functions by PyTorch's path: `import scratchlm.nn.functional as F`."""

from ..functions import *
