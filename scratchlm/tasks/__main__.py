"""python -m scratchlm.tasks [NAME …]: the tasks, how large they are, and what a model has to beat."""

import click

from ..errors import ScratchLMError
from . import load_task, measure_baselines, task_names


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seed", default=0, show_default=True, help="Draws the parts, and what a task draws.")
@click.option("--tags", is_flag=True, help="Also measure each kind of test example alone.")
def main(names: tuple[str, ...], seed: int, tags: bool) -> None:
    """Print the tasks NAMES (all of them, where none is named) with sizes, metric and baselines."""
    click.echo(f"{'task':24}{'training':>9}{'valid.':>8}{'test':>8}  {'baseline':10}percent on the test part")
    sources = []
    try:
        for name in names or task_names():
            data = load_task(name, seed)
            sources.append(str(data))
            kinds = [data.only(tag) for tag in data.tags] if tags and len(data.tags) > 1 else []
            for part in (data, *kinds):
                cells = f"{part.name:24}{len(part.training):9,}{len(part.validation):8,}{len(part.test):8,}"
                for baseline, figures in measure_baselines(part).items():
                    measured = "  ".join(f"{metric} {figure:.1f}" for metric, figure in figures.items())
                    click.echo(f"{cells:49}  {baseline:10}{measured}")
                    cells = ""
    except ScratchLMError as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n" + "\n".join(sources))


if __name__ == "__main__":
    main(prog_name="python -m scratchlm.tasks")
