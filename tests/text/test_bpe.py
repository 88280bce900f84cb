from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchlm.errors import RecipeError, TokenError
from scratchlm.text import BPETokenizer, default_corpus
from scratchlm.text.bpe import BYTE_OF, BYTES, _piece, learn_merges


def join(word, pair, token):
    joined, place = [], 0
    while place < len(word):
        here = tuple(word[place : place + 2]) == pair
        joined.append(token if here else word[place])
        place += 2 if here else 1
    return joined


def plain_merges(pieces, limit, min_count):
    """The definition, counted anew for every merge."""
    words = [(list(piece.encode()), count) for piece, count in pieces.items()]
    merges = []
    while len(merges) < limit:
        counts = Counter()
        for word, count in words:
            for pair in pairwise(word):
                counts[pair] += count
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < min_count:
            break
        words = [(join(word, best, 256 + len(merges)), count) for word, count in words]
        merges.append(best)
    return merges


REPETITIVE = st.dictionaries(st.text("abc", min_size=1, max_size=12), st.integers(1, 4), max_size=8)


@given(REPETITIVE, st.integers(0, 40), st.integers(1, 3))
@example({"aaaa": 1, "aaa": 2, "abcabc": 3, "bcab": 1}, 40, 1)
def test_merges_are_those_of_the_definition(pieces, limit, min_count):
    merges = learn_merges(pieces, limit, min_count)
    assert merges == plain_merges(pieces, limit, min_count)
    tokens = BPETokenizer(merges).tokens
    assert len(set(tokens)) == len(tokens)  # as the docstring argues


def test_merges_by_hand():
    t = BPETokenizer.train("aaabdaaabac", vocab_size=259)  # Gage's example (1994)
    assert t.merges == [(97, 97), (97, 98), (256, 257)]
    assert t.tokens[256:] == ["aa", "ab", "aaab"]
    assert t.encode("aaabdaaabac").tolist() == [258, 100, 258, 97, 99]


def test_bytes_are_spelt_as_gpt2_does():
    assert (BYTES[ord(" ")], BYTES[ord("\n")], BYTES[ord("a")], BYTES[0xAD]) == ("Ġ", "Ċ", "a", "Ń")
    assert len(BYTE_OF) == 256
    assert not any(character.isspace() for character in BYTES)


@given(st.text())
def test_any_text_survives_and_has_no_unknown(text):
    t = BPETokenizer.train(text + "the cat the cat 我们我们")
    assert t.decode(t.encode(text)) == text
    assert "".join(_piece.findall(text)) == text
    assert t.unknown_tokens(text) == []


def test_every_single_character_is_in_one_class():
    for start in range(0, 0x110000, 0x1000):
        text = "".join(chr(code) for code in range(start, start + 0x1000) if not 0xD800 <= code < 0xE000)
        assert "".join(_piece.findall(text)) == text


def test_pieces():
    assert _piece.findall("I'll  pay 3.50$ now\n\n  ok") == (
        ["I", "'ll", " ", " pay", " 3", ".", "50", "$", " now", "\n\n ", " ok"]
    )
    assert [len(piece) for piece in _piece.findall("x" * 130)] == [64, 64, 2]


def test_training_again_gives_the_same():
    text = default_corpus().text[:50_000]
    assert BPETokenizer.train(text, 400).merges == BPETokenizer.train(text, 400).merges


def test_default_text_gets_its_merges():
    t = BPETokenizer.train(default_corpus().text, vocab_size=1280, specials=["<eos>"])
    assert t.vocab_size == 1280
    assert t.tokens[-1] == "<eos>"
    assert "Ġthe" in t.tokens
    assert len(t.encode(default_corpus().text)) < len(default_corpus().text) / 2.5


def test_ids_that_are_no_utf8():
    t = BPETokenizer.train("")
    assert t.decode([0xE6, 0x88, 0x91]) == "我"
    assert t.decode([0x61, 0xE6, 0x88, 0x62]) == "a\ufffdb"


def test_misuse():
    with pytest.raises(
        RecipeError, match="vocab_size is 256, but the 256 bytes and 1 special tokens alone need 257"
    ):
        BPETokenizer.train("abc", vocab_size=256, specials=["<eos>"])
    with pytest.raises(TokenError, match="a token twice"):
        BPETokenizer([(97, 98), (97, 98)])
