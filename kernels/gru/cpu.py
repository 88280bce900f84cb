"""Gated recurrent unit over a whole sequence [gru]; each thread takes its batch rows through all steps."""

import numpy as np

from ..cpu.compiling import inner
from ..cpu.elementary import sigmoid, tanh
from ..cpu.loops import parallel
from ..lstm.cpu import ROWS
from ..matmul.cpu import add_product, multiplying, packed


@inner
def _step_forward(x_part, product, bias, h_before, h, saved):
    """One step, element by element; `product` is h_(t−1) W_hhᵀ (B, 3H)."""
    H = h.shape[1]
    for b in range(h.shape[0]):
        x, p, row = x_part[b], product[b], saved[b]
        xr, xz, xn = x[:H], x[H : 2 * H], x[2 * H :]
        pr, pz, pn = p[:H], p[H : 2 * H], p[2 * H :]
        br, bz, bn = bias[:H], bias[H : 2 * H], bias[2 * H :]
        r, z, n, h_n = row[:H], row[H : 2 * H], row[2 * H : 3 * H], row[3 * H :]
        before, out = h_before[b], h[b]
        for j in range(H):
            r[j] = sigmoid(xr[j] + pr[j] + br[j])
            z[j] = sigmoid(xz[j] + pz[j] + bz[j])
            h_n[j] = pn[j] + bn[j]
            n[j] = tanh(xn[j] + r[j] * h_n[j])
            out[j] = (1 - z[j]) * n[j] + z[j] * before[j]


@inner
def _step_backward(grad_h, grad_next, saved, h_before, grad_x_part, grad_h_part, direct):
    """Formula in reference.py; `direct` is ∂L/∂h ⊙ z, what reaches h_(t−1) past the gates."""
    H = grad_h.shape[1]
    for b in range(grad_h.shape[0]):
        row, gx, gp = saved[b], grad_x_part[b], grad_h_part[b]
        r, z, n, h_n = row[:H], row[H : 2 * H], row[2 * H : 3 * H], row[3 * H :]
        xr, xz, xn = gx[:H], gx[H : 2 * H], gx[2 * H :]
        pr, pz, pn = gp[:H], gp[H : 2 * H], gp[2 * H :]
        gh, next_h, before, out = grad_h[b], grad_next[b], h_before[b], direct[b]
        for j in range(H):
            g = gh[j] + next_h[j]
            delta_n = g * (1 - z[j]) * (1 - n[j] * n[j])
            delta_z = g * (before[j] - n[j]) * z[j] * (1 - z[j])
            delta_r = delta_n * h_n[j] * r[j] * (1 - r[j])
            xr[j], xz[j], xn[j] = delta_r, delta_z, delta_n
            pr[j], pz[j], pn[j] = delta_r, delta_z, delta_n * r[j]
            out[j] = g * z[j]


@parallel
def _forward(first, last, team, gates, h_before, weight, bias, h, saved):
    panels, (T, _, H), zero = packed(last - first, weight), h.shape, h.dtype.type(0)
    through, before = np.empty((last - first, 3 * H), h.dtype), h_before[first:last]
    for t in range(T):
        add_product(team, before, weight, panels, zero, through)
        _step_forward(gates[t, first:last], through, bias, before, h[t, first:last], saved[t, first:last])
        before = h[t, first:last]


@parallel
def _backward(first, last, team, grad_h, saved, h_before, h, weight, grad_x_part, grad_h_part, grad_next):
    panels, (T, _, H), one = packed(last - first, weight), h.shape, h.dtype.type(1)
    back, direct = grad_next[first:last], np.empty((last - first, H), h.dtype)
    for t in range(T - 1, -1, -1):
        before = h[t - 1, first:last] if t > 0 else h_before[first:last]
        part = grad_h_part[t, first:last]
        _step_backward(
            grad_h[t, first:last],
            back,
            saved[t, first:last],
            before,
            grad_x_part[t, first:last],
            part,
            direct,
        )
        for b in range(last - first):
            for j in range(H):
                back[b, j] = direct[b, j]
        add_product(team, part, weight, panels, one, back)


def gru_forward(gates, h_before, weight_hh, bias_hh):
    """r, z = σ(·),  n = tanh(x-part + r ⊙ h-part),  h = (1 − z) ⊙ n + z ⊙ h_before    [gru]."""
    gates, h_before, bias = map(np.ascontiguousarray, (gates, h_before, bias_hh))
    T, (B, H) = len(gates), h_before.shape
    h, saved = np.empty((T, B, H), gates.dtype), np.empty((T, B, 4 * H), gates.dtype)
    _forward(B, ROWS, multiplying(h.dtype), gates, h_before, weight_hh.T, bias, h, saved)
    return h, saved


def gru_backward(grad_h, saved, h_before, h, weight_hh):
    """Back-propagation through time    [gru]."""
    grad_h, saved, h_before, h, weight = map(np.ascontiguousarray, (grad_h, saved, h_before, h, weight_hh))
    T, B, H = h.shape
    grad_x_part, grad_h_part = np.empty((T, B, 3 * H), h.dtype), np.empty((T, B, 3 * H), h.dtype)
    grad_next = np.zeros_like(h_before)
    team = multiplying(weight.dtype)
    _backward(B, ROWS, team, grad_h, saved, h_before, h, weight, grad_x_part, grad_h_part, grad_next)
    return grad_x_part, grad_h_part, grad_next
