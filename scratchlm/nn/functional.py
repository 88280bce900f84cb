"""The functions by PyTorch's path and calls: `import scratchlm.nn.functional as F`."""

from ..errors import answering as _answering
from ..functions import *
from .calls import embedding as embedding  # type: ignore[assignment]
from .calls import layer_norm as layer_norm  # type: ignore[assignment]
from .calls import rms_norm as rms_norm  # type: ignore[assignment]

__getattr__ = _answering("scratchlm.nn.functional", globals())
