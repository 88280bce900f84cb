"""Commands that use a trained run: generate, predict, chat, evaluate."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DataError, OptionError, TokenError, quote
from .common import DEVICE, RUN, check_folders, make_console, make_table, show_pieces

if TYPE_CHECKING:
    from ..runs import Run


@click.command()
@RUN
@click.option("--prompt", default="", help="Text to continue [a new line].")
@click.option("--tokens", default=300, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--temperature", default=0.8, show_default=True, help="Below 1 safer, above 1 wilder, 0 the likeliest."
)
@click.option("--top-k", default=0, show_default=True, help="Draw from the K likeliest only; 0: from all.")
@click.option("--top-p", default=1.0, show_default=True, help="Draw from the fewest that together reach P.")
@click.option(
    "--repetition-penalty", default=1.0, show_default=True, help="Above 1, what was written gets less likely."
)
@click.option(
    "--no-repeat-ngram", default=0, show_default=True, help="No N tokens in a row twice; 0: they may be."
)
@click.option("--stop", multiple=True, help="End before this text; may be given repeatedly.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@DEVICE
def generate(run: Path, prompt: str, tokens: int, device: str | None, **options: Any) -> None:
    """Continue a text with the model in the folder RUN."""
    from ..runs import load_run

    # refuses an unknown prompt before anything is printed
    pieces = load_run(run, device).stream(prompt, tokens, **options)
    click.echo(prompt, nl=False)
    show_pieces(pieces)
    click.echo()


@click.command()
@RUN
@click.option(
    "--data", multiple=True, type=click.Path(), help="Text to measure on [the run's held-out part]."
)
@click.option("--baseline", type=click.Choice(["ngram"]), help="Compare with counts of character n-grams.")
@click.option("--order", type=click.IntRange(1, 12), help="n of the n-grams [6]; means --baseline ngram.")
@DEVICE
def evaluate(
    run: Path, data: tuple[str, ...], baseline: str | None, order: int | None, device: str | None
) -> None:
    """Measure the model in the folder RUN: loss, perplexity, bits per character."""
    baseline, order = baseline or ("ngram" if order else None), order or 6
    from ..runs import load_run
    from ..text import bits_per_character, load_corpus
    from ..training import evaluate as measure
    from ..training import prepare_text

    loaded = load_run(run, device)
    if not loaded.recipe.model.about.is_language_model:
        if data or baseline:
            raise DataError("--data and --baseline are for language models: leave them out.")
        loaded.recipe.training.device = device or loaded.recipe.training.device
        return _evaluate_job(loaded)
    source = loaded.recipe.data
    training = held_out = ""
    if not data or baseline:
        text = prepare_text(source, loaded.tokenizer)
        training, held_out = text.training_text, text.validation_text
        if text.sha256 != loaded.state.get("text"):
            raise DataError(
                f"The text that {run} was trained on has changed since (its SHA-256 differs): what was held "
                "out is no longer known: name another text with --data, without --baseline."
            )
    if data:
        held_out = load_corpus(data).text
    ids = loaded.tokenizer.encode(held_out)
    unknown = loaded.tokenizer.unknown_tokens(held_out)
    result = measure(loaded.model, ids, len(held_out))
    rows = [
        (
            "text",
            ", ".join(data or source.validation_paths)
            or f"held-out part of the run's text ({source.validation:.0%})",
        ),
        ("tokens", f"{result.tokens:,} ({loaded.tokenizer.kind}), {result.characters:,} characters"),
        ("loss", f"{result.loss:.4f} nats a token"),
        ("perplexity", result.shown_perplexity),
    ]
    lossless = loaded.tokenizer.kind != "words"
    if lossless:
        rows.append(("bits per character", f"{result.bits_per_character:.3f}"))
    else:
        rows.append(("bits per token", f"{result.bits_per_token:.3f}"))
    if unknown:
        kinds = f"{len(set(unknown)):,} different {loaded.tokenizer.kind} are unknown and count as one token"
        rows.append(("unknown", kinds))
    if not lossless:
        rows.append(
            ("note", "words leave out spaces, and what is rare: no bits per character to compare with")
        )
    console = make_console()
    console.print(make_table(f"Run {run}", rows))
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
        console.print(make_table("On the same text; n-grams counted on the run's training part", lines))


def _evaluate_job(run: "Run") -> None:
    """Measure on the held-out parts of the run's own data, beside the baselines of a task."""
    from ..training import make_job

    job = make_job(run.recipe, run.tokenizer)
    if job.sha256 != run.state["text"]:
        raise DataError(
            f"The data that {run.folder} was trained on has changed since (its SHA-256 differs): train again."
        )
    job.model.load_state_dict(run.model.state_dict())
    result = job.evaluate()
    rows = [("loss", f"{result.loss:.4f} nats per {job.unit}")]
    rows += [(name.replace("_", " "), f"{value:.4g}") for name, value in result.figures.items()]
    console = make_console()
    console.print(make_table(f"Run {run.folder}, validation part", rows))
    if warning := job.warning(result):
        console.print(f"Warning: {warning}")
    if test := job.test():
        console.print()
        console.print(make_table(test.title, test.rows()))


@click.command()
@RUN
@click.argument("texts", nargs=-1, required=True, metavar="TEXT…")
@click.option(
    "--beam", default=1, show_default=True, type=click.IntRange(1, 1000), help="Width of the search."
)
@click.option("--choice", "choices", multiple=True, help="An allowed answer, to be ranked; repeat it.")
@click.option(
    "--to", "other", metavar="TEXT", help="Autoencoder, VAE: write the way from each TEXT to this one."
)
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Draw what the answer attended to, as a PNG file."
)
@DEVICE
def predict(
    run: Path,
    texts: tuple[str, ...],
    beam: int,
    choices: tuple[str, ...],
    other: str | None,
    picture: Path | None,
    device: str | None,
) -> None:
    """Ask the model in the folder RUN about each TEXT: its class, its answer, the words behind <mask>."""
    from ..runs import between, draw_alignment, load_run, unknown_words
    from ..runs import predict as ask

    if other is not None and (beam > 1 or choices or picture):
        raise OptionError("--to writes a way between codes: leave out --beam, --choice and --picture.")
    if picture and len(texts) > 1:
        raise click.UsageError("--picture is one file: give one TEXT with it.")
    check_folders(picture)
    loaded = load_run(run, device)
    if other is not None:
        for line in (line for text in texts for line in between(loaded, text, other)):
            click.echo(line)
        return
    for text in texts:
        found = ask(loaded, text, beam, choices)
        if unknown := unknown_words(loaded, text):
            shown = ", ".join(map(quote, unknown[:5])) + (" and more" if len(unknown) > 5 else "")
            click.echo(f"Note: the model does not know {shown}: read as <unk>.", err=True)
        if len(texts) > 1:
            click.echo(f"{text} →")
        if scores := [f"{each.score:.2f}" for each in found if each.score is not None]:
            click.echo(
                f"Note: best first, by the scores {', '.join(scores)}: log P / ((5 + tokens) / 6)^0.6, "
                "so that short answers do not win. The percentage is P, the probability of the whole answer.",
                err=True,
            )
        for each in found:
            share = "" if each.probability is None else f"{_percent(each.probability)}  "
            click.echo(share + each.text)
        if picture:
            draw_alignment(loaded, text, found[0].text, picture)
            click.echo(f"attention drawn into {picture}")


def _percent(share: float) -> str:
    """A share in 7 characters: 12.30%, but 4.5e-07 where percent would show 0.00."""
    return f"{share:7.2%}" if share >= 0.00005 else f"{share:7.1e}"


@click.command()
@RUN
@DEVICE
def chat(run: Path, device: str | None) -> None:
    """Talk with the model in the folder RUN; an empty line or Ctrl-D ends it.

    A model of dialogues is given all that was said before. A language model continues what you write to the
    end of the line.
    """
    from ..runs import Talk, load_run

    talk = Talk(load_run(run, device))
    interactive = sys.stdin.isatty()
    while True:
        if interactive:
            click.echo("you    ", nl=False)
        said = sys.stdin.readline().strip()
        if not said:
            return
        try:
            click.echo(f"model  {talk.answer(said)}")
        except TokenError as error:
            click.echo(f"model  (not understood) {error}")
