"""Layers with parameters. Names, shapes and initial values as in PyTorch, so that weights move both ways."""

from .attention import MultiheadAttention, TransformerBlock
from .layers import (
    GELU,
    CrossEntropyLoss,
    Dropout,
    Embedding,
    LayerNorm,
    Linear,
    MSELoss,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from .module import Module, Parameter, Sequential, evaluating
from .recurrent import GRU, LSTM, LSTMCell

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "Module",
    "MultiheadAttention",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TransformerBlock",
    "evaluating",
]
