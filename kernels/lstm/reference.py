"""Long short-term memory: one step [lstm.cell] and a whole sequence [lstm.sequence].

`gates` holds i, f, g, o side by side, (B, 4H) for one step: before the non-linearities on entry
(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh, for a whole sequence still without the part of h), the gates themselves
afterwards. Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers and others 2000; order of
the gates as in PyTorch.
"""

import numpy as np

from ..activation.reference import sigmoid_forward
from ..grammar import kernel


@kernel("lstm.cell", "gates* (B, 4H), c_before (B, H)", "h (B, H), c (B, H)")
def lstm_cell_forward(gates, c_before):
    """c = f ⊙ c_before + i ⊙ g,  h = o ⊙ tanh c    [lstm.cell].

    i, f, o = σ(·), g = tanh(·); they replace what `gates` held.
    """
    H = c_before.shape[1]
    gates[:, : 2 * H] = sigmoid_forward(gates[:, : 2 * H])  # i, f
    gates[:, 2 * H : 3 * H] = np.tanh(gates[:, 2 * H : 3 * H])  # g
    gates[:, 3 * H :] = sigmoid_forward(gates[:, 3 * H :])  # o
    i, f, g, o = gates[:, :H], gates[:, H : 2 * H], gates[:, 2 * H : 3 * H], gates[:, 3 * H :]
    c = f * c_before + i * g  # (B, H)
    return o * np.tanh(c), c


@kernel(
    "lstm.cell",
    "grad_h (B, H), grad_c (B, H), gates (B, 4H), c_before (B, H), c (B, H)",
    "grad_gates (B, 4H), grad_c_before (B, H)",
)
def lstm_cell_backward(grad_h, grad_c, gates, c_before, c):
    """Derivative of one step    [lstm.cell].

    c reaches the loss through the next step (`grad_c`) and through h:
    δc = grad_c + grad_h ⊙ o ⊙ (1 − tanh² c). Then, before the non-linearities (σ' = σ(1 − σ)):
    δi = δc ⊙ g ⊙ i(1 − i),  δf = δc ⊙ c_before ⊙ f(1 − f),  δg = δc ⊙ i ⊙ (1 − g²),
    δo = grad_h ⊙ tanh c ⊙ o(1 − o);  and ∂L/∂c_before = δc ⊙ f.
    """
    H = c_before.shape[1]
    i, f, g, o = gates[:, :H], gates[:, H : 2 * H], gates[:, 2 * H : 3 * H], gates[:, 3 * H :]
    tanh_c = np.tanh(c)
    grad_c = grad_c + grad_h * o * (1 - tanh_c * tanh_c)  # (B, H)
    grad_gates = np.concatenate(
        [
            grad_c * g * i * (1 - i),
            grad_c * c_before * f * (1 - f),
            grad_c * i * (1 - g * g),
            grad_h * tanh_c * o * (1 - o),
        ],
        axis=1,
    )  # (B, 4H)
    return grad_gates, grad_c * f


@kernel(
    "lstm.sequence",
    "gates* (T, B, 4H), h_before (B, H), c_before (B, H), weight_hh (4H, H)",
    "h (T, B, H), c (T, B, H)",
)
def lstm_forward(gates, h_before, c_before, weight_hh):
    """One step after the other: gates_t += h_(t−1) W_hhᵀ, then the cell    [lstm.sequence].

    `gates` (T, B, 4H) holds x_t W_ihᵀ + b_ih + b_hh for all steps, from one product before.
    """
    T, B, _ = gates.shape
    h = np.empty((T, B, h_before.shape[1]), gates.dtype)
    c = np.empty_like(h)
    for t in range(T):
        gates[t] += h_before @ weight_hh.T  # (B, 4H)
        h[t], c[t] = lstm_cell_forward(gates[t], c_before)
        h_before, c_before = h[t], c[t]
    return h, c


@kernel(
    "lstm.sequence",
    "grad_h (T, B, H), grad_c_last (B, H), gates (T, B, 4H), c_before (B, H), c (T, B, H), weight_hh (4H, H)",
    "grad_gates (T, B, 4H), grad_h_before (B, H), grad_c_before (B, H)",
)
def lstm_backward(grad_h, grad_c_last, gates, c_before, c, weight_hh):
    """Back-propagation through time    [lstm.sequence].

    h_t reaches the loss directly (`grad_h[t]`) and through the next step's gates (δ_(t+1) W_hh).
    """
    T = len(grad_h)
    grad_gates = np.empty_like(gates)
    grad_h_next = np.zeros_like(c_before)  # what comes back from step t + 1
    grad_c = grad_c_last
    for t in reversed(range(T)):
        grad_gates[t], grad_c = lstm_cell_backward(
            grad_h[t] + grad_h_next, grad_c, gates[t], c[t - 1] if t > 0 else c_before, c[t]
        )
        grad_h_next = grad_gates[t] @ weight_hh  # (B, H)
    return grad_gates, grad_h_next, grad_c


def example(kernel, drawn, draw):
    """Backward takes gates between 0 and 1."""
    return {"gates": 0.5 + 0.49 * np.tanh(drawn["gates"])} if kernel.endswith("backward") else {}
