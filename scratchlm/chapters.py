"""The chapters of the course: what there is, with solutions or without, as a program or as a notebook."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .chinese import catalogue, translated
from .errors import OptionError, did_you_mean, quote
from .fonts import drawable

BEGIN, END = "# --- solution begin", "# --- solution end"


@dataclass
class Chapter:
    """A lesson's file, and what its first cell says."""

    path: Path
    number: int
    title: str
    question: str
    formulas: str
    time: str

    def source(self, language: str = "en") -> str:
        """The lesson's text in a language; what is drawn changes only where a font has the characters."""
        return in_language(self.path, language)


def in_language(path: Path, language: str) -> str:
    """The text of a lesson's file with the words of its catalogue; in English ("en") as it is."""
    source = path.read_text(encoding="utf-8")
    if language == "en":
        return source
    labels = "save_picture" not in source or chinese_is_drawn()
    return translated(source, catalogue(path.with_name(f"{language}.po")), labels)


def chinese_is_drawn() -> bool:
    """Whether a font of this machine has Chinese; without one, pictures keep their English labels."""
    return find_spec("matplotlib") is not None and drawable(["语言模型"])[0] == ["语言模型"]


def folder() -> Path:
    """Where the lessons are: in the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent
    return package / "lessons" if (package / "lessons").is_dir() else package.parent / "lessons"


def chapters(language: str = "en") -> list[Chapter]:
    """All lessons in order, and what they say of themselves in a language."""
    found = []
    for path in sorted(folder().glob("*/lesson.py")):
        head = in_language(path, language).partition("\n# %%\n")[0]
        head = re.sub(r"^# ?", "", head, flags=re.MULTILINE)

        def said(pattern: str, head: str = head) -> str:
            match = re.search(pattern, head, flags=re.DOTALL | re.MULTILINE)
            return re.sub(r"(?<=[，。；：！？]) ", "", " ".join(match[1].split())) if match else ""

        question = said(r"^\*\*(?:The question\.|问题。)\*\*(.*?)(?:\n\n|\Z)")
        formulas, time = said(r"^(?:Formulas: |公式：)(.*?)$"), said(r"^(?:Time: |时间：)(.*?)$")
        number = int(said(r"^# (\d+)\. "))
        found.append(Chapter(path, number, said(r"^# \d+\. (.+?)$"), question, formulas, time))
    return found


def chapter(name: str, language: str = "en") -> Chapter:
    """The lesson of that number, "6" or "06", or with that word in its folder's name."""
    every = chapters(language)
    wanted = [c for c in every if name.isdecimal() and name.lstrip("0") == str(c.number)]
    wanted = wanted or [
        c for c in every if not name.isdecimal() and name.lower() in c.path.parent.name.lower()
    ]
    if len(wanted) != 1:
        known = [str(c.number) for c in every]
        if wanted:
            several = ", ".join(str(c.number) for c in wanted)
            raise OptionError(f"Several lessons have {quote(name)} in their names: {several}. Give a number.")
        near = did_you_mean(name, [word for c in every for word in c.path.parent.name.split("_")])
        raise OptionError(f"There is no lesson {quote(name)}{near}: there are {', '.join(known)}.")
    return wanted[0]


def without_solutions(source: str, language: str = "en") -> str:
    """A lesson as a student gets it: each solution replaced by `raise NotImplementedError`."""
    turn = {"en": "your turn", "zh": "轮到你了"}[language]
    kept: list[str] = []
    inside = False
    for line in source.splitlines(keepends=True):
        if line.strip() == BEGIN:
            inside = True
            kept.append(line.replace(BEGIN, f'raise NotImplementedError("{turn}")'))
        elif line.strip() == END:
            inside = False
        elif not inside:
            kept.append(line)
    return "".join(kept)


def as_notebook(source: str) -> dict[str, Any]:
    """A percent file as a notebook of version 4.5: `# %% [markdown]` cells are text, the others code."""
    cells: list[dict[str, Any]] = []
    for k, part in enumerate(re.split(r"^# %%", source, flags=re.MULTILINE)[1:]):
        marker, _, body = part.partition("\n")
        text = marker.strip() == "[markdown]"
        if text:
            body = re.sub(r"^# ?", "", body, flags=re.MULTILINE)
        elif marker.strip():
            body = f"#{marker}\n{body}"
        cell: dict[str, Any] = {
            "cell_type": "markdown" if text else "code",
            "id": f"cell-{k}",
            "metadata": {},
        }
        cell["source"] = body.strip("\n").splitlines(keepends=True)
        cells.append(cell if text else cell | {"execution_count": None, "outputs": []})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
