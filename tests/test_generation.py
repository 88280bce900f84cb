"""Sampling: probabilities against a slow plain version, the same text for a seed, the rules."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import scratchlm as sl
from scratchlm.errors import NumberError, OptionError, TokenError
from scratchlm.generation import generate, probabilities
from scratchlm.generation.rules import penalise_repetition
from scratchlm.models import LSTMLanguageModel

from .tolerance import rounding, same

scores = st.lists(st.floats(-20, 20), min_size=1, max_size=12).map(np.array)


def plain(logits, temperature, top_k, top_p):
    """Slow and obvious: one token at a time, from the largest down, until both limits are reached."""
    weights = [np.exp(np.longdouble(z - max(logits)) / temperature) for z in logits]
    order = sorted(range(len(weights)), key=lambda v: -weights[v])
    order = order[: top_k or len(order)]
    total, kept, reached = sum(weights[v] for v in order), [], 0
    for v in order:
        kept.append(v)
        reached += weights[v]
        assume(abs(reached / total - top_p) > 1e-9 or top_p == 1)  # on the edge, rounding decides
        if reached / total >= top_p:
            break
    if top_p == 1:
        kept = order
    share = sum(weights[v] for v in kept)
    return np.array([float(weights[v] / share) if v in kept else 0 for v in range(len(weights))])


def bound(logits, temperature=1):
    """A probability is off by as much of itself as z / temperature is, then by a sum's rounding."""
    return rounding(len(logits) + 4, 1 + abs(logits).max() / temperature, np.float64)


@given(
    logits=scores,
    temperature=st.floats(0.05, 20),
    top_k=st.integers(0, 14),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 1)),
)
def test_probabilities_are_the_plain_ones(logits, temperature, top_k, top_p):
    apart = np.diff(np.sort(logits))
    assume((apart > 1e-6).all())  # equal ones are tried below
    found = probabilities(logits, temperature, top_k, top_p)
    same(found, plain(logits, temperature, top_k, top_p), bound(logits, temperature))
    assert found.sum() == pytest.approx(1)


@given(logits=scores)
def test_no_limits_give_softmax(logits):
    expected = sl.tensor(logits).softmax().numpy()
    for options in ({}, {"top_k": len(logits)}, {"top_k": 99}, {"top_p": 1.0}):
        same(probabilities(logits, **options), expected, bound(logits))


@given(logits=scores)
def test_temperature_0_one_token_and_a_tiny_share_are_all_greedy(logits):
    greedy = probabilities(logits, temperature=0)
    assert greedy[logits.argmax()] == greedy.sum() == 1
    assert np.array_equal(probabilities(logits, top_k=1), greedy)
    assert np.array_equal(probabilities(logits, top_p=1e-9), greedy)
    if len(logits) == len(set(logits.round(3))):
        np.testing.assert_allclose(probabilities(logits, temperature=1e-5), greedy, atol=1e-9)


@pytest.mark.filterwarnings("error")
def test_extreme_temperatures_and_scores_stay_numbers():
    logits = np.array([1.0, 3.0, 3.0 - 1e-9])
    assert probabilities(logits, temperature=1e-320).tolist() == [0, 1, 0]
    assert probabilities(logits, temperature=1e300) == pytest.approx(np.full(3, 1 / 3))
    assert probabilities(np.array([1e30, -1e30, 0])).tolist() == [1, 0, 0]
    assert probabilities(np.array([0, -np.inf, 0])).tolist() == [0.5, 0, 0.5]  # a masked token is never drawn
    assert probabilities(np.float32([700, 710])) == pytest.approx([4.5e-5, 1], abs=1e-4)


def test_equal_scores_keep_the_first_of_them():
    assert probabilities(np.zeros(4), top_k=2).tolist() == [0.5, 0.5, 0, 0]
    assert probabilities(np.zeros(4), top_p=0.5).tolist() == [0.5, 0.5, 0, 0]
    assert probabilities(np.zeros(4), temperature=0).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"top_p": float("nan")},
    ],
)
def test_options_out_of_range_are_refused_before_the_first_token(options):
    with pytest.raises(OptionError, match="Sampling needs"):
        probabilities(np.zeros(3), **options)
    with pytest.raises(OptionError, match="Sampling needs"):
        generate(LSTMLanguageModel(3, 2, 2), [0], 5, **options)


@pytest.mark.parametrize("bad", [[0, np.nan, 1], [0, np.inf, 1], [-np.inf, -np.inf]])
def test_scores_that_are_no_numbers_are_refused(bad):
    with pytest.raises(NumberError, match="scores"):
        probabilities(np.array(bad))


# ---------------------------------------------------------------- token by token
@pytest.fixture
def model(device):
    return LSTMLanguageModel(30, 8, 16, num_layers=2, dropout=0.5)


def test_the_same_seed_gives_the_same_tokens(model):
    draws = [list(generate(model, [1, 2], 40, seed=seed)) for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]
    assert len(draws[0]) == 40


def test_sampling_does_not_touch_the_engines_random_numbers(model):
    before = sl.random.random_state.state_dict()
    list(generate(model, [1], 5))
    assert sl.random.random_state.state_dict() == before


def test_greedy_is_the_largest_score_of_the_whole_text_read_anew(model):
    model.eval().embedding.weight.data *= 3  # so that the text does not stand still
    ids = [4, 7, 1]
    found = list(generate(model, ids, 25, temperature=0))
    for token in found:  # the carried state has to be as good as the whole prefix
        with sl.no_grad():
            logits, _ = model(np.array([ids]))
        assert token == int(logits.numpy()[0, -1].argmax())
        ids.append(token)
    assert len(set(found)) > 1


def test_tokens_are_drawn_with_the_models_probabilities(model):
    with sl.no_grad():
        expected = model.eval()(np.array([[5]]))[0].softmax().numpy()[0, -1]
    draws = [next(generate(model, [5], 1, seed=seed)) for seed in range(1500)]
    found = np.bincount(draws, minlength=30) / 1500
    assert np.abs(found - expected).max() < 0.03


def test_an_empty_prompt_is_refused(model):
    with pytest.raises(OptionError, match="at least one token, got none"):
        generate(model, [], 5)


# ---------------------------------------------------------------- rules
class Fixed:
    """Stands in for a model: the same scores whatever it reads, or those that follow the last token."""

    training = False

    def __init__(self, scores):
        self.scores = np.asarray(scores, np.float32)

    def eval(self):
        return self

    def train(self, mode=True):
        return self

    def __call__(self, ids, state):
        scores = (
            self.scores[ids]
            if self.scores.ndim == 2
            else np.broadcast_to(self.scores, (*ids.shape, len(self.scores)))
        )
        return sl.tensor(np.array(scores)), state


def written(model, prompt, tokens, **options):
    return list(generate(model, prompt, tokens, **{"temperature": 0} | options))


def test_a_token_that_is_never_wanted_never_comes():
    even = Fixed(np.zeros(3))
    assert set(written(even, [0], 200, temperature=1, seed=1)) == {0, 1, 2}
    assert set(written(even, [0], 200, temperature=1, seed=1, never=[0])) == {1, 2}


def test_the_repetition_penalty_divides_what_is_positive_and_multiplies_what_is_negative():
    scores = np.array([3.0, 2.0, 1.6, -1.0])
    penalise_repetition(2.0)(scores, [0, 3, 3, 0])  # once for each token, however often it stands there
    assert scores.tolist() == [1.5, 2, 1.6, -2]
    assert written(Fixed([3, 2, 1.6, -1]), [3], 5) == [0] * 5
    assert written(Fixed([3, 2, 1.6, -1]), [3], 5, repetition_penalty=1.4) == [0, 0, 0, 0, 0]  # 3/1.4 > 2
    assert written(Fixed([3, 2, 1.6, -1]), [3], 5, repetition_penalty=2.0) == [0, 1, 2, 0, 0]
    assert written(Fixed([3, 2, 1.6, -1]), [0], 1, repetition_penalty=2.0) == [1]  # the prompt counts
    assert written(Fixed([-1, -1.5]), [0], 1, repetition_penalty=2.0) == [1]  # −2 < −1.5


def ngrams(ids, n):
    return [tuple(ids[k : k + n]) for k in range(len(ids) - n + 1)]


@given(
    n=st.integers(1, 4),
    prompt=st.lists(st.integers(0, 2), min_size=1, max_size=6),
    seed=st.integers(0, 5),
)
def test_no_ngram_stands_twice_and_nothing_else_is_forbidden(n, prompt, seed):
    """Token by token beside the definition: forbidden is what would complete an n-gram of the text."""
    text = list(prompt)
    scores = np.random.default_rng(seed).normal(size=(3, 3))
    found = generate(Fixed(scores), prompt, 40, temperature=0, no_repeat_ngram=n)
    for _ in range(40):
        allowed = [v for v in range(3) if tuple([*text, v][-n:]) not in ngrams(text, n)]
        if not allowed:
            with pytest.raises(OptionError, match=f"leave no token to write after {len(text)} tokens"):
                next(found)
            return
        text.append(next(found))
        assert text[-1] == max(allowed, key=lambda v: scores[text[-2]][v])


def test_end_stops_and_is_not_yielded():
    chain = Fixed(np.eye(4)[[1, 2, 3, 0]])  # 0 → 1 → 2 → 3 → 0
    assert written(chain, [0], 9) == [1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert written(chain, [0], 9, end=3) == [1, 2]
    assert written(chain, [2], 9, end=3) == []
    assert written(chain, [3], 9, end=3) == [0, 1, 2]  # an end in the prompt stops nothing


def test_a_state_goes_before_the_prompt(model):
    whole = written(model, [1, 2, 3, 4], 10)
    with sl.no_grad():
        _, state = model.eval()(np.array([[1, 2]]))
    assert written(model, [3, 4], 10, state=state) == whole


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"repetition_penalty": 0}, "repetition_penalty is 0, expected a number above 0"),
        ({"repetition_penalty": -1.0}, "repetition_penalty is -1.0"),
        ({"repetition_penalty": float("inf")}, "repetition_penalty is inf"),
        ({"repetition_penalty": float("nan")}, "repetition_penalty is nan"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram is -1, expected 1 or more"),
        ({"tokens": -1}, "0 tokens or more, got tokens=-1"),
    ],
)
def test_rules_out_of_range_are_refused_before_the_first_token(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        generate(Fixed(np.zeros(3)), [0], **{"tokens": 5} | options)


@pytest.mark.parametrize("options", [{"never": [3]}, {"never": [-1]}, {"end": 3}, {"end": -1}])
def test_ids_that_the_model_does_not_have_are_named(options):
    with pytest.raises(TokenError, match=r"Token id (3|-1) is none of the model's, 0 … 2"):
        written(Fixed(np.zeros(3)), [0], 5, **options)


def test_rules_that_leave_nothing_say_so():
    with pytest.raises(OptionError, match=r"rules \(never, no_repeat_ngram\) leave no token"):
        written(Fixed(np.zeros(3)), [0], 5, never=[0, 1, 2])
