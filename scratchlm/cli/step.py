"""`scratchlm step`: run a program until it has gone backward, then walk through its formulas."""

import runpy
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from ..errors import DataError, OptionError
from .lessons import LANGUAGE

if TYPE_CHECKING:
    from ..debugger.tape import Tape


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--skip", default=0, type=click.IntRange(min=0), help="Passes backward before the recording [0]."
)
@click.option("--passes", default=1, type=click.IntRange(min=1), help="Passes backward to record [1].")
@click.option("--save", type=click.Path(path_type=Path), help="Write the recording to a file.")
@click.option("--html", type=click.Path(path_type=Path), help="Write the recording as a page, ask nothing.")
@click.option(
    "--graph", type=click.Path(path_type=Path), help="Draw the formulas: a .svg or .png, ask nothing."
)
@LANGUAGE
@click.option(
    "--do", "commands", multiple=True, help="A command to run at once; repeatable. Without: ask at a prompt."
)
def step(
    program: str,
    arguments: tuple[str, ...],
    skip: int,
    passes: int,
    save: Path | None,
    html: Path | None,
    graph: Path | None,
    language: str,
    commands: tuple[str, ...],
) -> None:
    """Step through the formulas of PROGRAM: a Python file, a lesson's number, a recipe, a test, a recording.

    It runs until it has gone backward once (then stops: what comes after is not run), and every formula up to
    there is written down with its numbers. A recipe ("tiny", my.toml) makes a step of training, a test
    ("tests/test_mine.py::test_it") is run by pytest. `help` at the prompt lists the commands.
    """
    from ..debugger.stepper import Stepper
    from ..debugger.tape import Tape

    for target, ending in ((save, ".tape"), (html, ".html")):
        if target is not None and target.suffix != ending:
            raise DataError(f"{target} should end in {ending}.")
    kept = program.endswith(".tape")
    if (kept and (skip or passes > 1 or arguments)) or (is_recipe(program) and (passes > 1 or arguments)):
        raise OptionError(f"{program} is no program: --skip, --passes and arguments are not for it.")
    for target in filter(None, (save, html, graph)):
        if target.exists() and Path(program).exists() and target.samefile(program):
            raise DataError(f"{target} is the program itself: give another name.")
    if kept:
        tape = Tape.load(program)
    elif is_recipe(program):
        tape = of_recipe(program, skip)
    else:
        tape = recorded(_path(program.partition("::")[0]), program, list(arguments), skip, passes)
    if save is not None:
        tape.save(save)
    stepper = Stepper(tape, click.echo)
    stepper.failed = bool(tape.raised)
    if len(tape):
        click.echo(f"{len(tape)} formula{'s' * (len(tape) > 1)} recorded; {_ending(tape)}")
    if not len(tape):
        went = f"it went backward {tape.passes} times" if tape.passes else "it ran no formula of scratchlm"
        raise DataError(
            f"{program} left nothing to look at"
            + ("." if tape.raised else f": {went}, and --skip is {skip}.")
        )
    if html is not None:
        from ..debugger.page import write

        write(tape, html, language)
        click.echo(f"{html}: open it in a browser ({html.stat().st_size / 2**20:.1f} MB)")
    if graph is not None:
        from ..debugger.graph import draw

        draw(tape, graph)
        click.echo(f"{graph}: the formulas, what repeats folded")
    if html is not None or graph is not None:
        return
    for command in commands:
        click.echo(f"{stepper.prompt}{command}")
        if stepper.onecmd(command):
            return
    if commands:
        sys.exit(2 if stepper.failed else 0)
    stepper.onecmd("list")
    while True:
        try:
            stepper.cmdloop()
            return
        except KeyboardInterrupt:  # the recording is kept, as in pdb
            click.echo("\n(quit leaves)")


def _ending(tape: "Tape") -> str:
    if tape.failed:
        return f"record {tape.failed.number} failed: {tape.failed.error}"
    return f"{sum(r.turn is not None for r in tape)} of them went backward."


def _path(program: str) -> Path:
    if program.isdigit():
        from ..chapters import chapter

        return chapter(program).path
    path = Path(program)
    if not path.is_file():
        raise DataError(
            f"There is no file {program}: give a Python file, a lesson's number, a recipe or a recording."
        )
    return path


def _is_test(path: Path, program: str) -> bool:
    return path.name.startswith("test_") or "::" in program


def _by_pytest(test: str) -> None:
    try:
        import pytest
    except ImportError:
        raise DataError("Stepping through a test takes pytest: pip install pytest") from None
    pytest.main([test, "-q", "-s", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header", "--no-summary"])


class Enough(BaseException):
    """Raised in a program that has gone backward as often as was asked; no `except Exception` stops it."""


def is_recipe(program: str) -> bool:
    """Whether it is a recipe's name or file."""
    from ..training import shipped

    return program.endswith(".toml") or program in shipped()


def of_recipe(name: str, skip: int) -> "Tape":
    """The tape of a recipe's training step, after `skip` others."""
    from ..training import Trainer, load_recipe
    from ..training.faults import recorded

    recipe = load_recipe(name, [f"training.steps={skip + 1}"])
    with TemporaryDirectory() as folder:
        trainer = Trainer(recipe, Path(folder) / "run")
        for _ in range(skip):
            trainer.step()
        return recorded(trainer, next(trainer.batches))


def recorded(path: Path, program: str, arguments: list[str], skip: int, passes: int) -> "Tape":
    """The tape of a program, or of a test, that runs until it has gone backward `skip + passes` times."""
    from ..debugger.tape import record

    def look(tape: "Tape") -> None:
        if tape.passes == skip:
            tape.forget()
        if tape.passes == skip + passes:
            if _is_test(path, program):
                sys.modules["pytest"].exit("enough")
            raise Enough

    recorder = record(quiet=True, after_pass=look)
    before = sys.argv, sys.path[0]
    sys.argv, sys.path[0] = [str(path), *arguments], str(path.parent)
    try:
        with recorder:
            if _is_test(path, program):
                _by_pytest(program)
            else:
                runpy.run_path(str(path), run_name="__main__")
    except Enough:
        pass
    except SystemExit as ending:
        click.echo(f"{path.name} ended itself ({ending.code}).", err=True)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        where = next((f for f in reversed(frames) if f.filename == str(path)), None)
        at = f" (line {where.lineno}: {where.line})" if where else ""
        recorder.tape.raised = f"{type(error).__name__}: {error}{at}"
        click.echo(f"{path.name} failed: {recorder.tape.raised}", err=True)
    finally:
        sys.argv, sys.path[0] = before
    return recorder.tape
