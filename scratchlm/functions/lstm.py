"""LSTM: one step, and one layer over a whole sequence.

Shapes: T time steps, B batch, D features, H hidden. W_ih (4H, D), W_hh (4H, H), biases (4H); gates in
PyTorch's order i, f, g, o. Time is the first axis: one step is then one block of memory.
"""

from ..errors import ShapeError
from ..function import Array, Function
from ..tensor import Tensor
from .matmul import linear
from .shape import split, stack


def check_shapes(
    name: str,
    gates: int,
    x: Array,
    states: dict[str, Array],
    weights: tuple[Array, ...],
    narrow: bool = False,
) -> None:
    """Refuse what does not fit together: a kernel would read beyond the end of an array.

    `gates` per layer: 4 for an LSTM, 3 for a GRU; states by name, each (B, H); weights in PyTorch's order.
    `narrow`: h may have fewer numbers than c, as by a projection.
    """
    weight_ih, weight_hh = weights[:2]
    if weight_ih.ndim != 2 or weight_hh.ndim != 2:
        raise ShapeError(
            f"{name} expects weights ({gates}H, D) and ({gates}H, H), "
            f"got shapes {weight_ih.shape} and {weight_hh.shape}."
        )
    D, P = weight_ih.shape[-1], weight_hh.shape[-1]
    H = weight_hh.shape[0] // gates if narrow else P
    expected = ((gates * H, D), (gates * H, P), (gates * H,), (gates * H,))
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for what, weight, shape in zip(names, weights, expected, strict=True):
        if weight.shape != shape:
            raise ShapeError(
                f"{name} expects {what} of shape {shape} for {D} features and hidden size {H}, "
                f"got {weight.shape}."
            )
    if x.shape[-1] != D:
        raise ShapeError(f"{name} expects {D} features, got an input of shape {x.shape}.")
    B = x.shape[-2]
    for what, state in states.items():
        if state.shape != (shape := (B, P if what == "h" else H)):
            raise ShapeError(
                f"{name} expects the state {what} as (batch, hidden) = {shape}, got {state.shape}."
            )


class LSTMCell(Function):
    """One step: i, f, o = σ(·), g = tanh(·) of x W_ihᵀ + b_ih + h W_hhᵀ + b_hh;  c' = f ⊙ c + i ⊙ g,
    h' = o ⊙ tanh c'    [lstm.cell].

    x (B, D), h and c (B, H) → h', c' (B, H); h may be narrower, (B, P) with W_hh (4H, P). The derivative of
    the gates is in `lstm_cell_backward` (kernels/lstm/reference.py); the products are a linear layer's.
    """

    float_inputs = None

    def forward(
        self, x: Array, h: Array, c: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array
    ) -> tuple[Array, Array]:
        if x.ndim != 2:
            raise ShapeError(f"{self.name} takes an input (batch, features), got {x.shape}.")
        weights = (weight_ih, weight_hh, bias_ih, bias_hh)
        check_shapes(self.name, 4, x, {"h": h, "c": c}, weights, narrow=True)
        gates = self.kernels.linear_forward(x, weight_ih, bias_ih + bias_hh)  # (B, 4H)
        gates += self.kernels.matmul(h, weight_hh.T)
        h_new, c_new = self.kernels.lstm_cell_forward(gates, c)
        self.save(x, h, c, weight_ih, weight_hh, gates, c_new)
        return h_new, c_new

    def backward(self, grad_h_new: Array, grad_c_new: Array) -> tuple[Array, ...]:
        x, h, c, weight_ih, weight_hh, gates, c_new = self.saved
        grad_gates, grad_c = self.kernels.lstm_cell_backward(grad_h_new, grad_c_new, gates, c, c_new)
        grad_x = self.kernels.matmul(grad_gates, weight_ih)
        grad_h = self.kernels.matmul(grad_gates, weight_hh)
        grad_weight_ih, grad_bias = self.kernels.linear_weight_backward(grad_gates, x)
        grad_weight_hh = self.kernels.matmul(grad_gates.T, h)
        return grad_x, grad_h, grad_c, grad_weight_ih, grad_weight_hh, grad_bias, grad_bias.copy()


class LSTM(Function):
    """One layer over a whole sequence: for t = 1 … T the step of LSTMCell    [lstm.sequence].

    x (T, B, D), h0 and c0 (B, H) → h (T, B, H), h_T, c_T (B, H). What does not depend on the step before is
    one product for all steps: x W_ihᵀ before the loop, and the gradients of both weights after it, from the
    gates' gradients δ (T, B, 4H): ∂L/∂W_ih = Σ_t δ_tᵀ x_t, ∂L/∂W_hh = Σ_t δ_tᵀ h_(t−1), ∂L/∂x = δ W_ih.
    """

    float_inputs = None

    def forward(
        self,
        x: Array,
        h0: Array,
        c0: Array,
        weight_ih: Array,
        weight_hh: Array,
        bias_ih: Array,
        bias_hh: Array,
    ) -> tuple[Array, Array, Array]:
        if x.ndim != 3 or x.shape[0] == 0:
            raise ShapeError(f"{self.name} takes an input (time, batch, features), time ≥ 1, got {x.shape}.")
        weights = (weight_ih, weight_hh, bias_ih, bias_hh)
        check_shapes(self.name, 4, x, {"h": h0, "c": c0}, weights)
        T, B, D = x.shape
        gates = self.kernels.linear_forward(x.reshape(T * B, D), weight_ih, bias_ih + bias_hh)  # (TB, 4H)
        gates = gates.reshape(T, B, len(weight_ih))
        h, c = self.kernels.lstm_forward(gates, h0, c0, weight_hh)
        self.save(x, h0, c0, weight_ih, weight_hh, gates, h, c)
        return h, h[-1].copy(), c[-1].copy()

    def backward(self, grad_h: Array, grad_h_last: Array, grad_c: Array) -> tuple[Array | None, ...]:
        x, h0, c0, weight_ih, weight_hh, gates, h, c = self.saved
        T, B, D = x.shape
        grad_h = grad_h.copy()
        grad_h[-1] += grad_h_last
        grad_gates, grad_h0, grad_c0 = self.kernels.lstm_backward(grad_h, grad_c, gates, c0, c, weight_hh)
        rows = grad_gates.reshape(T * B, len(weight_ih))  # δ (TB, 4H)
        grad_x = None
        if self.needs_grad[0]:
            grad_x = self.kernels.matmul(rows, weight_ih).reshape(x.shape)
        grad_weight_ih, grad_bias = self.kernels.linear_weight_backward(rows, x.reshape(T * B, D))
        grad_weight_hh = self.kernels.matmul(grad_gates[0].T, h0)
        if T > 1:
            grad_weight_hh += self.kernels.matmul(rows[B:].T, h[:-1].reshape((T - 1) * B, h.shape[2]))
        return grad_x, grad_h0, grad_c0, grad_weight_ih, grad_weight_hh, grad_bias, grad_bias.copy()


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Tensor, Tensor]:
    """One LSTM step: x (B, D), state h, c (B, H) → new h, c (B, H)."""
    return LSTMCell()(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)


def lstm_cell_composed(
    x: Tensor, h: Tensor, c: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Tensor, Tensor]:
    """The same out of primitive operations."""
    gates = linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)  # (B, 4H)
    i, f, g, o = split(gates, weight_hh.shape[1], axis=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm(
    x: Tensor, h0: Tensor, c0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer over a sequence: x (T, B, D), h0, c0 (B, H) → h (T, B, H), h_T, c_T (B, H)."""
    return LSTM()(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh)


def lstm_composed(
    x: Tensor, h0: Tensor, c0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same out of primitive operations, one step after the other."""
    h, c, outputs = h0, c0, []
    for x_t in x:
        h, c = lstm_cell_composed(x_t, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
        outputs.append(h)
    return stack(outputs), h, c


def lstm_projected(
    x: Tensor, h0: Tensor, c0: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor], weight_hr: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """A layer whose state h is narrower than its cells: h = W_hr (o ⊙ tanh c).

    x (T, B, D), h0 (B, P), c0 (B, H); weights W_ih (4H, D), W_hh (4H, P), biases (4H); W_hr (P, H) →
    h (T, B, P), h_T (B, P), c_T (B, H). Source: Sak, Senior, Beaufays (2014), their recurrent projection.
    """
    h, c, outputs = h0, c0, []
    for x_t in x:
        h, c = lstm_cell(x_t, h, c, *weights)  # (B, H)
        h = linear(h, weight_hr)  # (B, P)
        outputs.append(h)
    return stack(outputs), h, c
