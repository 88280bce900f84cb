"""Norms, embeddings, activations, losses and initial values, held to PyTorch's: outputs and gradients."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import nn
from scratchlm.errors import OptionError, ShapeError

from .tolerance import rounding, same

X = np.random.default_rng(3).standard_normal((4, 3, 5)).astype(np.float32)
BOUND = rounding(15, 4)  # rows of at most 15 numbers, each about as large as 4 in X

NO_OPTIONS = ("ReLU6", "SELU", "Mish", "Softsign", "Hardsigmoid", "Hardswish")
LAYERS = {
    "layer norm": lambda m: m.LayerNorm(5),
    "layer norm of two axes": lambda m: m.LayerNorm((3, 5)),
    "layer norm of a list": lambda m: m.LayerNorm([5], eps=0.1),
    "layer norm without bias": lambda m: m.LayerNorm((3, 5), bias=False),
    "layer norm without both": lambda m: m.LayerNorm(5, elementwise_affine=False),
    "rms norm": lambda m: m.RMSNorm(5),
    "rms norm of two axes": lambda m: m.RMSNorm((3, 5), eps=0.2),
    "rms norm without weight": lambda m: m.RMSNorm(5, elementwise_affine=False),
    "silu": lambda m: m.SiLU(),
    **{name: (lambda m, name=name: getattr(m, name)()) for name in NO_OPTIONS},
    "celu": lambda m: m.CELU(0.5),
    "hardtanh": lambda m: m.Hardtanh(-0.4, 0.7),
    "softmin": lambda m: m.Softmin(dim=0),
    "leaky relu": lambda m: m.LeakyReLU(),
    "leaky relu, steeper": lambda m: m.LeakyReLU(0.3),
    "elu": lambda m: m.ELU(alpha=0.5),
    "softplus": lambda m: m.Softplus(beta=2.0),
    "logsigmoid": lambda m: m.LogSigmoid(),
    "gelu": lambda m: m.GELU(),
    "gelu tanh": lambda m: m.GELU(approximate="tanh"),
    "tanh": lambda m: m.Tanh(),
    "sigmoid": lambda m: m.Sigmoid(),
    "relu": lambda m: m.ReLU(),
    "softmax": lambda m: m.Softmax(dim=1),
    "log softmax": lambda m: m.LogSoftmax(dim=-1),
    "identity": lambda m: m.Identity(),
    "flatten": lambda m: m.Flatten(),
    "linear": lambda m: m.Linear(5, 2, bias=False),
}


def both(make):
    """A layer of PyTorch's with parameters that are not 0 or 1, and ours with the same."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    torch.manual_seed(1)
    ours, theirs = make(nn), make(torch.nn)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs, torch


def test_each_activation_of_the_page_for_readers_of_pytorch_is_a_layer():
    text = (Path(__file__).parents[1] / "docs" / "pytorch.md").read_text(encoding="utf-8")
    named = re.search(r"\*\*Activations:\*\* `([^`]*)`", text)
    layers = {name.lower() for name in vars(nn)}
    assert {name.replace("_", "") for name in named[1].split()} - {"swish"} <= layers  # PyTorch has SiLU


@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_gradients_are_pytorchs(name, device):
    ours, theirs, torch = both(LAYERS[name])
    x, peer = sl.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    y, expected = ours(x), theirs(peer)
    same(y.numpy(), expected.detach().numpy(), BOUND)
    slope = np.random.default_rng(4).standard_normal(y.shape).astype(np.float32)
    y.backward(slope)
    expected.backward(torch.tensor(slope))
    same(x.grad.numpy(), peer.grad.numpy(), 20 * BOUND)
    for (what, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        same(p.grad.numpy(), q.grad.numpy(), 20 * BOUND, what)


def test_norms_refuse_other_axes(device):
    with pytest.raises(ShapeError, match=r"layer_norm normalises the last axes \(3, 4\), got \(4, 3, 5\)"):
        nn.LayerNorm((3, 4))(sl.tensor(X))
    with pytest.raises(ShapeError, match=r"rms_norm .* \(4,\), got \(4, 3, 5\)"):
        nn.RMSNorm(4)(sl.tensor(X))


# ---------------------------------------------------------------- embeddings
@pytest.mark.parametrize("row", [2, -1])
def test_the_padding_row_is_pytorchs(row, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    ours, theirs = nn.Embedding(6, 3, padding_idx=row), torch.nn.Embedding(6, 3, padding_idx=row)
    assert ours.padding_idx == theirs.padding_idx
    assert not ours.weight.numpy()[row].any()
    ours.load_state_dict(theirs.state_dict())
    ids = np.array([[0, 2, 5], [2, 1, 5]])
    (3 * ours(ids)).sum().backward()  # also of a row of zeros
    (3 * theirs(torch.tensor(ids))).sum().backward()
    same(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), rounding(2, 8))
    assert not ours.weight.grad.numpy()[row].any()
    ours.weight.grad = None
    (ours.weight * 1.0).sum().backward()  # used otherwise, the row has its gradient
    assert ours.weight.grad.numpy().all()


def test_embeddings_of_given_rows(device):
    rows = sl.tensor([[1.0, 2.0], [3.0, 4.0]])
    frozen = nn.Embedding.from_pretrained(rows, padding_idx=0)
    assert frozen([1, 0]).numpy().tolist() == [[3, 4], [1, 2]]
    assert not frozen.weight.requires_grad
    trained = nn.Embedding.from_pretrained(rows, freeze=False)
    assert trained.weight.requires_grad
    assert list(trained.state_dict()) == ["weight"]
    with pytest.raises(ShapeError, match=r"takes rows \(V, D\), got \(2,\)"):
        nn.Embedding.from_pretrained(sl.tensor([1.0, 2.0]))
    with pytest.raises(OptionError, match="padding_idx is 6, expected one of the 6 rows"):
        nn.Embedding(6, 2, padding_idx=6)


# ---------------------------------------------------------------- sizes
@pytest.mark.parametrize("size", [0, -1, 2.0, "2", None], ids=repr)
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda n: nn.Linear(n, 2), "in_features"),
        (lambda n: nn.Linear(2, n), "out_features"),
        (lambda n: nn.Embedding(n, 2), "num_embeddings"),
        (lambda n: nn.Embedding(2, n), "embedding_dim"),
        (lambda n: nn.LayerNorm((n,)), "normalized_shape"),
        (lambda n: nn.RMSNorm((2, n)), "normalized_shape"),
    ],
    ids=["in", "out", "rows", "dim", "layer norm", "rms norm"],
)
def test_sizes_that_are_none_are_refused(make, what, size):
    with pytest.raises(OptionError, match=f"{what} is .*expected a whole number from 1 on"):
        make(size)
    make(np.int64(2))


# ---------------------------------------------------------------- losses
RNG = np.random.default_rng(5)
SCORES, TARGETS = RNG.standard_normal((6, 4)).astype(np.float32), np.array([0, 3, 1, 2, -100, 3])
WEIGHT = np.array([1, 0.5, 2, 3], np.float32)
LOG_P = (SCORES - np.log(np.exp(SCORES).sum(1, keepdims=True))).astype(np.float32)
P = np.exp(LOG_P)
OTHER = RNG.uniform(0.1, 0.9, (6, 4)).astype(np.float32)
LOSSES = {
    "CrossEntropyLoss": (
        SCORES,
        TARGETS,
        [{}, {"weight": WEIGHT}, {"label_smoothing": 0.2}, {"label_smoothing": 1.0}],
    ),
    "NLLLoss": (SCORES, TARGETS, [{}, {"weight": WEIGHT}]),
    "BCELoss": (P, OTHER, [{}, {"weight": WEIGHT}]),
    "BCEWithLogitsLoss": (SCORES, OTHER, [{}, {"weight": WEIGHT}, {"pos_weight": WEIGHT}]),
    "MSELoss": (SCORES, OTHER, [{}]),
    "L1Loss": (SCORES, OTHER, [{}]),
    "SmoothL1Loss": (SCORES, OTHER, [{}, {"beta": 0.5}]),
    "HuberLoss": (SCORES, OTHER, [{}, {"delta": 0.5}]),
    "KLDivLoss": (LOG_P, OTHER, [{}, {"log_target": True}]),
}
CASES = [
    (name, options | {"reduction": reduction})
    for name, (_, _, kinds) in LOSSES.items()
    for options in kinds
    for reduction in ("mean", "sum", "none", *(["batchmean"] if name == "KLDivLoss" else []))
]


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value)[:60])
def test_losses_are_pytorchs(name, options, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    a, b, _ = LOSSES[name]
    arrays = {key: value for key, value in options.items() if isinstance(value, np.ndarray)}
    loss = getattr(nn, name)(**options)
    peer = getattr(torch.nn, name)(**(options | {key: torch.tensor(w) for key, w in arrays.items()}))
    assert loss.state_dict().keys() == peer.state_dict().keys()
    x, y = sl.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    found, expected = loss(x, b), peer(y, torch.tensor(b))
    bound = rounding(24, 24)
    same(found.numpy(), expected.detach().numpy(), bound)
    found.sum().backward()
    expected.sum().backward()
    same(x.grad.numpy(), y.grad.numpy(), bound)


def test_an_unknown_reduction_is_refused(device):
    for name, (a, b, _) in LOSSES.items():
        with pytest.raises(OptionError, match="reduction is 'max'"):
            getattr(nn, name)(reduction="max")(sl.tensor(a), b)


# ---------------------------------------------------------------- initial values
SHAPE = (300, 200)
DRAWN = {  # → bound or None, standard deviation
    "uniform_": ((-1, 2), None, 3 / math.sqrt(12)),
    "normal_": ((0.5, 0.2), None, 0.2),
    "xavier_uniform_": ((2.0,), 2 * math.sqrt(6 / 500), 2 * math.sqrt(2 / 500)),
    "xavier_normal_": ((), None, math.sqrt(2 / 500)),
    "kaiming_uniform_": ((5**0.5,), 200**-0.5, 200**-0.5 / math.sqrt(3)),
    "kaiming_normal_": ((0, "fan_out", "relu"), None, math.sqrt(2 / 300)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_initial_values_are_spread_as_pytorchs(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    options, bound, std = DRAWN[name]
    weight, peer = nn.Parameter(np.zeros(SHAPE, np.float32)), torch.empty(SHAPE)
    assert getattr(nn.init, name)(weight, *options) is weight
    getattr(torch.nn.init, name)(peer, *options)
    drawn, expected = weight.numpy(), peer.numpy()
    assert (drawn.dtype, weight.is_leaf) == (np.float32, True)
    assert drawn.std() == pytest.approx(std, rel=0.02)
    assert drawn.std() == pytest.approx(expected.std(), rel=0.03)
    assert drawn.mean() == pytest.approx(expected.mean(), abs=0.03 * std)
    if bound:
        assert 0.99 * bound < np.abs(drawn).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (4, 2, 3)])
def test_orthogonal_rows(shape, device):
    drawn = (
        nn.init.orthogonal_(nn.Parameter(np.zeros(shape, np.float32)), gain=2).numpy().reshape(shape[0], -1)
    )
    short = drawn if len(drawn) <= drawn.shape[1] else drawn.T
    same(short @ short.T, 4 * np.eye(len(short)), rounding(7, 4))


def test_constants_and_refusals(device):
    weight = nn.Parameter(np.zeros((2, 3), np.float32))
    for fill, number in ((nn.init.ones_, 1), (nn.init.zeros_, 0)):
        assert (fill(weight).numpy() == number).all()
    assert (nn.init.constant_(weight, 0.25).numpy() == 0.25).all()
    with pytest.raises(ShapeError, match=r"two axes or more.*\(3,\)"):
        nn.init.xavier_uniform_(nn.Parameter(np.zeros(3, np.float32)))
    with pytest.raises(OptionError, match="nonlinearity is 'gelu'"):
        nn.init.kaiming_normal_(weight, nonlinearity="gelu")
    with pytest.raises(OptionError, match="mode is 'fan'"):
        nn.init.kaiming_uniform_(weight, mode="fan")
