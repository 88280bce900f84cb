"""EncoderDecoder that copies: gradients, decoding, the mixture as on the page, and tokens never learned."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import optim
from scratchlm.errors import OptionError
from scratchlm.models import EncoderDecoder

from .model_checks import check_decoding, check_devices, check_gradients, check_select
from .test_models_encoder_decoder import V, batch
from .tolerance import same, through


@pytest.fixture(params=["additive", "multiplicative"])
def attention(request):
    return request.param


@pytest.fixture(params=[(False, False), (True, True)], ids=str)
def options(request):
    return {"reverse_source": request.param[0], "feed_context": request.param[1], "copy": True}


def test_gradients(rng, attention, options):
    model = EncoderDecoder(V, 2, 3, 1, attention, **options)  # two layers: test_models_encoder_decoder.py
    example = batch(rng, 2, 3, 2)
    for forced in (True, False):
        check_gradients(model, lambda forced=forced: model.loss(*example, teacher_forcing=forced))


def test_decoding_by_steps_and_selected_states(device, rng, attention, options):
    model = EncoderDecoder(V, 6, 8, 2, attention, **options, dropout=0.5).eval()
    source, inputs, _ = batch(rng)
    with sl.no_grad():
        state = model.start(source)
    check_decoding(model, inputs, state)
    check_select(model, inputs, state)


def test_devices_agree(rng, attention):
    example = batch(rng)
    for forced in (True, False):
        check_devices(
            lambda: EncoderDecoder(V, 6, 8, 2, attention, True, True, copy=True, dropout=0.3),
            lambda model, forced=forced: model.loss(*example, teacher_forcing=forced),
        )


def test_the_mixture_is_the_formulas(device, rng, attention, options):
    model = EncoderDecoder(V, 6, 8, 1, attention, **options)
    for parameter in model.parameters():
        parameter.data *= 2  # more to differ
    source, inputs, targets = batch(rng)
    state = model.start(source)
    logits, y = (
        model(inputs, state)[0].numpy(),
        model.features(inputs, state)[0].numpy(),
    )  # (B, T, V), (T, B, ·)
    own = np.exp(y @ model.head.weight.numpy().T + model.head.bias.numpy())
    own /= own.sum(axis=2, keepdims=True)
    gate = 1 / (1 + np.exp(-(y @ model.gate.weight.numpy()[0] + model.gate.bias.numpy())))
    keys = state.memory[1].numpy() @ model.copy_key.weight.numpy().T  # (B, S, ·)
    p = np.zeros_like(logits)
    for b, t in np.ndindex(*p.shape[:2]):
        scores = keys[b] @ y[t, b] / np.sqrt(y.shape[2])
        looks = np.exp(scores) / np.exp(scores).sum()
        p[b, t] = gate[t, b] * own[t, b]
        for s, token in enumerate(source[b]):
            p[b, t, token] += (1 - gate[t, b]) * looks[s]
    same(np.exp(logits), p, through(model, 9))
    counted = targets != -100
    wanted = p[*np.nonzero(counted), targets[counted]]
    assert model.loss(source, inputs, targets).item() == pytest.approx(
        -np.log(wanted).mean(), abs=through(model, 9)
    )


@pytest.mark.parametrize("copy", [True, False])
def test_it_copies_tokens_that_were_no_target_in_training(rng, copy):
    sl.manual_seed(0)
    model = EncoderDecoder(20, 8, 32, copy=copy, device="cpu")
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(200):  # the third token of five; 15 to 19 stand beside it, and are never the answer
        source = rng.integers(1, 20, (32, 5))
        source[:, 2] = rng.integers(1, 15, 32)
        optimizer.zero_grad()
        model.loss(source, np.zeros((32, 1), int), source[:, 2:3]).backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    source = rng.integers(1, 15, (200, 5))
    source[:, 2] = rng.integers(15, 20, 200)
    with sl.no_grad():
        found = model(np.zeros((200, 1), int), model.start(source))[0].numpy()[:, 0].argmax(axis=1)
    share = (found == source[:, 2]).mean()
    assert share > 0.8 if copy else share < 0.1


def test_copying_needs_attention():
    with pytest.raises(OptionError, match="found by attention: choose one, or set copy=False"):
        EncoderDecoder(V, attention="none", copy=True)
