"""Softmax and its logarithm over the rows of a matrix [softmax, log_softmax]."""

import numba
import numpy as np

from ..cpu.compiling import inner
from ..cpu.elementary import exp
from ..cpu.intrinsics import larger
from ..cpu.loops import parallel

IN_ORDER = {"contract"}  # sums stay as written; left unset, Numba would take over the caller's fastmath
AT_LEAST = 1 << 13  # elements a thread: exp over them takes about 6 µs


@inner
def row_max(x):
    """Largest element; a NaN is met again in the sum."""
    m = x[0]
    for v in range(x.size):
        m = larger(m, x[v])
    return m


@numba.njit(fastmath=IN_ORDER, error_model="numpy")
def minus_both(row, m, log_total, out):
    """(x − m) − ln Σ, in this order: m + ln Σ first would lose the digits of ln Σ where m is large."""
    for v in range(row.size):
        out[v] = (row[v] - m) - log_total


@numba.njit(fastmath=IN_ORDER, error_model="numpy")
def loss_of(m, log_total, z):
    """(m − z) + ln Σ, in this order, for the same reason."""
    return (m - z) + log_total


@parallel
def _softmax_forward(first, last, x, y):
    for n in range(first, last):
        row, out = x[n], y[n]
        m, total = row_max(row), row.dtype.type(0)
        for v in range(row.size):
            out[v] = exp(row[v] - m)
        for v in range(row.size):  # beside exp, it was added otherwise where row and out lie close together
            total += out[v]
        scale = 1 / total
        for v in range(row.size):
            out[v] *= scale


@parallel
def _softmax_backward(first, last, y, grad_y, grad_x):
    for n in range(first, last):
        p, g, out = y[n], grad_y[n], grad_x[n]
        dot = p.dtype.type(0)
        for v in range(p.size):
            dot += p[v] * g[v]
        for v in range(p.size):
            out[v] = p[v] * (g[v] - dot)


@parallel
def _log_softmax_forward(first, last, x, y):
    for n in range(first, last):
        row, out = x[n], y[n]
        m, total = row_max(row), row.dtype.type(0)
        for v in range(row.size):
            total += exp(row[v] - m)
        minus_both(row, m, np.log(total), out)


@parallel
def _log_softmax_backward(first, last, y, grad_y, grad_x):
    for n in range(first, last):
        row, g, out = y[n], grad_y[n], grad_x[n]
        total = g.dtype.type(0)
        for v in range(row.size):
            total += g[v]
        for v in range(row.size):
            out[v] = g[v] - exp(row[v]) * total


def _rows(function, *inputs):
    """Run a kernel over the rows of equally shaped matrices; return a fresh result."""
    whole = [np.ascontiguousarray(x) for x in inputs]
    result = np.empty_like(whole[0])
    N, V = result.shape
    function(N, AT_LEAST // max(V, 1), *whole, result)
    return result


def softmax_forward(x):
    """y_v = e^(x_v − m) / Σ_w e^(x_w − m)    [softmax]."""
    return _rows(_softmax_forward, x)


def softmax_backward(y, grad_y):
    """∂L/∂x_v = y_v (∂L/∂y_v − Σ_w y_w ∂L/∂y_w)    [softmax]."""
    return _rows(_softmax_backward, y, grad_y)


def log_softmax_forward(x):
    """y_v = x_v − m − ln Σ_w e^(x_w − m)    [log_softmax]."""
    return _rows(_log_softmax_forward, x)


def log_softmax_backward(y, grad_y):
    """∂L/∂x_v = ∂L/∂y_v − e^(y_v) Σ_w ∂L/∂y_w    [log_softmax]."""
    return _rows(_log_softmax_backward, y, grad_y)
