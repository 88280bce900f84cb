"""docs/stepping.md: its hunt gives what the page says, and the Chinese page shows the same."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from scratchlm.cli.step import step

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "stepping.md", DOCS / "stepping.zh.md"]


def blocks(page):
    return re.findall(r"```(?:python)?\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_hunt_says_what_the_page_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, *sessions, remedy = blocks(page)
    (tmp_path / "hunt.py").write_text(program, encoding="utf-8")
    shown = "".join(sessions)
    asked = [part for line in re.findall(r"^\(step\) (.*)$", shown, re.MULTILINE) for part in ("--do", line)]
    said = CliRunner().invoke(step, ["hunt.py", *asked]).output
    assert said.partition("\n")[2] == shown
    wrong = next(line for line in program.splitlines() if "x.mean" in line)
    mended = program.replace(wrong, re.sub("^", " " * 8, remedy.rstrip(), flags=re.MULTILINE))
    (tmp_path / "mended.py").write_text(mended, encoding="utf-8")
    said = CliRunner().invoke(step, ["mended.py", "--do", "why embedding.weight[0, 1]"]).output
    assert "embedding.weight[0, 1] = 0, from" in said


def test_both_pages_name_the_same_commands():
    english, chinese = (
        set(re.findall(r"`([a-z]+)[^`]*`", page.read_text(encoding="utf-8"))) for page in PAGES
    )
    words = {
        "next",
        "back",
        "goto",
        "until",
        "print",
        "formula",
        "check",
        "why",
        "diff",
        "verify",
        "into",
        "up",
    }
    assert words <= english
    assert words <= chinese
