"""Layers with parameters. Names, shapes and initial values as in PyTorch, so that weights move both ways."""

from .layers import (
    CrossEntropyLoss,
    Dropout,
    Embedding,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from .lstm import LSTM, LSTMCell
from .module import Module, Parameter, Sequential

__all__ = [
    "LSTM",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "LSTMCell",
    "Linear",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
]
