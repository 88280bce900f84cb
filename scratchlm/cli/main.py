"""The group of commands, and how the program ends."""

import io
import os
import re
import sys
import warnings

import click

from .. import __version__
from ..errors import ScratchLMError, short
from .bench import bench, growth
from .doctor import doctor
from .experiments import bias, memorisation, overfit, reproduce
from .kernel import kernel
from .lessons import lesson, lessons
from .step import step
from .train import finetune, recipes, train
from .use import chat, evaluate, generate, predict


class ByRole(click.Group):
    """Lists the commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they are defined below."""
        return list(self.commands)


@click.group(cls=ByRole, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="scratchlm")
@click.option(
    "--plain", is_flag=True, help="Run the kernels of the device cpu as plain Python, for a debugger."
)
def cli(plain: bool) -> None:
    """Train language models with an engine that you can read.

    Start with `scratchlm train`: an LSTM learns English from the manual that comes with Python.
    """
    if plain:
        os.environ["SCRATCHLM_PLAIN"] = "1"


for command in (
    *(train, finetune, recipes, doctor, generate, predict, chat, evaluate),
    *(overfit, memorisation, bias, reproduce, bench, growth, kernel, lessons, lesson, step),
):
    cli.add_command(command)


def _without_long_words(sentence: str) -> str:
    """A sentence for a terminal: no file has such a long name, however it was typed or pasted."""
    return re.sub(r"\S{400,}", lambda word: short(word[0]), sentence)


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # Windows' cp1252 in a pipe has no →, and no Chinese
    warnings.formatwarning = lambda message, *_, **__: f"scratchlm: {message}\n"  # no place in the source
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except click.ClickException as error:
        error.show(text := io.StringIO())
        click.echo(_without_long_words(text.getvalue()), err=True, nl=False)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nscratchlm: stopped.", err=True)
        sys.exit(130)
    except MemoryError as error:  # NumPy's and CuPy's say how much was asked for
        where = "The GPU" if type(error).__module__.startswith("cupy") else "This machine"
        click.echo(
            f"scratchlm: {where} has no memory left ({str(error).strip('.') or 'no details'}): lower "
            "training.batch or training.length, or take a smaller model.",
            err=True,
        )
        sys.exit(2)
    except (ScratchLMError, OSError) as error:
        click.echo(f"scratchlm: {_without_long_words(str(error)) or type(error).__name__}", err=True)
        sys.exit(2)
