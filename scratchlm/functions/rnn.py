"""The plain recurrent network: one step, and one layer over a whole sequence.

Shapes: T time steps, B batch, D features, H hidden. W_ih (H, D), W_hh (H, H), biases (H).
"""

from ..errors import OptionError, ShapeError, quote
from ..tensor import Tensor
from .activation import relu, tanh
from .lstm import check_shapes
from .matmul import linear
from .shape import stack, unbind

NONLINEARITIES = {"tanh": tanh, "relu": relu}


def checked_nonlinearity(name: str) -> str:
    """The name, if it is one of the two."""
    if not isinstance(name, str) or name not in NONLINEARITIES:
        raise OptionError(f"nonlinearity is {quote(name)}, expected one of {', '.join(NONLINEARITIES)}.")
    return name


def rnn(
    x: Tensor,
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    nonlinearity: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t−1) + b_hh), for t = 1 … T; or relu of that. Source: Elman 1990.

    x (T, B, D), h0 (B, H) → h (T, B, H), h_T (B, H).
    """
    checked_nonlinearity(nonlinearity)
    if x.ndim != 3 or x.shape[0] == 0:
        raise ShapeError(f"RNN takes an input (time, batch, features), time ≥ 1, got {x.shape}.")
    check_shapes("RNN", 1, x, {"h": h0}, (weight_ih, weight_hh, bias_ih, bias_hh))
    h, outputs = h0, []
    for z in unbind(linear(x, weight_ih, bias_ih)):  # one product for all steps
        h = NONLINEARITIES[nonlinearity](z + linear(h, weight_hh, bias_hh))
        outputs.append(h)
    return stack(outputs), h


def rnn_cell(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    nonlinearity: str = "tanh",
) -> Tensor:
    """One step: x (B, D), state h (B, H) → new h (B, H)."""
    return rnn(x.unsqueeze(0), h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity)[1]
