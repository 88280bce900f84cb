"""LSTM, GRU and plain recurrent layers with PyTorch's parameter names, shapes and gate order.

T time steps, B batch, D features, H hidden, L layers.
"""

from typing import Any

import numpy as np

from .. import functions as F
from ..device import Device
from ..errors import OptionError, ShapeError
from ..function import tensor_of
from ..functions.rnn import checked_nonlinearity
from ..tensor import Tensor
from .cells import State, Weights, no_bias
from .layers import checked_lengths, uniform, whole
from .module import Module


def turned(x: Any, lengths: np.ndarray | None) -> Any:
    """x (T, B, ·), a tensor or an array, from its end to its beginning; padding stays at the end."""
    if lengths is None:
        return x[::-1]
    T, B = x.shape[:2]
    t = np.arange(T)[:, None]
    return x[np.where(t < lengths, lengths - 1 - t, t), np.arange(B)]


class Recurrent(Module):
    """What LSTM, GRU and RNN share: layers and directions, their parameters, and the walk through them.

    Args:
        input_size, hidden_size: D and H.
        num_layers: layers L; each reads the outputs of the one below.
        bias: whether there are biases.
        batch_first: input and output (B, T, ·) instead of (T, B, ·).
        dropout: probability between layers, while training.
        bidirectional: a second direction that reads backwards; outputs are side by side (2H).
        proj_size: P, the width of h where it is not H (LSTM alone); 0 for H.

    Parameters for G gates: weight_ih_l0 (GH, D), weight_hh_l0 (GH, H), bias_ih_l0, bias_hh_l0 (GH), …_l1, and
    with suffix _reverse for the second direction; weight_hr_l0 (P, H) where h is projected. All from
    U(−1/√H, 1/√H).
    """

    gates: int
    parts: int  # of the state: 2 for (h, c), 1 for h

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: "str | Device | None" = None,
    ):
        F.check_probability(dropout)
        self.input_size = whole("input_size", input_size)
        self.hidden_size = whole("hidden_size", hidden_size)
        self.num_layers = whole("num_layers", num_layers)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = self.checked_projection(proj_size)
        self.directions = ("", "_reverse") if bidirectional else ("",)
        width = proj_size or hidden_size  # of h
        bound, rows = hidden_size**-0.5, self.gates * hidden_size
        for layer in range(num_layers):
            features = input_size if layer == 0 else width * len(self.directions)
            for direction in self.directions:
                suffix = f"l{layer}{direction}"
                setattr(self, f"weight_ih_{suffix}", uniform(bound, (rows, features), device))
                setattr(self, f"weight_hh_{suffix}", uniform(bound, (rows, width), device))
                if bias:
                    setattr(self, f"bias_ih_{suffix}", uniform(bound, (rows,), device))
                    setattr(self, f"bias_hh_{suffix}", uniform(bound, (rows,), device))
                if proj_size:
                    setattr(self, f"weight_hr_{suffix}", uniform(bound, (proj_size, hidden_size), device))

    def checked_projection(self, size: int) -> int:
        """The width of h, for the layers that have a projection: 0 ≤ size < H."""
        if size and self.parts == 1:
            raise OptionError(f"{type(self).__name__} has no projection: proj_size is for LSTM.")
        if size and not whole("proj_size", size) < self.hidden_size:
            raise OptionError(f"proj_size is {size}, expected less than hidden_size {self.hidden_size}.")
        return size

    def weights(self, layer: int, direction: str) -> Weights:
        """Weights and biases of one layer and direction, 0 for biases that there are not."""
        suffix = f"l{layer}{direction}"
        weights = getattr(self, f"weight_ih_{suffix}"), getattr(self, f"weight_hh_{suffix}")
        if not self.bias:
            return (*weights, no_bias(weights[0]), no_bias(weights[0]))
        return (*weights, getattr(self, f"bias_ih_{suffix}"), getattr(self, f"bias_hh_{suffix}"))

    def layer(self, x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> Any:
        """One layer in one direction: outputs (T, B, H), then each part of the last state (B, H)."""
        raise NotImplementedError

    def padded(self, x: Tensor, state: tuple[Tensor, ...], weights: Weights, lengths: np.ndarray) -> Any:
        """`layer` for sequences of these lengths: outputs beyond them are 0, the state is the one after.

        The sequences are sorted by length, so that those which go on stand at the front. From one length to
        the next, the layer reads only them: padding is never computed with.
        """
        order, (T, B) = np.argsort(-lengths, kind="stable"), x.shape[:2]
        x, state = x[:, order], tuple(part[order] for part in state)
        outputs, ends, t = [], [], 0
        for length in np.unique(lengths).tolist():
            reading, going_on = int((lengths >= length).sum()), int((lengths > length).sum())
            before = tuple(part[:reading] for part in state)
            h, *after = self.layer(x[t:length, :reading], before, weights)
            outputs.append(F.pad(h, (0, 0, 0, B - reading)))
            ends.append([part[going_on:] for part in after])
            state, t = tuple(part[:going_on] for part in after), length
        y, back = F.pad(F.cat(outputs), (0, 0, 0, 0, 0, T - t)), np.argsort(order)
        return (y[:, back], *(F.cat(parts[::-1])[back] for parts in zip(*ends, strict=True)))

    def run(
        self, x: Tensor, state: tuple[Tensor, ...] | None, lengths: Any = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers and directions; the state's parts are (L·directions, B, H) each, zeros for None."""
        name = type(self).__name__
        x = tensor_of(x, name)
        state = None if state is None else tuple(tensor_of(part, f"The state of {name}") for part in state)
        if x.ndim != 3:
            raise ShapeError(f"{name} takes an input with three axes (time, batch, features), got {x.shape}.")
        if self.batch_first:
            x = x.swapaxes(0, 1)
        T, B = x.shape[:2]
        if T == 0:
            raise ShapeError(f"{name} reads at least one time step, got none.")
        counts = None if lengths is None else checked_lengths(lengths, B, T, name)
        if counts is not None and (counts == T).all():
            counts = None
        widths = (self.proj_size or self.hidden_size, self.hidden_size)[: self.parts]
        shapes = [(self.num_layers * len(self.directions), B, width) for width in widths]
        if state is None:
            state = tuple(Tensor(x.device.xp.zeros(shape, x.dtype), device=x.device) for shape in shapes)
        if len(state) != self.parts:
            raise ShapeError(f"{name} takes its state as {self.parts} tensors, got {len(state)}.")
        for part, shape in zip(state, shapes, strict=True):
            if part.shape != shape:
                raise ShapeError(
                    f"{name} expects the state as (layers·directions, batch, hidden) = {shape}, "
                    f"got {part.shape}."
                )
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for direction in self.directions:
                start = tuple(part[len(last)] for part in state)
                weights = self.weights(layer, direction)
                read = turned(x, counts) if direction else x
                if counts is None:
                    h, *end = self.layer(read, start, weights)
                else:
                    h, *end = self.padded(read, start, weights, counts)
                outputs.append(turned(h, counts) if direction else h)
                last.append(tuple(end))
            x = outputs[0] if len(outputs) == 1 else F.cat(outputs, axis=2)
        new_state = tuple(F.stack(parts) for parts in zip(*last, strict=True))
        return (x.swapaxes(0, 1) if self.batch_first else x), new_state

    def flatten_parameters(self) -> None:
        """Nothing: PyTorch's call for cards, where programs have it."""

    def extra_repr(self) -> str:
        """The sizes shown in `repr`."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"


class LSTM(Recurrent):
    """Layers of LSTM over a sequence, gates i, f, g, o; arguments as for Recurrent    [lstm.sequence]."""

    gates, parts = 4, 2

    def forward(self, x: Tensor, state: State | None = None, lengths: Any = None) -> tuple[Tensor, State]:
        """x (T, B, D), state (h, c) each (L·directions, B, H), zeros for None; lengths (B), T for None.

        Returns the last layer's outputs (T, B, H·directions), 0 beyond a length, and the state (h, c) after
        the last step that counts.
        """
        y, (h, c) = self.run(x, state, lengths)
        return y, (h, c)

    def weights(self, layer: int, direction: str) -> Any:
        """Weights and biases of one layer and direction; the projection last, where there is one."""
        weights = super().weights(layer, direction)
        return (*weights, getattr(self, f"weight_hr_l{layer}{direction}")) if self.proj_size else weights

    def layer(self, x: Tensor, state: tuple[Tensor, ...], weights: Any) -> Any:
        """One layer in one direction."""
        if self.proj_size:
            return F.lstm_projected(x, state[0], state[1], weights[:4], weights[4])
        return F.lstm(x, state[0], state[1], *weights)


class OneState(Recurrent):
    """What GRU and RNN share: the state is h alone."""

    parts = 1

    def forward(self, x: Tensor, state: Tensor | None = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        """x (T, B, D), state h (L·directions, B, H), zeros for None; lengths (B), T for None.

        Returns the last layer's outputs (T, B, H·directions), 0 beyond a length, and the state h after the
        last step that counts.
        """
        y, (h,) = self.run(x, None if state is None else (state,), lengths)
        return y, h


class GRU(OneState):
    """Layers of GRU over a whole sequence, gates r, z, n; arguments as for Recurrent    [gru]."""

    gates = 3

    def layer(self, x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> Any:
        """One layer in one direction."""
        return F.gru(x, state[0], *weights)


class RNN(OneState):
    """Layers of h = tanh(W x + b + W' h + b'), or "relu" of that; other arguments as for Recurrent."""

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        **options: Any,
    ):
        super().__init__(input_size, hidden_size, num_layers, **options)
        self.nonlinearity = checked_nonlinearity(nonlinearity)

    def layer(self, x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> Any:
        """One layer in one direction."""
        return F.rnn(x, state[0], *weights, self.nonlinearity)
