"""The functions by PyTorch's path: `import scratchlm.nn.functional as F`."""

from ..errors import answering as _answering
from ..functions import *

__getattr__ = _answering("scratchlm.nn.functional", globals())
