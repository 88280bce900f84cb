"""Runs in surroundings other than those they were made in: folders, texts, terminals, settings."""

import os
import re
import subprocess
import sys

import pytest

from scratchlm.training import Reporter, Trainer, load_recipe

from .test_cli import SMALL, assert_one_line, files
from .test_training import StopAfter, data, recipe, text  # noqa: F401

SCRATCHLM = "from scratchlm.cli import main; main()"


def outside(*arguments, **environment):
    """The command line in a process of its own; what it wrote as bytes."""
    command = [sys.executable, "-c", SCRATCHLM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env={**os.environ, **environment})


# ---------------------------------------------------------------- terminals and settings
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_a_terminal_without_unicode_is_no_reason_to_stop(encoding, tmp_path):
    words = text(words=600) + "Ωж→漢 " * 300
    (tmp_path / "text.txt").write_text(words, encoding="utf-8")
    folder, setting = tmp_path / "run", {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = outside("train", "--data", tmp_path / "text.txt", "--out", folder, *SMALL, **setting)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Summary" in done.stdout
    done = outside("generate", folder, "--prompt", "the Ωж→漢", "--tokens", "30", **setting)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"the ?")


@pytest.mark.parametrize("threads", ["abc", "0", "-2", "1.5"])
@pytest.mark.parametrize("command", ["doctor", "train"])
def test_a_number_of_threads_that_is_none_is_one_line(command, threads, tmp_path):
    (tmp_path / "text.txt").write_text(text(), encoding="utf-8")
    options = (
        ["--data", tmp_path / "text.txt", "--out", tmp_path / "run", *SMALL] if command == "train" else []
    )
    done = outside(command, *options, SCRATCHLM_THREADS=threads)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert_one_line((done.returncode, out, err), f"SCRATCHLM_THREADS is '{threads}'.* whole number")
    assert not (tmp_path / "run" / "recipe.toml").exists()


# ---------------------------------------------------------------- the beginning and the end
def test_a_run_that_fails_at_its_first_step_leaves_what_was_there(scratchlm, tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text(text(), encoding="utf-8")
    monkeypatch.setattr(Trainer, "step", lambda trainer: 1 / 0)
    run, notes, empty = tmp_path / "run", tmp_path / "notes", tmp_path / "empty"
    notes.mkdir()
    empty.mkdir()
    (notes / "mine.txt").write_text("a note", encoding="utf-8")
    for folder in (run, notes, empty):
        with pytest.raises(ZeroDivisionError):
            scratchlm("train", "--data", tmp_path / "text.txt", "--out", folder, *SMALL)
    assert not run.exists()
    assert [path.name for path in notes.iterdir()] == ["mine.txt"]
    assert list(empty.iterdir()) == []


def test_a_run_that_ended_before_its_first_checkpoint_is_never_taken_back(scratchlm, tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text(text(), encoding="utf-8")
    scratchlm("train", "--data", tmp_path / "text.txt", "--out", tmp_path / "run", *SMALL)
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    monkeypatch.setattr(Trainer, "step", lambda trainer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scratchlm("train", "--resume", tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before


def test_a_run_that_fails_later_stays(scratchlm, tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text(text(), encoding="utf-8")
    plain = Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda trainer: 1 / 0 if trainer.steps_done else plain(trainer))
    with pytest.raises(ZeroDivisionError):
        scratchlm("train", "--data", tmp_path / "text.txt", "--out", tmp_path / "run", *SMALL)
    assert (tmp_path / "run" / "recipe.toml").exists()


def test_a_run_that_stopped_early_is_finished_too(scratchlm, data, tmp_path, monkeypatch):  # noqa: F811
    run, chosen = tmp_path / "run", recipe(data, training__steps=100, training__checkpoint_every=5)
    with pytest.raises(InterruptedError):
        Trainer(chosen, run, StopAfter(6)).run()
    monkeypatch.setattr(Trainer, "_stopped_early", lambda trainer: True)
    monkeypatch.setattr(Trainer, "run", lambda trainer: pytest.fail("it went on"))
    code, out, err = scratchlm("train", "--resume", run)
    assert (code, err) == (0, "")
    assert out.startswith(f"{run} is finished, after step 5.")


def test_the_preparation_of_a_task_is_told(tmp_path):
    said = []
    reporter = Reporter()
    reporter.message = said.append
    Trainer(load_recipe("addition", ["model.hidden_size=8"]), tmp_path / "run", reporter)
    assert said == ["preparing task arithmetic …"]


# ---------------------------------------------------------------- the text
@pytest.fixture
def changed(run, tmp_path):
    """A run whose text is no longer the one that it was trained on."""
    path = tmp_path / "changed.txt"
    path.write_text(text(seed=1), encoding="utf-8")
    recipe = load_recipe(str(run / "recipe.toml"))
    recipe.data.paths = [str(path)]
    (run / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    return run


def test_evaluating_on_a_text_that_has_changed_since_is_refused(scratchlm, changed):
    for options in ([], ["--baseline", "ngram"]):
        assert_one_line(scratchlm("evaluate", changed, *options), r"text .* changed since.*--data")


def test_another_text_can_be_named_instead(scratchlm, changed, tmp_path):
    code, out, err = scratchlm("evaluate", changed, "--data", tmp_path / "changed.txt")
    assert (code, err) == (0, "")
    assert re.search(r"loss +\d\.\d{4} nats", out)
    assert_one_line(scratchlm("evaluate", changed, "--data", tmp_path / "changed.txt", "--baseline", "ngram"),
                    "changed since")  # fmt: skip


def test_a_run_whose_text_has_changed_still_generates(scratchlm, changed):
    assert scratchlm("generate", changed, "--prompt", "the", "--tokens", 3)[0] == 0


def test_relative_paths_of_a_recipe_hold_from_every_folder(scratchlm, tmp_path, monkeypatch):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home, elsewhere):
        folder.mkdir()
    (home / "text.txt").write_text(text(), encoding="utf-8")
    (home / "mine.toml").write_text('[data]\npaths = ["text.txt"]\n', encoding="utf-8")
    monkeypatch.chdir(home)
    assert scratchlm("train", "mine.toml", "--out", "run", *SMALL)[0] == 0
    assert load_recipe("run/recipe.toml").data.paths == [str(home / "text.txt")]
    assert (home / "mine.toml").read_text(encoding="utf-8") == '[data]\npaths = ["text.txt"]\n'
    monkeypatch.chdir(elsewhere)
    for command in (["evaluate", home / "run"], ["train", "--resume", home / "run"]):
        code, _, err = scratchlm(*command)
        assert (code, err) == (0, ""), command
    assert list(elsewhere.iterdir()) == []


# ---------------------------------------------------------------- names that look like something else
def test_names_with_brackets_are_printed_as_they_are(scratchlm, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text[new].txt").write_text(text(), encoding="utf-8")
    code, out, err = scratchlm("train", "--data", "text[new].txt", "--out", "run[draft]", *SMALL)
    assert (code, err) == (0, "")
    assert re.search(r"^folder +run\[draft\] ", out, re.M)
    assert "scratchlm generate run[draft]" in out
    assert "run " not in out.replace("run[draft]", "").replace("this run ", "")
    for command in (
        ["evaluate", "run[draft]", "--data", "text[new].txt"],
        ["train", "--resume", "run[draft]"],
    ):
        code, out, err = scratchlm(*command)
        assert (code, err) == (0, "")
        assert "run[draft]" in out
    code, out, _ = scratchlm("evaluate", "run[draft]", "--data", "text[new].txt")
    assert re.search(r"^text +text\[new\]\.txt", out, re.M)
    assert files(tmp_path / "run[draft]")


def test_a_prompt_with_brackets_is_printed_as_it_is(scratchlm, tmp_path):
    (tmp_path / "text.txt").write_text("[bold]the cat[/bold] " * 200, encoding="utf-8")
    assert scratchlm("train", "--data", tmp_path / "text.txt", "--out", tmp_path / "run", *SMALL)[0] == 0
    _, out, _ = scratchlm("generate", tmp_path / "run", "--prompt", "[bold]the cat", "--tokens", 3)
    assert out.startswith("[bold]the cat")
