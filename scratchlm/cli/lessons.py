"""The lessons from the command line: what there is, a copy of one's own, one as a run or as a notebook."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from ..chapters import as_notebook, chapter, chapters, chinese_is_drawn, without_solutions
from ..errors import DataError, OptionError

LANGUAGE = click.option(
    "--language", type=click.Choice(["en", "zh"]), default="en", help="Of lessons and pages."
)
BROKEN_PIPE, INTERRUPTED = 141, 130  # how a lesson ends then (see lesson.py)
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


@contextmanager
def _made(target: Path) -> Iterator[Path]:
    """A folder beside `target`, which gets its name at the end."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, ignore_cleanup_errors=True) as folder:
            place = Path(folder) / target.name
            place.mkdir()
            yield place
            place.rename(target)
    except OSError as error:
        raise DataError(f"{target} cannot be made ({error.strerror}): give another folder.") from None


def _new(target: Path) -> Path:
    if target.exists() or target.is_symlink():
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
    with _made(target) as folder:  # all of them or none
        for c in every:
            source = c.source(language)
            text = without_solutions(source, language) if exercises else source
            place = folder / c.path.parent.name
            place.mkdir()
            (place / c.path.name).write_text(text, encoding="utf-8")
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
    if page and (notebook is not None or exercises):
        raise OptionError("--open shows the book's page: leave out --notebook and --exercises.")
    if page:
        _open(found.path, language)
        return
    source = found.source(language)
    if notebook is not None:
        made = as_notebook(without_solutions(source, language) if exercises else source)
        text = json.dumps(made, ensure_ascii=False, indent=1) + "\n"
        try:
            _new(notebook).parent.mkdir(parents=True, exist_ok=True)
            notebook.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DataError(f"{notebook} cannot be written ({error.strerror}): give another name.") from None
        click.echo(f"{found.number}. {found.title}: {notebook}")
        return
    if exercises:
        raise OptionError(
            "--exercises is for --notebook; for files: scratchlm lessons --copy DIR --exercises."
        )
    if find_spec("matplotlib") is None:
        raise DataError("Lessons draw with matplotlib: pip install matplotlib")
    environment = _with({"SCRATCHLM_PICTURES": str(Path.cwd() / "pictures")})
    try:
        Path(environment["SCRATCHLM_PICTURES"]).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = environment["SCRATCHLM_PICTURES"]
        raise DataError(
            f"Pictures cannot be written to {where} ({error.strerror}): run it in another folder, or set "
            "SCRATCHLM_PICTURES."
        ) from None
    _say_if_labels_stay(language)
    if sys.stdout is not None:  # as where it was closed
        sys.stdout.flush()
    with TemporaryDirectory() as folder:
        path = found.path
        if language != "en":
            path = Path(folder) / f"lesson_{found.number}_{language}.py"
            path.write_text(source, encoding="utf-8")
        ended = subprocess.run([sys.executable, str(path)], env=environment).returncode
    if ended in (BROKEN_PIPE, INTERRUPTED):  # who reads has enough
        sys.exit(ended)
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
