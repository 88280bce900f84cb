"""Greedy for many, beam search and decoding with a state, beside plain versions that read every text anew."""

import itertools

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import nn
from scratchlm.errors import NumberError, OptionError, ShapeError, TokenError
from scratchlm.generation import Hypothesis, beam_search, generate, greedy, log_probability
from scratchlm.generation.reading import log_probabilities
from scratchlm.models import EncoderDecoder, GPTLanguageModel, LSTMLanguageModel

from .tolerance import same, through


def lively(model, seed=4):
    """Weights large and biases 0, so that the next token depends on those before it; from the seed alone."""
    generator = np.random.default_rng(seed)
    for name, parameter in model.named_parameters():
        if "norm" not in name:
            parameter.data[...] = 0 if "bias" in name else generator.normal(size=parameter.shape)
    return model.eval()


def lstm(vocabulary=3, seed=4):
    return lively(LSTMLanguageModel(vocabulary, 4, 6, num_layers=2), seed)


def gpt(vocabulary=3, context=4, seed=4):
    return lively(GPTLanguageModel(vocabulary, context, embedding_dim=8, num_layers=2, num_heads=2), seed)


MODELS = {"lstm": lstm, "gpt": gpt}  # GPT's context of 4 is passed by most texts here


def next_log_probabilities(model, ids):
    """(V): the text is read anew, from where a GPT's window begins."""
    start = model.window(len(ids)) if hasattr(model, "window") else 0
    with sl.no_grad():
        z = model(np.array([ids[start:]]))[0].numpy()[0, -1].astype(np.float64)
    return z - np.log(np.exp(z).sum())


def plain_log_probability(model, prompt, continuation):
    text, total = list(prompt), 0.0
    for token in continuation:
        total += next_log_probabilities(model, text)[token]
        text.append(token)
    return total


class Counted:
    """A model that counts its steps and rows."""

    def __init__(self, model):
        self.model, self.steps, self.rows = model, 0, 0

    def __call__(self, ids, state):
        self.steps, self.rows = self.steps + 1, self.rows + len(ids)
        return self.model(ids, state)

    def token_reader(self):
        def read(ids, state):
            if (found := quick(ids, state)) is not None:
                self.steps, self.rows = self.steps + 1, self.rows + len(ids)
            return found

        make = getattr(self.model, "token_reader", None)
        quick = make() if make else None
        return quick and read

    def __getattr__(self, name):
        return getattr(self.model, name)


class Table(nn.Module):
    """P(next token) by the last token alone."""

    def __init__(self, p):
        self.scores = np.log(np.asarray(p, np.float32))

    def forward(self, ids, state):
        return sl.tensor(self.scores[ids]), state

    def select(self, state, rows):
        return state


class Chain(Table):
    """After token n comes following[n]."""

    def __init__(self, following):
        super().__init__(0.01 + np.eye(len(following))[following])


# ---------------------------------------------------------------- with a state and without
@pytest.mark.parametrize("make", [lambda: lstm(7), lambda: gpt(7, 12), lambda: gpt(7, 5), lambda: gpt(7, 1)])
def test_cached_and_uncached_decoding_write_the_same_tokens(make, device):
    """Greedy and drawn, over many times a GPT's context."""
    model = make()
    for temperature in (0, 1):
        ids, drawn = [1, 2, 3], np.random.default_rng(5)
        found = list(generate(model, ids, 30, temperature=temperature, seed=5))
        for _ in range(30):
            p = np.exp(next_log_probabilities(model, ids))
            ids.append(int(p.argmax() if temperature == 0 else drawn.choice(7, p=p / p.sum())))
        assert found == ids[3:]
        assert len(set(found)) > 1


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_rows_of_a_state_go_on_as_they_would_alone(make, device, rng):
    model, ids, rows = make(7), rng.integers(0, 7, (3, 3)), [2, 0, 0, 1]
    for _ in range(4):  # the later ones past a GPT's context of 4
        with sl.no_grad():
            _, state = model(ids, None)
            for _ in range(3):
                whole, later = model(ids[:, :1], state)
                found, _ = model(ids[rows, :1], model.select(state, rows))
                # 4 rows instead of 3: a product may add up in another order
                same(found.numpy(), whole.numpy()[rows], through(model, 7))
                state = later
    assert np.abs(whole.numpy()[0] - whole.numpy()[1]).max() > 1e-3


# ---------------------------------------------------------------- probabilities of whole continuations
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_all_continuations_of_a_length_have_probability_1_together(make, device):
    model = make()
    found = {c: log_probability(model, [2, 0], c) for c in itertools.product(range(3), repeat=3)}
    assert len(found) == 27
    assert sum(np.exp(value) for value in found.values()) == pytest.approx(1, abs=3 * through(model, 5))
    for continuation, value in found.items():
        assert value == pytest.approx(
            plain_log_probability(model, [2, 0], continuation), abs=3 * through(model, 5)
        )
    assert log_probability(model, [2, 0], []) == 0


def test_log_probabilities_of_rows_far_apart():
    """Each row loses its own largest score: e^(z − 5000) would be 0 everywhere."""
    found = log_probabilities(np.array([[5000.0, 5000.0], [-5000.0, -np.inf]]))
    assert found.tolist() == [[-np.log(2), -np.log(2)], [0, -np.inf]]


# ---------------------------------------------------------------- greedy
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("end", [None, 0])
def test_greedy_rows_are_those_of_generate(make, end, device):
    model = make(7)
    rows = greedy(model, np.arange(7), 12, end)
    assert rows == [list(generate(model, [first], 12, temperature=0, end=end)) for first in range(7)]
    assert len({tuple(row) for row in rows}) > 2
    if end == 0:
        assert not any(0 in row for row in rows)
        assert len({len(row) for row in rows}) > 1


def test_greedy_stops_when_all_rows_have_ended():
    model = lstm(4)
    model.head.bias.data[1] += 1000
    counted = Counted(model)
    assert greedy(counted, [0, 2, 3], 50, end=1) == [[], [], []]
    assert (counted.steps, counted.rows) == (1, 3)
    assert greedy(model, [0, 2], 0, end=1) == [[], []]
    chain = Counted(Chain([1, 2, 3, 0, 0]))
    assert greedy(chain, [0, 2, 4], 50, end=3) == [[1, 2], [], [0, 1, 2]]
    assert chain.steps == 4  # rows that ended at steps 1 and 3 go on, and do not count any more


@pytest.mark.parametrize("attention", ["none", "additive"])
def test_models_with_a_source_begin_with_its_state(attention, device, rng):
    model = lively(EncoderDecoder(6, 4, 5, attention=attention))
    sources = rng.integers(0, 6, (4, 3))
    with sl.no_grad():
        states = [model.start(source[None]) for source in sources]
        found = greedy(model, [1] * 4, 8, end=0, state=model.start(sources))
    assert found == [list(generate(model, [1], 8, temperature=0, end=0, state=state)) for state in states]
    assert found == [beam_search(model, [1], 8, 1, end=0, state=state)[0].ids for state in states]
    assert len({tuple(row) for row in found}) > 1  # the source matters
    (best, *_) = beam_search(model, [1], 3, 216, length_penalty=0, state=states[0])
    every = {c: log_probability(model, [1], c, states[0]) for c in itertools.product(range(6), repeat=3)}
    assert tuple(best.ids) == max(every, key=every.get)


def test_wrong_arguments_of_greedy():
    with pytest.raises(ShapeError, match=r"one first id a sequence, first_ids \(B\), got shape \(1, 2\)"):
        greedy(lstm(), [[0, 1]], 5, end=None)
    with pytest.raises(TokenError, match=r"Token id 3 is none of the model's, 0 … 2"):
        greedy(lstm(), [0], 5, end=3)
    with pytest.raises(OptionError, match="tokens=-1"):
        greedy(lstm(), [0], -1, end=None)
    broken = lstm()
    broken.head.bias.data[1] = np.nan
    with pytest.raises(NumberError, match="scores"):
        greedy(broken, [0], 5, end=None)
    with pytest.raises(NumberError, match="scores"):
        beam_search(broken, [0], 5, 2)


# ---------------------------------------------------------------- beam search
def divisor(length, alpha):
    return ((5 + length) / 6) ** alpha


def plain_beam(model, prompt, tokens, width, alpha, end):
    """Beam search that reads every text anew and goes on as long as anything is live; and its steps."""
    live, done, length = [((), 0.0)], [], 0
    while live:
        length += 1
        every = [
            ((*ids, token), total + value)
            for ids, total in live
            for token, value in enumerate(next_log_probabilities(model, [*prompt, *ids]))
        ]
        best = sorted(every, key=lambda one: -one[1])[:width]
        ended = [one for one in best if one[0][-1] == end or length == tokens]
        live = [one for one in best if one not in ended]
        done += [
            (total / divisor(length, alpha), list(ids[:-1] if ids[-1] == end else ids))
            for ids, total in ended
        ]
    return sorted(done, key=lambda one: -one[0])[:width], length


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_width_1_is_greedy_is_temperature_0(make, device):
    model = make(5)
    for end in (None, 0):
        rows = greedy(model, np.arange(5), 8, end)
        assert rows == [list(generate(model, [first], 8, temperature=0, end=end)) for first in range(5)]
        for alpha in (0, 3):
            beams = [beam_search(model, [first], 8, 1, alpha, end=end) for first in range(5)]
            assert [[one.ids for one in beam] for beam in beams] == [[row] for row in rows]
        assert end is None or len({len(row) for row in rows}) > 1


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_widest_beam_finds_every_continuation_in_order(make, device):
    model = make()
    every = {c: plain_log_probability(model, [1], c) for c in itertools.product(range(3), repeat=3)}
    found = beam_search(model, [1], 3, 27)
    assert [tuple(one.ids) for one in found] == sorted(every, key=lambda c: -every[c])
    for one in found:
        assert one.log_probability == pytest.approx(every[tuple(one.ids)], abs=3 * through(model, 4))
        assert one.score == pytest.approx(one.log_probability / divisor(3, 0.6))


@pytest.mark.parametrize("alpha", [0, 0.6, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_widest_beam_finds_the_best_of_all_lengths(alpha, seed):
    """Everything that ends within 4 tokens or is cut there, from all 81 rows of 4 tokens."""
    model, end, every = lstm(seed=seed), 1, {}
    for row in itertools.product(range(3), repeat=4):
        tokens = row[: row.index(end) + 1] if end in row else row
        value = plain_log_probability(model, [0], tokens)
        every[tuple(token for token in tokens if token != end)] = value, value / divisor(len(tokens), alpha)
    found = beam_search(model, [0], 4, 81, alpha, end=end)
    assert len(found) == len(every) == 1 + 2 + 4 + 8 + 16
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        assert (one.log_probability, one.score) == pytest.approx(
            every[tuple(one.ids)], abs=4 * through(model, 5)
        )


@pytest.mark.parametrize("alpha", [0, 0.6, 2])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_stopping_early_loses_nothing(make, alpha):
    """Every width: scores as without stopping, in fewer steps. Ids are not compared: a GPT's windows tie."""
    saved = 0
    for seed, width in itertools.product(range(4), [1, 2, 4]):
        model = make(4, seed=seed)
        counted, bound = Counted(model), 9 * through(model, 10)  # of up to 9 logarithms
        found = beam_search(counted, [2], 9, width, alpha, end=0)
        expected, steps = plain_beam(model, [2], 9, width, alpha, end=0)
        for one in found:
            tokens = one.ids if len(one.ids) == 9 else [*one.ids, 0]
            assert one.log_probability == pytest.approx(plain_log_probability(model, [2], tokens), abs=bound)
        same([one.score for one in found], [score for score, _ in expected], bound)
        saved += steps - counted.steps
    assert saved > 0 or alpha == 2  # its divisor grows to 5.4: what is live may nearly always still win


def test_the_length_penalty_prefers_longer_ones():
    """From 0: to 1 with 0.5 and from there to the end with 0.7, or to the end at once with 0.4."""
    p = [[0.4, 0.5, 0.1], [0.7, 0.2, 0.1], [1, 1, 1]]
    table = Table(p)
    orders = [[one.ids for one in beam_search(table, [0], 2, 9, alpha, end=0)[:2]] for alpha in (0, 2)]
    assert orders == [[[], [1]], [[1], []]]  # log .4 > log .35, and log .4 / 1 < log .35 / (7/6)²
    best = beam_search(table, [0], 2, 9, 2.0, end=0)[0]
    assert best == Hypothesis([1], pytest.approx(np.log(0.35)), pytest.approx(np.log(0.35) * 36 / 49))


def test_never_leaves_a_token_out_and_the_probabilities_as_they_are():
    model = lstm()
    found = beam_search(model, [0], 3, 27, never=[2])
    assert len(found) == 8
    for one in found:
        assert 2 not in one.ids
        assert one.log_probability == pytest.approx(
            plain_log_probability(model, [0], one.ids), abs=3 * through(model, 4)
        )
    with pytest.raises(OptionError, match="names all 3 of them"):
        beam_search(model, [0], 3, 2, never=[0, 1, 2])


@pytest.mark.parametrize(
    "options",
    [{"tokens": 0}, {"width": 0}, {"length_penalty": -0.1}, {"length_penalty": float("nan")}],
)
def test_wrong_options_of_the_beam(options):
    with pytest.raises(OptionError, match="Beam search needs tokens ≥ 1, width ≥ 1, length_penalty ≥ 0, got"):
        beam_search(lstm(), [0], **{"tokens": 3, "width": 2} | options)


@pytest.mark.parametrize("options", [{"end": 3}, {"never": [-1]}])
def test_ids_that_the_model_does_not_have(options):
    with pytest.raises(TokenError, match="none of the model's, 0 … 2"):
        beam_search(lstm(), [0], 3, 2, **options)
    with pytest.raises(OptionError, match="at least one token, got none"):
        beam_search(lstm(), [], 3, 2)
