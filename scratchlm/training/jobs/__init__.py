"""The kinds of work, one a file; which one a run does follows from its model."""

from ...text import Tokenizer
from ..recipe import Recipe
from .classes import ClassJob
from .job import Job, Test
from .language import LanguageJob
from .masked import MaskedJob
from .next_token import NextTokenJob
from .pairs import PairsJob
from .sequences import SequenceJob, VAEJob

__all__ = ["JOBS", "Job", "Test", "make_job"]

JOBS: dict[str, type[Job]] = {
    "lstm": LanguageJob,
    "gpt": LanguageJob,
    "bert": MaskedJob,
    "encoder-decoder": PairsJob,
    "autoencoder": SequenceJob,
    "vae": VAEJob,
    "classifier": ClassJob,
    "l0": NextTokenJob,
    "l1": ClassJob,
    "l2": LanguageJob,
    "l3": SequenceJob,
    "l4": SequenceJob,
}


def make_job(recipe: Recipe, tokenizer: Tokenizer | None = None) -> Job:
    """The work of a recipe's model, with its data read; a tokenizer is made, unless one is given."""
    return JOBS[recipe.model.kind](recipe, tokenizer)
