"""The lessons from the command line: what there is, a copy of one's own, one as a run or as a notebook."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..errors import DataError, OptionError, did_you_mean, quote

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


def folder() -> Path:
    """Where the lessons are: in the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    return package / "lessons" if (package / "lessons").is_dir() else package.parent / "lessons"


def chapters() -> list[Chapter]:
    """All lessons in order."""
    found = []
    for path in sorted(folder().glob("*/lesson.py")):
        head = path.read_text(encoding="utf-8").partition("\n# %%\n")[0]
        head = re.sub(r"^# ?", "", head, flags=re.MULTILINE)

        def said(pattern: str, head: str = head) -> str:
            match = re.search(pattern, head, flags=re.DOTALL)
            return " ".join(match[1].split()) if match else ""

        number, title = re.search(r"^# (\d+)\. (.+)$", head, flags=re.MULTILINE).groups()  # type: ignore[union-attr]
        question = said(r"\*\*The question\.\*\*(.*?)(?:\n\n|$)")
        found.append(
            Chapter(
                path, int(number), title, question, said(r"\nFormulas: (.*?)\n"), said(r"\nTime: (.*?)\n")
            )
        )
    return found


def chapter(name: str) -> Chapter:
    """The lesson of that number, "6" or "06", or with that word in its title."""
    every = chapters()
    wanted = [c for c in every if name.isdecimal() and c.number == int(name)]
    wanted = wanted or [
        c for c in every if not name.isdecimal() and name.lower() in c.path.parent.name.lower()
    ]
    if len(wanted) != 1:
        known = [str(c.number) for c in every]
        near = did_you_mean(name, [word for c in every for word in c.path.parent.name.split("_")])
        what = "several lessons" if wanted else "no lesson"
        raise OptionError(f"There is {what} {quote(name)}{near}: there are {', '.join(known)}.")
    return wanted[0]


def without_solutions(source: str) -> str:
    """A lesson as a student gets it: each solution replaced by `raise NotImplementedError`."""
    kept: list[str] = []
    inside = False
    for line in source.splitlines(keepends=True):
        if line.strip() == BEGIN:
            inside = True
            kept.append(line.replace(BEGIN, 'raise NotImplementedError("your turn")'))
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


def _new(target: Path) -> Path:
    if target.exists():
        raise DataError(f"{target} is there already, and may have your work in it: give another name.")
    return target


@click.command()
@click.option("--copy", "target", type=click.Path(path_type=Path), help="Copy all lessons into a new folder.")
@click.option("--exercises", is_flag=True, help="With --copy: without the solutions.")
def lessons(target: Path | None, exercises: bool) -> None:
    """List the lessons, or copy them to read, run and change."""
    every = chapters()
    if target is None:
        if exercises:
            raise OptionError("--exercises is for a copy: give a folder, --copy my-lessons --exercises.")
        for c in every:
            click.echo(f"{c.number:2}  {c.title}" + (f"  ({c.time})" if c.time else ""))
            click.echo(click.wrap_text(c.question, 96, "    ", "    "))
            click.echo(click.wrap_text(f"Formulas: {c.formulas}", 96, "    ", "    ") + "\n")
        click.echo("scratchlm lesson NUMBER runs one; scratchlm lessons --copy DIR makes files of your own.")
        return
    _new(target)
    for c in every:
        place = target / c.path.parent.name
        place.mkdir(parents=True)
        source = c.path.read_text(encoding="utf-8")
        (place / c.path.name).write_text(without_solutions(source) if exercises else source, encoding="utf-8")
    click.echo(f"{len(every)} lessons in {target}: python {target / every[0].path.parent.name / 'lesson.py'}")


@click.command()
@click.argument("number")
@click.option(
    "--notebook", type=click.Path(path_type=Path), help="Write it as a notebook instead of running it."
)
@click.option("--exercises", is_flag=True, help="With --notebook: without the solutions.")
def lesson(number: str, notebook: Path | None, exercises: bool) -> None:
    """Run lesson NUMBER; its pictures go to the folder `pictures`."""
    found = chapter(number)
    source = found.path.read_text(encoding="utf-8")
    if notebook is not None:
        made = as_notebook(without_solutions(source) if exercises else source)
        _new(notebook).parent.mkdir(parents=True, exist_ok=True)
        notebook.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        click.echo(f"{found.number}. {found.title}: {notebook}")
        return
    if exercises:
        raise OptionError(
            "--exercises is for --notebook; for files: scratchlm lessons --copy DIR --exercises."
        )
    environment = {"SCRATCHLM_PICTURES": str(Path.cwd() / "pictures")}
    sys.stdout.flush()
    ended = subprocess.run([sys.executable, str(found.path)], env=_with(environment)).returncode
    if ended:
        raise DataError(f"Lesson {found.number} ended with an error, see above.")


def _with(more: dict[str, str]) -> dict[str, str]:
    """This process's environment, and what it lacks of `more`; the lesson imports this scratchlm."""
    import os

    package = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return more | os.environ | {"PYTHONPATH": paths}
