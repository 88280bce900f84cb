"""The command line. Heavy imports stand inside the commands, so that --help answers at once."""

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import __version__
from .cli_bench import bench, growth
from .cli_common import RUN, make_console, make_table, show_pieces
from .cli_experiments import bias, memorisation, overfit, reproduce
from .cli_kernel import kernel
from .cli_use import chat, evaluate, generate, predict
from .device import DEVICES
from .errors import CheckpointError, ScratchLMError

if TYPE_CHECKING:
    from .training import Recipe, Trainer


class ByRole(click.Group):
    """Lists the commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they are defined below."""
        return list(self.commands)


@click.group(cls=ByRole, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="scratchlm")
def cli() -> None:
    """Train language models with an engine that you can read.

    Start with `scratchlm train`: an LSTM learns English from the manual that comes with Python.
    """


@cli.command()
@click.argument("recipe", default="default", required=False)
@click.option(
    "--data", multiple=True, type=click.Path(), help="Text file or folder; may be given repeatedly."
)
@click.option("--set", "changes", multiple=True, metavar="A.B=C", help="Change a key of the recipe.")
@click.option("--steps", type=click.IntRange(min=1), help="Short for --set training.steps=N.")
@click.option("--device", metavar="NAME", help=f"Short for --set training.device=NAME: {', '.join(DEVICES)}.")
@click.option("--seed", type=click.IntRange(min=0), help="Short for --set training.seed=N.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run [runs/RECIPE-DATE-TIME].")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder.")
def train(
    recipe: str,
    data: tuple[str, ...],
    changes: tuple[str, ...],
    steps: int | None,
    device: str | None,
    seed: int | None,
    out: Path | None,
    resume: Path | None,
) -> None:
    """Train a model by RECIPE: a name from `scratchlm recipes`, or a .toml file."""
    shortcuts = {"steps": steps, "device": device, "seed": seed}
    every = [*changes, *(f"training.{key}={value}" for key, value in shortcuts.items() if value is not None)]
    source = click.get_current_context().get_parameter_source("recipe")
    if resume is not None and (data or every or out or source is not click.core.ParameterSource.DEFAULT):
        raise click.UsageError(
            "--resume goes on exactly as the run began: leave RECIPE and other options away. "
            "To train longer, begin a new run with more --steps."
        )

    from .training import Trainer, load_recipe
    from .training.progress import TerminalReporter

    console = make_console()
    if resume is not None:
        if not (resume / "recipe.toml").is_file():
            raise CheckpointError(
                f"There is no run in {resume}: name a folder that `scratchlm train` printed."
            )
        loaded, folder = load_recipe(str(resume / "recipe.toml")), resume
    else:
        loaded = load_recipe(recipe, every)
        if loaded.name == "unnamed":
            loaded.name = Path(recipe).stem
        if data:
            loaded.data.paths = list(data)
        folder = out or _new_folder(loaded.name)
    trainer = Trainer(loaded, folder, TerminalReporter(console), resume=resume is not None)
    if resume is not None and trainer.is_over:
        console.print(
            f"{folder} is finished, after step {trainer.steps_done:,}. To train on from its weights:",
            highlight=False,
        )
        console.print(
            f"  scratchlm finetune {folder} --recipe {folder / 'recipe.toml'} --steps N", highlight=False
        )
        return
    _train(trainer)


def _train(trainer: "Trainer") -> None:
    """Run to the end and say how it went."""
    started = time.perf_counter()
    ending = trainer.run()
    trainer.plot()
    if ending == "interrupted":
        console = make_console()
        console.print(f"Stopped after step {trainer.steps_done:,}. Go on with:", highlight=False)
        console.print(f"  scratchlm train --resume {trainer.folder}", highlight=False, soft_wrap=True)
        return
    _summary(trainer, ending, time.perf_counter() - started)


@cli.command()
@RUN
@click.option(
    "--recipe", required=True, help="What to learn now: a name from `scratchlm recipes`, or a file."
)
@click.option("--data", multiple=True, type=click.Path(), help="Text file or folder, for language models.")
@click.option("--set", "changes", multiple=True, metavar="A.B=C", help="Change a key of the recipe.")
@click.option("--steps", type=click.IntRange(min=1), help="Short for --set training.steps=N.")
@click.option("--device", metavar="NAME", help="Short for --set training.device=NAME.")
@click.option("--seed", type=click.IntRange(min=0), help="Short for --set training.seed=N.")
@click.option(
    "--freeze", multiple=True, metavar="NAME", help="Weights that stay: the beginning of their names."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the new run.")
def finetune(
    run: Path,
    recipe: str,
    data: tuple[str, ...],
    changes: tuple[str, ...],
    steps: int | None,
    device: str | None,
    seed: int | None,
    freeze: tuple[str, ...],
    out: Path | None,
) -> None:
    """Go on from the model in the folder RUN with another task or text.

    A classifier keeps the run's body and tokenizer, and its last layer is new; a model of the run's own kind
    keeps all of it.

    --freeze body keeps the whole body as it is and trains the last layer only.
    """
    from .training import Trainer, fine_tuning, load_recipe
    from .training.progress import TerminalReporter

    shortcuts = {"steps": steps, "device": device, "seed": seed}
    every = [*changes, *(f"training.{key}={value}" for key, value in shortcuts.items() if value is not None)]
    loaded = fine_tuning(load_recipe(recipe, every), run)
    loaded.data.paths = list(data) or loaded.data.paths
    loaded.training.freeze = [*loaded.training.freeze, *freeze]
    folder = out or _new_folder(f"{loaded.name}-from-{run.name}")
    _train(Trainer(loaded, folder, TerminalReporter(make_console())))


def _new_folder(name: str) -> Path:
    stem = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, number = stem, 2
    while folder.exists():
        folder, number = stem.with_name(f"{stem.name}-{number}"), number + 1
    return folder


def _summary(trainer: "Trainer", ending: str, seconds: float) -> None:
    """The figures of a finished run, and what the model does now."""
    console, job, best = make_console(), trainer.job, trainer.best_result
    words = {"finished": "all steps done", "early": "stopped early: no gain on the validation part any more"}
    rows = [("ended", f"{words[ending]} ({trainer.steps_done:,} steps, {seconds:.0f} s in this session)")]
    if best is not None:
        rows += [
            (
                "best validation loss",
                f"{best.loss:.4f} nats per {job.unit}, after step {trainer.best_step:,}",
            ),
            *((name.replace("_", " "), f"{value:.4g}") for name, value in best.figures.items()),
        ]
        if not best.figures:
            rows.append(("perplexity", best.shown_perplexity))
        if best.characters:
            rows.append(("bits a character", f"{best.bits_per_character:.3f}"))
        if not best.figures and best.loss > math.log(job.tokenizer.vocab_size):
            rows.append(("warning", "worse than guessing among all tokens: try a lower training.lr"))
    rows += [
        ("parameters", f"{trainer.model.count_parameters():,}"),
        ("folder", f"{trainer.folder} (loss.png, metrics.jsonl, weights.safetensors, tokenizer.json)"),
    ]
    console.print()
    console.print(make_table("Summary", rows))
    trainer.load_best()
    if trainer.recipe.data.task:
        console.print("\nMeasuring on the test part, beside baselines …")  # a minute for the largest tasks
    if test := job.test():
        console.print()
        console.print(make_table(f"{test.examples:,} test examples, percent", test.rows()))
    click.echo()
    show_pieces(job.sample())
    if trainer.recipe.model.kind == "encoder-decoder" and trainer.recipe.model.attention != "none":
        from .training.alignment import draw_first_alignment

        click.echo(f"\nWhat the first right answer attends to: {draw_first_alignment(trainer)}")
    click.echo("\n" + job.next_steps(trainer.folder))


@cli.command()
def recipes() -> None:
    """List the recipes that come with scratchlm."""
    from rich.table import Table

    from .training import load_recipe, shipped

    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    for column in ("name", "data", "model", "expected"):
        table.add_column(column, overflow="fold")
    for name in shipped():
        recipe = load_recipe(name)
        table.add_row(name, _data(recipe), _model(recipe), recipe.expected)
    make_console().print(table, soft_wrap=False)
    click.echo(
        "\nscratchlm train NAME; a copy of a recipe in a .toml file can be changed and trained as well."
    )


def _data(recipe: "Recipe") -> str:
    text = ", ".join(recipe.data.paths) or "the text that comes with Python"
    return f"{recipe.description or text}; {recipe.data.tokenizer}"


def _model(recipe: "Recipe") -> str:
    m, t = recipe.model, recipe.training
    name = f"{m.kind} ({m.body})" if m.kind == "classifier" else m.kind
    transformer = "gpt" in name or "bert" in name
    size = m.embedding_dim if transformer or m.kind == "l0" else m.hidden_size
    return f"{name} {m.num_layers}×{size}, {t.steps:,} steps of {t.batch}×{t.length}"


@cli.command()
def doctor() -> None:
    """Say what this machine has: Python, BLAS, threads, Numba, GPU, caches."""
    from .doctor import examine

    make_console().print(make_table(f"scratchlm {__version__}", examine()))


for command in (
    generate,
    predict,
    chat,
    evaluate,
    overfit,
    memorisation,
    bias,
    reproduce,
    bench,
    growth,
    kernel,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # Windows' cp1252 in a pipe has no →, and no Chinese
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nscratchlm: stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader (`| head`) has gone; Python would complain about it once more
        sys.exit(0)
    except MemoryError as error:  # NumPy's and CuPy's say how much was asked for
        where = "The card" if type(error).__module__.startswith("cupy") else "This machine"
        click.echo(
            f"scratchlm: {where} has no memory left ({str(error).strip('.') or 'no details'}): lower "
            "training.batch or training.length, or take a smaller model.",
            err=True,
        )
        sys.exit(2)
    except (ScratchLMError, OSError) as error:
        click.echo(f"scratchlm: {error or type(error).__name__}", err=True)
        sys.exit(2)
