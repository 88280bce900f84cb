"""PyTorch's attention and Transformer layers, by its calls and with its weights."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import nn
from scratchlm.errors import OptionError, ShapeError

from .tolerance import same, through

B, T, S, D, H = 2, 4, 5, 8, 2
RNG = np.random.default_rng(4)
X, Y = (RNG.standard_normal((n, B, D)).astype(np.float32) for n in (T, S))
CAUSAL = np.triu(np.full((T, T), -np.inf, np.float32), 1)
PADDED = np.array([[False] * S, [False] * 3 + [True] * 2])
MODULES = {
    "attention": (lambda m, **o: m.MultiheadAttention(D, H, **o), "qkv"),
    "attention without bias": (lambda m, **o: m.MultiheadAttention(D, H, bias=False, **o), "qkv"),
    "encoder layer": (lambda m, **o: m.TransformerEncoderLayer(D, H, 16, 0.0, **o), "own"),
    "norm first": (
        lambda m, **o: m.TransformerEncoderLayer(D, H, 16, 0.0, "gelu", norm_first=True, **o),
        "own",
    ),
    "decoder layer": (lambda m, **o: m.TransformerDecoderLayer(D, H, 16, 0.0, **o), "both"),
    "decoder, norm first": (
        lambda m, **o: m.TransformerDecoderLayer(D, H, 16, 0.0, norm_first=True, bias=False, **o),
        "both",
    ),
    "encoder": (
        lambda m, **o: m.TransformerEncoder(m.TransformerEncoderLayer(D, H, 16, 0.0, **o), 2, m.LayerNorm(D)),
        "own",
    ),
    "decoder": (
        lambda m, **o: m.TransformerDecoder(m.TransformerDecoderLayer(D, H, 16, 0.0, **o), num_layers=2),
        "both",
    ),
    "transformer": (lambda m, **o: m.Transformer(D, H, 2, 1, 16, 0.0, **o), "transformer"),
}


def call(module, kind, x, y, tensor):
    """The output, and what comes with it."""
    if kind == "qkv":
        return module(x, y, y, key_padding_mask=tensor(PADDED))
    if kind == "own":
        return module(y, src_key_padding_mask=tensor(PADDED)), None
    if kind == "both":
        return module(x, y, tensor(CAUSAL), memory_key_padding_mask=tensor(PADDED)), None
    options = {"src_key_padding_mask": tensor(PADDED), "memory_key_padding_mask": tensor(PADDED)}
    return module(y, x, tgt_mask=module.generate_square_subsequent_mask(T), **options), None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_a_layer_is_pytorchs(name, batch_first, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    make, kind = MODULES[name]
    torch.manual_seed(3)
    ours, theirs = make(nn, batch_first=batch_first), make(torch.nn, batch_first=batch_first)
    ours.load_state_dict(theirs.state_dict())
    inputs = [a.swapaxes(0, 1) if batch_first else a for a in (X, Y)]
    x, y = (sl.tensor(a, requires_grad=True) for a in inputs)
    u, v = (torch.tensor(a, requires_grad=True) for a in inputs)
    found, weights = call(ours, kind, x, y, sl.tensor)
    expected, expected_weights = call(theirs, kind, u, v, torch.tensor)
    same(found.numpy(), expected.detach().numpy(), through(ours, S), "output")
    if weights is not None:
        same(weights.numpy(), expected_weights.detach().numpy(), through(ours, S), "weights")
    slope = RNG.standard_normal(found.shape).astype(np.float32)
    (found * slope).sum().backward()
    (expected * torch.tensor(slope)).sum().backward()
    bound = B * T * through(ours, S, back=True)
    for one, other in ((x, u), (y, v)):
        if other.grad is not None:
            same(one.grad.numpy(), other.grad.numpy(), bound, "input")
    for (what, p), (also, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert what == also
        same(p.grad.numpy(), q.grad.numpy(), bound, what)


@pytest.mark.parametrize("average", [True, False])
def test_weights_of_each_head_and_none(average, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    ours, theirs = nn.MultiheadAttention(D, H), torch.nn.MultiheadAttention(D, H)
    ours.load_state_dict(theirs.state_dict())
    x, peer = sl.tensor(X), torch.tensor(X)
    options = {"average_attn_weights": average}
    expected = theirs(peer, peer, peer, attn_mask=torch.tensor(CAUSAL), is_causal=True, **options)[1]
    found = ours(x, x, x, attn_mask=CAUSAL, is_causal=True, **options)[1]
    same(found.numpy(), expected.detach().numpy(), through(ours, S))
    y, nothing = ours(x, x, x, need_weights=False)
    assert nothing is None
    same(y.numpy(), ours(x, x, x)[0].numpy(), through(ours, S))


def test_what_does_not_fit_is_refused():
    attention, x = nn.MultiheadAttention(D, H), sl.tensor(X)
    with pytest.raises(ShapeError, match="is_causal is a hint beside attn_mask"):
        attention(x, x, x, is_causal=True)
    with pytest.raises(ShapeError, match="takes query, key, value of three axes"):
        attention(x, x, x[:2])
    with pytest.raises(ShapeError, match="takes query, key, value of three axes"):
        attention(x[0], x[0], x[0])
    with pytest.raises(OptionError, match="activation is 'rely' \\(did you mean 'relu'"):
        nn.TransformerEncoderLayer(D, H, activation="rely")


def test_functions_by_pytorchs_calls(device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    ours, theirs = nn.functional, torch.nn.functional
    weight, bias = RNG.standard_normal((2, B, D)).astype(np.float32)
    table, ids = Y.reshape(-1, D), np.array([[1, 0], [3, 3]])
    calls = (
        lambda f, t: f.layer_norm(t(X), (D,)),
        lambda f, t: f.layer_norm(t(X), [B, D], t(weight), t(bias), 1e-3),
        lambda f, t: f.rms_norm(t(X), (D,), eps=1e-3),
        lambda f, t: f.embedding(t(ids), t(table)),
        lambda f, t: f.cross_entropy(t(table), t(np.arange(10) % D), t(weight[0] ** 2), ignore_index=3),
    )
    for call in calls:
        expected = call(theirs, torch.tensor).numpy()
        same(call(ours, sl.tensor).numpy(), expected, 1e-5)
    with pytest.raises(ShapeError, match="layer_norm normalises the last axes"):
        ours.layer_norm(sl.tensor(X), (3,))
