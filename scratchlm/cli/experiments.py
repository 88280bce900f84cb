"""Commands that train or question several models: overfit, memorisation, bias, reproduce."""

from pathlib import Path

import click

from ..errors import OptionError, quote
from .common import DEVICE, RUN, make_console, recipe_options, show_table

OUT = "Folder for the runs and the picture."


def _folder(command: str, recipe: str) -> Path:
    return Path("runs") / (command if recipe == command else f"{command}-{recipe}")


@click.command()
@click.argument("recipe", default="overfit", required=False)
@recipe_options("data", "set", "steps", out=OUT)
def overfit(recipe: str, data: tuple[str, ...], changes: list[str], out: Path | None) -> None:
    """Train RECIPE on a tenth of its text without and with each remedy; draw the curves side by side."""
    from ..experiments.overfitting import compare_remedies
    from ..training import load_recipe

    loaded = load_recipe(recipe, changes)
    loaded.data.take(data)
    folder = out or _folder("overfit", loaded.name)
    outcomes = compare_remedies(loaded, folder, click.echo)
    if not outcomes:  # stopped in the first one
        return
    rows = [
        (each.name, f"{each.parameters:,}", f"{each.best[1]:.3f}", f"{each.best[0]:,}",
         f"{each.training[-1][1]:.3f}", f"{each.gap:.3f}")
        for each in outcomes
    ]  # fmt: skip
    click.echo()
    names = "parameters", "best validation loss", "at step", "training loss at the end", "gap"
    show_table(rows, ("remedy", *names))
    click.echo("\nGap: validation loss minus training loss at the end; dropout is on in the latter.")
    click.echo(f"Curves: {folder / 'overfitting.png'}")


@click.command()
@click.argument("recipe", default="memorisation", required=False)
@recipe_options("data", "set", "steps", out=OUT)
@click.option(
    "--repeats", default="0,0,1,4,16,64", show_default=True, help="How often each secret stands in the text."
)
def memorisation(
    recipe: str, data: tuple[str, ...], changes: list[str], repeats: str, out: Path | None
) -> None:
    """Plant secrets in the text of RECIPE, train on it, and measure how exposed they are."""
    from ..experiments.memorisation import measure_memorisation
    from ..training import load_recipe
    from ..training.progress import TerminalReporter

    try:
        counts = [int(part) for part in repeats.split(",")]
    except ValueError:
        raise OptionError(
            f"--repeats is {quote(repeats)}: write numbers with commas, such as 0,1,4,16."
        ) from None
    loaded = load_recipe(recipe, changes)
    loaded.data.take(data)
    folder = out or _folder("memorisation", loaded.name)
    canaries = measure_memorisation(loaded, folder, counts, click.echo, TerminalReporter(make_console()))
    rows = ((each.prefix + each.secret, str(each.repeats), f"{each.rank:,}", f"{each.exposure:.1f}")
            for each in canaries)  # fmt: skip
    click.echo()
    numbers = "in the text", "rank of 10,000", "exposure in bits"
    show_table(rows, ("secret", *numbers), right=numbers)
    click.echo("\nA secret that the model does not know has 1.4 bits on average, the likeliest 13.3.")
    click.echo(f"Text and run: {folder}")


@click.command()
@RUN
@click.option("--pair", "pairs", nargs=2, multiple=True, metavar="A B", help="Words to exchange [he she …].")
@click.option(
    "--sentence", "sentences", multiple=True, help="A beginning, or for a classifier a text with {}."
)
@DEVICE
def bias(
    run: Path, pairs: tuple[tuple[str, str], ...], sentences: tuple[str, ...], device: str | None
) -> None:
    """Exchange one word of a pair for the other and see what the model in the folder RUN makes of it."""
    from ..experiments.bias import PAIRS, probe
    from ..runs import load_run

    findings = probe(load_run(run, device), pairs or PAIRS, sentences)
    rows = (
        (each.sentence, each.about, f"{each.pair[0]} {each.first:.1%}", f"{each.pair[1]} {each.second:.1%}",
         f"{each.log_ratio:+.2f}")
        for each in findings
    )  # fmt: skip
    numbers = "first", "second", "log₂ ratio"
    show_table(rows, ("sentence", "of", *numbers), right=numbers)
    mean = sum(abs(each.log_ratio) for each in findings) / len(findings)
    click.echo(
        f"\nMean |log₂ ratio| {mean:.2f} bits over {len(findings)} rows: 0 would be no difference at all.\n"
        "What is alike in all rows of a pair says how common (for characters: how long) its words are: "
        "compare its rows."
    )


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@recipe_options("data", "set", out="Folder of the result and its runs [runs/reproduce-ID].")
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds [3 where a run is short].")
def reproduce(
    name: str | None, data: tuple[str, ...], changes: list[str], seeds: int | None, out: Path | None
) -> None:
    """Train a published figure's model again (A1 … C2; without ID they are listed) and compare."""
    from ..experiments.reproduce import FIGURES
    from ..experiments.reproduce import reproduce as run
    from ..training.progress import TerminalReporter

    if name is None:
        rows = (
            (each.name, each.work, f"{each.figure} {each.published:g}", each.band,
             each.text or "comes with packages")
            for each in FIGURES.values()
        )  # fmt: skip
        return show_table(rows, ("ID", "work", "published", "inside", "data"))
    folder = out or Path("runs") / f"reproduce-{name}"  # the same again, so that a stop can be gone on from
    result = run(name, data, seeds, folder, click.echo, TerminalReporter(make_console()), changes)
    mean = sum(result.values) / len(result.values)
    spread = max(result.values) - min(result.values)
    click.echo(
        f"\n{name}: {result.figure} {mean:.4g} (spread {spread:.2g}, seeds: {len(result.values)}), "
        f"published {result.published:g}, band {result.band}: {'inside' if result.inside else 'OUTSIDE'}"
    )
    if result.differs:
        click.echo(f"Not as in the source: {result.differs}.")
    if changes:
        click.echo(f"Changed by --set: {', '.join(changes)}. This is not what was published.")
    if result.peer:
        ours = sum(result.seconds) / len(result.seconds)
        click.echo(
            f"time {ours:.0f} s with evaluations; PyTorch's loop beside it {result.peer['seconds']:.0f} s "
            f"without, loss {result.peer['loss']:.4f}: {ours / result.peer['seconds']:.2f}× its time"
        )
    click.echo(f"written to {folder / (name + '.json')}")
