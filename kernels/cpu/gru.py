"""Gated recurrent unit over a whole sequence [gru]; each thread takes its batch rows through all steps."""

import numpy as np

from .compiling import kernel, sigmoid, tanh
from .lstm import ROWS
from .threads import split


@kernel
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


@kernel
def _step_backward(grad_h, grad_next, saved, h_before, grad_x_part, grad_h_part, direct):
    """Formula in kernels/reference/gru.py; `direct` is ∂L/∂h ⊙ z, what reaches h_(t−1) past the gates."""
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


def gru_forward(gates, h_before, weight_hh, bias_hh):
    """r, z = σ(·),  n = tanh(x-part + r ⊙ h-part),  h = (1 − z) ⊙ n + z ⊙ h_before    [gru]."""
    gates, h_before, bias = map(np.ascontiguousarray, (gates, h_before, bias_hh))
    T, (B, H) = len(gates), h_before.shape
    h, saved = np.empty((T, B, H), gates.dtype), np.empty((T, B, 4 * H), gates.dtype)
    weight = np.ascontiguousarray(weight_hh.T)  # (H, 3H)

    def rows(a, b):
        product, before = np.empty((b - a, 3 * H), gates.dtype), h_before[a:b]
        for t in range(T):
            np.matmul(before, weight, out=product)
            _step_forward(gates[t, a:b], product, bias, before, h[t, a:b], saved[t, a:b])
            before = h[t, a:b]

    split(B, rows, ROWS)
    return h, saved


def gru_backward(grad_h, saved, h_before, h, weight_hh):
    """Back-propagation through time    [gru]."""
    grad_h, saved, h_before, h, weight = map(np.ascontiguousarray, (grad_h, saved, h_before, h, weight_hh))
    T, B, H = h.shape
    grad_x_part, grad_h_part = np.empty((T, B, 3 * H), h.dtype), np.empty((T, B, 3 * H), h.dtype)
    grad_next, direct = np.zeros_like(h_before), np.empty_like(h_before)

    def rows(a, b):
        for t in range(T - 1, -1, -1):
            before = h[t - 1, a:b] if t > 0 else h_before[a:b]
            outputs = grad_x_part[t, a:b], grad_h_part[t, a:b], direct[a:b]
            _step_backward(grad_h[t, a:b], grad_next[a:b], saved[t, a:b], before, *outputs)
            np.matmul(grad_h_part[t, a:b], weight, out=grad_next[a:b])
            grad_next[a:b] += direct[a:b]

    split(B, rows, ROWS)
    return grad_x_part, grad_h_part, grad_next
