"""The kinds of work, one a file; `models.kinds` names the one that a model does."""

from ...text import Tokenizer
from ..recipe import Recipe
from .classes import ClassJob
from .job import Job as Job
from .job import Test as Test
from .language import LanguageJob
from .masked import MaskedJob
from .next_token import NextTokenJob
from .pairs import PairsJob
from .sequences import SequenceJob, VAEJob

JOBS: dict[str, type[Job]] = {
    "language": LanguageJob,
    "masked": MaskedJob,
    "pairs": PairsJob,
    "sequences": SequenceJob,
    "vae": VAEJob,
    "classes": ClassJob,
    "next token": NextTokenJob,
}


def make_job(recipe: Recipe, tokenizer: Tokenizer | None = None) -> Job:
    """The work of a recipe's model, with its data read; a tokenizer is made, unless one is given."""
    return JOBS[recipe.model.about.job](recipe, tokenizer)
