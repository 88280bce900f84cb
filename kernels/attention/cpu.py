"""Scaled dot-product attention without the T×S matrix [attention].

A thread takes one sequence (of batch × heads) at a time and of it a block of queries: their scores with the
keys that they see are made, used and forgotten. Under `causal` a block meets only the keys up to its last
query, so that about half of the products are left out. Backward makes the scores anew from Q, K and the saved
ln Σ e^score. Bound: 4·T·S·D operations forward, 10·T·S·D backward for each sequence, half of it if causal.

Inside, B batch, T queries, S keys, H heads side by side in the rows of q (B, T, H, D), k (B, S, H, D),
v (B, S, H, E): products step from one row of a head to the next. Keys and values meet every block of queries
and are copied into panels (see gemm.py) once for all: with 32 queries a block copying them costs as much
as multiplying them.
"""

import math

import numpy as np

from ..cpu.compiling import inner
from ..cpu.elementary import exp
from ..cpu.gemm import PACKED, THIN, call_product, pack, panels_of
from ..cpu.intrinsics import address, bytes_of
from ..cpu.loops import parallel
from ..cpu.threads import PRODUCT_32, PRODUCT_64
from ..matmul.cpu import AS_IS, FLIPPED, multiplying, product
from ..softmax.cpu import row_max

BLOCK = 32  # queries at a time: less than 64 leaves out more of what causal hides, 16 makes products slow


@inner
def _seen(t, T, S, length, causal):
    """How many keys query t sees."""
    return min(length, t + S - T + 1) if causal else length


@inner
def _weights(scores, rows, width, first, T, S, length, causal, logsumexp):
    """Scores of queries from `first` on become weights, 0 for keys up to `width` that one does not see."""
    for r in range(rows):
        row, part = scores[r, :width], scores[r, : _seen(first + r, T, S, length, causal)]
        m, total = row_max(part), part.dtype.type(0)
        for s in range(part.size):
            part[s] = exp(part[s] - m)
            total += part[s]
        scale = 1 / total
        for s in range(part.size):
            part[s] *= scale
        for s in range(part.size, width):
            row[s] = 0
        logsumexp[first + r] = m + np.log(total)


@inner
def _weights_again(scores, rows, width, first, T, S, length, causal, logsumexp):
    """The same weights from the saved ln Σ e^score."""
    for r in range(rows):
        row, part = scores[r, :width], scores[r, : _seen(first + r, T, S, length, causal)]
        lse = logsumexp[first + r]
        for s in range(part.size):
            part[s] = exp(part[s] - lse)
        for s in range(part.size, width):
            row[s] = 0


@inner
def _grad_scores(weights, grad_weights, rows, width, first, grad_y, y, h):
    """∂L/∂scores = P ⊙ (∂L/∂P − rowsum(G ⊙ Y)), into grad_weights."""
    for r in range(rows):
        p, g, gy, row = weights[r, :width], grad_weights[r, :width], grad_y[first + r, h], y[first + r, h]
        dot = gy.dtype.type(0)
        for e in range(gy.size):
            dot += gy[e] * row[e]
        for s in range(p.size):
            g[s] = p[s] * (g[s] - dot)


@inner
def _step(x):
    """How far apart in elements the rows of one head are: x (B, T, H, D)."""
    return max(x.strides[1] // x.itemsize, x.shape[3], 1)


@inner
def _at(x, b, t, h):
    """Address of row t of head h."""
    return address(x) + b * x.strides[0] + t * x.strides[1] + h * x.strides[2]


@inner
def _panels(queries, K, N, one):
    """Room for the panels of a head; none for so few queries that copying it does not pay."""
    return panels_of(K, N if queries >= THIN else 0, one)


@inner
def _steps(x, flip):
    """From row to row and column to column of a head of x (B, S, H, D), or of its transpose, in bytes."""
    return (x.strides[3], x.strides[1]) if flip else (x.strides[1], x.strides[3])


@inner
def _pack(x, b, h, flip, panels, one):
    """One head of x (B, S, H, D) into panels of (S, D), or flipped of (D, S)."""
    K, N = (x.shape[3], x.shape[1]) if flip else (x.shape[1], x.shape[3])
    row, column = _steps(x, flip)
    if panels.size:
        pack(K, N, _at(x, b, 0, h), row, column, address(panels), one)


@inner
def _times(team, sizes, alpha, a, x, b, h, flip, panels, y):
    """y ← α a X, X the first rows of one head of x or of its transpose; sizes: M, N, K, steps of a and y."""
    M, N, K, lda, ldy = sizes
    row, column = _steps(x, flip)
    right = (_at(x, b, 0, h), row, column)
    if panels.size:
        right = (address(panels), PACKED, x.shape[3] if flip else x.shape[1])
    size, zero = bytes_of(alpha), type(alpha)(0)
    function = team[PRODUCT_32] if size == 4 else team[PRODUCT_64]
    if call_product(function, (M, N, K), (a, lda * size, size), right, (y, ldy * size, 0), alpha, zero) != 0:
        raise MemoryError


@parallel
def _forward(first, last, team, block, q, k, v, lengths, causal, scale, y, logsumexp):
    (T, H, D), S, E = q.shape[1:], k.shape[1], v.shape[3]
    scores = np.empty((min(block, T), S), y.dtype)
    place, one = address(scores), y.dtype.type(1)
    keys, values = _panels(T, D, S, one), _panels(T, S, E, one)
    for n in range(first, last):
        b, h = n // H, n % H
        _pack(k, b, h, FLIPPED, keys, one)
        _pack(v, b, h, AS_IS, values, one)
        for t in range(0, T, block):
            rows = min(block, T - t)
            width = _seen(t + rows - 1, T, S, lengths[b], causal)
            sizes = (rows, width, D, _step(q), S)
            _times(team, sizes, scale, _at(q, b, t, h), k, b, h, FLIPPED, keys, place)
            _weights(scores, rows, width, t, T, S, lengths[b], causal, logsumexp[b, h])
            sizes = (rows, E, width, S, _step(y))
            _times(team, sizes, one, place, v, b, h, AS_IS, values, _at(y, b, t, h))


@parallel
def _backward(
    first, last, team, block, grad_y, q, k, v, y, logsumexp, lengths, causal, scale, grad_q, grad_k, grad_v
):
    (T, H, D), S, E = q.shape[1:], k.shape[1], v.shape[3]
    weights, grads = np.empty((min(block, T), S), y.dtype), np.empty((min(block, T), S), y.dtype)
    p, g, one, zero = address(weights), address(grads), y.dtype.type(1), y.dtype.type(0)
    keys, keys_flipped, values_flipped = (
        _panels(T, S, D, one),
        _panels(T, D, S, one),
        _panels(T, E, S, one),
    )
    for n in range(first, last):
        b, h, length = n // H, n % H, lengths[n // H]
        _pack(k, b, h, AS_IS, keys, one)
        _pack(k, b, h, FLIPPED, keys_flipped, one)
        _pack(v, b, h, FLIPPED, values_flipped, one)
        for s in range(length, S):
            for d in range(D):
                grad_k[b, s, h, d] = 0
            for e in range(E):
                grad_v[b, s, h, e] = 0
        # From the last block back: it sees all keys that count, and so overwrites; the others add to that.
        before = zero
        for t in range((T - 1) // block * block, -1, -block):
            rows = min(block, T - t)
            width = _seen(t + rows - 1, T, S, length, causal)
            at_q, at_gy = _at(q, b, t, h), _at(grad_y, b, t, h)
            sizes = (rows, width, D, _step(q), S)
            _times(team, sizes, scale, at_q, k, b, h, FLIPPED, keys_flipped, p)
            _weights_again(weights, rows, width, t, T, S, length, causal, logsumexp[b, h])
            into_v = (width, E, rows, S, _step(grad_y), _step(grad_v))
            product(team, into_v, FLIPPED, AS_IS, one, p, at_gy, before, _at(grad_v, b, 0, h))
            sizes = (rows, width, E, _step(grad_y), S)
            _times(team, sizes, one, at_gy, v, b, h, FLIPPED, values_flipped, g)
            _grad_scores(weights, grads, rows, width, t, grad_y[b], y[b], h)
            sizes = (rows, D, width, S, _step(grad_q))
            _times(team, sizes, scale, g, k, b, h, AS_IS, keys, _at(grad_q, b, t, h))
            into_k = (width, D, rows, S, _step(q), _step(grad_k))
            product(team, into_k, FLIPPED, AS_IS, scale, g, at_q, before, _at(grad_k, b, 0, h))
            before = one


def _setting(q, lengths, causal):
    """What the last arguments of the kernels are made from: lengths, causal, 1/√D."""
    return np.ascontiguousarray(lengths, np.int64), bool(causal), q.dtype.type(1 / math.sqrt(q.shape[-1]))


def attention_forward(q, k, v, lengths, causal):
    """Y = softmax(Q Kᵀ / √D) V over the visible keys    [attention]. Y (N, T, E), ln Σ e^score (N, T)."""
    q, k, v = (np.ascontiguousarray(x)[:, :, None] for x in (q, k, v))  # one head: (N, T, 1, D)
    (N, T), E = q.shape[:2], v.shape[3]
    y, logsumexp = np.empty((N, T, 1, E), q.dtype), np.empty((N, 1, T), q.dtype)
    _forward(N, 1, multiplying(q.dtype), BLOCK, q, k, v, *_setting(q, lengths, causal), y, logsumexp)
    return y[:, :, 0], logsumexp[:, 0]


def attention_backward(grad_y, q, k, v, y, logsumexp, lengths, causal):
    """∂L/∂V = Pᵀ G,  ∂L/∂scores = P ⊙ (G Vᵀ − rowsum(G ⊙ Y))    [attention]."""
    grad_y, q, k, v, y = (np.ascontiguousarray(x)[:, :, None] for x in (grad_y, q, k, v, y))
    lse = np.ascontiguousarray(logsumexp)[:, None]
    fresh = np.empty_like if q.shape[1] else np.zeros_like  # without queries nobody writes to keys and values
    grads = np.empty_like(q), fresh(k), fresh(v)
    setting = _setting(q, lengths, causal)
    _backward(len(q), 1, multiplying(q.dtype), BLOCK, grad_y, q, k, v, y, lse, *setting, *grads)
    return tuple(grad[:, :, 0] for grad in grads)


def attention_packed_forward(qkv, lengths, causal):
    """The same for q, k, v side by side    [attention]: (B, T, 3, H, D) → Y (B, T, H, D), (B, H, T)."""
    qkv = np.ascontiguousarray(qkv)
    B, T, _, H, D = qkv.shape
    y, logsumexp = np.empty((B, T, H, D), qkv.dtype), np.empty((B, H, T), qkv.dtype)
    heads = (qkv[:, :, i] for i in range(3))
    setting = _setting(qkv, lengths, causal)
    _forward(B * H, 1, multiplying(qkv.dtype), BLOCK, *heads, *setting, y, logsumexp)
    return y, logsumexp


def attention_packed_backward(grad_y, qkv, y, logsumexp, lengths, causal):
    """Its derivative, side by side too    [attention]: ∂L/∂qkv (B, T, 3, H, D)."""
    grad_y, qkv, y, lse = map(np.ascontiguousarray, (grad_y, qkv, y, logsumexp))
    grad = np.empty_like(qkv)
    heads, grads = ([x[:, :, i] for i in range(3)] for x in (qkv, grad))
    setting = _setting(qkv, lengths, causal)
    sequences = lse.shape[0] * lse.shape[1]
    _backward(sequences, 1, multiplying(qkv.dtype), BLOCK, grad_y, *heads, y, lse, *setting, *grads)
    return grad
