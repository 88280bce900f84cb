"""What the commands share: the console, tables, a run's folder as argument, text as it comes."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console

RUN = click.argument("run", type=click.Path(path_type=Path))


def show_pieces(pieces: Iterable[str]) -> None:
    """Print text as it comes."""
    for piece in pieces:
        click.echo(piece, nl=False)
        sys.stdout.flush()


def make_console() -> "Console":
    """A console that cuts no line."""
    from rich.console import Console

    return Console(soft_wrap=True, markup=False)


def make_table(title: str, rows: list[tuple[str, str]]) -> Any:
    """Rows of two columns under a title."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    return table


def check_folders(*files: Path | None) -> None:
    """Refuse a file whose folder is missing, before minutes of work that it is meant to hold."""
    for file in files:
        if file and not file.parent.is_dir():
            raise OptionError(f"There is no folder {file.parent} for {file.name}: make it first.")
