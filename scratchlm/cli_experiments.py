"""Commands that train or question several models: overfit, memorisation, bias, reproduce."""

from pathlib import Path

import click

from .cli_common import RUN, make_console

OUT = click.option("--out", type=click.Path(path_type=Path), help="Folder for the runs and the picture.")
SET = click.option("--set", "changes", multiple=True, metavar="A.B=C", help="Change a key of the recipe.")
DATA = click.option("--data", multiple=True, type=click.Path(), help="Text file or folder; may be repeated.")


def _folder(command: str, recipe: str) -> Path:
    return Path("runs") / (command if recipe == command else f"{command}-{recipe}")


@click.command()
@click.argument("recipe", default="overfit", required=False)
@DATA
@SET
@click.option("--steps", type=click.IntRange(min=1), help="Short for --set training.steps=N.")
@OUT
def overfit(
    recipe: str, data: tuple[str, ...], changes: tuple[str, ...], steps: int | None, out: Path | None
) -> None:
    """Train RECIPE on a tenth of its text without and with each remedy; draw the curves side by side."""
    from rich.table import Table

    from .experiments.overfitting import compare_remedies
    from .training import load_recipe

    loaded = load_recipe(recipe, [*changes, *([f"training.steps={steps}"] if steps else [])])
    loaded.data.paths = list(data) or loaded.data.paths
    folder = out or _folder("overfit", loaded.name)
    outcomes = compare_remedies(loaded, folder, click.echo)
    if not outcomes:  # stopped in the first one
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in (
        "remedy",
        "parameters",
        "best validation loss",
        "at step",
        "training loss at the end",
        "gap",
    ):
        table.add_column(column, overflow="fold")
    for each in outcomes:
        step, loss = each.best
        last = each.training[-1][1]
        table.add_row(
            each.name, f"{each.parameters:,}", f"{loss:.3f}", f"{step:,}", f"{last:.3f}", f"{each.gap:.3f}"
        )
    click.echo()
    make_console().print(table, soft_wrap=False)
    click.echo("\nGap: validation loss minus training loss at the end; dropout is on in the latter.")
    click.echo(f"Curves: {folder / 'overfitting.png'}")


@click.command()
@click.argument("recipe", default="memorisation", required=False)
@DATA
@SET
@click.option("--steps", type=click.IntRange(min=1), help="Short for --set training.steps=N.")
@click.option(
    "--repeats", default="0,0,1,4,16,64", show_default=True, help="How often each secret stands in the text."
)
@OUT
def memorisation(
    recipe: str,
    data: tuple[str, ...],
    changes: tuple[str, ...],
    steps: int | None,
    repeats: str,
    out: Path | None,
) -> None:
    """Plant secrets in the text of RECIPE, train on it, and measure how exposed they are."""
    from rich.table import Table

    from .errors import OptionError
    from .experiments.memorisation import measure_memorisation
    from .training import load_recipe
    from .training.progress import TerminalReporter

    try:
        counts = [int(part) for part in repeats.split(",")]
    except ValueError:
        raise OptionError(f"--repeats is {repeats!r}: write numbers with commas, such as 0,1,4,16.") from None
    loaded = load_recipe(recipe, [*changes, *([f"training.steps={steps}"] if steps else [])])
    loaded.data.paths = list(data) or loaded.data.paths
    folder = out or Path("runs") / (
        "memorisation" if loaded.name == "memorisation" else f"memorisation-{loaded.name}"
    )
    console = make_console()
    canaries = measure_memorisation(loaded, folder, counts, click.echo, TerminalReporter(console))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("secret", "in the text", "rank of 10,000", "exposure in bits"):
        table.add_column(column, justify="left" if column == "secret" else "right")
    for each in canaries:
        table.add_row(each.prefix + each.secret, str(each.repeats), f"{each.rank:,}", f"{each.exposure:.1f}")
    click.echo()
    console.print(table, soft_wrap=False)
    click.echo("\nA secret that the model does not know has 1.4 bits on average, the likeliest 13.3.")


@click.command()
@RUN
@click.option("--pair", "pairs", nargs=2, multiple=True, metavar="A B", help="Words to exchange [he she …].")
@click.option(
    "--sentence", "sentences", multiple=True, help="A beginning, or for a classifier a text with {}."
)
@click.option("--device", metavar="NAME", help="Another device than the run was trained on.")
def bias(
    run: Path, pairs: tuple[tuple[str, str], ...], sentences: tuple[str, ...], device: str | None
) -> None:
    """Exchange one word of a pair for the other and see what the model in the folder RUN makes of it."""
    from rich.table import Table

    from .experiments.bias import PAIRS, probe
    from .training import load_run

    findings = probe(load_run(run, device), pairs or PAIRS, sentences)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("sentence", "of", "first", "second", "log₂ ratio"):
        table.add_column(column, justify="left" if column in ("sentence", "of") else "right")
    for each in findings:
        words = f"{each.pair[0]} {each.first:.1%}", f"{each.pair[1]} {each.second:.1%}"
        table.add_row(each.sentence, each.about, *words, f"{each.log_ratio:+.2f}")
    console = make_console()
    console.print(table, soft_wrap=False)
    mean = sum(abs(each.log_ratio) for each in findings) / len(findings)
    click.echo(
        f"\nMean |log₂ ratio| {mean:.2f} bits over {len(findings)} rows: 0 would be no difference at all.\n"
        "What is alike in all rows of a pair says how common (for characters: how long) its words are: "
        "compare its rows."
    )


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@DATA
@SET
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds [3 where a run is short].")
@click.option(
    "--out",
    default=Path("results"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of results.",
)
def reproduce(
    name: str | None, data: tuple[str, ...], changes: tuple[str, ...], seeds: int | None, out: Path
) -> None:
    """Train a published figure's model again (A1 … C2; without ID they are listed) and compare."""
    from rich.table import Table

    from .experiments.reproduce import FIGURES
    from .experiments.reproduce import reproduce as run
    from .training.progress import TerminalReporter

    console = make_console()
    if name is None:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("ID", "work", "published", "inside", "data"):
            table.add_column(column, overflow="fold")
        for each in FIGURES.values():
            table.add_row(
                each.name,
                each.work,
                f"{each.figure} {each.published:g}",
                each.band,
                each.text or "comes with packages",
            )
        console.print(table, soft_wrap=False)
        return
    result = run(name, data, seeds, out, click.echo, TerminalReporter(console), changes)
    mean = sum(result.values) / len(result.values)
    spread = max(result.values) - min(result.values)
    click.echo(
        f"\n{name}: {result.figure} {mean:.4g} (spread {spread:.2g}, seeds: {len(result.values)}), "
        f"published {result.published:g}, band {result.band}: {'inside' if result.inside else 'OUTSIDE'}"
    )
    if changes:
        click.echo(f"Changed by --set: {', '.join(changes)}. This is not what was published.")
    if result.peer:
        ours = sum(result.seconds) / len(result.seconds)
        click.echo(
            f"time {ours:.0f} s with evaluations; PyTorch's loop beside it {result.peer['seconds']:.0f} s "
            f"without, loss {result.peer['loss']:.4f}: {ours / result.peer['seconds']:.2f}× its time"
        )
    click.echo(f"written to {out / (name + '.json')}")
