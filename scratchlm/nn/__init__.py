"""Layers with parameters. Names, shapes and initial values as in PyTorch, so that weights move both ways."""

from ..modes import evaluating as evaluating
from . import functional as functional
from .attention import MultiheadAttention as MultiheadAttention
from .attention import TransformerBlock as TransformerBlock
from .layers import GELU as GELU
from .layers import CrossEntropyLoss as CrossEntropyLoss
from .layers import Dropout as Dropout
from .layers import Embedding as Embedding
from .layers import LayerNorm as LayerNorm
from .layers import Linear as Linear
from .layers import MSELoss as MSELoss
from .layers import ReLU as ReLU
from .layers import Sigmoid as Sigmoid
from .layers import Softmax as Softmax
from .layers import Tanh as Tanh
from .module import Module as Module
from .module import Parameter as Parameter
from .module import Sequential as Sequential
from .recurrent import GRU as GRU
from .recurrent import LSTM as LSTM
from .recurrent import LSTMCell as LSTMCell
