"""What the commands share: options of a recipe, the console, tables, a run's folder, text as it comes."""

import functools
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import click

from ..device import DEVICES
from ..errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

RUN = click.argument("run", type=click.Path(path_type=Path))
DEVICE = click.option("--device", metavar="NAME", help="Another device than the run was trained on.")

_SHORTCUTS = ("steps", "device", "seed")  # of training
_OPTIONS = {
    "data": click.option(
        "--data",
        multiple=True,
        type=click.Path(),
        help="Text file or folder; pairs for an encoder-decoder or classifier (.tsv, .jsonl); repeatable.",
    ),
    "set": click.option(
        "--set", "changes", multiple=True, metavar="A.B=C", help="Change a key of the recipe."
    ),
    "steps": click.option("--steps", type=click.IntRange(min=1), help="Short for --set training.steps=N."),
    "device": click.option(
        "--device", metavar="NAME", help=f"Short for --set training.device=NAME: {', '.join(DEVICES)}."
    ),
    "seed": click.option("--seed", type=click.IntRange(min=0), help="Short for --set training.seed=N."),
}


def recipe_options(*names: str, out: str) -> Callable[[Callable], Callable]:
    """The options that commands with a recipe share, --out with its help last.

    The command is given `data` and `changes`, into which --steps, --device and --seed have gone, and `out`.
    """

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def run(changes: Sequence[str], **values: Any) -> None:
            short = {key: values.pop(key, None) for key in _SHORTCUTS if key in names}
            every = [*changes, *(f"training.{key}={v}" for key, v in short.items() if v is not None)]
            command(changes=every, **values)

        click.option("--out", type=click.Path(path_type=Path), help=out)(run)
        for name in reversed(names):
            _OPTIONS[name](run)
        return run

    return decorate


def new_folder(name: str) -> Path:
    """A folder of runs/ that does not exist yet, named after what is done and the time."""
    stem = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, number = stem, 2
    while folder.exists():
        folder, number = stem.with_name(f"{stem.name}-{number}"), number + 1
    return folder


def show_pieces(pieces: Iterable[str]) -> None:
    """Print text as it comes."""
    for piece in pieces:
        click.echo(piece, nl=False)
        sys.stdout.flush()


def make_console() -> "Console":
    """A console that cuts no line."""
    from rich.console import Console

    return Console(soft_wrap=True, markup=False)


def make_table(
    title: str,
    rows: Iterable[Sequence[str]],
    header: Sequence[str] = (),
    right: Sequence[str] = (),
    widths: Mapping[str, int] = MappingProxyType({}),
) -> "Table":
    """Rows under a title ("" for none) and a header (or none); `right` names columns of numbers, `widths` the
    least width of some.
    """
    from rich.table import Table

    table = Table(
        title=title or None, title_justify="left", show_header=bool(header), box=None, padding=(0, 2, 0, 0)
    )
    for name in header:
        side: Literal["left", "right"] = "right" if name in right else "left"
        table.add_column(name, overflow="fold", justify=side, min_width=widths.get(name))
    for row in rows:
        table.add_row(*row)
    return table


def show_table(rows: Iterable[Sequence[str]], header: Sequence[str], **columns: Any) -> None:
    """Print rows under a header, folded to the width of the terminal; options as for `make_table`."""
    make_console().print(make_table("", rows, header, **columns), soft_wrap=False)


def check_folders(*files: Path | None) -> None:
    """Refuse a file whose folder is missing, before minutes of work that it is meant to hold."""
    for file in files:
        if file and not file.parent.is_dir():
            raise OptionError(f"There is no folder {file.parent} for {file.name}: make it first.")
