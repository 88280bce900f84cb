"""Given answers: ranks as by reading each anew, and text that is always one of them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm.errors import OptionError, TokenError
from scratchlm.generation import choose, constrained, generate, log_probability

from .test_generation_search import Counted, gpt, lstm, next_log_probabilities, plain_log_probability
from .tolerance import through

MODELS = {"lstm": lambda: lstm(6), "gpt": lambda: gpt(6)}
ANSWERS = [[1, 2], [3], [1, 2, 3, 4], [1, 4], [4, 4, 4], [1, 2]]  # some begin with others, two are equal
END = 0

answers = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=6)


# ---------------------------------------------------------------- which answer is likeliest
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("end", [None, END])
@pytest.mark.parametrize("per_token", [False, True])
def test_answers_rank_as_by_brute_force(make, end, per_token, device):
    model, values = make(), []
    for answer in ANSWERS:
        tokens = answer if end is None else [*answer, end]
        values.append(plain_log_probability(model, [5, 1, 2], tokens) / (len(tokens) if per_token else 1))
    found = choose(model, [5, 1, 2], ANSWERS, end=end, per_token=per_token)
    assert [index for index, _ in found] == sorted(range(6), key=lambda index: -round(values[index], 5))
    for index, value in found:
        assert value == pytest.approx(values[index], abs=5 * through(model, 8))


@given(choices=answers)
def test_any_answers_have_the_log_probability_that_each_has_alone(choices):
    model = lstm(6)
    for index, value in choose(model, [5], choices):
        assert value == pytest.approx(log_probability(model, [5], choices[index]), abs=4 * through(model, 5))


def test_what_several_answers_begin_with_is_read_once():
    counted = Counted(lstm(6))
    choose(counted, [5, 5, 5], ANSWERS)
    assert (counted.steps, counted.rows) == (4, 1 + 2 + 2 + 1)  # prompt; 1, 4; 12, 44; 123


def test_the_end_token_tells_an_answer_from_one_that_goes_on():
    """Without it, what is longer can never be likelier than its own beginning."""
    model = lstm(6)
    model.head.bias.data[[END, 2]] = [-9, 9]  # it does not like to end, and writes 2
    assert [index for index, _ in choose(model, [5], [[2], [2, 2]])] == [0, 1]
    assert [index for index, _ in choose(model, [5], [[2], [2, 2]], end=END, per_token=True)] == [1, 0]
    assert sum(np.exp(value) for _, value in choose(model, [5], [[k] for k in range(6)])) == pytest.approx(1)


# ---------------------------------------------------------------- nothing but an answer
@given(choices=answers, seed=st.integers(0, 3), temperature=st.sampled_from([0, 0.5, 1, 3]))
def test_what_is_written_is_an_answer(choices, seed, temperature):
    found = list(constrained(lstm(6), [5], choices, END, temperature=temperature, seed=seed))
    assert found in choices


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_temperature_0_takes_the_likeliest_allowed_token_each_time(make, device):
    model, choices = make(), [[1, 2], [1, 2, 3, 4], [1, 4], [3], [4, 4, 4]]
    text = [5, 1]
    while not text or text[-1] != END:
        written = text[2:]
        allowed = [[*c, END][len(written)] for c in choices if c[: len(written)] == written]
        text.append(max(allowed, key=lambda v: next_log_probabilities(model, text)[v]))
    assert list(constrained(model, [5, 1], choices, END, temperature=0)) == text[2:-1]


def test_answers_are_drawn_with_probabilities_shared_out_at_each_step(device):
    model, choices = lstm(6), [[1], [1, 2], [3]]
    first = np.exp(next_log_probabilities(model, [5]))
    after = np.exp(next_log_probabilities(model, [5, 1]))
    one = first[1] / (first[1] + first[3])
    short = after[END] / (after[END] + after[2])
    drawn = Counter(tuple(constrained(model, [5], choices, END, seed=seed)) for seed in range(600))
    for answer, p in {(1,): one * short, (1, 2): one * (1 - short), (3,): 1 - one}.items():
        assert 0.03 < p < 0.9
        assert drawn[answer] / 600 == pytest.approx(p, abs=0.08)  # 4 standard deviations


def test_without_an_end_token_an_answer_ends_where_it_is_complete():
    model = lstm(6)
    choices = [[1, 2], [1, 3, 3], [4], [4]]
    found = {tuple(constrained(model, [5], choices, temperature=3, seed=seed)) for seed in range(60)}
    assert found == {(1, 2), (1, 3, 3), (4,)}


def test_the_empty_answer_is_one_where_there_is_an_end():
    model = lstm(6)
    assert {tuple(constrained(model, [5], [[], [2]], END, temperature=3, seed=k)) for k in range(40)} == {
        (),
        (2,),
    }
    assert dict(choose(model, [5], [[], [2]], end=END))[0] == pytest.approx(
        log_probability(model, [5], [END])
    )


def test_every_answer_allowed_is_free_writing():
    """All rows of 3 tokens: the same seed writes what `generate` writes."""
    model = gpt(3)
    choices = [[a, b, c] for a in range(3) for b in range(3) for c in range(3)]
    for seed in range(5):
        expected = list(generate(model, [1], 3, seed=seed))
        assert list(constrained(model, [1], choices, seed=seed)) == expected


@pytest.mark.parametrize("function", [choose, constrained])
@pytest.mark.parametrize(
    ("choices", "end", "sentence"),
    [
        ([], None, "There is no answer to choose from"),
        ([[1], []], None, r"Answer 1 is empty: nothing can be written without the end token, end=…"),
        ([[1], [2, END]], END, "Answer 1 has the end token 0 inside: leave it out, it is added"),
    ],
)
def test_answers_that_cannot_be_are_refused_at_once(function, choices, end, sentence):
    with pytest.raises(OptionError, match=sentence):
        function(lstm(6), [5], choices, end=end)


def test_an_answer_that_others_go_on_from_needs_an_end():
    with pytest.raises(OptionError, match="begins with the whole of answer 1: name the token that ends them"):
        constrained(lstm(6), [5], [[3], [1, 2], [1, 2, 4]])
    with pytest.raises(OptionError, match="begins with the whole of answer 2"):
        constrained(lstm(6), [5], [[1, 2, 4], [3], [1, 2]])


@pytest.mark.parametrize("choices", [[[1], [6, 1]], [[2, -1]]])
def test_ids_that_the_model_does_not_have_are_named(choices):
    with pytest.raises(TokenError, match=r"Token id (6|-1) is none of the model's, 0 … 5"):
        choose(lstm(6), [5], choices)
    with pytest.raises(TokenError, match=r"Token id (6|-1) is none of the model's, 0 … 5"):
        [list(constrained(lstm(6), [5], choices, seed=seed)) for seed in range(9)]


def test_wrong_options_and_an_empty_prompt_are_refused_at_once():
    with pytest.raises(OptionError, match="Sampling needs"):
        constrained(lstm(6), [5], [[1]], temperature=-1)
    for function in (choose, constrained):
        with pytest.raises(OptionError, match="at least one token, got none"):
            function(lstm(6), [], [[1]])
    with pytest.raises(OptionError, match="at least one token, got none"):
        log_probability(lstm(6), [], [1])
