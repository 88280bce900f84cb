"""The lessons from the command line: what there is, a copy of one's own, one as a run or as a notebook."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from ..chapters import as_notebook, chapter, chapters, chinese_is_drawn, without_solutions
from ..errors import DataError, OptionError

LANGUAGE = click.option(
    "--language", type=click.Choice(["en", "zh"]), default="en", help="Of lessons and pages."
)
SAID = {
    "en": {
        "formulas": "Formulas: ",
        "next": "scratchlm lesson NUMBER runs one; scratchlm lessons --copy DIR makes files of your own.",
        "copied": "{count} lessons in {target}: python {first}",
    },
    "zh": {
        "formulas": "公式：",
        "next": "scratchlm lesson 编号 --language zh 运行其中一课；"
        "scratchlm lessons --copy 文件夹 --language zh 复制一份给你自己。",
        "copied": "{count} 课已复制到 {target}，用编辑器打开来读，运行第 1 课：python {first}",
    },
}


def _new(target: Path) -> Path:
    if target.exists():
        raise DataError(f"{target} is there already, and may have your work in it: give another name.")
    return target


@click.command()
@click.option("--copy", "target", type=click.Path(path_type=Path), help="Copy all lessons into a new folder.")
@click.option("--exercises", is_flag=True, help="With --copy: without the solutions.")
@LANGUAGE
def lessons(target: Path | None, exercises: bool, language: str) -> None:
    """List the lessons, or copy them to read, run and change."""
    every = chapters(language)
    if target is None:
        if exercises:
            raise OptionError("--exercises is for a copy: give a folder, --copy my-lessons --exercises.")
        for c in every:
            click.echo(f"{c.number:2}  {c.title}" + (f"  ({c.time})" if c.time else ""))
            click.echo(click.wrap_text(c.question, 96, "    ", "    "))
            click.echo(click.wrap_text(SAID[language]["formulas"] + c.formulas, 96, "    ", "    ") + "\n")
        click.echo(SAID[language]["next"])
        return
    _new(target)
    for c in every:
        place = target / c.path.parent.name
        place.mkdir(parents=True)
        source = c.source(language)
        (place / c.path.name).write_text(
            without_solutions(source, language) if exercises else source, encoding="utf-8"
        )
    first = target / every[0].path.parent.name / "lesson.py"
    click.echo(SAID[language]["copied"].format(count=len(every), target=target, first=first))
    _say_if_labels_stay(language)


def _say_if_labels_stay(language: str) -> None:
    if language != "en" and not chinese_is_drawn():
        click.echo("图中文字保持英文：没有找到中文字体。Debian、Ubuntu 可安装 fonts-noto-cjk。", err=True)


@click.command()
@click.argument("number")
@click.option(
    "--notebook", type=click.Path(path_type=Path), help="Write it as a notebook instead of running it."
)
@click.option("--exercises", is_flag=True, help="With --notebook: without the solutions.")
@click.option("--open", "page", is_flag=True, help="Open its page of the book instead of running it.")
@LANGUAGE
def lesson(number: str, notebook: Path | None, exercises: bool, page: bool, language: str) -> None:
    """Run lesson NUMBER; its pictures go to the folder `pictures`."""
    found = chapter(number, language)
    if page:
        _open(found.path, language)
        return
    source = found.source(language)
    if notebook is not None:
        made = as_notebook(without_solutions(source, language) if exercises else source)
        _new(notebook).parent.mkdir(parents=True, exist_ok=True)
        notebook.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        click.echo(f"{found.number}. {found.title}: {notebook}")
        return
    if exercises:
        raise OptionError(
            "--exercises is for --notebook; for files: scratchlm lessons --copy DIR --exercises."
        )
    environment = {"SCRATCHLM_PICTURES": str(Path.cwd() / "pictures")}
    _say_if_labels_stay(language)
    sys.stdout.flush()
    with TemporaryDirectory() as folder:
        path = found.path
        if language != "en":
            path = Path(folder) / f"lesson_{found.number}_{language}.py"
            path.write_text(source, encoding="utf-8")
        ended = subprocess.run([sys.executable, str(path)], env=_with(environment)).returncode
    if ended:
        raise DataError(f"Lesson {found.number} ended with an error, see above.")


def _open(lesson: Path, language: str) -> None:
    """The lesson's page of the book, in the browser."""
    checkout = lesson.parents[2]
    page = checkout / "build" / "book" / language / f"{lesson.parent.name}.html"
    if not page.is_file():
        raise DataError(
            "The book has not been built here: in a clone of the repository, "
            'pip install -e ".[book]" && python docs/book/build.py'
        )
    click.echo(str(page))
    click.launch(page.as_uri())


def _with(more: dict[str, str]) -> dict[str, str]:
    """This process's environment, and what it lacks of `more`; the lesson imports this scratchlm."""
    import os

    package = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return more | os.environ | {"PYTHONPATH": paths}
