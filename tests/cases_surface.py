"""Rows of the table of differentiable functions for what PyTorch has beside the layers: see cases.py."""

import math

import numpy as np

from scratchlm import functions as F

from .case import RNG, Case, away_from_zero, normal, positive, torch_f

PLACES = RNG.integers(0, 3, (2, 4))  # of gather and scatter along axis 0 of (3, 4)
ROW = np.array([[2, 0, 1, 1], [0, 2, 2, 0]])  # each column's two places differ: what is put there is certain


def torch_index(array):
    import torch

    return torch.from_numpy(np.asarray(array))


def by_method(name, *args, **options):
    """The same call on our tensors and on PyTorch's."""
    return lambda a: getattr(a, name)(*args, **options)


def unary(name, makes, inputs, composed=None):
    return Case(name, makes, by_method(name), [inputs], composed, by_method(name))


def put_into_row_1(a, b):
    """y = a, and y[1] = b."""
    y = a * 1
    y[1] = b
    return y


SURFACE_CASES = [
    unary("abs", "Abs", away_from_zero(3, 4), lambda a: F.where(a > 0, a, -a)),
    unary("sin", "Sin", normal(3, 4)),
    unary("cos", "Cos", normal(3, 4)),
    unary("tan", "Sin", RNG.uniform(-1, 1, (3, 4)), lambda a: a.sin() / a.cos()),
    unary("asin", "Arcsin", RNG.uniform(-0.9, 0.9, (3, 4))),
    unary("acos", "Arcsin", RNG.uniform(-0.9, 0.9, (3, 4))),
    unary("atan", "Arctan", normal(3, 4)),
    unary("sinh", "Sinh", normal(3, 4), lambda a: (a.exp() - (-a).exp()) / 2),
    unary("cosh", "Cosh", normal(3, 4), lambda a: (a.exp() + (-a).exp()) / 2),
    unary("asinh", "Arcsinh", normal(3, 4), lambda a: (a + (a * a + 1).sqrt()).log()),
    unary("acosh", "Arccosh", positive(3, 4) + 1.2, lambda a: (a + (a * a - 1).sqrt()).log()),
    unary("atanh", "Arctanh", RNG.uniform(-0.9, 0.9, (3, 4)), lambda a: ((1 + a) / (1 - a)).log() / 2),
    unary("expm1", "Expm1", normal(3, 4), lambda a: a.exp() - 1),
    unary("exp2", "Exp", normal(3, 4)),
    unary("log1p", "Log1p", positive(3, 4), lambda a: (1 + a).log()),
    unary("log2", "Log", positive(3, 4)),
    unary("log10", "Log", positive(3, 4)),
    unary("rsqrt", "Power", positive(3, 4), lambda a: 1 / a.sqrt()),
    unary("reciprocal", "Divide", away_from_zero(3, 4)),
    unary("square", "Power", normal(3, 4), lambda a: a * a),
    unary("floor", "Stairs", normal(3, 4) * 3, lambda a: 0 * a + a.detach().floor()),
    unary("round", "Stairs", normal(3, 4) * 3, lambda a: 0 * a + a.detach().round()),
    Case("clamp", "Clamp", lambda a: a.clamp(-0.5, 0.7), [normal(5, 6)], None, lambda a: a.clamp(-0.5, 0.7)),
    Case("maximum", "Larger", F.maximum, [normal(3, 4), normal(4)], None, lambda a, b: a.maximum(b)),
    Case("minimum", "Smaller", F.minimum, [normal(3, 4), normal(3, 1)], None, lambda a, b: a.minimum(b)),
    Case(
        "power_of",
        "PowerOf",
        lambda a, b: a**b,
        [positive(3, 4), normal(4)],
        lambda a, b: (b * a.log()).exp(),
        lambda a, b: a**b,
    ),
    Case(
        "number_to_the_power",
        "PowerOf",
        F.exp2,
        [normal(3, 4)],
        lambda a: (a * math.log(2)).exp(),
        lambda a: 2**a,
    ),
    *(
        Case(
            name,
            makes,
            lambda a, b, name=name: getattr(F, name)(a, b),
            [normal(3, 4), away_from_zero(4)],
            None,
            lambda a, b, name=name: getattr(torch_index([]).__class__, name)(a, b),
        )
        for name, makes in [
            ("remainder", "Remainder"),
            ("fmod", "Remainder"),
        ]
    ),
    Case("floor_divide", "FloorDivide", lambda a: a // 0.7, [normal(3, 4)], lambda a: F.div(a, 0.7, "floor")),
    Case(
        "softplus", "Softplus", F.softplus, [normal(3, 4)], lambda a: (1 + a.exp()).log(), torch_f("softplus")
    ),
    Case("amin", "Min", lambda a: a.amin(1), [normal(3, 4)], lambda a: -(-a).amax(1), lambda a: a.amin(1)),
    Case(
        "prod",
        "Product",
        lambda a: a.prod(1),
        [away_from_zero(3, 4)],
        lambda a: a[:, 0] * a[:, 1] * a[:, 2] * a[:, 3],
        lambda a: a.prod(1),
    ),
    Case("prod_of_all", "Product", lambda a: a.prod(), [away_from_zero(2, 3)], None, lambda a: a.prod()),
    Case("var", "Sum", lambda a: a.var(1), [normal(3, 4)], None, lambda a: a.var(1)),
    Case(
        "std",
        "Power",
        lambda a: a.std(dim=0, keepdim=True),
        [normal(3, 4)],
        None,
        lambda a: a.std(dim=0, keepdim=True),
    ),
    Case("norm", "Power", lambda a: F.norm(a, dim=-1), [normal(3, 4)], None, lambda a: a.norm(dim=-1)),
    Case("normalize", "Divide", F.normalize, [normal(3, 4)], None, torch_f("normalize")),
    Case(
        "max_by_dim",
        "GetItem",
        lambda a: a.max(dim=1).values,
        [normal(3, 4)],
        lambda a: a.amax(1),
        lambda a: a.max(dim=1).values,
    ),
    Case(
        "cumsum",
        "Cumsum",
        lambda a: a.cumsum(1),
        [normal(3, 4)],
        lambda a: a @ np.triu(np.ones((4, 4))),
        lambda a: a.cumsum(1),
    ),
    Case("cumprod", "Multiply", lambda a: a.cumprod(0), [away_from_zero(3, 4)], None, lambda a: a.cumprod(0)),
    Case(
        "cummax", "GetItem", lambda a: a.cummax(1).values, [normal(3, 5)], None, lambda a: a.cummax(1).values
    ),
    Case(
        "logcumsumexp",
        "Log1p",
        lambda a: a.logcumsumexp(1),
        [normal(3, 4)],
        lambda a: a.exp().cumsum(1).log(),
        lambda a: a.logcumsumexp(1),
    ),
    Case(
        "logsumexp",
        "Log",
        lambda a: a.logsumexp(dim=1),
        [normal(3, 4)],
        lambda a: a.exp().sum(1).log(),
        lambda a: a.logsumexp(dim=1),
    ),
    Case(
        "sort",
        "GetItem",
        lambda a: a.sort(1, descending=True).values,
        [normal(3, 5)],
        None,
        lambda a: a.sort(1, descending=True).values,
    ),
    Case(
        "topk",
        "GetItem",
        lambda a: a.topk(2, dim=0).values,
        [normal(4, 3)],
        None,
        lambda a: a.topk(2, dim=0).values,
    ),
    Case(
        "gather",
        "GetItem",
        lambda a: a.gather(0, PLACES),
        [normal(3, 4)],
        None,
        lambda a: a.gather(0, torch_index(PLACES)),
    ),
    Case(
        "scatter_add",
        "ScatterAdd",
        lambda a, b: a.scatter_add(0, PLACES, b),
        [normal(3, 4), normal(2, 4)],
        None,
        lambda a, b: a.scatter_add(0, torch_index(PLACES), b),
    ),
    Case(
        "scatter",
        "Scatter",
        lambda a, b: a.scatter(0, ROW, b),
        [normal(3, 4), normal(2, 4)],
        None,
        lambda a, b: a.scatter(0, torch_index(ROW), b),
    ),
    Case(
        "setitem",
        "SetItem",
        put_into_row_1,
        [normal(3, 4), normal(4)],
        lambda a, b: F.cat([a[:1], b.reshape(1, 4), a[2:]]),
        put_into_row_1,
    ),
    *(
        Case(
            f"scatter_reduce {reduce}" + " of others alone" * (not own),
            makes,
            lambda a, b, reduce=reduce, own=own: a.scatter_reduce(0, PLACES, b, reduce, include_self=own),
            [normal(3, 4), normal(2, 4)],
            None,
            lambda a, b, reduce=reduce, own=own: a.scatter_reduce(
                0, torch_index(PLACES), b, reduce, include_self=own
            ),
        )
        for reduce, makes in [
            ("sum", "ScatterAdd"),
            ("mean", "ScatterAdd"),
            ("prod", "ScatterProduct"),
            ("amax", "ScatterExtreme"),
            ("amin", "ScatterExtreme"),
        ]
        for own in (True, False)
    ),
    Case(
        "index_select",
        "GetItem",
        lambda a: a.index_select(1, [2, 0, 2]),
        [normal(3, 4)],
        None,
        lambda a: a.index_select(1, torch_index([2, 0, 2])),
    ),
    Case(
        "masked_fill",
        "Where",
        lambda a: a.masked_fill(PLACES > 0, 9.0),
        [normal(2, 4)],
        None,
        lambda a: a.masked_fill(torch_index(PLACES > 0), 9.0),
    ),
    Case("tril", "Where", lambda a: a.tril(1), [normal(2, 4, 3)], None, lambda a: a.tril(1)),
    Case("triu", "Where", lambda a: a.triu(-1), [normal(4, 3)], None, lambda a: a.triu(-1)),
    Case(
        "diagonal",
        "GetItem",
        lambda a: a.diagonal(1, 0, 2),
        [normal(3, 2, 4)],
        None,
        lambda a: a.diagonal(1, 0, 2),
    ),
    Case(
        "flip",
        "GetItem",
        lambda a: a.flip(0, 1) * np.arange(4),
        [normal(3, 4)],
        None,
        lambda a: a.flip(0, 1) * torch_index(np.arange(4)),
    ),
    Case(
        "roll",
        "GetItem",
        lambda a: a.roll(2, 1) * np.arange(4),
        [normal(3, 4)],
        None,
        lambda a: a.roll(2, 1) * torch_index(np.arange(4)),
    ),
    Case("repeat", "Reshape", lambda a: a.repeat(2, 1, 3), [normal(3, 2)], None, lambda a: a.repeat(2, 1, 3)),
    Case(
        "repeat_interleave",
        "GetItem",
        lambda a: a.repeat_interleave(2, 0),
        [normal(3, 2)],
        None,
        lambda a: a.repeat_interleave(2, 0),
    ),
    Case("unfold", "GetItem", lambda a: a.unfold(1, 3, 2), [normal(2, 8)], None, lambda a: a.unfold(1, 3, 2)),
    Case(
        "pad",
        "Where",
        lambda a: F.pad(a, (1, 2, 0, 1), value=3.0),
        [normal(2, 3)],
        None,
        torch_f("pad", pad=(1, 2, 0, 1), value=3.0),
    ),
    Case(
        "pad_reflect",
        "GetItem",
        lambda a: F.pad(a, (2, 1), "reflect"),
        [normal(2, 3, 4)],
        None,
        torch_f("pad", pad=(2, 1), mode="reflect"),
    ),
    Case(
        "movedim", "Transpose", lambda a: a.movedim(0, 2), [normal(2, 3, 4)], None, lambda a: a.movedim(0, 2)
    ),
    Case("flatten", "Reshape", lambda a: a.flatten(1), [normal(2, 3, 4)], None, lambda a: a.flatten(1)),
    Case(
        "expand",
        "BroadcastTo",
        lambda a: a.expand(2, -1, 4),
        [normal(3, 1)],
        None,
        lambda a: a.expand(2, -1, 4),
    ),
    Case(
        "einsum",
        "Einsum",
        lambda a, b: F.einsum("bij,jk->bik", a, b),
        [normal(2, 3, 4), normal(4, 5)],
        lambda a, b: a @ b,
        lambda a, b: a @ b,
    ),
    Case(
        "einsum_lost",
        "Einsum",
        lambda a, b: F.einsum("...ij,k->...i", a, b),
        [normal(2, 3, 4), normal(5)],
        lambda a, b: a.sum(-1) * b.sum(),
        lambda a, b: a.sum(-1) * b.sum(),
    ),
    Case(
        "einsum_trace",
        "Einsum",
        lambda a: F.einsum("ii->i", a),
        [normal(3, 3)],
        lambda a: a.diagonal(),
        lambda a: a.diagonal(),
    ),
    *(
        Case(name, "Multiply", getattr(F, name), [normal(3, 4) * 2], None, torch_f(name))
        for name in ("silu", "logsigmoid", "mish", "hardswish", "selu", "celu", "elu", "softsign")
    ),
    Case("leaky_relu", "Where", F.leaky_relu, [away_from_zero(3, 4)], None, torch_f("leaky_relu")),
    Case("relu6", "Clamp", F.relu6, [normal(3, 4) * 4], None, torch_f("relu6")),
    *(
        Case(name, "Sum", getattr(F, name), [normal(3, 4), normal(3, 4)], None, torch_f(name))
        for name in ("l1_loss", "smooth_l1_loss", "huber_loss")
    ),
    Case(
        "bce",
        "BinaryCrossEntropy",
        F.binary_cross_entropy,
        [RNG.uniform(0.1, 0.9, (3, 4)), RNG.uniform(0, 1, (3, 4))],
        F.binary_cross_entropy_composed,
        torch_f("binary_cross_entropy"),
    ),
    Case(
        "bce_logits",
        "Log1p",
        lambda a, b: F.binary_cross_entropy_with_logits(a, b, pos_weight=3.0),
        [normal(3, 4), RNG.uniform(0, 1, (3, 4))],
        None,
        lambda a, b: torch_f("binary_cross_entropy_with_logits", pos_weight=torch_index(3.0))(a, b),
    ),
    Case("kl_div", "Log", F.kl_div, [normal(3, 4), RNG.uniform(0.1, 1, (3, 4))], None, torch_f("kl_div")),
    Case(
        "cross_entropy_probabilities",
        "LogSoftmax",
        F.cross_entropy,
        [normal(3, 4), RNG.uniform(0, 1, (3, 4))],
        None,
        torch_f("cross_entropy"),
    ),
    Case(
        "cross_entropy_pictures",
        "CrossEntropy",
        F.cross_entropy,
        [normal(2, 4, 3), RNG.integers(0, 4, (2, 3))],
        None,
        torch_f("cross_entropy"),
    ),
    Case(
        "cross_entropy_weight",
        "LogSoftmax",
        lambda a, t: F.cross_entropy(a, t, weight=[1.0, 2.0, 0.5], label_smoothing=0.1),
        [normal(4, 3), np.array([0, 2, -100, 1])],
        None,
        lambda a, t: torch_f(
            "cross_entropy", weight=torch_index(np.array([1.0, 2.0, 0.5])), label_smoothing=0.1
        )(a, t),
    ),
    Case(
        "attention_mask",
        "Softmax",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, PLACES[None] > 0),
        [normal(1, 2, 3), normal(1, 4, 3), normal(1, 4, 2)],
        None,
        lambda q, k, v: torch_f("scaled_dot_product_attention", attn_mask=torch_index(PLACES[None] > 0))(
            q, k, v
        ),
    ),
]
