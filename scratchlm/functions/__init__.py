"""The differentiable formulas, one family a file, forward and backward side by side.

Names without an underscore are for use on tensors (`softmax(x)`); `…_composed` is the same formula out of
primitive operations, from which autograd derives the gradient: the twin that tests hold the other to.
"""

from .activation import (
    gelu,
    gelu_composed,
    relu,
    relu_composed,
    sigmoid,
    sigmoid_composed,
    tanh,
    tanh_composed,
)
from .additive_attention import (
    additive_attention,
    additive_attention_composed,
    additive_attention_weights,
)
from .attention import (
    attention,
    attention_composed,
    attention_weights,
    self_attention,
    self_attention_composed,
)
from .dropout import dropout, dropout_composed
from .elementwise import add, astype, divide, exp, log, multiply, negative, power, subtract, where
from .embedding import embedding, embedding_composed
from .gru import gru, gru_composed
from .loss import (
    cross_entropy,
    cross_entropy_composed,
    gaussian_kl,
    gaussian_kl_composed,
    linear_cross_entropy,
    linear_cross_entropy_composed,
    mse_loss,
    mse_loss_composed,
    perplexity,
)
from .lstm import lstm, lstm_cell, lstm_cell_composed, lstm_composed
from .matmul import linear, linear_composed, matmul
from .norm import layer_norm, layer_norm_composed
from .reduction import max, mean, sum
from .shape import (
    broadcast_to,
    cat,
    getitem,
    reshape,
    split,
    squeeze,
    stack,
    swapaxes,
    to_device,
    transpose,
    unsqueeze,
)
from .softmax import log_softmax, log_softmax_composed, logsumexp, softmax, softmax_composed

__all__ = [
    "add",
    "additive_attention",
    "additive_attention_composed",
    "additive_attention_weights",
    "astype",
    "attention",
    "attention_composed",
    "attention_weights",
    "broadcast_to",
    "cat",
    "cross_entropy",
    "cross_entropy_composed",
    "divide",
    "dropout",
    "dropout_composed",
    "embedding",
    "embedding_composed",
    "exp",
    "gaussian_kl",
    "gaussian_kl_composed",
    "gelu",
    "gelu_composed",
    "getitem",
    "gru",
    "gru_composed",
    "layer_norm",
    "layer_norm_composed",
    "linear",
    "linear_composed",
    "linear_cross_entropy",
    "linear_cross_entropy_composed",
    "log",
    "log_softmax",
    "log_softmax_composed",
    "logsumexp",
    "lstm",
    "lstm_cell",
    "lstm_cell_composed",
    "lstm_composed",
    "matmul",
    "max",
    "mean",
    "mse_loss",
    "mse_loss_composed",
    "multiply",
    "negative",
    "perplexity",
    "power",
    "relu",
    "relu_composed",
    "reshape",
    "self_attention",
    "self_attention_composed",
    "sigmoid",
    "sigmoid_composed",
    "softmax",
    "softmax_composed",
    "split",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "swapaxes",
    "tanh",
    "tanh_composed",
    "to_device",
    "transpose",
    "unsqueeze",
    "where",
]
