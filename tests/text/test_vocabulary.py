import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm.errors import RecipeError, TokenError
from scratchlm.text import Vocabulary


def test_by_hand():
    v = Vocabulary(["to", "be", "or", "not", "to", "be", "that"], specials=["<unk>", "<pad>"])
    assert v.tokens == ["<unk>", "<pad>", "be", "to", "not", "or", "that"]
    assert v.counts == [0, 0, 2, 2, 1, 1, 1]
    assert (v.id_of("to"), v.tokens[3], len(v)) == (3, "to", 7)
    assert "to" in v
    assert "To" not in v
    assert Vocabulary(["to", "be", "or", "not", "to", "be"], max_size=2).tokens == ["<unk>", "be"]
    assert Vocabulary(["<unk>", "a"]).tokens == ["<unk>", "a"]


@given(st.lists(st.sampled_from("abcdefg")), st.integers(2, 9), st.integers(1, 3), st.randoms())
def test_order_and_limits(tokens, max_size, min_count, random):
    v = Vocabulary(tokens, max_size=max_size, min_count=min_count)
    shuffled = random.sample(tokens, len(tokens))
    assert Vocabulary(shuffled, max_size=max_size, min_count=min_count).tokens == v.tokens
    kept = v.tokens[1:]
    assert v.counts[1:] == [tokens.count(token) for token in kept]
    assert kept == sorted(kept, key=lambda token: (-tokens.count(token), token))
    frequent = {token for token in tokens if tokens.count(token) >= min_count}
    assert len(v) == min(max_size, 1 + len(frequent))
    assert [v.id_of(v.tokens[i]) for i in range(len(v))] == list(range(len(v)))


def test_misuse():
    with pytest.raises(RecipeError, match="no room beside <unk>"):
        Vocabulary("abc", max_size=1)
    with pytest.raises(RecipeError, match="min_count is 0"):
        Vocabulary("abc", min_count=0)
    v = Vocabulary(["house", "mouse"])
    with pytest.raises(TokenError, match=r"'hous' \(did you mean 'house'"):
        v.id_of("hous")
