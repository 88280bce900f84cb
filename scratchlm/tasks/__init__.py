"""Tasks on real data that needs no download: T2 to T7 of the catalogue, C1 and C2 of the design page."""

from collections.abc import Callable

from scratchlm.errors import RecipeError, did_you_mean
from scratchlm.tasks import (
    arithmetic,
    dates,
    dialogue,
    facts,
    languages,
    sentiment,
    stress,
    summaries,
    translation,
)
from scratchlm.tasks.baselines import measure_baselines
from scratchlm.tasks.examples import Example, TaskData, split_examples
from scratchlm.tasks.metrics import METRICS, measure

__all__ = [
    "METRICS",
    "TASKS",
    "Example",
    "TaskData",
    "load_task",
    "measure",
    "measure_baselines",
    "split_examples",
]

TASKS: dict[str, Callable[..., TaskData]] = {
    "summaries": summaries.load,
    "translation": translation.load,
    "facts": facts.load,
    "sentiment": sentiment.load,
    "dialogue": dialogue.load,
    "languages": languages.load,
    "stress": stress.load,
    "arithmetic": arithmetic.load,
    "dates": dates.load,
}


def load_task(name: str, seed: int = 0) -> TaskData:
    """Return the data of a task by its name; the same seed gives the same data.

    Raises RecipeError for a task that does not exist, DataError where a package that it needs is missing.
    """
    if name not in TASKS:
        raise RecipeError(
            f"there is no task {name!r}{did_you_mean(name, TASKS)}: the tasks are {', '.join(TASKS)}"
        )
    return TASKS[name](seed)
