"""Sampling: probabilities against a slow plain version, the same text for a seed, a stream without cuts."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import scratchlm as sl
from scratchlm.errors import NumberError, OptionError, TokenError
from scratchlm.generation import generate, probabilities
from scratchlm.models import LSTMLanguageModel
from scratchlm.text import train_tokenizer
from scratchlm.training.run import Run

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
    np.testing.assert_allclose(found, plain(logits, temperature, top_k, top_p), atol=1e-12)
    assert found.sum() == pytest.approx(1)


@given(logits=scores)
def test_no_limits_give_softmax(logits):
    expected = sl.tensor(logits).softmax().numpy()
    for options in ({}, {"top_k": len(logits)}, {"top_k": 99}, {"top_p": 1.0}):
        np.testing.assert_allclose(probabilities(logits, **options), expected, atol=1e-12)


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


# ---------------------------------------------------------------- text
TEXT = 'Ein Käse für 5 €, «très bien»: 中文也可以 🙂👍🏽! "Why not?" she said - it\'s (almost) naïve.\n' * 3
TOKENIZERS = {
    "characters": train_tokenizer("characters", TEXT),
    "words": train_tokenizer("words", TEXT),
    "bpe": train_tokenizer("bpe", TEXT, vocab_size=270),
}


class Dictated:
    """Stands in for a model: the scores put everything on the token that comes next in a list."""

    def __init__(self, tokens, vocabulary):
        self.tokens, self.vocabulary = iter(tokens), vocabulary

    training = False

    def eval(self):
        return self

    def train(self, mode=True):
        return self

    def __call__(self, ids, state):
        scores = np.zeros((1, 1, self.vocabulary))
        scores[0, 0, next(self.tokens)] = 1
        return sl.tensor(scores), state


def stream(tokenizer, prompt, tokens):
    model = Dictated(tokens, tokenizer.vocab_size)
    run = Run(None, SimpleNamespace(), tokenizer, model, {})
    return list(run.stream(prompt, len(tokens), temperature=0))


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(data=st.data())
def test_the_stream_joined_is_the_text_of_all_ids(kind, data):
    tokenizer = TOKENIZERS[kind]
    start = data.draw(st.integers(1, len(TEXT) - 1), label="prompt ends at")
    prompt = TEXT[:start]
    assume(not tokenizer.unknown_tokens(prompt))  # half a word
    known = st.integers(0 if tokenizer.unknown_id is None else 1, tokenizer.vocab_size - 1)  # 0 is <unk>
    drawn = st.lists(known, min_size=1, max_size=30)
    real = st.just([k for k in tokenizer.encode(TEXT[start:])[:30].tolist() if k] or [1])
    tokens = data.draw(st.one_of(drawn, real), label="tokens")
    ids = [*tokenizer.encode(prompt).tolist(), *tokens]
    before = tokenizer.decode(ids[: -len(tokens)])
    assert before + "".join(stream(tokenizer, prompt, tokens)) == tokenizer.decode(ids)


def test_bytes_of_one_character_come_together():
    tokenizer = TOKENIZERS["bpe"]
    text = "für 中文🙂 5 €."
    ids = tokenizer.encode(text).tolist()
    assert len(ids) > len(text)  # characters of several tokens are among them
    pieces = stream(tokenizer, "Ein ", ids)
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)
    assert len(pieces) > 5  # and it does stream


def test_half_a_character_at_the_end_is_shown_as_such():
    tokenizer = TOKENIZERS["bpe"]
    ids = tokenizer.encode("a🙂").tolist()[:-1]
    assert "".join(stream(tokenizer, "x", ids)) == tokenizer.decode(ids)


def test_unknown_characters_of_a_prompt_are_named():
    with pytest.raises(TokenError, match=r"do not know: 'Ω', 'ж'\. Leave it out"):
        stream(TOKENIZERS["characters"], "aΩbжΩ", [1])
    with pytest.raises(TokenError, match="words do not know: 'zebra'"):
        stream(TOKENIZERS["words"], "Why zebra", [1])
    with pytest.raises(TokenError, match="and more"):
        stream(TOKENIZERS["characters"], "ΑΒΓΔΕΖ", [1])
    assert stream(TOKENIZERS["bpe"], "aΩbж", [65])  # bytes know everything


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_an_empty_prompt_starts_somewhere(kind):
    tokenizer = TOKENIZERS[kind]
    ids = tokenizer.encode("Käse").tolist()
    assert "".join(stream(tokenizer, "", ids)).strip() == "Käse"


def test_a_token_that_is_never_wanted_never_comes():
    class Even:
        """All tokens are equally likely."""

        training = False

        def eval(self):
            return self

        def train(self, mode=True):
            return self

        def __call__(self, ids, state):
            return sl.tensor(np.zeros((1, ids.shape[1], 3), np.float32)), None

    assert set(generate(Even(), [0], 200, seed=1)) == {0, 1, 2}
    assert set(generate(Even(), [0], 200, seed=1, never=[0])) == {1, 2}
