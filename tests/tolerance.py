"""How far two results may be apart that are the same number, added up in two ways.

All bounds come from `rounding`: of one sum, of a kernel (`close`), of a whole model (`through`).

A kernel's result is held to the reference's relative to the largest expected element, so that results of any
magnitude are looked at; and where the formula is a difference, to a share of the terms' size besides, because
their rounding does not get smaller when they cancel. Each row of TERMS says which terms: kernel → (reason,
arguments → size for each result, then for each argument that is changed in place).
"""

import numpy as np

SAFETY = 4  # deviations: roundings that are independent, and as large as can be, come so far once in 1500


def rounding(n, size=1.0, dtype=np.float32):
    """How far two sums of the same n terms may lie apart, whatever order each is added in.

    Each operation rounds by at most u of its result (2⁻²⁴ in float32, 2⁻⁵³ in float64), and no partial sum is
    larger than size = Σ|terms|. So one sum is off by at most n·u·size (Higham, Accuracy and Stability of
    Numerical Algorithms, 3.1); of roundings of either sign, by at most λ·√n·u·size but for a share
    2·exp(−λ²/2) of sums (Higham and Mary 2019, theorem 2.4), λ = SAFETY. The smaller of both, for each of the
    two sums. `size` may be an array. A formula that is no sum: n is how many operations follow each other.
    """
    u = float(np.finfo(dtype).eps) / 2
    return 2 * min(n, SAFETY * n**0.5) * u * size


LONGEST = 37 * 37  # what is summed at most in a drawn kernel: rows by steps, each up to 37
# relative to the largest result, for the longest sums; share of the terms, for one product's sums
TOLERANCE = {
    dtype: (rounding(LONGEST, 1, dtype), rounding(37, 1, dtype)) for dtype in (np.float32, np.float64)
}


def same(found, expected, bound, what=""):
    """Fail where two results are farther apart than the bound (a number, or one for each element)."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, what
    excess = np.abs(found.astype(np.float64) - expected) - bound
    assert (excess <= 0).all(), f"{what}: {excess.max()} farther apart than allowed"


def through(model, length=1, back=False):
    """Bound for what a whole model gives (logits, a mean loss; with `back` gradients of that), in two ways.

    Roundings of sums that follow each other add up like those of one sum of all their terms, for no layer
    makes its input's error larger by much: gates and norms have slopes of about 1. So n counts the columns of
    each matrix on the way, and `length` for what is summed over the text (an attention's mean, the state of a
    recurrent layer, of which each step keeps a part); backward walks the same way once more. What a matrix is
    multiplied with is about 1 in the mean square (behind an embedding, a norm, a tanh) and of either sign, so
    that partial sums with a row w are about as large as ‖w‖; the largest of all stands for all.
    """
    matrices = {
        name: p.numpy().astype(np.float64) for name, p in model.named_parameters() if len(p.shape) > 1
    }
    n = sum(matrix.shape[-1] + length for matrix in matrices.values())
    sizes = [long(matrix) for name, matrix in matrices.items() if "embedding" not in name]
    dtype = next(iter(model.parameters())).dtype
    return rounding((1 + back) * n, max(1, *sizes), dtype)


def big(*arrays):
    """Largest magnitude in one argument, or in several together."""
    flat = [part for a in arrays for part in (a if isinstance(a, list) else [a])]
    return max(float(np.abs(a).max(initial=0)) for a in flat)


def long(a, axis=-1):
    """Length of the longest row: of two, a bound of the sum of the |terms| of their product."""
    return float(np.sqrt((np.asarray(a, np.float64) ** 2).sum(axis=axis)).max(initial=0))


def column(a):
    """Largest sum of |terms| over a column."""
    return float(np.abs(np.asarray(a, np.float64)).sum(axis=0).max(initial=0))


def of_linear_cross_entropy(x, weight, bias, targets, ignore_index, grad_losses=None):
    z = long(x) * long(weight) + big(bias) + 1
    if grad_losses is None:
        return [z]
    g = z * np.abs(grad_losses)[:, None]
    return z, big(g) * big(weight), column(g * x), column(g)


def of_layer_norm_forward(x, weight, bias, eps):
    s = 1 / np.sqrt(x.var(axis=1) + eps)
    sizes = np.abs(x).max(axis=1)
    return big(sizes * s) * big(weight) + big(bias), big(x), big(s * s * sizes)


def of_layer_norm_backward(grad_y, x, weight, mean, scale):
    normed = 1 + np.abs(x).max(axis=1) * scale  # what x − μ is rounded to, too
    root = x.shape[1] ** 0.5
    g = big(grad_y) * big(weight)
    return g * root * big(scale * normed), column(grad_y * normed[:, None]), column(grad_y)


def of_attention_forward(q, k, v, lengths, causal):
    z = 1 + long(q) * long(k) / q.shape[2] ** 0.5
    return big(v) * z, z


def of_attention_backward(grad_y, q, k, v, y, logsumexp, lengths, causal):
    root, T = q.shape[2] ** 0.5, q.shape[1]
    z = 1 + long(q) * long(k) / root
    g = z * long(grad_y) * long(v)
    return g * big(k) / root, T * g * big(q) / root, T * z * big(grad_y)


def of_additive_attention_forward(query, keys, values, weight):
    z = 1 + big(np.abs(weight).sum())
    return big(values) * z, z


def of_additive_attention_backward(grad_y, query, keys, values, weight, p):
    N, T, _ = query.shape
    g, hidden = long(grad_y) * long(values), min(1, big(query) + big(keys))
    return g * big(weight), T * g * big(weight), T * big(grad_y), N * T * g * hidden


def heads(qkv):
    """q, k, v of all heads, each (BH, T, D)."""
    B, T, _, H, D = qkv.shape
    return qkv.transpose(2, 0, 3, 1, 4).reshape(3, B * H, T, D)


def of_attention_packed_forward(qkv, lengths, causal):
    return of_attention_forward(*heads(qkv), lengths, causal)


def of_attention_packed_backward(grad_y, qkv, y, logsumexp, lengths, causal):
    return [max(of_attention_backward(grad_y, *heads(qkv), y, logsumexp, lengths, causal))]


def of_linear_forward(x, weight, bias):
    return [long(x) * long(weight) + big(bias)]


def of_lstm_cell_forward(gates, c_before):
    c = big(c_before) + min(1, big(gates))
    return c, c, 1


def of_lstm_cell_backward(grad_h, grad_c, gates, c_before, c):
    g = big(grad_h) + big(grad_c)
    return g * (1 + big(c_before)), g


def of_cell(c, z):
    """A state c through gates that are functions of sums z: σ has a slope of at most 1/4, tanh of 1."""
    return c * (1 + z / 4) + min(1, z) + z


def of_lstm_forward(gates, h_before, c_before, weight_hh):
    g = big(gates) + long(h_before) * long(weight_hh)
    c = of_cell(big(c_before) + len(gates) * min(1, g), g)
    return c, c, 1 + g


def of_lstm_backward(grad_h, grad_c_last, gates, c_before, c, weight_hh):
    g = len(grad_h) * (big(grad_h) + big(grad_c_last)) * (1 + big(c, c_before))
    return g, g * long(weight_hh, 0), g


def of_lstm_step(x, h_before, c_before, weight_ih, weight_hh, bias_ih, bias_hh):
    z = long(x) * long(weight_ih) + long(h_before) * long(weight_hh) + big(bias_ih) + big(bias_hh)
    return [of_cell(big(c_before), z)] * 2


def of_transformer_step(x, keys, values, heads, eps, weights):
    size = big(x) + len(keys) * (1 + big(values) + big(weights))
    gain, offset, table = weights[-3:]
    return len(gain) ** 0.5 * (big(gain) + big(offset)) * long(table), size, size


def of_gru_forward(gates, h_before, weight_hh, bias_hh):
    g = big(gates) + long(h_before) * long(weight_hh) + big(bias_hh)
    return of_cell(big(h_before), g), 1 + g


def of_gru_backward(grad_h, saved, h_before, h, weight_hh):
    g = len(grad_h) * big(grad_h) * (1 + big(h, h_before))
    return g, g, g


def of_sgd_step(parameters, gradients, velocities, lr, momentum, weight_decay):
    v = big(velocities, gradients) + weight_decay * big(parameters)
    return big(parameters) + lr * v, v


def of_adam_step(parameters, gradients, means, squares, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    m = big(means, gradients) + weight_decay * big(parameters)
    least = min(float(s.min()) for s in squares) * beta2 / (1 - beta2**step)
    return big(parameters) + lr * m / (1 - beta1**step) / (least**0.5 + eps), m, big(squares) + m * m


TERMS = {
    "matmul": ("a sum over K that may cancel", lambda a, b: [long(a) * long(b, 0)]),
    "linear_forward": ("a sum over K that may cancel", of_linear_forward),
    "linear_weight_backward": (
        "sums over N that may cancel",
        lambda grad_y, x: [long(grad_y, 0) * long(x, 0), column(grad_y)],
    ),
    "tanh_backward": ("1 − y² near |y| = 1", lambda y, grad_y: [big(grad_y)]),
    "sigmoid_backward": ("1 − y near 1", lambda y, grad_y: [big(grad_y)]),
    "gelu_forward": ("1 + erf far to the left", lambda x, approximate: [big(x)]),
    "gelu_backward": (
        "1 + erf far to the left, and 1 − t² times a slope of about 10 where t is near 1",
        lambda x, grad_y, approximate: [10 * big(grad_y)],
    ),
    "softmax_backward": ("grad_y − its mean under y", lambda y, grad_y: [big(y) * big(grad_y)]),
    "log_softmax_forward": ("x − ln Σ eˣ", lambda x: [1 + big(x)]),
    "log_softmax_backward": ("grad_y − e^y · its sum", lambda y, grad_y: [column(grad_y.T)]),
    "cross_entropy_forward": (
        "ln Σ e^z − z",
        lambda logits, targets, ignore_index, smoothing: [1 + big(logits)] * 2,
    ),
    "cross_entropy_backward": (
        "softmax − 1 at the target",
        lambda logits, targets, logsumexp, grad_losses, ignore_index, smoothing: [big(grad_losses)],
    ),
    "linear_cross_entropy_losses": ("ln Σ e^z − z, z a sum over D", of_linear_cross_entropy),
    "linear_cross_entropy": ("softmax − 1 at the target, z a sum over D", of_linear_cross_entropy),
    "embedding_backward": ("a sum over equal ids", lambda grad_y, ids, vocabulary: [column(grad_y)]),
    "lstm_cell_forward": ("f ⊙ c + i ⊙ g of either sign", of_lstm_cell_forward),
    "lstm_cell_backward": ("grad_c + grad_h ⊙ o ⊙ (1 − tanh² c)", of_lstm_cell_backward),
    "lstm_forward": ("the cell's, step after step", of_lstm_forward),
    "lstm_backward": ("the cell's, step after step", of_lstm_backward),
    "lstm_step": ("f ⊙ c + i ⊙ g of either sign, gates sums over D and H", of_lstm_step),
    "transformer_step": ("sums over D and E, layer after layer; scores sums over D", of_transformer_step),
    "gru_forward": ("(1 − z) ⊙ n + z ⊙ h of either sign", of_gru_forward),
    "gru_backward": ("h − n, step after step", of_gru_backward),
    "layer_norm_forward": ("x − μ of a nearly constant row", of_layer_norm_forward),
    "layer_norm_backward": (
        "G − mean(G) − x̂ ⊙ mean(G ⊙ x̂): nothing is left for D = 2",
        of_layer_norm_backward,
    ),
    "attention_forward": ("a mean of values of either sign, scores a sum over D", of_attention_forward),
    "attention_backward": ("grad_P − rowsum(G ⊙ Y)", of_attention_backward),
    "additive_attention_forward": (
        "a mean of values of either sign, scores a sum over A",
        of_additive_attention_forward,
    ),
    "additive_attention_backward": (
        "grad_P − rowsum(G ⊙ Y), and 1 − tanh² near 1",
        of_additive_attention_backward,
    ),
    "attention_packed_forward": ("as attention_forward's", of_attention_packed_forward),
    "attention_packed_backward": ("as attention_backward's", of_attention_packed_backward),
    "sgd_step": ("θ − α v: what changed is the difference to θ before", of_sgd_step),
    "adam_step": ("θ − α m̂ / √ŝ: what changed is the difference to θ before", of_adam_step),
}


def floors(kernel, arguments):
    """Size of the terms for each result, then for each argument changed in place; 0 where nothing cancels."""
    count = len(kernel.results) + sum(argument.in_place for argument in kernel.arguments)
    if kernel.name not in TERMS:
        return [0.0] * count
    sizes = list(TERMS[kernel.name][1](**arguments))
    assert len(sizes) == count, kernel.name
    return sizes


def close(found, expected, dtype, what, terms=0.0):
    """Fail where a result is farther from the reference's than rounding explains."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, what
    if expected.size == 0:
        return
    relative, share = TOLERANCE[np.dtype(dtype).type]
    finite = np.abs(expected[np.isfinite(expected)])
    allowed = relative * float(finite.max(initial=0)) + share * terms
    allowed += float(np.finfo(dtype).tiny)  # below it numbers have fewer digits, or are 0
    what += (
        "" if terms else " (if the formula is a difference, it needs a row in TERMS of tests/tolerance.py)"
    )
    np.testing.assert_allclose(found, expected, rtol=relative, atol=allowed, err_msg=what, equal_nan=True)
