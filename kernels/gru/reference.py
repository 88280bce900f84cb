"""Gated recurrent unit over a whole sequence [gru].

Shapes: T time, B batch, H hidden. Gates in PyTorch's order r, z, n. `gates` (T, B, 3H) holds
x_t W_ihᵀ + b_ih for all steps, from one product before.
"""

import numpy as np

from ..activation.reference import sigmoid_forward
from ..grammar import kernel


@kernel(
    "gru",
    "gates (T, B, 3H), h_before (B, H), weight_hh (3H, H), bias_hh (3H)",
    "h (T, B, H), saved (T, B, 4H)",
)
def gru_forward(gates, h_before, weight_hh, bias_hh):
    """r, z = σ(x-part + h-part),  n = tanh(x-part + r ⊙ h-part),  h = (1 − z) ⊙ n + z ⊙ h_before    [gru].

    The h-part is h_(t−1) W_hhᵀ + b_hh (B, 3H). Returns h (T, B, H) and, for backward, r, z, n and the h-part
    of n side by side (T, B, 4H). Source: Cho and others 2014, with the reset gate where PyTorch has it.
    """
    T, (B, H) = len(gates), h_before.shape
    h = np.empty((T, B, H), gates.dtype)
    saved = np.empty((T, B, 4 * H), gates.dtype)
    for t in range(T):
        x_part, h_part = gates[t], h_before @ weight_hh.T + bias_hh  # (B, 3H)
        r = sigmoid_forward(x_part[:, :H] + h_part[:, :H])
        z = sigmoid_forward(x_part[:, H : 2 * H] + h_part[:, H : 2 * H])
        n = np.tanh(x_part[:, 2 * H :] + r * h_part[:, 2 * H :])
        h[t] = (1 - z) * n + z * h_before
        saved[t] = np.concatenate([r, z, n, h_part[:, 2 * H :]], axis=1)
        h_before = h[t]
    return h, saved


@kernel(
    "gru",
    "grad_h (T, B, H), saved (T, B, 4H), h_before (B, H), h (T, B, H), weight_hh (3H, H)",
    "grad_x_part (T, B, 3H), grad_h_part (T, B, 3H), grad_h_before (B, H)",
)
def gru_backward(grad_h, saved, h_before, h, weight_hh):
    """Back-propagation through time    [gru].

    With ∂L/∂h the sum of what comes directly and from the next step:  δn = ∂L/∂h ⊙ (1 − z) ⊙ (1 − n²),
    δz = ∂L/∂h ⊙ (h_before − n) ⊙ z(1 − z),  δr = δn ⊙ (h-part of n) ⊙ r(1 − r).  Returns the gradients of the
    x-part (δr, δz, δn) and of the h-part (δr, δz, r ⊙ δn), both (T, B, 3H), and of the first state (B, H).
    """
    T, B, H = h.shape
    grad_x_part = np.empty((T, B, 3 * H), h.dtype)
    grad_h_part = np.empty((T, B, 3 * H), h.dtype)
    grad_next = np.zeros_like(h_before)
    for t in reversed(range(T)):
        r, z, n, h_n = np.split(saved[t], 4, axis=1)
        before = h[t - 1] if t > 0 else h_before
        g = grad_h[t] + grad_next  # (B, H)
        delta_n = g * (1 - z) * (1 - n * n)
        delta_z = g * (before - n) * z * (1 - z)
        delta_r = delta_n * h_n * r * (1 - r)
        grad_x_part[t] = np.concatenate([delta_r, delta_z, delta_n], axis=1)
        grad_h_part[t] = np.concatenate([delta_r, delta_z, delta_n * r], axis=1)
        grad_next = g * z + grad_h_part[t] @ weight_hh
    return grad_x_part, grad_h_part, grad_next


def example(kernel, drawn, draw):
    """Backward takes gates between 0 and 1."""
    return {"saved": 0.5 + 0.49 * np.tanh(drawn["saved"])} if kernel == "gru_backward" else {}
