"""LSTM layers with PyTorch's parameter names, shapes and gate order (i, f, g, o)."""

import numpy as np

from .. import functions as F
from ..device import Device
from ..errors import ShapeError
from ..tensor import Tensor
from .layers import uniform
from .module import Module, Parameter

State = tuple[Tensor, Tensor]


class LSTMCell(Module):
    """One step of an LSTM: x (B, D), state h, c (B, H) → h, c    [lstm.cell].

    Parameters: weight_ih (4H, D), weight_hh (4H, H), bias_ih, bias_hh (4H), from U(−1/√H, 1/√H).
    """

    def __init__(self, input_size: int, hidden_size: int, device: "str | Device | None" = None):
        self.hidden_size = hidden_size
        bound = hidden_size**-0.5
        self.weight_ih = uniform(bound, (4 * hidden_size, input_size), device)
        self.weight_hh = uniform(bound, (4 * hidden_size, hidden_size), device)
        self.bias_ih = uniform(bound, (4 * hidden_size,), device)
        self.bias_hh = uniform(bound, (4 * hidden_size,), device)

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """x (B, D) and state (h, c), each (B, H), zeros for None → the new (h, c)."""
        if state is None:
            zeros = np.zeros((x.shape[0], self.hidden_size), x.dtype)
            state = Tensor(zeros, device=x.device), Tensor(zeros, device=x.device)
        return F.lstm_cell(x, *state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


class LSTM(Module):
    """Layers of LSTM over a whole sequence    [lstm.sequence].

    Args:
        input_size, hidden_size: D and H.
        num_layers: layers L; each reads the outputs of the one below.
        batch_first: input and output (B, T, ·) instead of (T, B, ·).
        dropout: probability between layers, while training.
        bidirectional: a second direction that reads backwards; outputs are side by side (2H).

    Parameters as in torch.nn.LSTM: weight_ih_l0 (4H, D), weight_hh_l0 (4H, H), bias_ih_l0, bias_hh_l0 (4H),
    …_l1, and with suffix _reverse for the second direction; from U(−1/√H, 1/√H).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: "str | Device | None" = None,
    ):
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.directions = ("", "_reverse") if bidirectional else ("",)
        bound = hidden_size**-0.5
        for layer in range(num_layers):
            features = input_size if layer == 0 else hidden_size * len(self.directions)
            for direction in self.directions:
                suffix = f"l{layer}{direction}"
                setattr(self, f"weight_ih_{suffix}", uniform(bound, (4 * hidden_size, features), device))
                setattr(self, f"weight_hh_{suffix}", uniform(bound, (4 * hidden_size, hidden_size), device))
                setattr(self, f"bias_ih_{suffix}", uniform(bound, (4 * hidden_size,), device))
                setattr(self, f"bias_hh_{suffix}", uniform(bound, (4 * hidden_size,), device))

    def weights(self, layer: int, direction: str) -> tuple[Parameter, ...]:
        """The four parameters of one layer and direction, in the order of `functions.lstm`."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return tuple(getattr(self, f"{name}_l{layer}{direction}") for name in names)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (T, B, D), state (h, c) each (L·directions, B, H), zeros for None.

        Returns the last layer's outputs (T, B, H·directions) and the state after the last step.
        """
        if x.ndim != 3:
            raise ShapeError(f"LSTM takes an input with three axes (time, batch, features), got {x.shape}.")
        if self.batch_first:
            x = x.swapaxes(0, 1)
        shape = (self.num_layers * len(self.directions), x.shape[1], self.hidden_size)
        if state is None:
            zeros = Tensor(np.zeros(shape, x.dtype), device=x.device)
            state = zeros, zeros
        if state[0].shape != shape or state[1].shape != shape:
            raise ShapeError(
                f"LSTM expects the state as (layers·directions, batch, hidden) = {shape}, "
                f"got {state[0].shape} and {state[1].shape}."
            )
        last: list[State] = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for direction in self.directions:
                k = len(last)
                read = x if direction == "" else x[::-1]
                h, h_last, c_last = F.lstm(read, state[0][k], state[1][k], *self.weights(layer, direction))
                outputs.append(h if direction == "" else h[::-1])
                last.append((h_last, c_last))
            x = outputs[0] if len(outputs) == 1 else F.cat(outputs, axis=2)
        new_state = F.stack([h for h, _ in last]), F.stack([c for _, c in last])
        return (x.swapaxes(0, 1) if self.batch_first else x), new_state

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"
