"""The documents' listings: their layers, what fails as printed, and that the corrected ones learn."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import models, optim
from scratchlm.errors import ShapeError, TokenError

from .model_checks import check_decoding, check_devices, check_gradients, check_select
from .tolerance import same, through

V = 7
SMALL = {
    "L0": lambda: models.L0(V, 3),
    "L1": lambda: models.L1(V, 3, V),
    "L2": lambda: models.L2(V, 3, 4),
    "L3": lambda: models.L3(V, 3, 4, 2),
    "L4": lambda: models.L4(V, 3, 4),
}


@pytest.fixture(params=SMALL)
def name(request):
    return request.param


def loss(name, model, ids):
    """Targets: one token for each text (L0, L1), or each token itself."""
    if name in ("L0", "L1"):
        return model.loss(ids, ids[:, 0])
    return model.loss(ids, ids)[0] if name == "L2" else model.loss(ids, ids)


def test_gradients(rng, name):
    model, ids = SMALL[name](), rng.integers(0, V, (2, 3))
    if name == "L0":
        model.dense1.bias.data += 0.5  # away from the corner of relu
    check_gradients(model, lambda: loss(name, model, ids))


def test_devices_agree(rng, name):
    ids = rng.integers(0, V, (3, 4))
    check_devices(SMALL[name], lambda model: loss(name, model, ids))


def test_the_loss_is_that_of_forwards_logits(device, rng, name):
    model, ids = SMALL[name](), rng.integers(0, V, (3, 4))
    logits = model(ids)[0] if name == "L2" else model(ids)
    log_p = logits.log_softmax().numpy()
    targets = ids[:, 0] if name in ("L0", "L1") else ids
    assert log_p.shape == (*targets.shape, V)
    expected = -np.take_along_axis(log_p, targets[..., None], axis=-1).mean()
    assert loss(name, model, ids).item() == pytest.approx(expected, abs=through(model, 4))


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        # embedding, LSTMs of 4·H·(D + H + 2), dense layers
        ("L0", 1_280_000 + 2 * 4 * 128 * 258 + 128 * 129 + 10000 * 129),
        ("L1", 5_000 + 4 * 50 * 102 + 10 * 51),
        ("L2", 1_280_000 + 4 * 128 * 258 + 10000 * 129),
        (
            "L3AsPrinted",
            1_280_000 + 4 * 256 * (386 + 2 * 514) + 4 * 128 * (386 + 2 * 258),
        ),
        ("L3", 1_280_000 + 4 * 256 * (386 + 2 * 514) + 4 * 128 * (386 + 2 * 258) + 10000 * 129),
        ("L4", 2_560_000 + 2 * 4 * 256 * 514 + 10000 * 257),
    ],
)
def test_the_defaults_are_the_listings_sizes(kind, count):
    assert getattr(models, kind)().count_parameters() == count


def test_l2_is_a_language_model(device, rng):
    model, ids = models.L2(V, 6, 8), rng.integers(0, V, (3, 5))
    check_decoding(model, ids, None)
    check_select(model, ids, None)


@pytest.mark.parametrize("kind", ["L0", "L1"])
def test_the_last_step_has_read_the_whole_window(device, rng, kind):
    model, ids = SMALL[kind](), rng.integers(0, V, (2, 5))
    model.embedding.weight.data *= 5
    before = model(ids).numpy()
    for place in range(5):
        changed = ids.copy()
        changed[0, place] = (changed[0, place] + 1) % V
        after = model(changed).numpy()
        assert np.abs(after[0] - before[0]).max() > 1e-7
        assert np.array_equal(after[1], before[1])


def test_l0_is_two_lstms_a_relu_and_a_score(device, rng):
    model, ids = models.L0(V, 8), rng.integers(0, V, (3, 5))
    h, _ = model.lstm2(model.lstm1(model.embedding(ids))[0])
    hidden = h.numpy()[:, -1] @ model.dense1.weight.numpy().T + model.dense1.bias.numpy()
    assert (hidden < 0).any()
    expected = np.maximum(hidden, 0) @ model.dense2.weight.numpy().T + model.dense2.bias.numpy()
    same(model(ids).numpy(), expected, through(model, 5))


# ---------------------------------------------------------------- L3
def moved(model, ids):
    """Which outputs (B, T) change when the first text's first token does."""
    changed = ids.copy()
    changed[0, 0] = (changed[0, 0] + 1) % V
    return np.abs(model(changed).numpy() - model(ids).numpy()).max(axis=2) > 1e-9


def test_l3_as_printed_mixes_up_time_and_batch(device, rng):
    ids = rng.integers(0, V, (3, 4))
    assert moved(models.L3AsPrinted(V, 3, 4, 2), ids).tolist() == [[True, False, False, False]] * 3
    assert moved(models.L3(V, 3, 4, 2), ids).tolist() == [[True] * 4, [False] * 4, [False] * 4]


def test_l3_as_printed_has_no_score_for_a_target_from_its_features_on(device, rng):
    model, ids = models.L3AsPrinted(V, 3, 4, 2), rng.integers(0, 3, (2, 4))
    assert model.loss(ids, ids).item() > 0  # tokens 0 to 2 have one
    ids[1, 2] = 3
    with pytest.raises(TokenError, match=r"scores 3 tokens, .* add a last layer Linear\(3, vocabulary\)"):
        model.loss(ids, ids)
    assert models.L3(V, 3, 4, 2).loss(ids, ids).item() > 0
    with pytest.raises(TokenError, match=r"target 7, but there are 7 classes"):
        models.L3(V, 3, 4, 2).loss(ids, ids + 4)


# ---------------------------------------------------------------- L4
def test_l4_as_printed_gives_its_decoder_no_time_axis(device, rng):
    model = models.L4AsPrinted(V, 3, 4)
    with pytest.raises(ShapeError, match=r"gets the code \(2, 3\), which has no time axis") as caught:
        model(rng.integers(0, V, (2, 5)))
    assert f"{models.weights_of_lstm(3, V):,} weights" in str(caught.value)


def test_l4_repeats_its_code(device, rng):
    model, source = models.L4(V, 3, 4), rng.integers(0, V, (2, 5))
    assert model(source).shape == (2, 5, V)
    longer = model(source, 8).numpy()
    same(longer[:, :5], model(source).numpy(), through(model, 8))
    code = model.encode_code(source).numpy()
    every, _ = model.decoder(sl.tensor(np.repeat(code[:, None], 8, axis=1)))
    same(model.dense(every).numpy(), longer, through(model, 8))


@pytest.mark.parametrize(("D", "H"), [(1, 1), (3, 5), (256, 256)])
def test_weights_of_lstm(D, H):
    assert models.weights_of_lstm(D, H) == sl.nn.LSTM(D, H).count_parameters()
    assert models.weights_of_lstm(256, 10000) == 410_320_000


# ---------------------------------------------------------------- they learn
@pytest.mark.parametrize("kind", ["L0", "L1", "L2", "L3", "L4"])
def test_it_learns(rng, kind):
    """The first of two tokens (L0, L1), the token itself (L2, L3), the text from its code (L4)."""
    sl.manual_seed(0)
    make = {
        "L0": lambda: models.L0(V, 16),
        "L1": lambda: models.L1(V, 16, V),
        "L2": lambda: models.L2(V, 16, 16),
        "L3": lambda: models.L3(V, 16, 16, 2),
        "L4": lambda: models.L4(V, 16, 32),
    }
    model, ids = make[kind]().to("cpu"), np.stack(np.meshgrid(*[np.arange(V)] * 2), axis=-1).reshape(-1, 2)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss(kind, model, ids).backward()
        optimizer.step()
    logits = (model(ids)[0] if kind == "L2" else model(ids)).numpy()
    targets = ids[:, 0] if kind in ("L0", "L1") else ids
    assert (logits.argmax(axis=-1) == targets).mean() > 0.95
