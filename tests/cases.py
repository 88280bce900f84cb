"""One row for each differentiable function: how to call it, its composed twin, its PyTorch peer, its inputs.

`inputs` are float64 arrays; those named in `integer` are ids and get no gradient. The tests in
test_functions.py hold each row to finite differences, to the twin and to PyTorch, on every device;
test_every_function_has_a_case finds a Function without a row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchlm import functions as F
from scratchlm.functions.dropout import Dropout

RNG = np.random.default_rng(1)


def normal(*shape):
    return RNG.standard_normal(shape)


def away_from_zero(*shape):
    return np.sign(normal(*shape)) * RNG.uniform(0.2, 2, shape)


def positive(*shape):
    return RNG.uniform(0.2, 2, shape)


@dataclass
class Case:
    name: str
    makes: str  # the Function class
    function: Callable
    inputs: list[np.ndarray]
    composed: Callable | None = None
    torch: Callable[..., Any] | None = None

    def __repr__(self):
        return self.name


def weights_of_lstm(D, H):
    return [normal(4 * H, D), normal(4 * H, H), normal(4 * H), normal(4 * H)]


def torch_lstm(x, h, c, *weights):
    import torch

    out, last_h, last_c = torch.lstm(x, (h[None], c[None]), list(weights), True, 1, 0.0, False, False, False)
    return out, last_h[0], last_c[0]


def torch_cell(*inputs):
    import torch

    x, h, c, *weights = inputs
    return torch.lstm_cell(x, (h, c), *weights)


def torch_f(name, **options):
    def call(*inputs):
        import torch

        return getattr(torch.nn.functional, name)(*inputs, **options)

    return call


def torch_gru(x, h, *weights):
    import torch

    out, last = torch.gru(x, h[None], list(weights), True, 1, 0.0, False, False, False)
    return out, last[0]


def torch_kl(mean, log_variance):
    from torch.distributions import Normal, kl_divergence

    return kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))


def attention_cases():
    lengths = np.array([[3, 1], [7, 5]])
    for name, T, S, given, causal in (
        ("attention", 4, 7, None, False),
        ("attention_causal", 5, 5, None, True),
        ("attention_causal_with_past", 2, 7, None, True),
        ("attention_padded", 4, 7, lengths, False),
        ("attention_padded_causal", 7, 7, lengths, True),
    ):
        yield Case(
            name,
            "Attention",
            lambda q, k, v, n=given, c=causal: F.attention(q, k, v, n, c),
            [normal(2, 2, T, 3), normal(2, 2, S, 3), normal(2, 2, S, 4)],
            lambda q, k, v, n=given, c=causal: F.attention_composed(q, k, v, n, c),
            lambda q, k, v, n=given, c=causal: torch_attention(q, k, v, n, c),
        )


def torch_attention(q, k, v, lengths, causal):
    import torch

    T, S = q.shape[-2], k.shape[-2]
    seen = torch.ones(*q.shape[:-1], S, dtype=torch.bool)
    if lengths is not None:
        seen &= torch.arange(S) < torch.from_numpy(lengths)[..., None, None]
    if causal:
        seen &= torch.arange(S) <= torch.arange(T)[:, None] + S - T
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)


def cross_entropy_cases():
    logits, targets = normal(7, 5), RNG.integers(0, 5, 7)
    targets[2] = targets[5] = -100
    for reduction in ("mean", "sum", "none"):
        yield Case(
            f"cross_entropy_{reduction}",
            "CrossEntropy",
            lambda z, t, r=reduction: F.cross_entropy(z, t, reduction=r),
            [logits, targets],
            lambda z, t, r=reduction: F.cross_entropy_composed(z, t, reduction=r),
            torch_f("cross_entropy", reduction=reduction),
        )
        yield Case(
            f"label_smoothing_{reduction}",
            "CrossEntropy",
            lambda z, t, r=reduction: F.cross_entropy(z, t, reduction=r, label_smoothing=0.2),
            [logits, targets],
            lambda z, t, r=reduction: F.cross_entropy_composed(z, t, reduction=r, label_smoothing=0.2),
            torch_f("cross_entropy", reduction=reduction, label_smoothing=0.2),
        )
    x, w, b = normal(7, 4), normal(5, 4), normal(5)
    for reduction in ("mean", "sum"):
        yield Case(
            f"linear_cross_entropy_{reduction}",
            "LinearCrossEntropy",
            lambda x, w, b, t, r=reduction: 3.0 * F.linear_cross_entropy(x, w, b, t, reduction=r),
            [x, w, b, targets],
            lambda x, w, b, t, r=reduction: 3.0 * F.linear_cross_entropy_composed(x, w, b, t, reduction=r),
            lambda x, w, b, t, r=reduction: 3.0 * torch_f("cross_entropy", reduction=r)(x @ w.T + b, t),
        )


MASK = RNG.random((4, 5)) < 0.5
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])

CASES = [
    Case("add", "Add", lambda a, b: a + b, [normal(3, 4), normal(3, 4)], None, lambda a, b: a + b),
    Case(
        "add_broadcast", "Add", lambda a, b: a + b, [normal(3, 1, 2), normal(4, 1)], None, lambda a, b: a + b
    ),
    Case("add_number", "Add", lambda a: 2 + a + 0.5, [normal(3)], None, lambda a: 2 + a + 0.5),
    Case("subtract", "Subtract", lambda a, b: a - b, [normal(3, 4), normal(4)], None, lambda a, b: a - b),
    Case("multiply", "Multiply", lambda a, b: a * b, [normal(3, 4), normal(3, 1)], None, lambda a, b: a * b),
    Case("square", "Multiply", lambda a: a * a, [normal(3, 4)], lambda a: a**2, lambda a: a * a),
    Case("divide", "Divide", lambda a, b: a / b, [normal(3, 4), away_from_zero(4)], None, lambda a, b: a / b),
    Case("reciprocal", "Divide", lambda a: 1 / a, [away_from_zero(3)], lambda a: a**-1, lambda a: 1 / a),
    Case("negative", "Negative", lambda a: -a, [normal(3)], lambda a: -1 * a, lambda a: -a),
    Case("power", "Power", lambda a: a**3, [normal(3, 2)], lambda a: a * a * a, lambda a: a**3),
    Case(
        "sqrt", "Power", lambda a: a.sqrt(), [positive(5)], lambda a: (a.log() / 2).exp(), lambda a: a.sqrt()
    ),
    Case("exp", "Exp", F.exp, [normal(3, 4)], None, lambda a: a.exp()),
    Case("log", "Log", F.log, [positive(3, 4)], None, lambda a: a.log()),
    Case(
        "where",
        "Where",
        lambda a, b: F.where(MASK, a, b),
        [normal(4, 5), normal(5)],
        lambda a, b: a * MASK.astype(float) + b * (~MASK).astype(float),
    ),
    Case("astype", "AsType", lambda a: a.astype(a.dtype) * 2, [normal(3)], lambda a: a * 2),
    Case("tanh", "Tanh", F.tanh, [normal(3, 4)], F.tanh_composed, lambda a: a.tanh()),
    Case("sigmoid", "Sigmoid", F.sigmoid, [normal(3, 4)], F.sigmoid_composed, lambda a: a.sigmoid()),
    Case("relu", "ReLU", F.relu, [away_from_zero(3, 4)], F.relu_composed, lambda a: a.relu()),
    Case("matmul", "MatMul", F.matmul, [normal(3, 4), normal(4, 5)], None, lambda a, b: a @ b),
    Case(
        "matmul_batched", "MatMul", F.matmul, [normal(2, 1, 3, 4), normal(5, 4, 2)], None, lambda a, b: a @ b
    ),
    Case("matmul_vector_left", "MatMul", F.matmul, [normal(4), normal(2, 4, 3)], None, lambda a, b: a @ b),
    Case("matmul_vector_right", "MatMul", F.matmul, [normal(2, 3, 4), normal(4)], None, lambda a, b: a @ b),
    Case("dot", "MatMul", F.matmul, [normal(4), normal(4)], lambda a, b: (a * b).sum(), lambda a, b: a @ b),
    Case(
        "linear",
        "Linear",
        F.linear,
        [normal(2, 3, 4), normal(5, 4), normal(5)],
        F.linear_composed,
        torch_f("linear"),
    ),
    Case(
        "linear_no_bias",
        "Linear",
        F.linear,
        [normal(3, 4), normal(5, 4)],
        F.linear_composed,
        torch_f("linear"),
    ),
    Case("sum", "Sum", lambda a: a.sum(), [normal(3, 4)], None, lambda a: a.sum()),
    Case("sum_axis", "Sum", lambda a: a.sum(1), [normal(3, 4, 2)], None, lambda a: a.sum(1)),
    Case(
        "sum_axes",
        "Sum",
        lambda a: a.sum((0, -1), keepdims=True),
        [normal(3, 4, 2)],
        None,
        lambda a: a.sum((0, -1), keepdim=True),
    ),
    Case("mean", "Mean", lambda a: a.mean(), [normal(3, 4)], lambda a: a.sum() / 12, lambda a: a.mean()),
    Case(
        "mean_axis",
        "Mean",
        lambda a: a.mean(-1),
        [normal(3, 4)],
        lambda a: a.sum(1) / 4,
        lambda a: a.mean(-1),
    ),
    Case("max", "Max", lambda a: a.max(1), [normal(3, 4)], None, lambda a: a.amax(1)),
    Case("max_of_all", "Max", lambda a: a.max(), [normal(3, 4)], None, lambda a: a.amax()),
    Case(
        "reshape",
        "Reshape",
        lambda a: a.reshape(2, -1) * np.arange(6.0),
        [normal(3, 4)],
        None,
        lambda a: a.reshape(2, -1) * _torch(np.arange(6.0)),
    ),
    Case(
        "transpose",
        "Transpose",
        lambda a: a.transpose(2, 0, 1) * np.arange(4.0),
        [normal(3, 4, 2)],
        None,
        lambda a: a.permute(2, 0, 1) * _torch(np.arange(4.0)),
    ),
    Case(
        "swapaxes",
        "Transpose",
        lambda a: a.swapaxes(0, -1).T,
        [normal(3, 4, 2)],
        lambda a: a.transpose(1, 0, 2).transpose(1, 0, 2).swapaxes(0, 2).T,
    ),
    Case(
        "broadcast_to",
        "BroadcastTo",
        lambda a: a.broadcast_to(5, 3, 4),
        [normal(3, 1)],
        None,
        lambda a: a.broadcast_to(5, 3, 4),
    ),
    Case("slice", "GetItem", lambda a: a[1:, ::2] * 3, [normal(3, 4)], None, lambda a: a[1:, ::2] * 3),
    Case("negative_step", "GetItem", lambda a: a[::-1], [normal(3, 4)], None, lambda a: a.flip(0)),
    Case(
        "integer",
        "GetItem",
        lambda a: a[-1, None, ..., 2],
        [normal(3, 4)],
        None,
        lambda a: a[-1, None, ..., 2],
    ),
    Case(
        "repeated_indices",
        "GetItem",
        lambda a: a[np.array([0, 2, 0, 0]), np.array([1, 1, 1, 3])],
        [normal(3, 4)],
        None,
        lambda a: a[[0, 2, 0, 0], [1, 1, 1, 3]],
    ),
    Case("mask", "GetItem", lambda a: a[MASK], [normal(4, 5)], None, lambda a: a[_torch(MASK)]),
    Case(
        "cat",
        "Concatenate",
        lambda a, b: F.cat([a, b, a], 1),
        [normal(3, 2), normal(3, 1)],
        None,
        lambda a, b: _torch_module().cat([a, b, a], 1),
    ),
    Case(
        "stack",
        "Concatenate",
        lambda a, b: F.stack([a, b], -1),
        [normal(3, 2), normal(3, 2)],
        None,
        lambda a, b: _torch_module().stack([a, b], -1),
    ),
    Case(
        "split",
        "Split",
        lambda a: F.split(a, [1, 3], 1),
        [normal(2, 4)],
        lambda a: (a[:, :1], a[:, 1:]),
        lambda a: a.split([1, 3], 1),
    ),
    Case(
        "split_equal",
        "Split",
        lambda a: F.split(a, 2, 0),
        [normal(5, 2)],
        lambda a: (a[:2], a[2:4], a[4:]),
        lambda a: a.split(2),
    ),
    Case("softmax", "Softmax", F.softmax, [normal(3, 4)], F.softmax_composed, lambda a: a.softmax(-1)),
    Case(
        "softmax_axis",
        "Softmax",
        lambda a: F.softmax(a, 1),
        [normal(2, 3, 4)],
        lambda a: F.softmax_composed(a, 1),
        lambda a: a.softmax(1),
    ),
    Case(
        "log_softmax",
        "LogSoftmax",
        F.log_softmax,
        [normal(3, 4)],
        F.log_softmax_composed,
        lambda a: a.log_softmax(-1),
    ),
    Case(
        "log_softmax_axis",
        "LogSoftmax",
        lambda a: F.log_softmax(a, 0),
        [normal(3, 4)],
        lambda a: F.log_softmax_composed(a, 0),
        lambda a: a.log_softmax(0),
    ),
    *cross_entropy_cases(),
    Case(
        "embedding",
        "Embedding",
        F.embedding,
        [normal(5, 3), np.array([[0, 4, 4], [1, 4, 0]])],
        F.embedding_composed,
        lambda w, ids: torch_f("embedding")(ids, w),
    ),
    Case(
        "dropout",
        "Dropout",
        lambda x: Dropout(0.4, 3, 9)(x),
        [normal(6, 7)],
        lambda x: F.dropout_composed(x, dropout_mask(6, 7), 0.4),
    ),
    Case("gelu", "GELU", F.gelu, [normal(3, 4)], None, torch_f("gelu")),
    Case(
        "gelu_tanh",
        "GELU",
        lambda x: F.gelu(x, "tanh"),
        [normal(3, 4)],
        F.gelu_composed,
        torch_f("gelu", approximate="tanh"),
    ),
    Case(
        "layer_norm",
        "LayerNorm",
        F.layer_norm,
        [normal(2, 3, 5), normal(5), normal(5)],
        F.layer_norm_composed,
        lambda x, w, b: torch_f("layer_norm")(x, (5,), w, b),
    ),
    Case(
        "mse",
        "MeanSquaredError",
        F.mse_loss,
        [normal(3, 4), normal(3, 4)],
        F.mse_loss_composed,
        torch_f("mse_loss"),
    ),
    Case(
        "gaussian_kl",
        "GaussianKL",
        F.gaussian_kl,
        [normal(3, 4), normal(3, 4)],
        F.gaussian_kl_composed,
        lambda m, s: torch_kl(m, s),
    ),
    *attention_cases(),
    Case(
        "gru",
        "GRU",
        F.gru,
        [normal(5, 2, 3), normal(2, 4), normal(12, 3), normal(12, 4), normal(12), normal(12)],
        F.gru_composed,
        lambda x, h, *w: torch_gru(x, h, *w),
    ),
    Case(
        "lstm_cell",
        "LSTMCell",
        F.lstm_cell,
        [normal(2, 3), normal(2, 4), normal(2, 4), *weights_of_lstm(3, 4)],
        F.lstm_cell_composed,
        torch_cell,
    ),
    Case(
        "lstm",
        "LSTM",
        F.lstm,
        [normal(5, 2, 3), normal(2, 4), normal(2, 4), *weights_of_lstm(3, 4)],
        F.lstm_composed,
        torch_lstm,
    ),
    Case(
        "lstm_one_step",
        "LSTM",
        F.lstm,
        [normal(1, 9, 3), normal(9, 2), normal(9, 2), *weights_of_lstm(3, 2)],
        F.lstm_composed,
        torch_lstm,
    ),
]


def dropout_mask(*shape):
    from scratchlm import get_device

    return (get_device("reference").kernels.dropout(np.ones(shape), 0.4, 3, 9) != 0).astype(np.float64)


def _torch_module():
    import torch

    return torch


def _torch(array):
    return _torch_module().from_numpy(array)
