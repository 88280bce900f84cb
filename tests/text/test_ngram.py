import time
from collections import Counter
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm.errors import DataError, DtypeError, RecipeError
from scratchlm.text import WittenBell, bits_per_character, default_corpus

IDS = st.lists(st.integers(0, 4), min_size=1, max_size=40)


def plain(training, order, history, word):
    """The recursion of the formula, on counts of tuples."""
    known = set(training)
    p = 1 / (len(known) + 1)
    for n in range(1, order + 1):
        if len(history) < n - 1:
            break
        h = tuple(history[len(history) - n + 1 :])
        grams = [tuple(training[i : i + n]) for i in range(len(training) - n + 1)]
        followers = Counter(gram[-1] for gram in grams if gram[:-1] == h)
        if followers:
            total, types = followers.total(), len(followers)
            p = (followers[word] + types * p) / (total + types)
    return p


@given(IDS, st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(1, 5))
def test_probabilities_are_those_of_the_formula(training, text, order):
    p = WittenBell(order).fit(training).probabilities(text)
    assert p == pytest.approx([plain(training, order, text[:i], word) for i, word in enumerate(text)])


@given(IDS, st.lists(st.integers(0, 5), max_size=6), st.integers(1, 5))
def test_probabilities_sum_to_one(training, history, order):
    model = WittenBell(order).fit(training)
    words = [*sorted(set(training)), 99]  # 99 stands for all that the training text lacks
    assert sum(model.probabilities([*history, word])[-1] for word in words) == pytest.approx(1)


def test_by_hand():
    model = WittenBell(2).fit([0, 0, 1])
    assert model.probabilities([0]) == pytest.approx([8 / 15])
    # after 0 came 0 and 1, once each: (1 + 2·p_1)/(2 + 2)
    after_zero = [(1 + 2 * 8 / 15) / 4, (1 + 2 * 5 / 15) / 4, (2 * 2 / 15) / 4]
    assert [model.probabilities([0, w])[1] for w in (0, 1, 7)] == pytest.approx(after_zero)
    assert model.probabilities([1, 0])[1] == pytest.approx(8 / 15)  # nothing followed 1
    assert model.bits_per_token([1], context=[0]) == pytest.approx(-log2(after_zero[1]))
    assert model.bits_per_token([0, 1]) == pytest.approx(-(log2(8 / 15) + log2(after_zero[1])) / 2)


def test_characters_are_ids():
    text = "abracadabra我"
    codes = [ord(character) for character in text]
    expected = WittenBell(3).fit(codes[:8]).bits_per_token(codes[8:], context=codes[:8])
    assert bits_per_character(text[:8], text[8:], order=3) == pytest.approx(expected)


def test_default_text():
    text = default_corpus().text
    cut = len(text) - len(text) // 10
    start = time.perf_counter()
    bits = [bits_per_character(text[:cut], text[cut:], order) for order in (1, 3, 6)]
    assert time.perf_counter() - start < 10
    assert bits[0] > bits[1] > bits[2]
    assert bits[2] == pytest.approx(1.93, abs=0.15)  # the text differs between Python versions


def test_misuse():
    with pytest.raises(RecipeError, match="order is 0"):
        WittenBell(0)
    with pytest.raises(DataError, match="empty"):
        WittenBell(2).fit([])
    with pytest.raises(DataError, match="empty"):
        WittenBell(2).fit([1]).bits_per_token([])
    for wrong in (np.zeros(3), np.zeros((2, 2), int)):
        with pytest.raises(DtypeError, match="a row of integers"):
            WittenBell(2).fit(wrong)
