"""Modules: names, state dicts and outputs as PyTorch's, whole layers by differences, moving and loading."""

import copy
import pickle

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn, optim
from scratchlm.debugger import gradcheck
from scratchlm.errors import CheckpointError, OptionError, ShapeError

from .tolerance import same, through

PAIRS = {
    "linear": (lambda m: m.Linear(3, 4), ()),
    "linear without bias": (lambda m: m.Linear(3, 4, bias=False), ()),
    "embedding": (lambda m: m.Embedding(7, 3), ()),
    "cell": (lambda m: m.LSTMCell(3, 4), ()),
    "lstm": (lambda m: m.LSTM(3, 4), (1, 4)),
    "lstm 2 layers": (lambda m: m.LSTM(3, 4, 2), (2, 4)),
    "lstm 3 layers": (lambda m: m.LSTM(3, 4, num_layers=3), (3, 4)),
    "lstm both ways": (lambda m: m.LSTM(3, 4, 2, bidirectional=True), (4, 4)),
    "lstm batch first": (lambda m: m.LSTM(3, 4, 2, batch_first=True, bidirectional=True), (4, 4)),
    "lstm dropout": (lambda m: m.LSTM(3, 4, 3, dropout=0.5), (3, 4)),
}


@pytest.fixture(params=PAIRS)
def pair(request, device):
    """One of our layers and PyTorch's, both in eval mode; and the shape of the state, batch left out."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    torch.manual_seed(1)
    make, state = PAIRS[request.param]
    return make(nn).eval(), make(torch.nn).eval(), state, torch


def flat(result):
    return [result] if not isinstance(result, tuple) else [leaf for part in result for leaf in flat(part)]


def call_both(ours, theirs, state, torch, with_state):
    """Outputs of both for the same drawn input."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((5, 6, 3)).astype(np.float32)
    if isinstance(ours, nn.Embedding):
        x = rng.integers(0, 7, (5, 6))
    if isinstance(ours, nn.LSTMCell):
        x, shape = x[0], (6, 4)
    elif state:
        shape = (state[0], 5 if getattr(ours, "batch_first", False) else 6, state[1])
    extra = ()
    if with_state and isinstance(ours, nn.LSTM | nn.LSTMCell):
        extra = [tuple(rng.standard_normal((2, *shape)).astype(np.float32))]
    found = flat(ours(sl.tensor(x), *(tuple(map(sl.tensor, s)) for s in extra)))
    expected = flat(theirs(torch.from_numpy(x), *(tuple(map(torch.from_numpy, s)) for s in extra)))
    return [t.numpy() for t in found], [t.detach().numpy() for t in expected]


def assert_same(found, expected, bound):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        same(one, other, bound)


def test_state_dict_has_pytorchs_names_and_shapes(pair):
    ours, theirs, *_ = pair
    found = {name: array.shape for name, array in ours.state_dict().items()}
    assert found == {name: tuple(t.shape) for name, t in theirs.state_dict().items()}


@pytest.mark.parametrize("with_state", [False, True], ids=["from zero", "from a state"])
def test_weights_of_pytorch_give_pytorchs_output(pair, with_state):
    ours, theirs, state, torch = pair
    ours.load_state_dict(theirs.state_dict())
    assert_same(*call_both(ours, theirs, state, torch, with_state), through(ours, 6))


@pytest.mark.parametrize("with_state", [False, True], ids=["from zero", "from a state"])
def test_our_weights_give_our_output_in_pytorch(pair, with_state):
    ours, theirs, state, torch = pair
    theirs.load_state_dict({name: torch.from_numpy(a) for name, a in ours.state_dict().items()})
    assert_same(*call_both(ours, theirs, state, torch, with_state), through(ours, 6))


# ---------------------------------------------------------------- dropout between layers
def test_dropout_is_between_layers_and_in_training_only(device):
    x = sl.tensor(np.random.default_rng(0).standard_normal((5, 2, 3)).astype(np.float32))
    deep, flat_one = nn.LSTM(3, 4, 2, dropout=0.5), nn.LSTM(3, 4, 1, dropout=0.5)
    drawn = [deep(x)[0].numpy() for _ in range(2)]
    assert not np.array_equal(*drawn)
    deep.eval()
    quiet = [deep(x)[0].numpy() for _ in range(2)]
    assert np.array_equal(*quiet)
    assert np.array_equal(flat_one(x)[0].numpy(), flat_one(x)[0].numpy())  # the last layer is not dropped
    h = deep(x)[1][0].numpy()
    deep.train()
    assert np.array_equal(deep(x)[1][0].numpy()[0], h[0])  # nor is what the first one reads


def test_dropout_has_the_right_mean_and_share(device):
    x = sl.tensor(np.ones(20000, np.float32), requires_grad=True)
    layer = nn.Dropout(0.3)
    y = layer(x)
    assert np.unique(y.numpy().round(5)).tolist() == pytest.approx([0, 1 / 0.7], abs=1e-4)
    assert (y.numpy() == 0).mean() == pytest.approx(0.3, abs=0.02)
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.numpy())  # backward by the same mask
    assert not np.array_equal(layer(x).numpy(), y.numpy())  # the next call by another
    assert layer.eval()(x) is x


def test_dropout_masks_are_the_same_on_every_device():
    found = []
    for name in ("reference", "cpu"):
        sl.manual_seed(5)
        x = sl.tensor(np.ones((33, 7), np.float32), device=name)
        found.append([F.dropout(x, 0.4).numpy() for _ in range(3)])
    assert np.array_equal(*found)


# ---------------------------------------------------------------- gradients of whole layers
def doubled(module):
    """The module with float64 parameters, for differences."""
    for parameter in module.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return module


def check_layer(module, *inputs):
    """Differences over the inputs and over every parameter."""
    inputs = [sl.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs]
    parameters = list(doubled(module).parameters())
    assert gradcheck(lambda *all: flat_tuple(module(*all[: len(inputs)])), [*inputs, *parameters]) < 1e-6


def flat_tuple(result):
    return tuple(flat(result))


def test_gradients_of_linear(device, rng):
    check_layer(nn.Linear(3, 4), rng.standard_normal((2, 5, 3)))


def test_gradients_of_embedding_with_repeated_tokens(device):
    check_layer(nn.Embedding(4, 3), np.array([[0, 1, 1], [3, 1, 0]]))


def test_gradients_of_lstm_in_both_directions(device, rng):
    check_layer(nn.LSTM(3, 2, 2, bidirectional=True), rng.standard_normal((4, 2, 3)))


def test_gradients_of_lstm_from_a_state(device, rng):
    h, c = (sl.tensor(rng.standard_normal((2, 3, 2)), requires_grad=True) for _ in range(2))
    x = sl.tensor(rng.standard_normal((3, 3, 2)), requires_grad=True)
    lstm = doubled(nn.LSTM(2, 2, 2, batch_first=True))
    gradcheck(lambda x, h, c: flat_tuple(lstm(x, (h, c))), [x, h, c])


def test_gradients_of_lstm_cell(device, rng):
    check_layer(nn.LSTMCell(3, 4), rng.standard_normal((2, 3)))


def test_gradients_of_the_language_models_loss(device, rng):
    model = doubled(models.LSTMLanguageModel(5, 3, 4, num_layers=2))
    ids, targets = rng.integers(0, 5, (2, 6)), rng.integers(0, 5, (2, 6))
    targets[1, 4:] = -100
    assert gradcheck(lambda *_: model.loss(ids, targets)[0], list(model.parameters())) < 1e-7


def test_the_models_loss_is_the_cross_entropy_of_its_logits(device, rng):
    model = models.LSTMLanguageModel(5, 3, 4)
    ids, targets = rng.integers(0, 5, (3, 6)), rng.integers(0, 5, (3, 6))
    logits, state = model(ids)
    loss, carried = model.loss(ids, targets)
    expected = F.cross_entropy(logits.reshape(18, 5), targets.reshape(18))
    assert loss.item() == pytest.approx(expected.item(), abs=through(model, 6))
    assert np.array_equal(carried[0].numpy(), state[0].numpy())


# ---------------------------------------------------------------- Module
def tied():
    """Two names for one embedding."""
    model = nn.Sequential(nn.Embedding(6, 3), nn.Linear(3, 6))
    model[1].weight = model[0].weight
    return model


def test_shared_parameters_come_once(device):
    model = tied()
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "1.bias"]
    assert model.count_parameters() == 6 * 3 + 6
    assert list(model.state_dict()) == ["0.weight", "1.weight", "1.bias"]


def test_train_and_eval_reach_every_part(device):
    model = models.LSTMLanguageModel(5, 3, 4)
    model.eval()
    assert [m.training for m in model.modules()] == [False] * 5
    model.train()
    assert all(m.training for m in model.modules())


def test_moving_keeps_values_ties_and_parameters():
    sl.manual_seed(0)
    model = tied()
    before = {name: array.copy() for name, array in model.state_dict().items()}
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    parameters = list(model.parameters())
    assert model.to("cpu") is model
    assert all(p.device.name == "cpu" for p in model.parameters())
    assert [id(p) for p in model.parameters()] == [id(p) for p in parameters]
    assert all(np.array_equal(a, before[name]) for name, a in model.state_dict().items())
    F.cross_entropy(model(np.array([1, 2])), np.array([0, 1])).backward()
    optimizer.step()  # made before the move, trains after it
    assert not np.array_equal(model.state_dict()["1.weight"], before["1.weight"])


def test_zero_grad_forgets_all_gradients(device):
    model = nn.Linear(2, 1)
    model(sl.tensor([[1.0, 2.0]])).sum().backward()
    assert model.weight.grad is not None
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


BROKEN = {
    "missing": (lambda s: s.pop("weight_hh_l0"), "lack 'weight_hh_l0' .did you mean 'weight_ih_l0'"),
    "unknown": (lambda s: s.update(weight_xh_l0=np.zeros(3)), "have 'weight_xh_l0'"),
    "misshaped": (lambda s: s.update(bias_hh_l0=np.zeros(3)), r"'bias_hh_l0' has shape \(3,\) .* \(16,\)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_state_dict_that_does_not_fit_changes_nothing(name, device):
    lstm = nn.LSTM(3, 4)
    before = {key: array.copy() for key, array in lstm.state_dict().items()}
    state = {key: np.zeros_like(array) for key, array in before.items()}
    spoil, words = BROKEN[name]
    spoil(state)
    with pytest.raises(CheckpointError, match=words):
        lstm.load_state_dict(state)
    assert all(np.array_equal(array, before[key]) for key, array in lstm.state_dict().items())


def through_pickle(module):
    return pickle.loads(pickle.dumps(module))


@pytest.mark.parametrize("way", [copy.deepcopy, through_pickle], ids=["deepcopy", "pickle"])
def test_a_copied_module_is_equal_and_apart(way, device):
    model = nn.Sequential(tied(), nn.LayerNorm(6), nn.GRU(6, 4, 2), nn.Dropout(0.5)).eval()
    model[0](np.array([1, 2])).sum().backward()
    made = way(model)
    expected, found = model.state_dict(), made.state_dict()
    assert found.keys() == expected.keys()
    for name in expected:
        assert np.array_equal(found[name], expected[name])
        assert found[name].dtype == expected[name].dtype
        assert not np.shares_memory(found[name], expected[name])
    assert made[0][1].weight is made[0][0].weight  # shared as before
    assert [m.training for m in made.modules()] == [m.training for m in model.modules()]
    assert {(p.requires_grad, p.device.name) for p in made.parameters()} == {(True, device)}
    made.zero_grad()
    F.cross_entropy(made[0](np.array([1, 2])), [0, 1]).backward()  # and it can be trained
    optim.SGD(made.parameters(), lr=0.1).step()
    assert not np.array_equal(made.state_dict()["0.1.bias"], model.state_dict()["0.1.bias"])


def test_a_part_can_be_loaded_without_strict(device):
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"bias": [5, 6], "other": [1]}, strict=False)
    assert layer.bias.numpy().tolist() == [5, 6]
    assert layer.bias.dtype == np.float32


def test_loading_counts_as_a_change_in_place(device):
    layer = nn.Linear(2, 1)
    y = layer(sl.tensor([[1.0, 2.0]], requires_grad=True)).sum()
    layer.load_state_dict({name: a.copy() for name, a in layer.state_dict().items()})
    with pytest.raises(sl.ScratchLMError, match="changed in place"):
        y.backward()


def test_repr_shows_parts_and_options():
    text = repr(models.LSTMLanguageModel(5, 3, 4, dropout=0.25))
    for line in (
        "(embedding): Embedding(5, 3)",
        "(dropout): Dropout(p=0.25)",
        "(head): Linear(4, 5, bias=True)",
    ):
        assert line in text
    assert text.startswith("LSTMLanguageModel(")
    assert text.endswith("\n)")


# ---------------------------------------------------------------- initial values
@pytest.mark.parametrize(
    ("make", "bound"),
    [
        (lambda: nn.Linear(400, 60), 400**-0.5),
        (lambda: nn.LSTM(5, 25), 0.2),
        (lambda: nn.LSTMCell(5, 25), 0.2),
    ],
    ids=["linear", "lstm", "cell"],
)
def test_initial_weights_are_uniform_within_pytorchs_bound(make, bound, device):
    drawn = np.concatenate([p.numpy().ravel() for p in make().parameters()])
    assert drawn.dtype == np.float32
    assert 0.98 * bound < np.abs(drawn).max() <= bound * (1 + 1e-6)
    assert drawn.std() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert abs(drawn.mean()) < 0.05 * bound


def test_initial_embeddings_are_normal(device):
    drawn = nn.Embedding(100, 50).weight.numpy()
    assert drawn.std() == pytest.approx(1, abs=0.05)
    assert 2.5 < np.abs(drawn).max() < 6


def test_the_same_seed_gives_the_same_weights_on_both_devices():
    found = []
    for name, seed in (("reference", 3), ("cpu", 3), ("cpu", 4)):
        sl.manual_seed(seed)
        found.append(models.LSTMLanguageModel(5, 3, 4, 2, device=name).state_dict())
    assert all(np.array_equal(found[0][key], found[1][key]) for key in found[0])
    assert not np.array_equal(found[1]["head.weight"], found[2]["head.weight"])


def test_layers_refuse_what_they_cannot_take(device):
    with pytest.raises(ShapeError, match=r"three axes .*\(2, 3\)"):
        nn.LSTM(3, 4)(sl.tensor(np.ones((2, 3))))
    state = sl.tensor(np.ones((1, 2, 4))), sl.tensor(np.ones((1, 2, 5)))
    with pytest.raises(ShapeError, match=r"\(1, 2, 4\), got .*\(1, 2, 5\)"):
        nn.LSTM(3, 4)(sl.tensor(np.ones((5, 2, 3))), state)
    for make in (nn.Dropout, lambda p: nn.LSTM(3, 4, 2, dropout=p), lambda p: nn.GRU(3, 4, dropout=p)):
        with pytest.raises(OptionError, match=r"1\.5"):
            make(1.5)
