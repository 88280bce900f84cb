"""Rows of the table in cases.py for the functions that layers and losses are made of."""

import numpy as np

from scratchlm import functions as F
from scratchlm.functions.dropout import Dropout

from .case import RNG, Case, normal, torch_f


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


def self_attention_cases():
    for name, given, causal in (
        ("self_attention", None, False),
        ("self_attention_causal", None, True),
        ("self_attention_padded", np.array([3, 5]), False),
        ("self_attention_padded_causal", np.array([5, 2]), True),
    ):
        yield Case(
            name,
            "SelfAttention",
            lambda qkv, n=given, c=causal: F.self_attention(qkv, 2, n, c),
            [normal(2, 5, 18)],
            lambda qkv, n=given, c=causal: F.self_attention_composed(qkv, 2, n, c),
            lambda qkv, n=given, c=causal: torch_self_attention(qkv, n, c),
        )


def torch_self_attention(qkv, lengths, causal):
    B, T, features = qkv.shape
    q, k, v = qkv.reshape(B, T, 3, 2, features // 6).permute(2, 0, 3, 1, 4)
    lengths = None if lengths is None else np.repeat(lengths[:, None], 2, axis=1)
    return torch_attention(q, k, v, lengths, causal).transpose(1, 2).reshape(B, T, features // 3)


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


LAYER_CASES = [
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
    *self_attention_cases(),
    Case(
        "additive_attention",
        "AdditiveAttention",
        F.additive_attention,
        [normal(2, 2, 4, 5), normal(2, 2, 7, 5), normal(2, 2, 7, 3), normal(5)],
        F.additive_attention_composed,
        lambda q, k, v, w: ((q[..., None, :] + k[..., None, :, :]).tanh() @ w).softmax(-1) @ v,
    ),
    Case(
        "additive_attention_one_query_one_key",
        "AdditiveAttention",
        F.additive_attention,
        [normal(1, 3), normal(1, 3), normal(1, 2), normal(3)],
        F.additive_attention_composed,
    ),
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
