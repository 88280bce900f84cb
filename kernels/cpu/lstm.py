"""Long short-term memory: one step [lstm.cell] and a whole sequence [lstm.sequence].

The steps of a sequence depend on each other, its batch rows do not: each thread takes its rows through all
steps without ever waiting for the others, with products on its own core.
"""

import numpy as np

from .compiling import kernel, sigmoid, tanh
from .threads import split

ROWS = 4  # fewer batch rows a thread are not worth the hand-over: the product reads all of W_hh for each


@kernel
def _cell_forward(gates, c_before, h, c):
    """Element by element: gates (B, 4H) become i, f, g, o; writes h, c (B, H)."""
    H = c.shape[1]
    for b in range(c.shape[0]):
        # Slices first: LLVM makes vectors of loops that start at 0 only.
        i, f, g, o = gates[b, :H], gates[b, H : 2 * H], gates[b, 2 * H : 3 * H], gates[b, 3 * H :]
        before, c_row, h_row = c_before[b], c[b], h[b]
        for j in range(H):
            i[j] = sigmoid(i[j])
            f[j] = sigmoid(f[j])
            g[j] = tanh(g[j])
            o[j] = sigmoid(o[j])
            c_row[j] = f[j] * before[j] + i[j] * g[j]
            h_row[j] = o[j] * tanh(c_row[j])


@kernel
def _step_forward(product, gates, c_before, h, c):
    """Add h_(t−1) W_hhᵀ to the gates, then the cell."""
    for b in range(gates.shape[0]):
        row, p = gates[b], product[b]
        for j in range(row.size):
            row[j] += p[j]
    _cell_forward(gates, c_before, h, c)


@kernel
def _cell_backward(grad_h, grad_h_next, grad_c, gates, c_before, c, grad_gates, grad_c_before):
    """Formula in kernels/reference/lstm.py; grad_h + grad_h_next is what reaches h."""
    H = c.shape[1]
    for b in range(c.shape[0]):
        i, f, g, o = gates[b, :H], gates[b, H : 2 * H], gates[b, 2 * H : 3 * H], gates[b, 3 * H :]
        row = grad_gates[b]
        di, df, dg, do = row[:H], row[H : 2 * H], row[2 * H : 3 * H], row[3 * H :]
        gh, gh_next, gc, out = grad_h[b], grad_h_next[b], grad_c[b], grad_c_before[b]
        before, c_row = c_before[b], c[b]
        for j in range(H):
            dh = gh[j] + gh_next[j]
            tanh_c = tanh(c_row[j])
            dc = gc[j] + dh * o[j] * (1 - tanh_c * tanh_c)
            di[j] = dc * g[j] * i[j] * (1 - i[j])
            df[j] = dc * before[j] * f[j] * (1 - f[j])
            dg[j] = dc * i[j] * (1 - g[j] * g[j])
            do[j] = dh * tanh_c * o[j] * (1 - o[j])
            out[j] = dc * f[j]


def lstm_cell_forward(gates, c_before):
    """c = f ⊙ c_before + i ⊙ g,  h = o ⊙ tanh c    [lstm.cell]. `gates` becomes i, f, g, o."""
    work = np.ascontiguousarray(gates)
    c_before = np.ascontiguousarray(c_before)
    h, c = np.empty_like(c_before), np.empty_like(c_before)
    _cell_forward(work, c_before, h, c)
    if work is not gates:
        gates[...] = work
    return h, c


def lstm_cell_backward(grad_h, grad_c, gates, c_before, c):
    """Derivative of one step    [lstm.cell]."""
    grad_h, grad_c, gates, c_before, c = map(np.ascontiguousarray, (grad_h, grad_c, gates, c_before, c))
    grad_gates, grad_c_before = np.empty_like(gates), np.empty_like(c)
    _cell_backward(grad_h, np.zeros_like(c), grad_c, gates, c_before, c, grad_gates, grad_c_before)
    return grad_gates, grad_c_before


def lstm_forward(gates, h_before, c_before, weight_hh):
    """One step after the other: gates_t += h_(t−1) W_hhᵀ, then the cell    [lstm.sequence]."""
    work = np.ascontiguousarray(gates)
    h_before, c_before = np.ascontiguousarray(h_before), np.ascontiguousarray(c_before)
    T, (B, H) = len(work), c_before.shape
    h, c = np.empty((T, B, H), work.dtype), np.empty((T, B, H), work.dtype)
    weight = np.ascontiguousarray(weight_hh.T)  # (H, 4H): OpenBLAS reads it 1.6 times faster this way round

    def rows(a, b):
        product = np.empty((b - a, 4 * H), work.dtype)
        h_t, c_t = h_before[a:b], c_before[a:b]
        for t in range(T):
            np.matmul(h_t, weight, out=product)
            _step_forward(product, work[t, a:b], c_t, h[t, a:b], c[t, a:b])
            h_t, c_t = h[t, a:b], c[t, a:b]

    split(B, rows, ROWS)
    if work is not gates:
        gates[...] = work
    return h, c


def lstm_backward(grad_h, grad_c_last, gates, c_before, c, weight_hh):
    """Back-propagation through time    [lstm.sequence]."""
    grad_h, gates, c_before, c, weight = map(np.ascontiguousarray, (grad_h, gates, c_before, c, weight_hh))
    T, B, _ = grad_h.shape
    grad_gates, grad_h_before = np.empty_like(gates), np.zeros_like(c_before)
    grad_c = np.array(grad_c_last, order="C")  # overwritten step by step

    def rows(a, b):
        for t in range(T - 1, -1, -1):
            before = c[t - 1, a:b] if t > 0 else c_before[a:b]
            _cell_backward(
                grad_h[t, a:b],
                grad_h_before[a:b],
                grad_c[a:b],
                gates[t, a:b],
                before,
                c[t, a:b],
                grad_gates[t, a:b],
                grad_c[a:b],
            )
            np.matmul(grad_gates[t, a:b], weight, out=grad_h_before[a:b])

    split(B, rows, ROWS)
    return grad_gates, grad_h_before, grad_c
