"""One token through the layers of a model, for text written token by token [lstm.step, transformer.step].

Bound by memory: every weight is read for one multiplication. Each thread takes the same rows of each matrix
for every token, so that its share stays in its core's own cache: 3.7 MB of an LSTM of 2×256 units take 100 µs
on one core and 32 on two. A layer of an LSTM, and a whole Transformer, is one call: a token of a small model
takes less time than Python's calls of function by function (four blocks: 80 µs instead of 2400).

B batch, D features, H hidden units or heads, L layers, S earlier tokens, E hidden features of a block, V
vocabulary.
"""

import operator
import weakref

import numpy as np
from numba import carray

from ..cpu.compiling import inner, kernel
from ..cpu.elementary import exp, normal, sigmoid, tanh
from ..cpu.intrinsics import address, at_address
from ..cpu.loops import parallel
from ..cpu.threads import loop, pieces_of, split
from ..matmul.cpu import AS_IS, FLIPPED, multiplying, product
from ..softmax.cpu import row_max

# Not Python's own: Numba would compile a function for each of them.
NO, YES, NOWHERE = np.bool_(False), np.bool_(True), np.int64(0)
AT_LEAST = 1 << 14  # multiplications a thread: 64 kB of weights, about 1 µs


@inner
def _add_rows(team, first, last, x, weight, y):
    """y += x Wᵀ for rows first … last−1 of W (N, K): x (B, K), y (B, last − first)."""
    K, n, one = x.shape[1], last - first, y.dtype.type(1)
    at = address(weight) + first * weight.strides[0]
    product(team, (x.shape[0], n, K, K, K, y.shape[1]), AS_IS, FLIPPED, one, address(x), at, one, address(y))


# ------------------------------------------------------------------------------------------ LSTM
@parallel
def _units(first, last, team, x, h_before, c_before, weight_ih, weight_hh, bias_ih, bias_hh, h, c):
    """Units first … last−1: the four gates of each, then the cell.

    The cell is computed in one array of its own: between arrays that lie near each other by chance, compiled
    code does not use vectors, and then the last bit of a few units would depend on where they lie.
    """
    (B, H), n = c.shape, last - first
    gates = np.empty((5, B, n), c.dtype)
    for k in range(4):
        start = k * H + first
        for b in range(B):
            for j in range(n):
                gates[k, b, j] = bias_ih[start + j] + bias_hh[start + j]
        _add_rows(team, start, start + n, x, weight_ih, gates[k])
        _add_rows(team, start, start + n, h_before, weight_hh, gates[k])
    for b in range(B):
        i, f, g, o, cell = gates[0, b], gates[1, b], gates[2, b], gates[3, b], gates[4, b]
        for j in range(n):
            cell[j] = c_before[b, first + j]
        for j in range(n):
            cell[j] = sigmoid(f[j]) * cell[j] + sigmoid(i[j]) * tanh(g[j])
            o[j] = sigmoid(o[j]) * tanh(cell[j])
        for j in range(n):
            c[b, first + j], h[b, first + j] = cell[j], o[j]


def lstm_step(x, h_before, c_before, weight_ih, weight_hh, bias_ih, bias_hh):
    """One layer: gates = x W_ihᵀ + b_ih + h W_hhᵀ + b_hh, then the cell    [lstm.step]."""
    inputs = [np.ascontiguousarray(a) for a in (x, h_before, c_before, weight_ih, weight_hh)]
    biases = [np.ascontiguousarray(a) for a in (bias_ih, bias_hh)]
    h, c = np.empty(c_before.shape, x.dtype), np.empty(c_before.shape, x.dtype)
    D, H = x.shape[1], c.shape[1]
    _units(H, AT_LEAST // (4 * (D + H)), multiplying(x.dtype), *inputs, *biases, h, c)
    return h, c


# ------------------------------------------------------------------------------------------ Transformer
@inner
def vector(place, size, like):
    """The array of so many numbers of the type of `like` at an address."""
    return carray(at_address(place, like), size)


@inner
def _normed(x, weight, bias, eps):
    """γ ⊙ (x − μ) / √(σ² + ε) + β of each row, γ and β at addresses    [layer_norm]."""
    D, one, zero = x.shape[1], x.dtype.type(1), x.dtype.type(0)
    y, gamma, beta = np.empty_like(x), vector(weight, D, one), vector(bias, D, one)
    for b in range(x.shape[0]):
        row, out, total, square = x[b], y[b], zero, zero
        for d in range(D):
            total += row[d]
        mu = total / x.dtype.type(D)
        for d in range(D):
            square += (row[d] - mu) * (row[d] - mu)
        s = one / np.sqrt(square / x.dtype.type(D) + eps)
        for d in range(D):
            out[d] = (row[d] - mu) * s * gamma[d] + beta[d]
    return y


@loop
def _affine(first, last, team, x, weight, bias, gelu, added, y):
    """Columns first … last−1 of y = x Wᵀ + b (at addresses, no b at 0), through GELU, or plus `added`."""
    (B, K), n, one, zero = x.shape, last - first, y.dtype.type(1), y.dtype.type(0)
    part = np.empty((B, n), y.dtype)
    for b in range(B):
        row = part[b]
        if bias:
            offsets = vector(bias + first * y.itemsize, n, one)
            for j in range(n):
                row[j] = offsets[j]
        else:
            for j in range(n):
                row[j] = zero
    at = weight + first * K * y.itemsize
    product(team, (B, n, K, K, K, n), AS_IS, FLIPPED, one, address(x), at, one, address(part))
    for b in range(B):
        row, out = part[b], y[b, first:last]
        for j in range(n):
            out[j] = row[j] * normal(row[j])[0] if gelu else row[j]
        if len(added):
            more = added[b, first:last]
            for j in range(n):
                out[j] += more[j]


@inner
def _grow(earlier, b, at, own, seen):
    """Into `seen` (B, S + 1, D) a head of a sequence: the earlier ones of (B, S, D), and the token's own."""
    S, E = earlier.shape[1], own.size
    for s in range(S + 1):
        row, out = own if s == S else earlier[b, s, at : at + E], seen[b, s, at : at + E]
        for e in range(E):
            out[e] = row[e]


@loop
def _heads(first, last, heads, qkv, keys, values, scale, seen_keys, seen_values, y):
    """softmax(q Kᵀ / √(D/H)) V of heads first … last−1 of all, over the earlier tokens and this one."""
    T, D, zero = seen_keys.shape[1], seen_keys.shape[2], y.dtype.type(0)
    E = D // heads
    scores = np.empty(T, y.dtype)
    for n in range(first, last):
        b, at = n // heads, n % heads * E
        q, out = qkv[b, at : at + E], y[b, at : at + E]
        _grow(keys, b, at, qkv[b, D + at : D + at + E], seen_keys)
        _grow(values, b, at, qkv[b, 2 * D + at : 2 * D + at + E], seen_values)
        for t in range(T):
            k, total = seen_keys[b, t, at : at + E], zero
            for e in range(E):
                total += q[e] * k[e]
            scores[t] = total * scale
        m, total = row_max(scores), zero
        for t in range(T):
            scores[t] = exp(scores[t] - m)
            total += scores[t]
        for e in range(E):
            out[e] = zero
        for t in range(T):
            v, weight = seen_values[b, t, at : at + E], scores[t] / total
            for e in range(E):
                out[e] += weight * v[e]


@kernel
def _transformer_step(
    team, pieces, heads, eps, scale, x, keys, values, at, seen_keys, seen_values, hidden, y
):
    """`at`: addresses of the weights; `pieces`: of heads, and of rows of 3D, D, E, D and V weights."""
    L, (B, D), none = len(keys), x.shape, np.empty((0, x.shape[1]), x.dtype)
    qkv, heard = np.empty((B, 3 * D), x.dtype), np.empty((B, D), x.dtype)
    before, after = x.copy(), np.empty((B, D), x.dtype)
    for layer in range(L):
        w = at[12 * layer : 12 * (layer + 1)]
        normed = _normed(before, w[0], w[1], eps)
        split(team, pieces[1], 3 * D, _affine, (team, normed, w[2], w[3], NO, none, qkv))
        seen = seen_keys[layer], seen_values[layer]
        attended = (heads, qkv, keys[layer], values[layer], scale, seen[0], seen[1], heard)
        split(team, pieces[0], B * heads, _heads, attended)
        split(team, pieces[2], D, _affine, (team, heard, w[4], w[5], NO, before, after))
        normed = _normed(after, w[6], w[7], eps)
        split(team, pieces[3], hidden.shape[1], _affine, (team, normed, w[8], w[9], YES, none, hidden))
        split(team, pieces[4], D, _affine, (team, hidden, w[10], w[11], NO, after, before))
    normed = _normed(before, at[12 * L], at[12 * L + 1], eps)
    split(team, pieces[5], y.shape[1], _affine, (team, normed, at[12 * L + 2], NOWHERE, NO, none, y))


def transformer_step(x, keys, values, heads, eps, weights):
    """x + attention(norm x), then x + MLP(norm x) in each layer; scores norm(x) Tᵀ    [transformer.step]."""
    x, keys, values = map(np.ascontiguousarray, (x, keys, values))
    (L, B, S, D), E, V, kind = keys.shape, len(weights[8]), len(weights[-1]), x.dtype
    y, hidden = np.empty((B, V), kind), np.empty((B, E), kind)
    seen = np.empty((L, B, S + 1, D), kind), np.empty((L, B, S + 1, D), kind)
    rows = [pieces_of(n, AT_LEAST // k) for n, k in ((3 * D, D), (D, D), (E, D), (D, E), (V, D))]
    pieces = (pieces_of(B * heads, AT_LEAST * heads // (2 * S * D + 1)), *rows)
    at, _kept_alive = _addresses(weights)
    _transformer_step(
        multiplying(kind), pieces, heads, kind.type(eps), kind.type((D // heads) ** -0.5),
        x, keys, values, at, *seen, hidden, y,
    )  # fmt: skip
    return y, *seen


_last: tuple = (), np.empty(0, np.int64)  # weights of the last call, where they are: 0.5 µs each to ask


def _addresses(weights):
    """Addresses of the weights, and arrays that have to live while they are used."""
    global _last
    known, table = _last
    if len(weights) == len(known) and all(weight is seen() for weight, seen in zip(weights, known)):  # noqa: B905
        return table, weights
    arrays = [np.ascontiguousarray(weight) for weight in weights]
    table = np.array([array.ctypes.data for array in arrays], np.int64)
    if all(map(operator.is_, weights, arrays)):  # a copy may be out of date at the next call
        _last = [weakref.ref(weight) for weight in weights], table
    return table, arrays
