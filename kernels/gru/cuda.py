"""Gated recurrent unit over a whole sequence [gru]: of each step a product, and one kernel for the rest."""

from ..cuda.launching import array_module, each, whole


def gru_forward(gates, h_before, weight_hh, bias_hh):
    """r, z = σ(·),  n = tanh(x-part + r ⊙ h-part),  h = (1 − z) ⊙ n + z ⊙ h_before    [gru]."""
    gates, h_before, bias = whole(gates, h_before, bias_hh)
    xp = array_module(gates)
    T, (B, H) = len(gates), h_before.shape
    h, saved = xp.empty((T, B, H), gates.dtype), xp.empty((T, B, 4 * H), gates.dtype)
    for t in range(T):
        product = xp.ascontiguousarray(xp.matmul(h_before, weight_hh.T))  # (B, 3H)
        each("gru", "gru_step_forward", B * H, gates[t], product, bias, h_before, h[t], saved[t], H)
        h_before = h[t]
    return h, saved


def gru_backward(grad_h, saved, h_before, h, weight_hh):
    """Back-propagation through time    [gru]."""
    grad_h, saved, h_before, h = whole(grad_h, saved, h_before, h)
    xp = array_module(h)
    T, B, H = h.shape
    grad_x_part, grad_h_part = xp.empty((T, B, 3 * H), h.dtype), xp.empty((T, B, 3 * H), h.dtype)
    grad_next, direct = xp.zeros_like(h_before), xp.empty_like(h_before)
    for t in reversed(range(T)):
        before = h[t - 1] if t > 0 else h_before
        each(
            "gru", "gru_step_backward", B * H,
            grad_h[t], grad_next, saved[t], before, grad_x_part[t], grad_h_part[t], direct, H,
        )  # fmt: skip
        grad_next = direct + xp.matmul(grad_h_part[t], weight_hh)
    return grad_x_part, grad_h_part, grad_next
