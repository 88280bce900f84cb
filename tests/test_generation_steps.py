"""Reading one token without a graph: the same scores and state as `forward`, also for models in training."""

import gc
import itertools
import weakref

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import models, nn
from scratchlm.errors import DtypeError, OptionError, ShapeError, TokenError
from scratchlm.generation import generate
from scratchlm.generation.reading import Decoder

from .tolerance import same, through

MAKE = {
    "lstm": lambda: models.LSTMLanguageModel(11, 6, 8, num_layers=2, dropout=0.5),
    "gpt": lambda: models.GPTLanguageModel(11, 12, embedding_dim=8, num_layers=2, num_heads=2, dropout=0.5),
}
EACH = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def disturbed(make):
    """A model none of whose weights are 0 or 1, so that each of them counts."""
    rng, model = np.random.default_rng(0), make()
    for parameter in model.parameters():
        parameter.data = (parameter.data + 0.3 * rng.standard_normal(parameter.shape)).astype(np.float32)
    return model


@EACH
def test_one_token_is_forward_without_a_graph(make, device, rng):
    model, ids = disturbed(make), rng.integers(0, 11, (3, 9))
    plain = model.eval()
    with sl.no_grad():
        _, state = plain(ids[:, :4])
        other = state
        for t in range(4, 9):
            logits, state = plain(ids[:, t : t + 1], state)
            found, other = model.token_reader()(ids[:, t], other)
            same(found, logits.numpy()[:, -1], through(model, 9))
    for part, expected in zip(other, state, strict=True):
        same(np.asarray(part), np.asarray(expected), through(model, 9))
    chosen = model.select(other, [2, 2])
    found, _ = model.token_reader()(ids[[2, 0], 0], chosen)
    with sl.no_grad():
        logits, _ = plain(ids[2:, :1], model.select(state, [2]))
    same(found[0], logits.numpy()[0, -1], through(model, 10))


@EACH
def test_text_is_written_by_it_with_dropout_off(make, monkeypatch):
    model = disturbed(make)
    expected = list(generate(model.eval(), [1, 2], 20, seed=3))
    called, read = [], model.token_reader()
    monkeypatch.setattr(type(model), "token_reader", lambda self: lambda *a: called.append(1) or read(*a))
    assert list(generate(model.train(), [1, 2], 20, seed=3)) == expected
    assert len(called) == 19  # all but the prompt
    assert model.training


def test_a_full_context_is_read_again(device):
    model = disturbed(MAKE["gpt"]).eval()
    _, state = Decoder(model)(np.arange(11)[None], None)
    for token in (3, 4, 5):
        scores, state = Decoder(model)(np.array([[token]]), state)
        with sl.no_grad():
            expected = model(state[0])[0].numpy()[:, -1]
        same(scores, expected, through(model, 12))
    assert state[0].tolist() == [[6, 7, 8, 9, 10, 3, 4, 5]]


def test_weights_that_were_changed_are_seen(device):
    """The cpu kernels keep the addresses of the last weights."""
    model = disturbed(MAKE["gpt"]).eval()
    _, state = Decoder(model)(np.arange(5)[None], None)
    weight, found = model.blocks[1].linear1.weight, []

    def replace(array):
        weight.data = array

    for change in (
        lambda: replace(weight.data + 1),
        lambda: weight.data.__iadd__(1),
        lambda: replace(np.asfortranarray(weight.data + 1)),  # copied at each call
        lambda: weight.data.__iadd__(1),
    ):
        change()
        scores, _ = Decoder(model)(np.array([[5]]), state)
        with sl.no_grad():
            expected = model(np.array([[5]]), state)[0].numpy()[:, -1]
        same(scores, expected, through(model, 6))
        found.append(scores)
    assert all(abs(one - other).max() > 1e-3 for one, other in itertools.pairwise(found))


# ---------------------------------------------------------------- what the quick way must not do
@EACH
def test_a_state_of_other_sequences_is_refused(make, device):
    """The kernels trust their shapes: they would write past their arrays."""
    model = disturbed(make).eval()
    _, state = Decoder(model)(np.array([[1, 2]]), None)
    with pytest.raises(ShapeError, match=r"state"):
        Decoder(model)(np.full((300, 1), 3), state)


@EACH
@pytest.mark.parametrize(
    ("ids", "error"), [([[-1]], TokenError), ([[11]], TokenError), ([[0.5]], DtypeError)]
)
def test_ids_are_looked_at(make, ids, error, device):
    model = disturbed(make).eval()
    _, state = Decoder(model)(np.array([[1, 2]]), None)
    with pytest.raises(error):
        Decoder(model)(np.array(ids), state)


def test_a_weight_of_another_type_is_refused(device):
    model = disturbed(MAKE["lstm"]).eval()
    _, state = Decoder(model)(np.array([[1, 2]]), None)
    model.lstm.weight_hh_l1.data = model.lstm.weight_hh_l1.data.astype(np.float64)
    with pytest.raises(DtypeError, match="float32 and float64"):
        Decoder(model)(np.array([[3]]), state)


def always_seven(cls, method):
    """A subclass whose own method makes token 7 win."""

    class Own(cls):
        def forward(self, ids, state=None):
            logits, state = super().forward(ids, state)
            return (
                (logits * 0 + np.eye(11, dtype=np.float32)[7], state)
                if method == "forward"
                else (logits, state)
            )

        def features(self, *arguments, **options):
            x, seen = super().features(*arguments, **options)
            return (x * 0 + 1, seen) if method == "features" else (x, seen)

    return Own


@pytest.mark.parametrize("method", ["forward", "features"])
@EACH
def test_a_model_with_a_method_of_its_own_writes_what_that_says(make, method):
    model = disturbed(make)
    model.__class__ = always_seven(type(model), method)
    _, state = Decoder(model)(np.array([[1, 2]]), None)
    scores, _ = Decoder(model)(np.array([[3]]), state)
    with sl.no_grad():
        expected = model.eval()(np.array([[3]]), state)[0].numpy()[:, -1]
    np.testing.assert_array_equal(scores, expected)


class Doubled(nn.Embedding):
    def forward(self, ids):
        return 2 * super().forward(ids)


class Doubling(nn.Dropout):
    def forward(self, x):
        return x + x


class Added(nn.Linear):
    def forward(self, x):
        return super().forward(x) + 1


REPLACED = {
    "bidirectional": ("lstm", lambda m: vars(m).update(lstm=nn.LSTM(6, 4, 2, bidirectional=True))),
    "head without bias": ("lstm", lambda m: vars(m).update(head=nn.Linear(8, 11, bias=False))),
    "head of two": ("lstm", lambda m: vars(m).update(head=nn.Sequential(nn.Linear(8, 5), nn.Linear(5, 11)))),
    "a wider block": ("gpt", lambda m: vars(m.blocks).update({"1": nn.TransformerBlock(8, 2, 64)})),
    "other heads": ("gpt", lambda m: vars(m.blocks).update({"1": nn.TransformerBlock(8, 4)})),
    "another eps": ("gpt", lambda m: vars(m.blocks[1].norm2).update(eps=0.5)),
    "no GELU's layer": ("gpt", lambda m: vars(m.blocks[0]).update(linear2=nn.Linear(32, 8, bias=False))),
    "another last norm": ("gpt", lambda m: vars(m).update(norm=nn.Dropout(0.0))),
    "another last eps": ("gpt", lambda m: vars(m.norm).update(eps=0.5)),
    "an embedding that adds": ("gpt", lambda m: vars(m).update(embedding=Doubled(11, 8))),
    "a dropout that adds": ("gpt", lambda m: vars(m).update(dropout=Doubling(0.0))),
    "an LSTM's dropout that adds": ("lstm", lambda m: vars(m).update(dropout=Doubling(0.0))),
    "a projection that adds": ("gpt", lambda m: vars(m.blocks[0].self_attn).update(out_proj=Added(8, 8))),
    "no norm": ("gpt", lambda m: vars(m.blocks[0]).update(norm1=nn.Dropout(0.0))),
}


@pytest.mark.parametrize("name", REPLACED)
def test_a_model_with_another_part_writes_what_that_says(name):
    which, replace = REPLACED[name]
    model = disturbed(MAKE[which])
    replace(model)
    _, state = Decoder(model)(np.array([[1, 2]]), None)
    scores, _ = Decoder(model)(np.array([[3]]), state)
    with sl.no_grad():
        expected = model.eval()(np.array([[3]]), state)[0].numpy()[:, -1]
    same(scores, expected, through(model, 3))


def test_the_addresses_keep_no_weight_alive():
    model = disturbed(MAKE["gpt"]).eval().to("cpu")
    list(generate(model, [1], 3))
    weight = weakref.ref(model.blocks[0].linear1.weight.data)
    del model
    gc.collect()
    assert weight() is None


def test_a_transformer_has_a_layer():
    with pytest.raises(OptionError, match="num_layers is 0"):
        models.GPTLanguageModel(11, num_layers=0)


@pytest.mark.parametrize("H", [5, 9])
def test_an_lstm_step_gives_the_same_bits_wherever_its_arrays_lie(H):
    rng, kept, seen = np.random.default_rng(0), [], set()
    shapes = (1, 1), (1, H), (1, H), (4 * H, 1), (4 * H, H), (4 * H,), (4 * H,)
    arguments = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    step = sl.get_device("cpu").kernels.lstm_step
    for _ in range(4000):  # among small arrays that come and go: one call in 30 to 100 was another
        kept.append(np.empty(int(rng.integers(1, 40)), np.uint8).copy())
        if len(kept) > 50:
            kept.pop(int(rng.integers(0, 50)))
        h, c = step(*[a.copy() for a in arguments])
        seen.add(h.tobytes() + c.tobytes())
    assert len(seen) == 1


def test_shapes_that_do_not_fit_are_refused(device):
    """The kernels would read, or write, outside their arrays."""
    model = disturbed(MAKE["gpt"]).eval()
    _, state = Decoder(model)(np.array([[1, 2]]), None)
    table = model.embedding.weight.data
    model.embedding.weight.data = table[:, :1].copy()
    with pytest.raises(ShapeError):
        Decoder(model)(np.array([[3]]), state)
    model.embedding.weight.data = table
    model.blocks[1].self_attn.num_heads = model.blocks[0].self_attn.num_heads = 3
    assert model.token_reader() is None
    model = disturbed(MAKE["lstm"]).eval()
    _, state = Decoder(model)(np.array([[1, 2]]), None)
    model.embedding = nn.Embedding(11, 60)
    with pytest.raises(ShapeError, match="60"):
        Decoder(model)(np.array([[3]]), state)


@EACH
def test_a_state_on_another_device_goes_along(make):
    model = disturbed(make).eval()
    _, state = Decoder(model)(np.array([[1, 2]]), None)
    elsewhere = [part.to("cpu") if isinstance(part, sl.Tensor) else part for part in state]
    found, expected = (Decoder(model)(np.array([[3]]), s)[0] for s in (elsewhere, state))
    assert np.allclose(found, expected, atol=1e-5)
