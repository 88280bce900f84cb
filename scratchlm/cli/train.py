"""Commands that train: train, finetune; and the list of recipes."""

import math
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CheckpointError
from .common import RUN, make_console, make_table, new_folder, recipe_options, show_pieces

if TYPE_CHECKING:
    from ..training import Recipe, Trainer


@click.command()
@click.argument("recipe", default="default", required=False)
@recipe_options("data", "set", "steps", "device", "seed", out="Folder of the run [runs/RECIPE-DATE-TIME].")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder.")
@click.option(
    "--watch", is_flag=True, help="Stop where a gradient explodes or vanishes, units die, KL collapses."
)
def train(
    recipe: str,
    data: tuple[str, ...],
    changes: list[str],
    out: Path | None,
    resume: Path | None,
    watch: bool,
) -> None:
    """Train a model by RECIPE: a name from `scratchlm recipes`, or a .toml file."""
    source = click.get_current_context().get_parameter_source("recipe")
    if resume is not None and (data or changes or out or source is not click.core.ParameterSource.DEFAULT):
        raise click.UsageError(
            "--resume goes on exactly as the run began: leave out RECIPE and other options. "
            "To train longer, begin a new run with more --steps."
        )

    from ..training import Trainer, load_recipe
    from ..training.progress import TerminalReporter

    console = make_console()
    if resume is not None:
        if not (resume / "recipe.toml").is_file():
            raise CheckpointError(
                f"There is no run in {resume}: name a folder that `scratchlm train` printed."
            )
        loaded, folder = load_recipe(str(resume / "recipe.toml")), resume
    else:
        loaded = load_recipe(recipe, changes)
        if loaded.name == "unnamed":
            loaded.name = Path(recipe).stem
        loaded.data.take(data)
        folder = out or new_folder(loaded.name)
    trainer = Trainer(loaded, folder, TerminalReporter(console), resume=resume is not None, watch=watch)
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


@click.command()
@RUN
@click.option(
    "--recipe", required=True, help="What to learn now: a name from `scratchlm recipes`, or a file."
)
@recipe_options("data", "set", "steps", "device", "seed", out="Folder of the new run.")
@click.option(
    "--freeze", multiple=True, metavar="NAME", help="Weights that stay: the beginning of their names."
)
def finetune(
    run: Path,
    recipe: str,
    data: tuple[str, ...],
    changes: list[str],
    freeze: tuple[str, ...],
    out: Path | None,
) -> None:
    """Go on from the model in the folder RUN with another task or text.

    A classifier keeps the run's body and tokenizer, and its last layer is new; a model of the run's own kind
    keeps all of it.

    --freeze body keeps the whole body as it is and trains the last layer only.
    """
    from ..training import Trainer, fine_tuning, load_recipe
    from ..training.progress import TerminalReporter

    loaded = fine_tuning(load_recipe(recipe, changes), run)
    loaded.data.take(data)
    loaded.training.freeze = [*loaded.training.freeze, *freeze]
    folder = out or new_folder(f"{loaded.name}-from-{run.name}")
    _train(Trainer(loaded, folder, TerminalReporter(make_console())))


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
    if job.has_test:
        console.print("\nMeasuring on the test part, beside baselines …")  # a minute for the largest tasks
    if test := job.test():
        console.print()
        console.print(make_table(test.title, test.rows()))
    click.echo()
    show_pieces(job.sample())
    model = trainer.recipe.model
    if model.about.predicts == "answer" and model.attention != "none":
        from ..runs import draw_first_alignment

        click.echo(f"\nWhat the first right answer attends to: {draw_first_alignment(trainer)}")
    click.echo("\n" + job.next_steps(trainer.folder))


@click.command()
def recipes() -> None:
    """List the recipes that come with scratchlm."""
    from ..training import load_recipe, shipped

    loaded = {name: load_recipe(name) for name in shipped()}
    width = min(make_console().width, 100)
    for title, jobs in _GROUPS.items():
        click.echo(title)
        for name, recipe in loaded.items():
            if recipe.model.about.job in jobs:
                text = f"{recipe.description}; {_model(recipe)}: {recipe.expected}"
                click.echo(
                    textwrap.fill(text, width, initial_indent=f"{name:19} ", subsequent_indent=" " * 20)
                )
        click.echo()
    click.echo("scratchlm train NAME; or copy a recipe into a .toml file, change it and train that.")


_GROUPS = {  # by the job of the model
    "A text goes on": ("language",),
    "Hidden words, and the next word": ("masked", "next token"),
    "A text in, another one out": ("pairs",),
    "A text in, its class out": ("classes",),
    "A sentence again, most of them through a code": ("sequences", "vae"),
}


def _model(recipe: "Recipe") -> str:
    from ..models.kinds import KINDS

    m = recipe.model
    name = m.kind if m.reader == m.kind else f"{m.kind} ({m.reader})"
    return f"{name} {m.num_layers}×{getattr(m, KINDS[m.reader].width)}"
