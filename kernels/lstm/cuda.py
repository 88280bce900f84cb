"""Long short-term memory: one step [lstm.cell] and a whole sequence [lstm.sequence].

Of each step the recurrent product is cuBLAS's, everything else one kernel.
"""

from ..cuda.launching import array_module, each, whole


def lstm_cell_forward(gates, c_before):
    """c = f ⊙ c_before + i ⊙ g,  h = o ⊙ tanh c    [lstm.cell]. `gates` becomes i, f, g, o."""
    work, c_before = whole(gates, c_before)
    xp = array_module(work)
    h, c = xp.empty_like(c_before), xp.empty_like(c_before)
    each("lstm", "lstm_cell_forward", c.size, work, c_before, h, c, c.shape[1])
    if work is not gates:
        gates[...] = work
    return h, c


def lstm_cell_backward(grad_h, grad_c, gates, c_before, c):
    """Derivative of one step; formula in reference.py    [lstm.cell]."""
    grad_h, grad_c, gates, c_before, c = whole(grad_h, grad_c, gates, c_before, c)
    xp = array_module(c)
    grad_gates, grad_c_before = xp.empty_like(gates), xp.empty_like(c)
    each(
        "lstm", "lstm_cell_backward", c.size,
        grad_h, xp.zeros_like(c), grad_c, gates, c_before, c, grad_gates, grad_c_before, c.shape[1],
    )  # fmt: skip
    return grad_gates, grad_c_before


def lstm_forward(gates, h_before, c_before, weight_hh):
    """One step after the other: gates_t += h_(t−1) W_hhᵀ, then the cell    [lstm.sequence]."""
    work, h_before, c_before = whole(gates, h_before, c_before)
    xp = array_module(work)
    T, (B, H) = len(work), h_before.shape
    h, c = xp.empty((T, B, H), work.dtype), xp.empty((T, B, H), work.dtype)
    for t in range(T):
        product = xp.ascontiguousarray(xp.matmul(h_before, weight_hh.T))  # (B, 4H)
        each("lstm", "lstm_step_forward", B * H, product, work[t], c_before, h[t], c[t], H)
        h_before, c_before = h[t], c[t]
    if work is not gates:
        gates[...] = work
    return h, c


def lstm_backward(grad_h, grad_c_last, gates, c_before, c, weight_hh):
    """Back-propagation through time    [lstm.sequence]."""
    grad_h, gates, c_before, c = whole(grad_h, gates, c_before, c)
    xp = array_module(c)
    T, B, H = c.shape
    grad_gates, grad_h_next = xp.empty_like(gates), xp.zeros_like(c_before)
    grad_c = xp.array(grad_c_last, order="C")  # overwritten step by step
    for t in reversed(range(T)):
        before = c[t - 1] if t > 0 else c_before
        each(
            "lstm", "lstm_cell_backward", B * H,
            grad_h[t], grad_h_next, grad_c, gates[t], before, c[t], grad_gates[t], grad_c, H,
        )  # fmt: skip
        grad_h_next = xp.ascontiguousarray(xp.matmul(grad_gates[t], weight_hh))  # (B, H)
    return grad_gates, grad_h_next, grad_c
