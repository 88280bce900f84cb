"""Text as it is streamed: pieces that join to the text, never half a character, nothing of a stop string."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import scratchlm as sl
from scratchlm.errors import OptionError, TokenError
from scratchlm.generation import until
from scratchlm.generation.writing import WINDOW, write
from scratchlm.text import train_tokenizer

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


def stream(tokenizer, prompt, tokens, **options):
    model = Dictated(tokens, tokenizer.vocab_size)
    return list(write(model, tokenizer, prompt, len(tokens), temperature=0, **options))


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


LIMITS = [0x61, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF3, 0xF4, 0xFF]


@given(tokens=st.lists(st.sampled_from(LIMITS), min_size=1, max_size=40))
@settings(max_examples=300)
def test_broken_characters_of_any_kind(tokens):
    """Bytes at the limits of what may follow each other in UTF-8."""
    tokenizer = TOKENIZERS["bpe"]
    assert "".join(stream(tokenizer, "E", tokens)) == tokenizer.decode(tokens)


def test_garbage_bytes_come_as_they_are_and_cost_a_window_each(monkeypatch):
    """A token costs two short decodings, whatever was written before, also where no character ever ends."""
    tokenizer, lengths = TOKENIZERS["bpe"], []
    tokens = [0x80, 0xF0, 0x9F, 0xFF, *[0x99] * 300]
    decode = tokenizer.decode
    expected = decode(tokens)
    monkeypatch.setattr(tokenizer, "decode", lambda ids: lengths.append(len(ids)) or decode(ids))
    pieces = stream(tokenizer, "Ein", tokens)
    assert "".join(pieces) == expected
    assert len(pieces) > 290  # shown as they come, one held back
    assert max(lengths) <= WINDOW + 1
    assert len(lengths) <= 2 * len(tokens)


def test_a_prompt_that_ends_in_the_replacement_character_is_not_shown_again():
    tokenizer = TOKENIZERS["bpe"]
    assert "".join(stream(tokenizer, "a\ufffd", [98])) == "b"


# ---------------------------------------------------------------- stop strings
def plain(text, stop):
    """The definition: up to where the first of the stop strings begins."""
    return text[: min([text.find(one) for one in stop if one in text], default=len(text))]


letters = st.text("ab\n", max_size=12)


@given(
    pieces=st.lists(st.text("ab\n", max_size=4), max_size=8),
    stop=st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3),
)
@example(pieces=["a", "ab"], stop=["ab"])  # the stop string's own beginning comes before it
@example(pieces=["ab", "a", "b"], stop=["abb", "b"])  # b is complete while abb may still begin before it
@example(pieces=["ab", "b"], stop=["abb", "b"])
@example(pieces=["b", "a"], stop=["ba", "bab"])
def test_text_ends_before_the_first_stop_string_however_it_is_cut(pieces, stop):
    found = list(until(pieces, stop))
    assert "".join(found) == plain("".join(pieces), stop)
    assert "" not in found


@given(text=st.text("ab\n", max_size=12), stop=st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3))
def test_what_can_be_shown_is_shown_at_once(text, stop):
    """After each character all is out but what may be the beginning of a stop string."""
    out, read = "", ""

    def characters():
        nonlocal read
        for character in text:
            read += character
            yield character
            # here the piece before has been dealt with
            late = plain(read, stop)
            waiting = max((k for one in stop for k in range(len(one)) if read.endswith(one[:k])), default=0)
            assert len(out) >= len(late) - waiting

    for piece in until(characters(), stop):
        out += piece


def test_the_model_writes_no_further_than_the_stop_string():
    tokenizer = TOKENIZERS["characters"]
    tokens = tokenizer.encode('Why not?" she said').tolist()
    model = Dictated(tokens, tokenizer.vocab_size)
    assert "".join(write(model, tokenizer, "E", 18, temperature=0, stop=['?"', " she"])) == "Why not"
    assert len(list(model.tokens)) == len(tokens) - len('Why not?"')


def test_nothing_is_read_that_cannot_change_the_end():
    pieces = iter(["x", "a", "b"])
    assert list(until(pieces, ["ab", "a"])) == ["x"]  # with a the text has ended, whatever follows
    assert list(pieces) == ["b"]


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_stop_strings_of_a_stream(kind):
    tokenizer = TOKENIZERS[kind]
    ids = tokenizer.encode(TEXT).tolist()
    text = "".join(stream(tokenizer, "Ein", ids))
    assert "".join(stream(tokenizer, "Ein", ids, stop=["文也", "naïve"])) == text[: text.index("文也")]
    assert "".join(stream(tokenizer, "Ein", ids, stop=["nowhere"])) == text


@pytest.mark.parametrize("stop", [[""], ["a", ""], "abc", ""])
def test_wrong_stop_strings_are_refused_before_anything_is_written(stop):
    with pytest.raises(OptionError, match="list of strings, none of them empty"):
        write(Dictated([], 270), TOKENIZERS["bpe"], "a", 3, stop=stop)


def test_wrong_options_are_refused_before_anything_is_written():
    with pytest.raises(OptionError, match="Sampling needs"):
        write(Dictated([], 270), TOKENIZERS["bpe"], "a", 3, top_p=2)
