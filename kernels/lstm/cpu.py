"""Long short-term memory: one step [lstm.cell] and a whole sequence [lstm.sequence].

The steps of a sequence depend on each other, its batch rows do not: each thread takes its rows through all
steps without ever waiting for the others, with products on its own core.
"""

import numpy as np

from ..cpu.compiling import inner
from ..cpu.elementary import sigmoid, tanh
from ..cpu.loops import parallel
from ..matmul.cpu import add_product, multiplying, packed

AT_LEAST = 1 << 11  # elements of h a thread, where there are no products: about 10 µs of work
ROWS = 4  # fewer batch rows a thread are not worth the hand-over: the product reads all of W_hh for each


@inner
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


@parallel
def _forward(first, last, team, gates, h_before, c_before, weight, h, c):
    """Per step: add h_(t−1) W_hhᵀ to the gates, then the cell."""
    panels, one = packed(last - first, weight), h.dtype.type(1)
    h_t, c_t = h_before[first:last], c_before[first:last]
    for t in range(len(h)):
        part = gates[t, first:last]
        add_product(team, h_t, weight, panels, one, part)
        _cell_forward(part, c_t, h[t, first:last], c[t, first:last])
        h_t, c_t = h[t, first:last], c[t, first:last]


@inner
def _cell_backward(grad_h, grad_h_next, grad_c, gates, c_before, c, grad_gates, grad_c_before):
    """Formula in reference.py; grad_h + grad_h_next is what reaches h."""
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


@parallel
def _backward(first, last, team, grad_h, grad_c, gates, c_before, c, weight, grad_gates, grad_h_before):
    panels, zero = packed(last - first, weight), c.dtype.type(0)
    gc, gh = grad_c[first:last], grad_h_before[first:last]
    for t in range(len(c) - 1, -1, -1):
        before = c[t - 1, first:last] if t > 0 else c_before[first:last]
        part = grad_gates[t, first:last]
        _cell_backward(
            grad_h[t, first:last], gh, gc, gates[t, first:last], before, c[t, first:last], part, gc
        )
        add_product(team, part, weight, panels, zero, gh)


@parallel
def _one_forward(first, last, gates, c_before, h, c):
    _cell_forward(gates[first:last], c_before[first:last], h[first:last], c[first:last])


@parallel
def _one_backward(first, last, grad_h, zero, grad_c, gates, c_before, c, grad_gates, grad_c_before):
    _cell_backward(
        grad_h[first:last], zero[first:last], grad_c[first:last], gates[first:last], c_before[first:last],
        c[first:last], grad_gates[first:last], grad_c_before[first:last],
    )  # fmt: skip


def lstm_cell_forward(gates, c_before):
    """c = f ⊙ c_before + i ⊙ g,  h = o ⊙ tanh c    [lstm.cell]. `gates` becomes i, f, g, o."""
    work = np.ascontiguousarray(gates)
    c_before = np.ascontiguousarray(c_before)
    h, c = np.empty_like(c_before), np.empty_like(c_before)
    B, H = c.shape
    _one_forward(B, AT_LEAST // max(H, 1), work, c_before, h, c)
    if work is not gates:
        gates[...] = work
    return h, c


def lstm_cell_backward(grad_h, grad_c, gates, c_before, c):
    """Derivative of one step    [lstm.cell]."""
    grad_h, grad_c, gates, c_before, c = map(np.ascontiguousarray, (grad_h, grad_c, gates, c_before, c))
    grad_gates, grad_c_before = np.empty_like(gates), np.empty_like(c)
    (B, H), zero = c.shape, np.zeros_like(c)
    _one_backward(
        B, AT_LEAST // max(H, 1), grad_h, zero, grad_c, gates, c_before, c, grad_gates, grad_c_before
    )
    return grad_gates, grad_c_before


def lstm_forward(gates, h_before, c_before, weight_hh):
    """One step after the other: gates_t += h_(t−1) W_hhᵀ, then the cell    [lstm.sequence]."""
    work = np.ascontiguousarray(gates)
    h_before, c_before = np.ascontiguousarray(h_before), np.ascontiguousarray(c_before)
    T, (B, H) = len(work), c_before.shape
    h, c = np.empty((T, B, H), work.dtype), np.empty((T, B, H), work.dtype)
    _forward(B, ROWS, multiplying(h.dtype), work, h_before, c_before, weight_hh.T, h, c)
    if work is not gates:
        gates[...] = work
    return h, c


def lstm_backward(grad_h, grad_c_last, gates, c_before, c, weight_hh):
    """Back-propagation through time    [lstm.sequence]."""
    grad_h, gates, c_before, c, weight = map(np.ascontiguousarray, (grad_h, gates, c_before, c, weight_hh))
    grad_gates, grad_h_before = np.empty_like(gates), np.zeros_like(c_before)
    grad_c = np.array(grad_c_last, order="C")  # overwritten step by step
    B, team = len(c_before), multiplying(weight.dtype)
    _backward(B, ROWS, team, grad_h, grad_c, gates, c_before, c, weight, grad_gates, grad_h_before)
    return grad_gates, grad_h_before, grad_c
