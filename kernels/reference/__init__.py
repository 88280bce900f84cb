"""Every kernel in NumPy, written as the formula is: to read, to step through, and to hold the others to."""

from .activation import (
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from .cross_entropy import (
    cross_entropy_backward,
    cross_entropy_forward,
    linear_cross_entropy,
    linear_cross_entropy_losses,
)
from .dropout import dropout
from .embedding import embedding_backward, embedding_forward
from .lstm import lstm_backward, lstm_cell_backward, lstm_cell_forward, lstm_forward
from .optimizer import adam_step, gradient_norm, sgd_step
from .softmax import log_softmax_backward, log_softmax_forward, softmax_backward, softmax_forward

__all__ = [
    "adam_step",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "dropout",
    "embedding_backward",
    "embedding_forward",
    "gradient_norm",
    "linear_cross_entropy",
    "linear_cross_entropy_losses",
    "log_softmax_backward",
    "log_softmax_forward",
    "lstm_backward",
    "lstm_cell_backward",
    "lstm_cell_forward",
    "lstm_forward",
    "relu_backward",
    "relu_forward",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]
