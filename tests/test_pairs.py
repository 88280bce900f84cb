"""A course's own pairs: trained on, measured, asked and fine-tuned from the command line; and bad lines."""

import json
import re
from itertools import chain

import pytest

from scratchlm.errors import DataError
from scratchlm.tasks import load_pairs
from scratchlm.training import load_recipe

from .test_cli import assert_one_line

SMALL = [
    "--set", "model.embedding_dim=16", "--set", "model.hidden_size=32", "--set", "training.length=24",
    "--set", "training.batch=16", "--set", "training.evaluate_every=40", "--steps", "80",
]  # fmt: skip
LETTERS = [a + b + c for a in "abcde" for b in "abcde" for c in "abcdefgh"]  # 200 different words


def rows(answer):
    return [(word, answer(word)) for word in LETTERS]


def kind(word):
    return "begins with a or b" if word < "c" else "other"


def write_tsv(path, pairs, header=""):
    path.write_text(header + "".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    return path


def write_jsonl(path, pairs, key):
    lines = [json.dumps({"input": a, key: b, "id": 7}, ensure_ascii=False) for a, b in pairs]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


# ---------------------------------------------------------------- from the command line
def test_a_classifier_learns_a_users_own_labels(scratchlm, tmp_path):
    file = write_tsv(tmp_path / "words.tsv", rows(kind), "Input\tLabel\n")
    code, out, err = scratchlm("train", "sentiment", "--data", file, "--out", tmp_path / "run", *SMALL)
    assert (code, err) == (0, "")
    assert "words: 1" in out
    assert "metric accuracy, from words.tsv (200 pairs)" in out
    assert "2 classes" in out
    assert re.search(r"this model +accuracy (9\d|100)\.\d", out)
    assert all(re.search(rf"^{name} +accuracy", out, re.M) for name in ("majority", "nearest", "logistic"))
    assert load_recipe(str(tmp_path / "run" / "recipe.toml")).data.paths == [str(file)]
    code, out, _ = scratchlm("predict", tmp_path / "run", "add")
    assert code == 0
    assert re.match(r" *\d+\.\d+%  begins with a or b\n", out)
    code, out, _ = scratchlm("evaluate", tmp_path / "run")
    assert code == 0
    assert "test examples, percent" in out
    file.write_text(file.read_text(encoding="utf-8") + "zzz\tother\n", encoding="utf-8")
    assert_one_line(scratchlm("evaluate", tmp_path / "run"), "has changed since")


def test_an_encoder_decoder_learns_a_users_own_texts(scratchlm, tmp_path):
    file = write_jsonl(tmp_path / "back.jsonl", rows(lambda word: word[::-1]), "output")
    changes = ["--set", "data.metric=exact_match", "--set", "data.tokenizer=characters"]
    arguments = ["train", "translation", "--data", file, "--out", tmp_path / "run", *SMALL, *changes]
    code, out, err = scratchlm(*arguments)
    assert (code, err) == (0, "")
    assert "metric exact_match, from back.jsonl (200 pairs)" in out
    assert all(re.search(rf"^{name} +exact_match", out, re.M) for name in ("majority", "copy", "nearest"))
    assert (tmp_path / "run" / "alignment.png").is_file()
    assert scratchlm("predict", tmp_path / "run", "abc", "--beam", 2)[0] == 0
    more = ["finetune", tmp_path / "run", "--recipe", "translation", "--data", file]
    code, out, _ = scratchlm(*more, *SMALL, "--steps", 2, "--out", tmp_path / "more")
    assert code == 0
    assert "new: none" in out
    assert "metric chrf" in out  # what pairs of texts are measured by unless a recipe says more


def test_a_language_model_is_fine_tuned_to_a_users_own_labels(scratchlm, trained, tmp_path):
    file = write_tsv(tmp_path / "words.tsv", rows(kind))
    arguments = ["finetune", trained[0] / "run", "--recipe", "sentiment", "--data", file, "--steps", 2]
    code, out, err = scratchlm(*arguments, "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "new: head.weight, head.bias" in out


# ---------------------------------------------------------------- the files
def contents(task):
    return [[(e.source, e.target) for e in part] for part in (task.training, task.validation, task.test)]


def test_every_pair_is_in_one_part_and_a_new_one_moves_no_other(tmp_path):
    pairs = [*rows(kind), ("input", "label")]  # a header in the first line only
    found = contents(load_pairs([write_tsv(tmp_path / "a.tsv", pairs)], "accuracy"))
    assert sorted(chain(*found)) == sorted(pairs)
    assert [len(part) > 8 for part in found] == [True] * 3
    turned = contents(load_pairs([write_jsonl(tmp_path / "a.jsonl", pairs[::-1], "label")], "accuracy"))
    assert turned == found
    more = contents(load_pairs([write_tsv(tmp_path / "b.tsv", [*pairs, ("zzz", "other")])], "accuracy"))
    assert [[pair for pair in part if pair[0] != "zzz"] for part in more] == found


def test_equal_inputs_are_in_one_part_and_the_first_output_counts(tmp_path):
    spaced = [(f" {word.upper()}", "other") for word in LETTERS]  # the same to a reader
    file = write_tsv(tmp_path / "a.tsv", [*rows(kind), *rows(lambda word: "later"), *spaced])
    task = load_pairs([file], "accuracy")
    found = contents(task)
    parts = [{source.strip().lower() for source, _ in part} for part in found]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert "later" not in {target for part in found for _, target in part}
    assert "(600 pairs, 200 of them left out: their input stood there before)" in str(task)


def test_several_files_signs_of_other_systems_and_labels_that_are_numbers(tmp_path):
    (tmp_path / "a.tsv").write_bytes("\ufeffinput\toutput\r\n".encode() + b"".join(
        f"{word}\t {word} \r\n\r\n".encode() for word in LETTERS))  # fmt: skip
    (tmp_path / "b.JSONL").write_text('{"input": "two\\nlines", "label": 3}\n', encoding="utf-8")
    pairs = chain(*contents(load_pairs([tmp_path / "a.tsv", tmp_path / "b.JSONL"], "accuracy")))
    assert sorted(pairs) == sorted([*((word, f" {word} ") for word in LETTERS), ("two\nlines", "3")])


BAD = {
    "one column": (b"a\tb\nalone\n", "a.tsv, line 2: 1 column(s), expected 2: an input, a tab, an output."),
    "three columns": (b"a\tb\tc\n", "a.tsv, line 1: 3 column(s), expected 2"),
    "no input": (b"a\tb\n \tb\n", "a.tsv, line 2: the input is empty."),
    "no output": (b"a\tb\n\nb\t\n", "a.tsv, line 3: the output is empty."),
    "a header later": (b"input\tlabel\na\n", "a.tsv, line 2: 1 column(s)"),
    "Latin-1": (b"a\tb\ncaf\xe9\tb\n", "a.tsv, line 2: byte 4 (0xE9) is no UTF-8: save it again as UTF-8."),
    "nothing": (b"\n", "a.tsv has no pairs"),
    "a header alone": (b"input\tlabel\n", "a.tsv has no pairs"),
    "few": (b"a\tb\n", "examples are too few to hold out"),
}
BAD_JSON = {
    "broken": (b'{"input": "a", "label": "b"}\n{"input"', "a.jsonl, line 2: broken JSON (Expecting ':'"),
    "list": (b'["a", "b"]', 'a.jsonl, line 1: expected an object such as {"input":'),
    "no input": (b'{"in": "a", "label": "b"}', 'expected the keys "input" and either "output" or "label"'),
    "both": (b'{"input": "a", "label": "b", "output": "c"}', 'either "output" or "label"'),
    "number": (b'{"input": 5, "label": "b"}', '"input" is 5, expected a text in quotes'),
    "truth": (b'{"input": "a", "label": true}', '"label" is true, expected a text in quotes'),
    "empty": (b'{"input": "a", "output": " "}', "line 1: the output is empty"),
    "deep": (b"[" * 100_000, "broken JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*BAD, *(f"{name} JSON" for name in BAD_JSON)])
def test_a_bad_line_is_one_sentence_with_its_number(name, scratchlm, tmp_path):
    json_name = name.removesuffix(" JSON")
    content, words = BAD_JSON[json_name] if name.endswith("JSON") else BAD[name]
    file = tmp_path / ("a.jsonl" if name.endswith("JSON") else "a.tsv")
    file.write_bytes(content)
    result = scratchlm("train", "sentiment", "--data", file, "--out", tmp_path / "run")
    assert_one_line(result, re.escape(words))
    assert not (tmp_path / "run").exists()


def test_other_files_hold_no_pairs(scratchlm, tmp_path):
    write_tsv(tmp_path / "a.txt", rows(kind))
    result = scratchlm("train", "sentiment", "--data", tmp_path / "a.txt", "--out", tmp_path / "run")
    assert_one_line(result, r"a\.txt holds no pairs: this kind of model learns from a file \.tsv or \.jsonl")
    with pytest.raises(DataError, match=r"Cannot read the pairs .*no\.tsv: No such file"):
        load_pairs([tmp_path / "no.tsv"], "accuracy")


def test_one_class_is_none(scratchlm, tmp_path):
    file = write_tsv(tmp_path / "a.tsv", rows(lambda word: "same"))
    result = scratchlm("train", "sentiment", "--data", file, "--out", tmp_path / "run")
    assert_one_line(result, "Every example of a is 'same': give a second class")
