"""The command line. Heavy imports stand inside the commands, so that --help answers at once."""

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .cli_kernel import kernel
from .device import DEVICES
from .errors import CheckpointError, DataError, ScratchLMError

if TYPE_CHECKING:
    from rich.console import Console

    from .training import Recipe, Run, Trainer

RUN = click.argument("run", type=click.Path(path_type=Path))


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

    console = _console()
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
    started = time.perf_counter()
    ending = trainer.run()
    trainer.plot()
    if ending == "interrupted":
        console.print(f"Stopped after step {trainer.steps_done:,}. Go on with:", highlight=False)
        console.print(f"  scratchlm train --resume {folder}", highlight=False, soft_wrap=True)
        return
    _summary(console, trainer, ending, time.perf_counter() - started)


def _new_folder(name: str) -> Path:
    stem = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, number = stem, 2
    while folder.exists():
        folder, number = stem.with_name(f"{stem.name}-{number}"), number + 1
    return folder


def _console() -> "Console":
    from rich.console import Console

    return Console(soft_wrap=True, markup=False)


def _table(title: str, rows: list[tuple[str, str]]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    return table


def _summary(console: "Console", trainer: "Trainer", ending: str, seconds: float) -> None:
    """The figures of a finished run, and a sample of text."""
    from .training import load_run
    from .training.evaluation import Evaluation

    run = load_run(trainer.folder)
    best = Evaluation(trainer.best, trainer.text.validation.size - 1, trainer.text.validation_characters)
    words = {"finished": "all steps done", "early": "stopped early: no gain on the validation text any more"}
    rows = [
        ("ended", f"{words[ending]} ({trainer.steps_done:,} steps, {seconds:.0f} s in this session)"),
        ("best validation loss", f"{best.loss:.4f} nats a token, after step {trainer.best_step:,}"),
        ("perplexity", best.shown_perplexity),
        ("bits a character", f"{best.bits_per_character:.3f}"),
        ("parameters", f"{trainer.model.count_parameters():,}"),
        ("folder", f"{trainer.folder} (loss.png, metrics.jsonl, weights.safetensors, tokenizer.json)"),
    ]
    if best.loss > math.log(run.tokenizer.vocab_size):
        rows.append(("warning", "worse than guessing among all tokens: try a lower training.lr"))
    console.print()
    console.print(_table("Summary", rows))
    sample = run.recipe.sample
    console.print(f"\nA sample at temperature {sample.temperature}:\n", highlight=False)
    _stream(run, sample.prompt, sample.tokens, temperature=sample.temperature)
    prompt = "" if run.tokenizer.unknown_tokens("The ") else " --prompt 'The '"
    click.echo(
        f"\nMore of it:      scratchlm generate {trainer.folder}{prompt}"
        f"\nAgainst 6-grams: scratchlm evaluate {trainer.folder} --baseline ngram"
    )


def _stream(run: "Run", prompt: str, tokens: int, **options: Any) -> None:
    pieces = run.stream(prompt, tokens, **options)  # refuses an unknown prompt before anything is printed
    click.echo(prompt, nl=False)
    for piece in pieces:
        click.echo(piece, nl=False)
        sys.stdout.flush()
    click.echo()


@cli.command()
@RUN
@click.option("--prompt", default="", help="Text to continue [a new line].")
@click.option("--tokens", default=300, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--temperature", default=0.8, show_default=True, help="Below 1 safer, above 1 wilder, 0 the likeliest."
)
@click.option("--top-k", default=0, show_default=True, help="Draw from the K likeliest only; 0: from all.")
@click.option("--top-p", default=1.0, show_default=True, help="Draw from the fewest that together reach P.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option("--device", metavar="NAME", help="Another device than the run was trained on.")
def generate(
    run: Path,
    prompt: str,
    tokens: int,
    temperature: float,
    top_k: int,
    top_p: float,
    seed: int,
    device: str | None,
) -> None:
    """Continue a text with the model in the folder RUN."""
    from .training import load_run

    loaded = load_run(run, device)
    _stream(loaded, prompt, tokens, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)


@cli.command()
@RUN
@click.option(
    "--data", multiple=True, type=click.Path(), help="Text to measure on [the run's held-out part]."
)
@click.option("--baseline", type=click.Choice(["ngram"]), help="Compare with counts of character n-grams.")
@click.option("--order", type=click.IntRange(1, 12), help="n of the n-grams [6]; means --baseline ngram.")
@click.option("--device", metavar="NAME", help="Another device than the run was trained on.")
def evaluate(
    run: Path, data: tuple[str, ...], baseline: str | None, order: int | None, device: str | None
) -> None:
    """Measure the model in the folder RUN: loss, perplexity, bits per character."""
    baseline, order = baseline or ("ngram" if order else None), order or 6
    from .text import bits_per_character, default_corpus, load_corpus, split
    from .training import evaluate as measure
    from .training import load_run

    loaded = load_run(run, device)
    source = loaded.recipe.data
    training = held_out = ""
    if not data or baseline:
        corpus = load_corpus(source.paths) if source.paths else default_corpus()
        if corpus.sha256 != loaded.state.get("text"):
            raise DataError(
                f"The text that {run} was trained on has changed since (its SHA-256 differs): what was held "
                "out is no longer known: name another text with --data, without --baseline."
            )
        training, held_out = split(corpus.text, source.validation)
    if data:
        held_out = load_corpus(data).text
    ids = loaded.tokenizer.encode(held_out)
    unknown = loaded.tokenizer.unknown_tokens(held_out)
    result = measure(loaded.model, ids, len(held_out))
    rows = [
        ("text", ", ".join(data) if data else f"held-out part of the run's text ({source.validation:.0%})"),
        ("tokens", f"{result.tokens:,} ({loaded.tokenizer.kind}), {result.characters:,} characters"),
        ("loss", f"{result.loss:.4f} nats a token"),
        ("perplexity", result.shown_perplexity),
        ("bits per character", f"{result.bits_per_character:.3f}"),
    ]
    if unknown:
        kinds = f"{len(set(unknown)):,} different {loaded.tokenizer.kind} are unknown and count as one token"
        rows.append(("unknown", kinds))
    lossless = loaded.tokenizer.kind != "words"
    if not lossless:
        rows.append(
            ("note", "words leave out spaces, and what is rare: no bits per character to compare with")
        )
    console = _console()
    console.print(_table(f"Run {run}", rows))
    if baseline:
        counted = bits_per_character(training, held_out, order)
        better = "better" if result.bits_per_character < counted else "worse"
        verdict = (
            f": {abs(result.bits_per_character / counted - 1):.1%} {better}" if lossless else " of less text"
        )
        lines = [
            (f"Witten–Bell {order}-gram", f"{counted:.3f} bits per character"),
            ("this model", f"{result.bits_per_character:.3f} bits per character{verdict}"),
        ]
        console.print()
        console.print(_table("On the same text; n-grams counted on the run's training part", lines))


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
    _console().print(table, soft_wrap=False)
    click.echo(
        "\nscratchlm train NAME; a copy of a recipe in a .toml file can be changed and trained as well."
    )


def _data(recipe: "Recipe") -> str:
    text = ", ".join(recipe.data.paths) or "the text that comes with Python"
    return f"{recipe.description or text}; {recipe.data.tokenizer}"


def _model(recipe: "Recipe") -> str:
    m, t = recipe.model, recipe.training
    return (
        f"{m.kind.upper()} {m.num_layers}×{m.hidden_size if m.kind == 'lstm' else m.embedding_dim}, "
        f"{t.steps:,} steps of {t.batch}×{t.length}"
    )


@cli.command()
@click.argument("workloads", nargs=-1)
@click.option(
    "--against", default="torch", show_default=True, help="Peer: torch or torch-fused (its fused Adam)."
)
@click.option(
    "--pairs", default=10, show_default=True, type=click.IntRange(min=1), help="Runs of each, in turn."
)
@click.option("--steps", default=20, show_default=True, type=click.IntRange(min=1), help="Steps in a run.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Also write the figures to this file."
)
def bench(
    workloads: tuple[str, ...], against: str, pairs: int, steps: int, threads: int, json_file: Path | None
) -> None:
    """Time training steps, kernels, generation and tokenizers beside their peers, in fresh processes.

    WORKLOADS: W1, W2 (LSTM), W3, W4 (GPT), W5 (single kernels), W6 (generation), W7 (BPE); all for none.
    """
    from rich.table import Table

    from .bench.compare import as_json, choose, compare
    from .bench.workloads import WORKLOADS
    from .files import write_text

    names = choose(workloads)
    results = [compare(name, against, pairs, steps, threads, click.echo) for name in names]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("", "what", "ours", "peer", "ratio (pairs from, to)", "memory", "first step after"):
        table.add_column(column, overflow="fold")
    for r in results:
        table.add_row(
            r.name,
            WORKLOADS[r.name].description,
            f"{r.milliseconds:.2f} ms",
            f"{r.peer_milliseconds:.2f} ms",
            f"{r.ratio:.2f} ({r.ratio_low:.2f}, {r.ratio_high:.2f})",
            f"{r.memory_mb:.0f} of {r.peer_memory_mb:.0f} MB: {r.memory_ratio:.2f}×",
            f"{r.first_step_seconds:.2f}, {r.peer_first_step_seconds:.2f} s",
        )
    click.echo()
    _console().print(table, soft_wrap=False)
    click.echo(
        f"{pairs} pairs of processes, {steps} steps each, {threads} threads; a ratio above 1 is ahead."
    )
    if busy := [r for r in results if r.load_before > 0.5]:
        most = max(r.load_before for r in busy)
        click.echo(
            f"Warning: the machine was busy ({most:.1f} processors before {busy[0].name}): measure again."
        )
    if json_file:
        write_text(json_file, as_json(results))


@cli.command()
def doctor() -> None:
    """Say what this machine has: Python, BLAS, threads, Numba, GPU, caches."""
    from .doctor import examine

    _console().print(_table(f"scratchlm {__version__}", examine()))


cli.add_command(kernel)


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
    except (ScratchLMError, OSError, MemoryError) as error:
        click.echo(f"scratchlm: {error or type(error).__name__}", err=True)
        sys.exit(2)
