"""One step of an LSTM, a GRU or a plain recurrent network, with PyTorch's parameter names and gate order."""

from typing import Any

from .. import functions as F
from ..device import Device
from ..errors import ShapeError
from ..functions.rnn import checked_nonlinearity
from ..tensor import Tensor
from .layers import uniform, whole
from .module import Module, Parameter

State = tuple[Tensor, Tensor]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]  # weight_ih, weight_hh, bias_ih, bias_hh


def no_bias(weight: Parameter) -> Tensor:
    """0 for each row of a weight: what stands for a bias in a layer without one."""
    return Tensor(weight.device.xp.zeros(len(weight), weight.dtype), device=weight.device)


class Cell(Module):
    """What the cells share, for G gates: weight_ih (GH, D), weight_hh (GH, H), bias_ih, bias_hh (GH).

    They start from U(−1/√H, 1/√H).
    """

    gates: int

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: "str | Device | None" = None,
    ):
        self.input_size = whole("input_size", input_size)
        self.hidden_size = whole("hidden_size", hidden_size)
        bound, rows = hidden_size**-0.5, self.gates * hidden_size
        self.weight_ih = uniform(bound, (rows, input_size), device)
        self.weight_hh = uniform(bound, (rows, hidden_size), device)
        self.bias_ih = uniform(bound, (rows,), device) if bias else None
        self.bias_hh = uniform(bound, (rows,), device) if bias else None

    def weights(self) -> Weights:
        """Weights and biases, 0 for biases that there are not."""
        if self.bias_ih is None or self.bias_hh is None:
            return self.weight_ih, self.weight_hh, no_bias(self.weight_ih), no_bias(self.weight_ih)
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def zeros(self, x: Tensor) -> Tensor:
        """The state (B, H) before the first step."""
        return Tensor(x.device.xp.zeros((x.shape[0], self.hidden_size), x.dtype), device=x.device)

    def alone(self, x: Tensor, state: Any) -> Any:
        """One row x (D) and its state (H), as a batch of one."""
        if x.ndim != 1:
            raise ShapeError(
                f"{type(self).__name__} takes an input (batch, features), or (features), got {x.shape}."
            )
        if state is not None:
            state = tuple(s.unsqueeze(0) for s in state) if isinstance(state, tuple) else state.unsqueeze(0)
        y = self(x.unsqueeze(0), state)
        return tuple(part.squeeze(0) for part in y) if isinstance(y, tuple) else y.squeeze(0)

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.input_size}, {self.hidden_size}"


class LSTMCell(Cell):
    """One step of an LSTM: x (B, D), state h, c (B, H) → h, c    [lstm.cell]."""

    gates = 4

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """x (B, D) and state (h, c), each (B, H), zeros for None → the new (h, c); or all without B."""
        if x.ndim != 2:
            return self.alone(x, state)
        h, c = (self.zeros(x), self.zeros(x)) if state is None else state
        return F.lstm_cell(x, h, c, *self.weights())


class GRUCell(Cell):
    """One step of a GRU: x (B, D), state h (B, H) → h    [gru]."""

    gates = 3

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """x (B, D) and state h (B, H), zeros for None → the new h; or all without B."""
        if x.ndim != 2:
            return self.alone(x, state)
        return F.gru_cell(x, self.zeros(x) if state is None else state, *self.weights())


class RNNCell(Cell):
    """One step of a plain recurrent network: x (B, D), state h (B, H) → h; nonlinearity "tanh" or "relu"."""

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: "str | Device | None" = None,
    ):
        super().__init__(input_size, hidden_size, bias, device)
        self.nonlinearity = checked_nonlinearity(nonlinearity)

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """x (B, D) and state h (B, H), zeros for None → the new h; or all without B."""
        if x.ndim != 2:
            return self.alone(x, state)
        h = self.zeros(x) if state is None else state
        return F.rnn_cell(x, h, *self.weights(), self.nonlinearity)
