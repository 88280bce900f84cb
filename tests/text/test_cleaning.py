import time
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm.errors import RecipeError
from scratchlm.text import (
    clean,
    remove_exact_duplicates,
    remove_near_duplicates,
    stop_words,
)
from scratchlm.text.cleaning import _shingle_hashes

FORMS = st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"])
SPACED = st.text(st.sampled_from("ab \t\r\n\v\f\x00\x85\u2028\ufeff\u0301é　"), max_size=40)


@given(st.text() | SPACED, FORMS, st.booleans(), st.booleans())
def test_clean_twice_is_clean_once_and_keeps_its_promises(text, form, strip_control, collapse_spaces):
    options = {"form": form, "strip_control": strip_control, "collapse_spaces": collapse_spaces}
    cleaned = clean(text, **options)
    assert clean(cleaned, **options) == cleaned
    assert unicodedata.is_normalized(form, cleaned)
    assert "\n\n\n" not in cleaned
    assert not any(end in cleaned for end in "\r\v\f\x85\u2028\u2029\ufeff")
    assert all(line == line.rstrip() for line in cleaned.split("\n"))
    if strip_control:
        assert all(unicodedata.category(c) != "Cc" or c in "\n\t" for c in cleaned)
    if collapse_spaces:
        assert "  " not in cleaned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeffone\r\ntwo\rthree\ffour", "one\ntwo\nthree\nfour"),
        ("a  \n \n\t\n\n  b\n\n", "a\n\n  b"),
        ("caf\u0065\u0301", "café"),
        ("bell\x07 \x9b tab\there", "bell  tab\there"),
        ("e\x00\u0301", "é"),  # what a control character kept apart is put together
        ("我 爱\u3000\n你", "我 爱\n你"),
        (" \n ", ""),
    ],
)
def test_clean_by_hand(text, expected):
    assert clean(text) == expected


def test_clean_options():
    assert clean("ﬁ  x²", form="NFKC", collapse_spaces=True) == "fi x2"
    assert clean("a\x07b", strip_control=False) == "a\x07b"


@pytest.mark.parametrize("run", [" ", "\n", " \n", "\t ", "\r"])
def test_clean_is_linear(run):
    def seconds(size):
        start = time.perf_counter()
        clean("a" + run * size + "b", collapse_spaces=True)
        return time.perf_counter() - start

    seconds(1000)
    assert seconds(400_000) < 1  # a quadratic pattern takes minutes


def test_exact_duplicates():
    assert remove_exact_duplicates(["b", "a", "b", "a ", "a"]) == ["b", "a", "a "]


def true_jaccard(a, b, k):
    one, other = ({t[i : i + k] for i in range(max(1, len(t) - k + 1))} for t in (a, b))
    return len(one & other) / len(one | other)


@given(st.lists(st.text("ab", max_size=12), max_size=8), st.sampled_from([0.5, 0.8, 1.0]))
def test_near_duplicates_only_drops_what_is_near(docs, threshold):
    kept = remove_near_duplicates(docs, threshold, shingle=3)
    rest = iter(docs)
    assert all(doc in rest for doc in kept)  # in order
    for doc in set(docs) - set(kept):
        assert any(true_jaccard(doc, other, 3) >= threshold for other in kept)
    assert len(set(kept)) == len(kept)


def test_near_duplicates_are_found():
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("一二三四五六七八九十abcdefgh"), 300)) for _ in range(60)]
    changed = [text[:150] + "X" + text[151:] for text in texts]  # J = 291/301 = 0.967
    assert remove_near_duplicates(texts + changed) == texts
    assert remove_near_duplicates(texts + changed, threshold=0.99) == texts + changed


def test_minhash_estimates_the_jaccard_similarity():
    rng = np.random.default_rng(2)
    a = "".join(rng.choice(list("abcdefgh"), 400))
    b = a[:300] + "".join(rng.choice(list("abcdefgh"), 100))
    expected = true_jaccard(a, b, 5)
    same = []
    for _ in range(40):
        weights = rng.integers(0, 1 << 64, 5, np.uint64)
        factors = rng.integers(0, 1 << 64, 50, np.uint64) | np.uint64(1)
        one, other = (_shingle_hashes(text, weights) for text in (a, b))
        same += [(one * factor).min() == (other * factor).min() for factor in factors]
    assert np.mean(same) == pytest.approx(expected, abs=0.04)  # 2000 draws: 3 standard errors are 0.034


@pytest.mark.parametrize("options", [{"threshold": 0}, {"threshold": 1.5}, {"shingle": 0}])
def test_near_duplicates_misuse(options):
    with pytest.raises(RecipeError, match=next(iter(options))):
        remove_near_duplicates(["a"], **options)


def test_stop_words():
    assert stop_words("en") & {"the", "cat", "on", "mat"} == {"the", "on"}
    assert stop_words("zh") & {"我", "的", "猫", "在", "睡觉"} == {"我", "的", "在"}
    assert all(word == word.lower() for language in ("en", "zh") for word in stop_words(language))
    with pytest.raises(RecipeError, match=r"'de'.*en, zh"):
        stop_words("de")
