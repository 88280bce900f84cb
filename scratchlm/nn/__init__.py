"""Layers with parameters. Names, shapes and initial values as in PyTorch, so that weights move both ways."""

from typing import Any

from ..errors import unknown as _unknown
from ..modes import evaluating as evaluating
from . import functional as functional
from .attention import MultiheadAttention as MultiheadAttention
from .attention import TransformerBlock as TransformerBlock
from .containers import ModuleDict as ModuleDict
from .containers import ModuleList as ModuleList
from .containers import ParameterList as ParameterList
from .containers import Sequential as Sequential
from .layers import GELU as GELU
from .layers import CrossEntropyLoss as CrossEntropyLoss
from .layers import Dropout as Dropout
from .layers import Embedding as Embedding
from .layers import Flatten as Flatten
from .layers import Identity as Identity
from .layers import LayerNorm as LayerNorm
from .layers import Linear as Linear
from .layers import MSELoss as MSELoss
from .layers import ReLU as ReLU
from .layers import Sigmoid as Sigmoid
from .layers import Softmax as Softmax
from .layers import Tanh as Tanh
from .module import Module as Module
from .module import Parameter as Parameter
from .recurrent import GRU as GRU
from .recurrent import LSTM as LSTM
from .recurrent import LSTMCell as LSTMCell


def __getattr__(name: str) -> Any:
    """For names that there are not."""
    if name.startswith("__"):
        raise AttributeError(name)  # protocols that somebody asks for
    raise _unknown("scratchlm.nn", name, globals())
