"""The same tokenizer.json, the same text: the same ids and text in the Hugging Face library."""

import random
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchlm.text import CharTokenizer, WordTokenizer, default_corpus, train_tokenizer
from scratchlm.text.bpe import _piece
from scratchlm.text.splitting import CJK, SPACE, SYMBOL

tokenizers = pytest.importorskip(
    "tokenizers", reason="the Hugging Face tokenizers (extra: test) are the other side"
)

CHINESE = "我爱北京天安门，天安门上太阳升。“你好！”他说：《三国演义》第3回……"
TEXT = default_corpus().text[:60_000] + CHINESE + "Ünïcödé naïve 😀👍🏽 \u3000\xa0\t\r\n — ‘x’ İΣ"
OPTIONS = [
    ("characters", {}),
    ("words", {"min_count": 2}),
    ("words", {"lowercase": True}),
    ("words", {"spaced": True, "min_count": 2}),
    ("bpe", {"vocab_size": 700}),
]


def theirs(ours, folder):
    ours.save(folder / "tokenizer.json")
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module", params=OPTIONS, ids=["characters", "words", "lowercase", "spaced", "bpe"])
def both(request, tmp_path_factory):
    kind, options = request.param
    ours = train_tokenizer(kind, TEXT, specials=["<|end|>", "<eos>", "<eos>>", "<Pad>"], **options)
    return ours, theirs(ours, tmp_path_factory.mktemp(kind))


def same(both, text):
    ours, other = both
    ids = ours.encode(text).tolist()
    assert ids == other.encode(text).ids
    assert ours.decode(ids) == other.decode(ids, skip_special_tokens=False)


def test_the_training_text(both):
    same(both, TEXT)
    same(both, "a<Pad><pad><eos>><EOS>b <|end|>")
    assert both[0].vocab_size == both[1].get_vocab_size()


KNOWN = st.text(st.sampled_from(sorted(set(TEXT))))
SIGNS = "abé我，\"'’-_.,;(“—3٣\n\t\r\x1c\x85\xa0\u200b\u3000\u0301😀\0\uffff"
PARTS = [
    " ",
    "  ",
    "'s",
    "don't",
    "3.5",
    "<unk>",
    "<eos>",
    "<eos>>",
    "<|end|>",
    "<Pad>",
    "<pad>",
    "##",
    "Ġ",
    "the",
    "The",
]
FRAGMENTS = st.lists(st.sampled_from([*SIGNS, *PARTS, "x" * 70, " " * 70, "=" * 70]), max_size=30).map(
    "".join
)


@settings(max_examples=250, deadline=None)
@given(text=st.text() | KNOWN | FRAGMENTS)
def test_any_text(both, text):
    same(both, text)


@settings(max_examples=100, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_any_ids_decode_to_the_same_text(both, random):
    ours, other = both
    ids = random.choices(range(ours.vocab_size), k=40)
    assert ours.decode(ids) == other.decode(ids, skip_special_tokens=False)


def test_every_code_point_is_cut_alike(both):
    """What is no letter to one engine must be none to the other."""
    borders = {ord(c) + d for c in SPACE + SYMBOL + CJK for d in (-1, 0, 1)}
    drawn = random.Random(0).sample(range(0x110000), 20_000)
    codes = [
        c for c in sorted(borders | {*range(0x600), *drawn}) if 0 <= c < 0x110000 and not 0xD800 <= c < 0xE000
    ]
    for start in range(0, len(codes), 2000):
        same(
            both,
            "".join(f"a{chr(c)}b {chr(c)} 1{chr(c)}'{chr(c)}\n{chr(c)}" for c in codes[start : start + 2000]),
        )


# One of each general category (the class N, say, is more than digits) and what GPT-2's pattern names.
MIXED = st.text(
    st.one_of(
        st.sampled_from(
            "'sdmtlrev _19.\t\n\r\x85\xa0\u1680\u2028\u3000²½Ⅷ٣一〇ªʰǅ\u0301\u0903\u20e3‿€^¬©\u200b\x1c"
        ),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)


@settings(max_examples=1000)
@given(MIXED)
@example("\t_.")
@example("a_b don't we've 'S x²½ 3٣Ⅷ e\u0301 हिन्दी   two\n\n three ")
def test_pieces_are_gpt2s(text):
    """The library's own byte-level pre-tokenizer has GPT-2's pattern."""
    cut = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    assert _piece.findall(text) == [text[start:end] for _, (start, end) in cut]


def test_every_code_point_has_gpt2s_class():
    cut = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    known = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    for start in range(0, len(known), 5000):
        text = "".join(f"a{c}1{c}." for c in known[start : start + 5000])
        pieces = [text[begin:end] for _, (begin, end) in cut.pre_tokenize_str(text)]
        assert _piece.findall(text) == pieces


def test_every_letter_has_the_same_small_form(tmp_path):
    cased = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) in ("Lu", "Lt", "Ll")]
    ours = WordTokenizer.train(" ".join(cased), lowercase=True)
    assert ours.unknown_tokens(" ".join(cased)) == []
    same((ours, theirs(ours, tmp_path)), " ".join(cased))


def test_a_text_that_spells_unk_out(tmp_path):
    ours = CharTokenizer.train("<unk>")
    other = theirs(ours, tmp_path)
    assert ours.encode("<unk>!").tolist() == other.encode("<unk>!").ids
    assert len(ours.encode("<unk>!")) == 6
