"""Every kernel in Numba, compiled at first use and kept in a cache (see `compiling.py`)."""

from .activation import (
    add,
    gelu_backward,
    gelu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from .additive_attention import additive_attention_backward, additive_attention_forward
from .attention import (
    attention_backward,
    attention_forward,
    attention_packed_backward,
    attention_packed_forward,
)
from .cross_entropy import (
    cross_entropy_backward,
    cross_entropy_forward,
    linear_cross_entropy,
    linear_cross_entropy_losses,
)
from .dropout import dropout
from .embedding import embedding_backward, embedding_forward
from .generation import lstm_step, transformer_step
from .gru import gru_backward, gru_forward
from .lstm import lstm_backward, lstm_cell_backward, lstm_cell_forward, lstm_forward
from .matmul import linear_forward, linear_weight_backward, matmul
from .memory import keep_memory
from .norm import layer_norm_backward, layer_norm_forward
from .optimizer import adam_step, gradient_norm, sgd_step
from .softmax import log_softmax_backward, log_softmax_forward, softmax_backward, softmax_forward

__all__ = [
    "adam_step",
    "add",
    "additive_attention_backward",
    "additive_attention_forward",
    "attention_backward",
    "attention_forward",
    "attention_packed_backward",
    "attention_packed_forward",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "dropout",
    "embedding_backward",
    "embedding_forward",
    "gelu_backward",
    "gelu_forward",
    "gradient_norm",
    "gru_backward",
    "gru_forward",
    "layer_norm_backward",
    "layer_norm_forward",
    "linear_cross_entropy",
    "linear_cross_entropy_losses",
    "linear_forward",
    "linear_weight_backward",
    "log_softmax_backward",
    "log_softmax_forward",
    "lstm_backward",
    "lstm_cell_backward",
    "lstm_cell_forward",
    "lstm_forward",
    "lstm_step",
    "matmul",
    "relu_backward",
    "relu_forward",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
    "transformer_step",
]

keep_memory()
