import json
import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm.errors import CheckpointError, DataError, DtypeError, RecipeError, TokenError
from scratchlm.text import CharTokenizer, WordTokenizer, clean, load_tokenizer, train_tokenizer

KINDS = ["characters", "words", "bpe"]
SAMPLE = (
    'The cat said "Hi!" to the dogs, who don’t care (3.14 times).\n\n我爱你，“中国”。 state-of-the-art 😀'
)


@pytest.fixture(params=KINDS)
def tokenizer(request):
    return train_tokenizer(request.param, SAMPLE, specials=["<eos>", "<eos>>"])


def test_interface(tokenizer):
    ids = tokenizer.encode(SAMPLE)
    assert ids.dtype == np.int32
    assert ids.ndim == 1
    assert 0 <= ids.min() <= ids.max() < tokenizer.vocab_size == len(tokenizer.tokens)
    assert len(set(tokenizer.tokens)) == tokenizer.vocab_size
    assert tokenizer.unknown_id == (None if tokenizer.kind == "bpe" else 0)
    assert tokenizer.unknown_tokens(SAMPLE) == []
    assert tokenizer.encode("").shape == (0,)
    assert tokenizer.encode("").dtype == np.int32
    assert tokenizer.decode([]) == tokenizer.decode(tokenizer.encode("")) == ""
    assert tokenizer.decode(ids.tolist()) == tokenizer.decode(ids)


def test_specials_are_one_id_and_the_longest_wins(tokenizer):
    end, longer = tokenizer.id_of("<eos>"), tokenizer.id_of("<eos>>")
    assert tokenizer.encode("<eos><eos>>").tolist() == [end, longer]
    assert tokenizer.encode("The<eos>the").tolist().count(end) == 1
    assert len(tokenizer.encode("<EOS>")) > 1
    assert tokenizer.decode([end]) == "<eos>"


def test_training_from_several_texts_is_training_from_their_pieces():
    for kind in KINDS:
        one = train_tokenizer(kind, "ab ab\nab b", min_count=1)
        assert train_tokenizer(kind, ["ab ab", "\nab b"], min_count=1).tokens == one.tokens
        assert train_tokenizer(kind, (text for text in ["ab ab", "\nab b"]), min_count=1).tokens == one.tokens


def test_specials_are_not_learned_from():
    t = train_tokenizer("bpe", "<eos>" * 50 + "abab", specials=["<eos>"])
    assert t.tokens[256:] == ["ab", "<eos>"]
    assert CharTokenizer.train("a<eos>", specials=["<eos>"]).tokens == ["<unk>", "<eos>", "a"]


def test_sizes():
    assert CharTokenizer.train("aaabbc", vocab_size=3).tokens == ["<unk>", "a", "b"]
    assert WordTokenizer.train("a a b b c", min_count=2).tokens == ["<unk>", "a", "b"]
    assert train_tokenizer("bpe", SAMPLE, vocab_size=256).vocab_size == 256


def test_unknown():
    t = CharTokenizer.train("hello")
    assert t.unknown_tokens("你hey好你") == ["你", "y", "好"]
    assert t.encode("hey").tolist() == [t.id_of("h"), t.id_of("e"), 0]
    assert t.decode(t.encode("hey")) == "he<unk>"
    assert WordTokenizer.train("the cat").unknown_tokens("the dog, the dog") == ["dog", ","]
    assert t.unknown_tokens("<unk>") == ["<", "u", "n", "k", ">"]  # ordinary text, not the token


@given(st.text())
def test_characters_survive(text):
    t = CharTokenizer.train(text)
    assert t.decode(t.encode(text)) == text
    assert t.vocab_size == 1 + len(set(text))


def test_words_of_the_penn_treebank_stand_between_spaces():
    lines = [
        " pierre <unk> N years old of the u.s. company 's board did n't say why ",
        " mr. <unk> a <unk> <unk> director 's N-year-old rolls-royce is u.k. made ",
        " the company 's shares did n't rise N N % in the u.s. ",
    ]
    text = clean("\n".join(lines))
    words = [*" \n ".join(lines).split(" ")]
    expected = [word for word in words if word]
    t = WordTokenizer.train(text, spaced=True)
    assert len(t.encode(text)) == len(expected) == 40 + 2  # and the ends of lines
    assert len(WordTokenizer.train(text).encode(text)) > 55
    assert [t.tokens[k] for k in t.encode(text)] == expected
    assert t.decode(t.encode(text)) == "\n".join(" ".join(line.split()) for line in lines)
    assert (t.encode("<unk> never") == t.unknown_id).all()
    assert t.unknown_tokens("<unk> never") == ["never"]


@pytest.mark.parametrize(
    "text",
    [
        'He said "hello" to (the) dogs; "yes", he did.',
        "'quoted' dogs' tails don't re-enter (\"if\")…",
        "100% of 1,234.5 is [known]: {x}!\n\n“Curly” ‘quotes’ — here?",
        "我爱你，“中国”！他说：《书》……好——是“她”吗？",
        "def __init__\nif x_1 = 3",
    ],
)
def test_words_read_naturally(text):
    t = WordTokenizer.train(text)
    assert t.decode(t.encode(text)) == text


def test_words_by_hand():
    t = WordTokenizer.train("x")
    assert t.unknown_tokens("don't stop: 3.5-4 3rd é\u0301t a_b\t\u3000我们 ok👍🏽\n") == (
        ["don't", "stop", ":", "3.5", "-", "4", "3rd", "é\u0301t", "a_b", "我", "们", "ok", "👍", "🏽", "\n"]
    )
    assert t.unknown_tokens('a "b" c \' "') == ["a", ' "', "b", '"', "c", "'"]  # a quote before space closes
    assert WordTokenizer.train("x y").decode([1, 2, 1]) == "x y x"
    lower = WordTokenizer.train("The THE the ΟΔΟΣ", lowercase=True)
    assert lower.tokens == ["<unk>", "the", "οδοσ"]


@given(st.text())
def test_words_lose_only_space(text):
    t = WordTokenizer.train(text)
    assert "".join(t.unknown_tokens(text)) == ""
    visible = [c for c in text if c == "\n" or not (c.isspace() and c not in "\x1c\x1d\x1e\x1f")]
    tokens = "".join(t.tokens[i] for i in t.encode(text))
    assert [c for c in tokens if c != " "] == visible


# --- misuse


def test_encode_refuses_what_is_no_text(tokenizer):
    for wrong in (b"abc", None, 3, ["abc"]):
        with pytest.raises(TokenError, match=f"is a str, not {type(wrong).__name__}"):
            tokenizer.encode(wrong)
    with pytest.raises(TokenError, match=r"U\+D83D, at character 2"):
        tokenizer.encode("ab\ud83d")


def test_decode_refuses_wrong_ids(tokenizer):
    size = tokenizer.vocab_size
    for wrong in (-1, size, 10**12):
        with pytest.raises(TokenError, match=f"Token id {wrong} is outside 0 … {size - 1}"):
            tokenizer.decode([1, wrong])
    for wrong in ([1.0], [[1]], 1, ["a"]):
        with pytest.raises(DtypeError, match="a row of integers"):
            tokenizer.decode(wrong)
    with pytest.raises(TokenError, match=r"'<eoss>' \(did you mean '<eos>'"):
        tokenizer.id_of("<eoss>")


@pytest.mark.parametrize("kind", KINDS)
def test_train_refuses_wrong_options(kind):
    for special in ("", "a", "中文", "a b", "<eos>\n"):
        with pytest.raises(RecipeError, match="two or more visible ASCII"):
            train_tokenizer(kind, "abc", specials=[special])
    with pytest.raises(RecipeError, match="differ"):
        train_tokenizer(kind, "abc", specials=["<eos>", "<eos>"])
    with pytest.raises(RecipeError, match="min_count is 0"):
        train_tokenizer(kind, "abc", min_count=0)
    with pytest.raises(RecipeError, match="1"):
        train_tokenizer(kind, "abc", vocab_size=1)
    with pytest.raises(TokenError, match="is a str, not bytes"):
        train_tokenizer(kind, [b"abc"])


def test_train_refuses_another_kind():
    with pytest.raises(RecipeError, match=r"'charcters' \(did you mean 'characters'"):
        train_tokenizer("charcters", "abc")


# --- the file


@pytest.mark.parametrize("options", [{}, {"specials": ["<eos>", "<pad>"]}])
@pytest.mark.parametrize("kind", KINDS)
def test_file_gives_the_same_tokenizer(kind, options, tmp_path):
    t = train_tokenizer(kind, SAMPLE, **options)
    t.save(tmp_path / "tokenizer.json")
    again = load_tokenizer(str(tmp_path / "tokenizer.json"))
    assert type(again) is type(t)
    assert (again.tokens, again.specials) == (t.tokens, t.specials)
    text = SAMPLE + "<eos> and what is new: 🐍"
    assert again.encode(text).tolist() == t.encode(text).tolist()
    assert os.listdir(tmp_path) == ["tokenizer.json"]  # nothing is left aside


def test_file_keeps_lowercase(tmp_path):
    WordTokenizer.train("The", lowercase=True).save(tmp_path / "t.json")
    assert load_tokenizer(tmp_path / "t.json").encode("THE").tolist() == [1]


def test_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    CharTokenizer.train("abc").save(path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"Cannot write .*tokenizer.json: No space left"):
        CharTokenizer.train("xyz").save(path)
    assert load_tokenizer(path).tokens == ["<unk>", "a", "b", "c"]
    assert os.listdir(tmp_path) == ["tokenizer.json"]
    with pytest.raises(CheckpointError, match="No such file"):
        CharTokenizer.train("xyz").save(tmp_path / "no" / "tokenizer.json")
    with pytest.raises(CheckpointError, match="Not a directory"):
        CharTokenizer.train("xyz").save(path / "tokenizer.json")


def test_load_refuses_what_is_missing_or_damaged(tmp_path):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(DataError, match=r"tokenizer.json: No such file"):
        load_tokenizer(path)
    with pytest.raises(DataError, match="Is a directory"):
        load_tokenizer(tmp_path)
    CharTokenizer.train("abc").save(path)
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"\xff\xfe", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"tokenizer.json is damaged"):
            load_tokenizer(path)


def change(path, *keys, value):
    data = json.loads(path.read_text(encoding="utf-8"))
    inner = data
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "keys", "value"),
    [
        ("characters", ["model", "vocab", "a"], 99),
        ("characters", ["model", "unk_token"], "a"),
        ("characters", ["normalizer"], {"type": "NFKC"}),
        ("words", ["pre_tokenizer", "pattern", "Regex"], r"\w+"),
        ("words", ["model"], None),
        ("bpe", ["model", "merges"], [["a", "zz"]]),
        ("bpe", ["model", "merges"], []),
        ("bpe", ["model", "byte_fallback"], True),
        ("bpe", ["added_tokens"], [{"content": "<eos>"}]),
    ],
)
def test_load_refuses_what_others_wrote(kind, keys, value, tmp_path):
    path = tmp_path / "tokenizer.json"
    train_tokenizer(kind, "ab ab ab").save(path)
    load_tokenizer(path)
    change(path, *keys, value=value)
    with pytest.raises(DataError, match="was not saved by scratchlm"):
        load_tokenizer(path)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s))
)
def test_load_refuses_any_other_json(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="was not saved by scratchlm"):
        load_tokenizer(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("run", ["1", "1.", "a-", " '", '"', " ", "中", "\n ", "<eos"])
def test_encoding_is_linear(kind, run):
    t = train_tokenizer(kind, SAMPLE, specials=["<eos>"])
    start = time.perf_counter()
    t.decode(t.encode(run * 50_000 + "a"))
    assert time.perf_counter() - start < 5  # a quadratic pattern takes minutes
