"""One token through the layers of a model, for text written token by token [lstm.step, transformer.step].

Out of the other kernels: on a GPU a token waits for launches, not for memory.
"""

from types import SimpleNamespace

from ..activation.cuda import gelu_forward
from ..attention.cuda import attention_forward
from ..cuda.launching import array_module
from ..lstm.cuda import lstm_cell_forward
from ..matmul.cuda import linear_forward, matmul
from ..norm.cuda import layer_norm_forward
from . import reference

PARTS = SimpleNamespace(
    norm=layer_norm_forward,
    linear=linear_forward,
    attention=attention_forward,
    gelu=gelu_forward,
    matmul=matmul,
)


def lstm_step(x, h_before, c_before, weight_ih, weight_hh, bias_ih, bias_hh):
    """One layer: gates = x W_ihᵀ + b_ih + h W_hhᵀ + b_hh, then the cell    [lstm.step]."""
    gates = linear_forward(x, weight_ih, bias_ih)
    gates += linear_forward(h_before, weight_hh, bias_hh)
    return lstm_cell_forward(gates, c_before)


def transformer_step(x, keys, values, heads, eps, weights):
    """NumPy's lines (see reference.py) with the kernels of this set    [transformer.step]."""
    return reference.transformer_step(x, keys, values, heads, eps, weights, array_module(x), PARTS)
