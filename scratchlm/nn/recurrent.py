"""LSTM and GRU layers with PyTorch's parameter names, shapes and gate order."""

from typing import Any

from .. import functions as F
from ..device import Device
from ..errors import OptionError, ShapeError
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
            zeros = x.device.xp.zeros((x.shape[0], self.hidden_size), x.dtype)
            state = Tensor(zeros, device=x.device), Tensor(zeros, device=x.device)
        return F.lstm_cell(x, *state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


class Recurrent(Module):
    """What LSTM and GRU share: layers and directions, their parameters, and the walk through them.

    Args:
        input_size, hidden_size: D and H.
        num_layers: layers L; each reads the outputs of the one below.
        batch_first: input and output (B, T, ·) instead of (T, B, ·).
        dropout: probability between layers, while training.
        bidirectional: a second direction that reads backwards; outputs are side by side (2H).

    Parameters for G gates: weight_ih_l0 (GH, D), weight_hh_l0 (GH, H), bias_ih_l0, bias_hh_l0 (GH), …_l1, and
    with suffix _reverse for the second direction; from U(−1/√H, 1/√H).
    """

    gates: int
    parts: int  # of the state: 2 for (h, c), 1 for h

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
        if not 0 <= dropout < 1:
            raise OptionError(f"Dropout probability is {dropout}, expected 0 ≤ p < 1.")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.directions = ("", "_reverse") if bidirectional else ("",)
        bound, rows = hidden_size**-0.5, self.gates * hidden_size
        for layer in range(num_layers):
            features = input_size if layer == 0 else hidden_size * len(self.directions)
            for direction in self.directions:
                suffix = f"l{layer}{direction}"
                setattr(self, f"weight_ih_{suffix}", uniform(bound, (rows, features), device))
                setattr(self, f"weight_hh_{suffix}", uniform(bound, (rows, hidden_size), device))
                setattr(self, f"bias_ih_{suffix}", uniform(bound, (rows,), device))
                setattr(self, f"bias_hh_{suffix}", uniform(bound, (rows,), device))

    def weights(self, layer: int, direction: str) -> tuple[Parameter, ...]:
        """The four parameters of one layer and direction."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return tuple(getattr(self, f"{name}_l{layer}{direction}") for name in names)

    def layer(self, x: Tensor, state: tuple[Tensor, ...], weights: tuple[Parameter, ...]) -> Any:
        """One layer in one direction: outputs (T, B, H), then each part of the last state (B, H)."""
        raise NotImplementedError

    def run(self, x: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers and directions; the state's parts are (L·directions, B, H) each, zeros for None."""
        name = type(self).__name__
        if x.ndim != 3:
            raise ShapeError(f"{name} takes an input with three axes (time, batch, features), got {x.shape}.")
        if self.batch_first:
            x = x.swapaxes(0, 1)
        shape = (self.num_layers * len(self.directions), x.shape[1], self.hidden_size)
        if state is None:
            state = (Tensor(x.device.xp.zeros(shape, x.dtype), device=x.device),) * self.parts
        if wrong := [part.shape for part in state if part.shape != shape]:
            raise ShapeError(
                f"{name} expects the state as (layers·directions, batch, hidden) = {shape}, got {wrong[0]}."
            )
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for direction in self.directions:
                start = tuple(part[len(last)] for part in state)
                read = x if direction == "" else x[::-1]
                h, *end = self.layer(read, start, self.weights(layer, direction))
                outputs.append(h if direction == "" else h[::-1])
                last.append(tuple(end))
            x = outputs[0] if len(outputs) == 1 else F.cat(outputs, axis=2)
        new_state = tuple(F.stack(parts) for parts in zip(*last, strict=True))
        return (x.swapaxes(0, 1) if self.batch_first else x), new_state

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"


class LSTM(Recurrent):
    """Layers of LSTM over a sequence, gates i, f, g, o; arguments as for Recurrent    [lstm.sequence]."""

    gates, parts = 4, 2

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (T, B, D), state (h, c) each (L·directions, B, H), zeros for None.

        Returns the last layer's outputs (T, B, H·directions) and the state (h, c) after the last step.
        """
        y, (h, c) = self.run(x, state)
        return y, (h, c)

    def layer(self, x: Tensor, state: tuple[Tensor, ...], weights: tuple[Parameter, ...]) -> Any:
        """One layer in one direction."""
        return F.lstm(x, *state, *weights)


class GRU(Recurrent):
    """Layers of GRU over a whole sequence, gates r, z, n; arguments as for Recurrent    [gru]."""

    gates, parts = 3, 1

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (T, B, D), state h (L·directions, B, H), zeros for None.

        Returns the last layer's outputs (T, B, H·directions) and the state h after the last step.
        """
        y, (h,) = self.run(x, None if state is None else (state,))
        return y, h

    def layer(self, x: Tensor, state: tuple[Tensor, ...], weights: tuple[Parameter, ...]) -> Any:
        """One layer in one direction."""
        return F.gru(x, *state, *weights)
