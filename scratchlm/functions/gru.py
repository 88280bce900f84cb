"""GRU: one layer over a whole sequence.

Shapes: T time steps, B batch, D features, H hidden. W_ih (3H, D), W_hh (3H, H), biases (3H); gates in
PyTorch's order r, z, n.
"""

from ..errors import ShapeError
from ..function import Array, Function
from ..tensor import Tensor
from .lstm import check_shapes
from .matmul import linear
from .shape import split, stack


class GRU(Function):
    """r, z = σ(·),  n = tanh(W x + b + r ⊙ (W' h + b')),  h' = (1 − z) ⊙ n + z ⊙ h, for t = 1 … T    [gru].

    x (T, B, D), h0 (B, H) → h (T, B, H), h_T (B, H). As in LSTM: one product for all steps before the loop,
    and the gradients of the weights as products over all steps after it.
    """

    float_inputs = None

    def forward(
        self, x: Array, h0: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array
    ) -> tuple[Array, Array]:
        if x.ndim != 3 or x.shape[0] == 0:
            raise ShapeError(f"GRU takes an input (time, batch, features), time ≥ 1, got {x.shape}.")
        check_shapes(self.name, 3, x, {"h": h0}, (weight_ih, weight_hh, bias_ih, bias_hh))
        T, B, D = x.shape
        gates = self.kernels.linear_forward(x.reshape(T * B, D), weight_ih, bias_ih)  # (TB, 3H)
        h, gates_seen = self.kernels.gru_forward(gates.reshape(T, B, len(weight_ih)), h0, weight_hh, bias_hh)
        self.save(x, h0, weight_ih, weight_hh, h, gates_seen)
        return h, h[-1].copy()

    def backward(self, grad_h: Array, grad_h_last: Array) -> tuple[Array | None, ...]:
        x, h0, weight_ih, weight_hh, h, gates_seen = self.saved
        T, B, D = x.shape
        grad_h = grad_h.copy()
        grad_h[-1] += grad_h_last
        x_part, h_part, grad_h0 = self.kernels.gru_backward(grad_h, gates_seen, h0, h, weight_hh)
        rows, h_rows = (part.reshape(T * B, len(weight_ih)) for part in (x_part, h_part))  # (TB, 3H)
        grad_x = None
        if self.needs_grad[0]:
            grad_x = self.kernels.matmul(rows, weight_ih).reshape(x.shape)
        before = self.xp.concatenate([h0[None], h[:-1]]).reshape(T * B, h.shape[2])  # h_(t−1) (TB, H)
        grad_weight_ih, grad_bias_ih = self.kernels.linear_weight_backward(rows, x.reshape(T * B, D))
        grad_weight_hh, grad_bias_hh = self.kernels.linear_weight_backward(h_rows, before)
        return grad_x, grad_h0, grad_weight_ih, grad_weight_hh, grad_bias_ih, grad_bias_hh


def gru(
    x: Tensor, h0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Tensor, Tensor]:
    """One layer over a sequence: x (T, B, D), h0 (B, H) → h (T, B, H), h_T (B, H)."""
    return GRU()(x, h0, weight_ih, weight_hh, bias_ih, bias_hh)


def gru_cell(
    x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> Tensor:
    """One GRU step: x (B, D), state h (B, H) → new h (B, H)."""
    return gru(x.unsqueeze(0), h, weight_ih, weight_hh, bias_ih, bias_hh)[1]


def gru_composed(
    x: Tensor, h0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Tensor, Tensor]:
    """The same out of primitive operations, one step after the other."""
    h, outputs, H = h0, [], weight_hh.shape[1]
    for x_t in x:
        x_r, x_z, x_n = split(linear(x_t, weight_ih, bias_ih), H, axis=1)
        h_r, h_z, h_n = split(linear(h, weight_hh, bias_hh), H, axis=1)
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        h = (1.0 - z) * (x_n + r * h_n).tanh() + z * h
        outputs.append(h)
    return stack(outputs), h
