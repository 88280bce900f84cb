"""SequenceClassifier on every body, MaskedLanguageModel and mask_tokens."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import optim
from scratchlm.errors import OptionError, ShapeError
from scratchlm.models import (
    GPTLanguageModel,
    LSTMLanguageModel,
    MaskedLanguageModel,
    SequenceClassifier,
    mask_tokens,
)

from .model_checks import check_devices, check_gradients
from .tolerance import same, through

V = 7
BODIES = {
    "lstm": lambda: LSTMLanguageModel(V, 3, 4, 2),
    "gpt": lambda: GPTLanguageModel(V, 6, 4, 1, 2),
    "bert": lambda: MaskedLanguageModel(V, 6, 4, 1, 2),
}


@pytest.fixture(params=BODIES)
def body(request):
    return BODIES[request.param]


def larger(model):
    """Initial weights of 0.02 make all features alike: enlarge them."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data *= 10
    return model


# ---------------------------------------------------------------- classifier
@pytest.mark.parametrize("only_last", [False, True])
def test_gradients(rng, body, only_last):
    model = SequenceClassifier(body(), 4, 3, only_last=only_last)
    ids, classes = rng.integers(0, V, (2, 4)), np.array([2, 0])
    check_gradients(model, lambda: model.loss(ids, classes), unused="body.head")


def test_devices_agree(rng, body):
    ids, classes = rng.integers(0, V, (3, 5)), np.array([2, 0, 1])
    check_devices(
        lambda: SequenceClassifier(body(), 4, 3, dropout=0.4),
        lambda model: model.loss(ids, classes),
        unused="body.head",
    )


@pytest.mark.parametrize("only_last", [False, True])
def test_the_head_reads_last_max_and_mean(device, rng, body, only_last):
    model = larger(SequenceClassifier(body(), 4, 3, dropout=0.5, only_last=only_last)).eval()
    ids = rng.integers(0, V, (5, 6))
    h = model.body.encode(ids).numpy()
    assert h.shape == (5, 6, 4)
    pooled = h[:, -1] if only_last else np.concatenate([h[:, -1], h.max(axis=1), h.mean(axis=1)], axis=1)
    expected = pooled @ model.head.weight.numpy().T + model.head.bias.numpy()
    same(model(ids).numpy(), expected, through(model, 6))
    assert np.ptp(expected, axis=0).min() > 1e-3


@pytest.mark.parametrize("only_last", [False, True])
def test_a_second_body_reads_from_the_end(device, rng, body, only_last):
    model = larger(SequenceClassifier(body(), 4, 3, only_last=only_last, backwards=body()))
    ids = rng.integers(0, V, (5, 6))
    h, back = model.body.encode(ids).numpy(), model.backwards.encode(ids[:, ::-1].copy()).numpy()
    both = np.concatenate([h, back[:, ::-1]], axis=2)  # (B, T, 2D), in the order of the text
    parts = (
        [h[:, -1], back[:, -1]] if only_last else [h[:, -1], back[:, -1], both.max(axis=1), both.mean(axis=1)]
    )
    expected = np.concatenate(parts, axis=1) @ model.head.weight.numpy().T + model.head.bias.numpy()
    same(model(ids).numpy(), expected, through(model, 6))
    if device == "cpu":  # the reference's gradients are these: below
        check_gradients(model, lambda: model.loss(ids[:2], np.array([2, 0])), unused=UNUSED_OF_TWO)


UNUSED_OF_TWO = "body.head", "backwards.head"


@pytest.mark.parametrize("only_last", [False, True])
def test_devices_agree_on_two_bodies(rng, body, only_last):
    ids, classes = rng.integers(0, V, (3, 5)), np.array([2, 0, 1])
    check_devices(
        lambda: larger(SequenceClassifier(body(), 4, 3, only_last=only_last, backwards=body())),
        lambda model: model.loss(ids, classes),
        unused=UNUSED_OF_TWO,
    )


def test_dropout_is_for_training_only(device, rng, body):
    model, ids = larger(SequenceClassifier(body(), 4, 3, dropout=0.5)), rng.integers(0, V, (5, 6))
    assert not np.array_equal(model(ids).numpy(), model(ids).numpy())
    model.eval()
    assert np.array_equal(model(ids).numpy(), model(ids).numpy())


def test_it_is_pytorchs_with_the_same_weights(device, rng):
    """An LSTM, concat pooling and a linear layer out of torch.nn: loss and gradients."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    model = SequenceClassifier(LSTMLanguageModel(V, 3, 4, 2), 4, 3)
    ids, classes = rng.integers(0, V, (5, 6)), rng.integers(0, 3, 5)
    body = {"embedding": torch.nn.Embedding(V, 3), "lstm": torch.nn.LSTM(3, 4, 2, batch_first=True)}
    peer = torch.nn.ModuleDict({"body": torch.nn.ModuleDict(body), "head": torch.nn.Linear(12, 3)})
    used = {name: a for name, a in model.state_dict().items() if not name.startswith("body.head")}
    peer.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in used.items()})
    h, _ = peer["body"]["lstm"](peer["body"]["embedding"](torch.from_numpy(ids)))
    pooled = torch.cat([h[:, -1], h.amax(1), h.mean(1)], 1)
    expected = torch.nn.functional.cross_entropy(peer["head"](pooled), torch.from_numpy(classes))
    expected.backward()
    loss = model.loss(ids, classes)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=through(model, 6))
    gradients = {name: p.grad.numpy() for name, p in peer.named_parameters()}
    for name, parameter in model.named_parameters():
        if name in used:
            same(parameter.grad.numpy(), gradients[name], through(model, 6, back=True), name)
        else:
            assert parameter.grad is None


def test_it_learns_with_the_body_held_fast(rng):
    """Fine-tuning of the last layer alone: is token 3 in the text?"""
    sl.manual_seed(0)
    model = SequenceClassifier(LSTMLanguageModel(V, 8, 16, device="cpu"), 16, 2)
    before = {name: array.copy() for name, array in model.body.state_dict().items()}
    optimizer = optim.Adam(model.head.parameters(), lr=0.05)
    ids = rng.integers(0, V, (300, 5))
    classes = (ids == 3).any(axis=1).astype(np.int64)
    for _ in range(100):
        model.zero_grad()
        model.loss(ids[:200], classes[:200]).backward()
        optimizer.step()
    accuracy = (model(ids[200:]).numpy().argmax(axis=1) == classes[200:]).mean()
    assert accuracy > 0.85 > max(classes.mean(), 1 - classes.mean()) + 0.1
    assert all(np.array_equal(array, before[name]) for name, array in model.body.state_dict().items())


# ---------------------------------------------------------------- masked language model
def test_bert_gradients(rng):
    model, ids = MaskedLanguageModel(5, 4, 4, 1, 2), rng.integers(0, 5, (2, 4))
    for parameter in model.parameters():
        parameter.data *= 5
    targets = np.where(rng.random(ids.shape) < 0.5, ids, -100)
    check_gradients(model, lambda: model.loss(ids, targets))


def test_bert_on_all_devices(rng):
    ids = rng.integers(0, V, (2, 6))
    check_devices(lambda: MaskedLanguageModel(V, 6, 4, 2, 2, 0.2), lambda model: model.loss(ids, ids))


def test_every_token_sees_every_token(device, rng):
    model, ids = larger(MaskedLanguageModel(V, 6, 4, 1, 2)), rng.integers(0, V, (1, 6))
    before = model(ids).numpy()
    for place in range(6):
        changed = ids.copy()
        changed[0, place] = (changed[0, place] + 1) % V
        assert np.abs(model(changed).numpy() - before).max(axis=2).min() > 1e-5


def test_bert_loss_counts_masked_places_alone(device, rng):
    model, ids = larger(MaskedLanguageModel(V, 6, 4, 1, 2)), rng.integers(0, V, (3, 6))
    inputs, targets = mask_tokens(ids, V, 1, rng, share=0.4)
    rows = model(inputs).numpy()[targets != -100]
    expected = F.cross_entropy(sl.tensor(rows), targets[targets != -100])
    assert model.loss(inputs, targets).item() == pytest.approx(expected.item(), abs=through(model, 6))
    with pytest.raises(ShapeError, match="at most 6 tokens at once, got 7"):
        model.loss(np.zeros((1, 7), int), np.zeros((1, 7), int))


def test_bert_learns_to_fill_a_gap(rng):
    """Texts of one repeated token: the gap's neighbours tell."""
    sl.manual_seed(0)
    model = MaskedLanguageModel(6, 5, 16, 1, 2, device="cpu")
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(120):
        inputs, targets = mask_tokens(rng.integers(1, 6, (32, 1)).repeat(5, axis=1), 6, 0, rng)
        optimizer.zero_grad()
        model.loss(inputs, targets).backward()
        optimizer.step()
    gaps = np.arange(1, 6)[:, None].repeat(5, axis=1)
    gaps[:, 2] = 0
    assert model(gaps).numpy()[:, 2].argmax(axis=1).tolist() == [1, 2, 3, 4, 5]


# ---------------------------------------------------------------- masking
def test_mask_tokens_hides_the_shares_of_the_paper(rng):
    ids = rng.integers(2, 1000, (400, 100))
    kept = ids.copy()
    inputs, targets = mask_tokens(ids, 1000, 1, rng)
    assert np.array_equal(ids, kept)
    chosen = targets != -100
    assert (chosen.sum(axis=1) == 15).all()
    assert np.array_equal(targets[chosen], ids[chosen])
    assert np.array_equal(inputs[~chosen], ids[~chosen])
    masked, same = (inputs == 1)[chosen].mean(), (inputs == ids)[chosen].mean()
    assert masked == pytest.approx(0.8, abs=0.02)
    assert same == pytest.approx(0.1, abs=0.015)
    drawn = inputs[chosen & (inputs != 1) & (inputs != ids)]
    assert len(drawn) / chosen.sum() == pytest.approx(0.1, abs=0.015)
    assert drawn.mean() == pytest.approx(500, abs=40)
    assert chosen.mean(axis=0) == pytest.approx(0.15, abs=0.08)  # every place alike


def test_mask_tokens_is_the_same_for_the_same_generator():
    ids = np.arange(60).reshape(3, 20)
    one, other, third = (mask_tokens(ids, 60, 1, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_every_row_has_something_to_guess(rng):
    _, targets = mask_tokens(rng.integers(0, V, (50, 2)), V, 1, rng)
    assert ((targets != -100).sum(axis=1) == 1).all()
    _, targets = mask_tokens(rng.integers(0, V, (5, 4)), V, 1, rng, share=1.0)
    assert (targets != -100).all()
    for share in (0, 1.5, float("nan")):
        with pytest.raises(OptionError, match="0 < share ≤ 1"):
            mask_tokens([[1]], V, 1, rng, share)


def test_the_callers_models_keep_their_heads():
    models = [LSTMLanguageModel(5, 4, 4) for _ in range(2)]
    classifier = SequenceClassifier(models[0], 4, 2, backwards=models[1])
    assert not [name for name, _ in classifier.named_parameters() if "y.head" in name or "s.head" in name]
    for model in models:
        assert model(np.array([[1, 2]]))[0].shape == (1, 2, 5)
    assert classifier.body.embedding.weight is models[0].embedding.weight  # trained together
