"""GPT: the cache changes nothing, the past is all it sees, PyTorch's block is the same."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn
from scratchlm.debugger import gradcheck
from scratchlm.errors import ShapeError
from scratchlm.generation import generate
from scratchlm.generation.reading import Decoder

from .tolerance import same, through


def small(context=12):
    return models.GPTLanguageModel(11, context, embedding_dim=8, num_layers=2, num_heads=2).eval()


def test_cached_and_uncached_decoding_agree_token_for_token(device):
    """Also past the context, where the older half of the window is dropped."""
    model = small()
    cached = list(generate(model, [1, 2, 3], 40, temperature=0))
    ids = [1, 2, 3]
    for _ in range(40):
        start = model.window(len(ids))
        with sl.no_grad():
            logits, _ = model(np.array([ids[start:]]))
        ids.append(int(logits.numpy()[0, -1].argmax()))
    assert cached == ids[3:]


def test_scores_with_and_without_cache_are_equal(device, rng):
    model, ids = small(), rng.integers(0, 11, (2, 12))
    with sl.no_grad():
        whole, _ = model(ids)
        state, parts = None, []
        for t in (slice(0, 5), slice(5, 6), slice(6, 12)):
            logits, state = model(ids[:, t], state)
            parts.append(logits.numpy())
    same(np.concatenate(parts, axis=1), whole.numpy(), through(model, 12))


def test_a_prediction_does_not_see_the_future(device, rng):
    model, ids = small(), rng.integers(0, 11, (1, 12))
    changed = ids.copy()
    changed[0, 7:] = (changed[0, 7:] + 1) % 11
    with sl.no_grad():
        one, other = model(ids)[0].numpy(), model(changed)[0].numpy()
    same(one[0, :7], other[0, :7], through(model, 12))
    assert np.abs(one[0, 7:] - other[0, 7:]).max() > 1e-3


def test_a_window_longer_than_the_context_is_refused(rng):
    with pytest.raises(sl.ScratchLMError, match="at most 12 tokens at once, got 13"):
        small().loss(rng.integers(0, 11, (1, 13)), rng.integers(0, 11, (1, 13)))


@pytest.mark.parametrize("known", [0, 5, 12])
def test_a_prompt_longer_than_the_context_is_cut_to_its_end_for_writing(known, device, rng):
    model, ids = small(), rng.integers(0, 11, (1, 30))
    with sl.no_grad():
        state = model(ids[:, :known])[1] if known else None
        scores, (read, *_) = Decoder(model)(ids[:, known:], state)
        assert read.shape[1] == 30 - model.window(30) <= 12
        same(scores, model(ids[:, model.window(30) :])[0].numpy()[:, -1], through(model, 12))


def test_more_ids_than_the_context_are_refused_and_not_cut(device, rng):
    model, ids = small(context=6), rng.integers(0, 11, (2, 7))
    with pytest.raises(ShapeError, match="at most 6 tokens at once, got 7"):
        model(ids)
    _, state = model(ids[:, :3])
    assert model(ids[:, 3:], state)[0].shape == (2, 4, 11)  # the older half of the context is dropped
    with pytest.raises(ShapeError, match="at most 6 tokens at once, got 10"):
        model(ids, state)


def test_gradients_of_the_whole_model(device, rng):
    model, ids = models.GPTLanguageModel(5, 4, 4, 1, 2), rng.integers(0, 5, (2, 4))
    parameters = list(model.parameters())
    for parameter in parameters:
        parameter.data = 5 * parameter.data.astype(np.float64)  # larger than at the start: more to differ
    gradcheck(lambda *_: model.loss(ids, ids[:, ::-1].copy())[0], parameters)


@pytest.mark.parametrize("lengths", [None, [9, 4]], ids=["full", "padded"])
@pytest.mark.parametrize("causal", [False, True])
def test_the_block_is_pytorchs(device, rng, causal, lengths):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    peer = torch.nn.TransformerEncoderLayer(
        8, 2, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).eval()
    block = nn.TransformerBlock(8, 2)
    assert block.state_dict().keys() == peer.state_dict().keys()
    block.load_state_dict(peer.state_dict())
    x = rng.standard_normal((2, 9, 8)).astype(np.float32)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(9) if causal else None
    padding = None if lengths is None else torch.arange(9) >= torch.tensor(lengths)[:, None]
    with torch.no_grad():
        expected = peer(torch.from_numpy(x), src_mask=mask, src_key_padding_mask=padding).numpy()
    found = block(sl.tensor(x), lengths, causal)[0].numpy()
    for n, length in enumerate(lengths or [9, 9]):
        same(found[n, :length], expected[n, :length], through(block, 9))


def test_attention_to_a_memory_is_pytorchs(device, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    peer, mine = torch.nn.MultiheadAttention(8, 2, batch_first=True), nn.Attention(8, 2)
    mine.load_state_dict(peer.state_dict())
    x, memory = (rng.standard_normal((2, n, 8)).astype(np.float32) for n in (3, 5))
    expected, _ = peer(*(torch.from_numpy(a) for a in (x, memory, memory)))
    same(mine(sl.tensor(x), sl.tensor(memory))[0].numpy(), expected.detach().numpy(), through(mine, 5))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gru_is_pytorchs(device, rng, layers, bidirectional):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    peer = torch.nn.GRU(3, 4, layers, bidirectional=bidirectional)
    mine = nn.GRU(3, 4, layers, bidirectional=bidirectional)
    mine.load_state_dict(peer.state_dict())
    x = rng.standard_normal((6, 2, 3)).astype(np.float32)
    h0 = rng.standard_normal((layers * (1 + bidirectional), 2, 4)).astype(np.float32)
    for one, other in zip(
        mine(sl.tensor(x), sl.tensor(h0)), peer(torch.from_numpy(x), torch.from_numpy(h0)), strict=True
    ):
        same(one.numpy(), other.detach().numpy(), through(mine, 6))


def test_label_smoothing_through_the_module(rng):
    logits, targets = sl.tensor(rng.standard_normal((4, 5))), rng.integers(0, 5, 4)
    expected = F.cross_entropy_composed(logits, sl.tensor(targets), label_smoothing=0.3)
    assert nn.CrossEntropyLoss(label_smoothing=0.3)(logits, targets).item() == pytest.approx(expected.item())


def test_a_model_with_gpt_2s_own_gelu(device, rng):
    """OpenAI's weights were trained with the tanh form; with the exact one, logits are slightly wrong."""
    options = {"context": 6, "embedding_dim": 8, "num_layers": 2, "num_heads": 2}
    own = models.GPTLanguageModel(11, activation="gelu_tanh", **options)
    exact = models.GPTLanguageModel(11, **options)
    wide = {name: 20 * array for name, array in own.state_dict().items()}  # so that the two forms differ
    own.load_state_dict(wide)
    exact.load_state_dict(wide)
    ids = rng.integers(0, 11, (2, 6))
    logits = own(ids)[0].numpy()
    assert np.abs(logits - exact(ids)[0].numpy()).max() > 1e-4
    for block in exact.blocks:
        block.activation = "gelu_tanh"
    assert np.array_equal(logits, exact(ids)[0].numpy())
    state = None
    for t in range(6):  # and token by token
        step, state = own(ids[:, t : t + 1], state)
        same(step.numpy()[:, 0], logits[:, t], 20 * through(own, 6))
