"""What a run of words says of itself and of words that it does not know; who can talk, and small shares."""

import json
import math
import re

import pytest

from scratchlm import runs as runs_of
from scratchlm.errors import TokenError
from scratchlm.runs import Prediction, load_run, predict, unknown_words

from .test_cli import assert_one_line
from .test_jobs_text import WORDS, prose, recipe
from .test_training import train


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A function: the folder of a run of a kind on words, trained at its first use."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "story.txt").write_text(prose(), encoding="utf-8")

    def get(kind):
        if not (folder / kind).exists():
            train(recipe(folder / "story.txt", kind), folder / kind)
        return folder / kind

    return get


# ---------------------------------------------------------------- words that are not known
def test_a_word_that_is_not_known_is_read_as_unk_with_a_note(scratchlm, runs):
    text = f"{WORDS[0]} zebra {WORDS[1]} gnu zebra"
    code, out, err = scratchlm("predict", runs("l3"), text)
    assert (code, err) == (0, "Note: the model does not know 'zebra', 'gnu': read as <unk>.\n")
    run = load_run(runs("l3"))
    assert unknown_words(run, text) == ["zebra", "gnu"]
    assert predict(run, text) == predict(run, text.replace("gnu", "zebra"))
    assert out == predict(run, text)[0].text + "\n"
    assert scratchlm("predict", runs("l3"), f"{WORDS[0]} {WORDS[1]}")[2] == ""


def test_many_words_are_named_in_part(scratchlm, runs):
    _, _, err = scratchlm("predict", runs("l3"), f"{WORDS[0]} q1 q2 q3 q4 q5 q6")
    assert err == "Note: the model does not know 'q1', 'q2', 'q3', 'q4', 'q5' and more: read as <unk>.\n"


def test_a_choice_of_words_that_are_not_known_is_refused(runs):
    run = load_run(runs("lstm"))
    assert len(predict(run, f"{WORDS[0]} zebra", choices=WORDS[:2])) == 2
    with pytest.raises(TokenError, match="do not know: 'zebra'"):
        predict(run, WORDS[0], choices=["zebra", WORDS[0]])


# ---------------------------------------------------------------- what is measured
def test_a_run_of_words_is_measured_by_the_token(scratchlm, tmp_path):
    (tmp_path / "story.txt").write_text(prose(), encoding="utf-8")
    (tmp_path / "mine.toml").write_text(recipe(tmp_path / "story.txt", "lstm").to_toml(), encoding="utf-8")
    code, out, err = scratchlm("train", tmp_path / "mine.toml", "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    loss, bits = re.search(r"validation loss (\S+)  perplexity \S+  (\S+) bits/token  best", out).groups()
    assert float(bits) == pytest.approx(float(loss) / math.log(2), abs=1e-3)
    assert "bits/char" not in out
    assert "bits a character" not in out
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert not any("bits_per_character" in line for line in lines)
    code, out, _ = scratchlm("evaluate", tmp_path / "run")
    assert re.search(rf"^bits per token +{bits}", out, re.M)
    assert not re.search("^bits per character", out, re.M)


def test_a_share_that_percent_would_show_as_nothing(scratchlm, runs, monkeypatch):
    found = [Prediction("a", 0.123), Prediction("b", 0.0001), Prediction("c", 4.5e-7)]
    monkeypatch.setattr(runs_of, "predict", lambda *_: found)
    assert (
        scratchlm("predict", runs("l3"), WORDS[0], "--beam", 3)[1] == " 12.30%  a\n  0.01%  b\n4.5e-07  c\n"
    )


# ---------------------------------------------------------------- who can talk
@pytest.mark.parametrize("kind", ["vae", "bert", "l3"])
def test_what_has_nothing_to_say_does_not_talk(kind, scratchlm, runs):
    words = f"is a model of kind {kind}, which has nothing to say in a talk: ask it with scratchlm predict "
    assert_one_line(scratchlm("chat", runs(kind)), words)
