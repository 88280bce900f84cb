"""Tasks on real data that needs no download: from arithmetic to dialogues."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from ..errors import DataError, RecipeError, did_you_mean, quote
from . import arithmetic, dates, dialogue, facts, languages, sentiment, stress, summaries, translation
from .baselines import measure_baselines as measure_baselines
from .examples import Example as Example
from .examples import TaskData as TaskData
from .examples import split_examples as split_examples
from .metrics import METRICS as METRICS
from .metrics import measure as measure
from .pairs import load_pairs as load_pairs

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


def task_names() -> list[str]:
    """Names of all tasks: those of TASKS, to which a program may add, and those that packages register."""
    return list(dict.fromkeys([*TASKS, *_registered()]))


def load_task(name: str, seed: int = 0) -> TaskData:
    """The data of a task by its name; the same seed gives the same data.

    A package registers a function such as `load(seed) -> TaskData` as an entry point of "scratchlm.tasks".

    Raises:
        RecipeError: there is no such task.
        DataError: a package that the task needs is missing, or what registers it cannot be imported.
    """
    if name in TASKS:
        return TASKS[name](seed)
    if point := _registered().get(name):
        try:
            load = point.load()
        except (ImportError, AttributeError) as error:
            raise DataError(
                f"The task {quote(name)} is registered as {point.value}, but: {error}."
            ) from error
        return load(seed)
    known = task_names()
    raise RecipeError(
        f"There is no task {quote(name)}{did_you_mean(name, known)}: name one of {', '.join(known)}."
    )


def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="scratchlm.tasks")}
