"""Attention with any mask and with dropout, blocks in both orders, padded sequences through whole models."""

import functools

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import models, nn
from scratchlm.errors import OptionError, ShapeError
from scratchlm.models.token_readers import gpt_reader

from .tolerance import same, through

B, T, S, D, H = 2, 4, 6, 8, 2
RNG = np.random.default_rng(11)
X, MEMORY = (RNG.standard_normal((B, n, D)).astype(np.float32) for n in (T, S))
HIDDEN = np.triu(np.ones((T, S), bool), 2)
ADDED = RNG.standard_normal((T, S)).astype(np.float32)
EACH = RNG.uniform(size=(B * H, T, S)) < 0.4
EACH[..., 0] = False  # a query without a key has no mean
PADDED = np.arange(S) >= np.array([[6], [3]])
MASKS = {
    "true hides": {"attn_mask": HIDDEN},
    "numbers are added": {"attn_mask": ADDED},
    "of each head": {"attn_mask": EACH},
    "keys": {"key_padding_mask": PADDED},
    "both": {"attn_mask": HIDDEN, "key_padding_mask": PADDED},
    "numbers for keys": {"key_padding_mask": np.where(PADDED, -2.0, 0.5).astype(np.float32)},
}


def both(**options):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    torch.manual_seed(3)
    ours = nn.Attention(D, H, **options)
    theirs = torch.nn.MultiheadAttention(D, H, batch_first=True, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs, torch


@pytest.mark.parametrize("cross", [True, False], ids=["to a memory", "to itself"])
@pytest.mark.parametrize("name", MASKS)
def test_masks_are_pytorchs(name, cross, device):
    ours, theirs, torch = both()
    masks = {key: mask if cross else mask[..., :T] for key, mask in MASKS[name].items()}
    x, peer = sl.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    keys = torch.tensor(MEMORY) if cross else peer
    expected, _ = theirs(peer, keys, keys, **{key: torch.tensor(mask) for key, mask in masks.items()})
    found, _ = ours(x, sl.tensor(MEMORY) if cross else None, **masks)
    same(found.numpy(), expected.detach().numpy(), through(ours, S))
    (found * X).sum().backward()
    (expected * torch.tensor(X)).sum().backward()
    bound = B * T * through(ours, S, back=True)
    same(x.grad.numpy(), peer.grad.numpy(), bound)
    for (what, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        same(p.grad.numpy(), q.grad.numpy(), bound, what)


@pytest.mark.parametrize("lengths", [None, [6, 3]])
@pytest.mark.parametrize("causal", [False, True])
def test_lengths_and_causal_beside_a_mask_hide_what_they_hide_alone(lengths, causal, device):
    attention, nothing = nn.Attention(D, H), np.zeros((S, S), bool)
    x = sl.tensor(MEMORY)
    expected, _ = attention(x, lengths=lengths, causal=causal)
    found, _ = attention(x, lengths=lengths, causal=causal, attn_mask=nothing)
    same(found.numpy(), expected.numpy(), through(attention, S))


def test_dropout_is_on_the_weights_while_training(device):
    ours, theirs, torch = both(dropout=0.5)
    ours.eval(), theirs.eval()
    expected = theirs(*[torch.tensor(X)] * 3)[0].detach().numpy()
    for masks in ({}, {"attn_mask": np.zeros((T, T), bool)}):
        same(ours(sl.tensor(X), **masks)[0].numpy(), expected, through(ours, T))
    one = nn.Attention(D, 1, dropout=0.5)  # values and output are the input itself
    identity = np.concatenate([np.zeros((2 * D, D)), np.eye(D)]).astype(np.float32)
    one.load_state_dict({"in_proj_weight": identity, "out_proj.weight": np.eye(D)}, strict=False)
    one.load_state_dict({"out_proj.bias": np.zeros(D)}, strict=False)
    rows = sl.tensor(np.eye(D, dtype=np.float32)[None])
    weights = np.concatenate([one(rows)[0].numpy().ravel() for _ in range(50)])  # each is 1/D, or dropped
    assert np.unique(weights.round(5)).tolist() == pytest.approx([0, 2 / D], abs=1e-4)
    assert (weights == 0).mean() == pytest.approx(0.5, abs=0.05)


def test_what_is_no_mask_is_refused(device):
    attention, x = nn.Attention(D, H), sl.tensor(X)
    with pytest.raises(ShapeError, match=r"attn_mask needs the shape \(4, 4\) or \(4, 4, 4\), got \(3, 4\)"):
        attention(x, attn_mask=np.zeros((3, 4), bool))
    with pytest.raises(ShapeError, match=r"key_padding_mask needs the shape \(2, 4\), got \(4, 2\)"):
        attention(x, key_padding_mask=np.zeros((4, 2), bool))
    with pytest.raises(ShapeError, match="lengths from 1 to 4, one for each of 2"):
        attention(x, lengths=[0, 4], attn_mask=np.zeros((4, 4), bool))
    with pytest.raises(OptionError, match=r"Dropout probability is 1\.5"):
        nn.Attention(D, H, dropout=1.5)
    with pytest.raises(OptionError, match=r"embed_dim is 8\.0"):
        nn.Attention(8.0, H)


# ---------------------------------------------------------------- blocks
@pytest.mark.parametrize("lengths", [None, [4, 2]])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_tanh"])
def test_blocks_are_pytorchs(norm_first, activation, lengths, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    of_torch = functools.partial(torch.nn.functional.gelu, approximate="tanh")
    peer = torch.nn.TransformerEncoderLayer(
        D, H, 16, 0.0, of_torch if activation == "gelu_tanh" else activation, batch_first=True,
        norm_first=norm_first,
    )  # fmt: skip
    block = nn.TransformerBlock(D, H, 16, norm_first=norm_first, activation=activation)
    block.load_state_dict(peer.state_dict())
    padding = None if lengths is None else torch.arange(T) >= torch.tensor(lengths)[:, None]
    y = peer(torch.tensor(X), src_key_padding_mask=padding)
    found = block(sl.tensor(X), lengths)[0]
    counted = (np.arange(T) < np.array(lengths or [T, T])[:, None])[..., None]
    same(found.numpy() * counted, y.detach().numpy() * counted, through(block, T))
    (found * (X * counted)).sum().backward()
    (y * torch.tensor(X * counted)).sum().backward()
    for (name, p), q in zip(block.named_parameters(), peer.parameters(), strict=True):
        same(p.grad.numpy(), q.grad.numpy(), B * T * through(block, T, back=True), name)


def test_an_unknown_activation_is_refused():
    with pytest.raises(OptionError, match=r"activation is 'geluu' \(did you mean 'gelu'\?\)"):
        nn.TransformerBlock(D, H, activation="geluu")


@pytest.mark.parametrize("change", [{"norm_first": False}, {"activation": "relu"}], ids=str)
def test_the_compiled_reader_leaves_other_blocks_to_the_layers(change):
    model = models.GPTLanguageModel(5, 6, D, 1, H)
    assert gpt_reader(model) is not None
    model.blocks[0] = nn.TransformerBlock(D, H, **change)
    assert gpt_reader(model) is None


# ---------------------------------------------------------------- padded sequences through whole models
def test_bert_does_not_see_padding(device):
    model = models.MaskedLanguageModel(9, 8, D, 2, H).eval()
    alone = model([[1, 2, 3]]).numpy()
    for padding in ([0, 0, 0], [5, 6, 7]):
        padded = model([[1, 2, 3, *padding], [4] * 6], lengths=[3, 6]).numpy()
        same(padded[:1, :3], alone, through(model, 6))
    assert np.abs(model([[1, 2, 3, 0, 0, 0]]).numpy()[:, :3] - alone).max() > through(model, 6)


KINDS = {
    "plain": {"attention": "none"},
    "additive": {"attention": "additive"},
    "multiplicative": {"num_layers": 2},
    "reversed": {"reverse_source": True, "attention": "additive"},
    "context": {"feed_context": True},
    "copy": {"copy": True, "reverse_source": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_decoder_does_not_see_padding(kind, device):
    model = models.EncoderDecoder(9, 5, 6, **KINDS[kind]).eval()
    bound = through(model, 6)
    inputs, targets = [[1, 4, 2]], [[4, 2, 3]]
    alone = model(inputs, model.start([[1, 2, 3]]))[0].numpy()
    loss = model.loss([[1, 2, 3]], inputs, targets).item()
    for padding in ([0, 0, 0], [5, 6, 7]):
        source, lengths = [[8] * 6, [1, 2, 3, *padding]], [6, 3]
        state = model.start(source, lengths)
        same(model(inputs * 2, state)[0].numpy()[1:], alone, bound)
        second = model.select(state, [1])
        same(model(inputs, second)[0].numpy(), alone, bound)
        assert model.loss(source[1:], inputs, targets, lengths=[3]).item() == pytest.approx(loss, abs=bound)
        if model.attention != "none":
            weights = model.weights(source, inputs * 2, lengths)
            assert not weights[1, :, 3:].any()
            same(weights[1:, :, :3], model.weights([[1, 2, 3]], inputs), bound)
    with pytest.raises(ShapeError, match="EncoderDecoder takes lengths from 1 to 3, one for each of 1"):
        model.start([[1, 2, 3]], [4])
