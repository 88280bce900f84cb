"""The lessons from the command line, and from a wheel's point of view: files of one's own."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scratchlm.chapters import as_notebook, chapters, without_solutions
from scratchlm.cli.lessons import lesson, lessons
from scratchlm.errors import DataError, OptionError, ScratchLMError

from .test_lessons import LESSONS


def run(command, *arguments):
    result = CliRunner().invoke(command, arguments)
    if result.exception:
        raise result.exception
    return result.output


def test_the_list_has_every_lesson_with_question_and_formulas():
    assert [c.path for c in chapters()] == LESSONS
    listed = run(lessons)
    for c in chapters():
        assert f"{c.number:2}  {c.title}" in listed
        assert len(c.question) > 50
        assert c.question.split()[0] in listed
        assert c.formulas
    assert max(map(len, listed.splitlines())) <= 100


def test_a_copy_runs_and_a_copy_of_exercises_waits_for_its_reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(lessons, "--copy", "mine")
    run(lessons, "--copy", "theirs", "--exercises")
    for path in LESSONS:
        own, open_ = (tmp_path / name / path.parent.name / path.name for name in ("mine", "theirs"))
        assert own.read_bytes() == path.read_bytes()
        assert open_.read_text(encoding="utf-8") == without_solutions(path.read_text(encoding="utf-8"))
        ast.parse(open_.read_text(encoding="utf-8"))
    first = tmp_path / "theirs" / LESSONS[0].parent.name / "lesson.py"
    ended = subprocess.run([sys.executable, first], capture_output=True, encoding="utf-8", errors="replace")
    assert ended.stderr.splitlines()[-2:] == ["NotImplementedError: your turn", "exercise 1.1: your turn"]
    with pytest.raises(DataError, match="mine is there already, and may have your work in it"):
        run(lessons, "--copy", "mine")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((lesson, "9" * 5000), "There is no lesson"),
        ((lesson, "kernels"), "Several lessons have 'kernels' in their names: 17, 18. Give a number."),
        ((lesson, "1", "--notebook", "q.ipynb", "--open"), "leave out --notebook and --exercises"),
        ((lesson, "1", "--notebook", "file/q.ipynb"), "file/q.ipynb cannot be written"),
        ((lessons, "--copy", "file/mine"), "file/mine cannot be made"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ScratchLMError, match=re.escape(said)):
        run(*arguments)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_copy_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = Path.write_text

    def third(path, *rest, **named):
        if "03_" in str(path):
            raise KeyboardInterrupt
        return written(path, *rest, **named)

    monkeypatch.setattr(Path, "write_text", third)
    with pytest.raises(SystemExit):  # "Aborted!"
        run(lessons, "--copy", "mine")
    assert list(tmp_path.iterdir()) == []


def test_who_reads_only_the_first_line_hears_no_complaint(tmp_path):
    command = f"{sys.executable} -m scratchlm lesson 5 | head -n 1"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.stdout.startswith("Embedding")
    assert done.stderr == ""


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.parent.name)
def test_a_notebook_has_the_lessons_cells(path, tmp_path):
    source = path.read_text(encoding="utf-8")
    made = as_notebook(source)
    kinds = [
        "markdown" if line == "# %% [markdown]" else "code"
        for line in source.splitlines()
        if line[:4] == "# %%"
    ]
    assert [cell["cell_type"] for cell in made["cells"]] == kinds
    code = "\n".join("".join(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "code")
    assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(source))
    text = "\n".join("".join(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "markdown")
    assert "\n## " in text
    assert "\n# #" not in text
    target = tmp_path / "new" / "x.ipynb"
    run(lesson, str(int(path.parent.name[:2])), "--notebook", str(target))
    assert json.loads(target.read_text(encoding="utf-8")) == made


def test_the_notebook_is_one_by_its_schema(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (pip install nbformat)")
    nbformat.validate(nbformat.from_dict(as_notebook(LESSONS[0].read_text(encoding="utf-8"))))


@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "ascii"])
def test_output_in_an_old_encoding_is_no_reason_to_stop(encoding, tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "SCRATCHLM_PICTURES": str(tmp_path)}
    lesson = next(path for path in LESSONS if path.parent.name.startswith("02"))
    done = subprocess.run([sys.executable, lesson], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr[-500:]
    assert b"picture: 02_graph.png" in done.stdout


def test_what_is_no_lesson_is_refused():
    with pytest.raises(OptionError, match="There is no lesson '99': there are 1, 2, "):
        run(lesson, "99")
    with pytest.raises(OptionError, match="'tensers' \\(did you mean 'tensors'\\?\\)"):
        run(lesson, "tensers")
    with pytest.raises(OptionError, match="--exercises is for a copy"):
        run(lessons, "--exercises")
