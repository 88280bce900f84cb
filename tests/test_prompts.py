"""What a trained model is asked is cleaned as the text that it was trained on."""

import unicodedata

import pytest

from scratchlm.experiments.bias import probe
from scratchlm.runs import load_run, predict, unknown_words
from scratchlm.tasks import load_pairs
from scratchlm.training import Trainer

from .test_training import recipe

CLEAN = "un café déjà\nvu "
WILD = "\ufeff" + unicodedata.normalize("NFD", CLEAN).replace("\n", "\r\n") + "\x07"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompts")
    (folder / "text.txt").write_text(WILD * 60, encoding="utf-8", newline="")
    Trainer(recipe(folder / "text.txt", sample__prompt='"é"'), folder / "run").run()
    return load_run(folder / "run")


def test_prompts_and_stops(run):
    assert "".join(run.stream(WILD, 30)) == "".join(run.stream(CLEAN, 30))
    composed, decomposed = ("".join(run.stream(CLEAN, 60, stop=[end])) for end in ("é", "e\u0301"))
    assert composed == decomposed != "".join(run.stream(CLEAN, 60))


def test_texts_and_choices(run):
    assert predict(run, WILD, choices=["café", "e\u0301"]) == predict(run, CLEAN, choices=["café", "é"])
    assert unknown_words(run, WILD) == []


def test_pairs_of_words(run):
    pair = ("de\u0301", "ca")
    assert [f.first for f in probe(run, [pair], [WILD])] == [
        f.first for f in probe(run, [("dé", "ca")], [CLEAN])
    ]


def test_on_the_command_line(run, scratchlm):
    code, _, err = scratchlm("generate", run.folder, "--prompt", WILD, "--tokens", 9)
    assert (code, err) == (0, "")


def test_pairs_of_a_users_own_are_cleaned_too(tmp_path):
    lines = "".join(f'{{"input": "cafe\\u0301 {k}", "output": "e\\u0301\\r\\nu"}}\n' for k in range(30))
    (tmp_path / "pairs.jsonl").write_text(lines, encoding="utf-8")
    task = load_pairs([str(tmp_path / "pairs.jsonl")], "chrf")
    assert {example.target for example in task.training} == {"é\nu"}
    assert all(example.source.startswith("café ") for example in task.training)
