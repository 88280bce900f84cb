"""Memorisation: secrets are planted in the training text, then looked for in the trained model.

Exposure of a secret = log₂ |R| − log₂ rank, where R is the space that it was drawn from and its rank is its
place among all of R by the model's probability: log₂ |R| bits if it is the likeliest, 1.44 bits on average
(1 / ln 2) if the model knows nothing. Source: Carlini and others 2019, "The Secret Sharer".
"""

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import CheckpointError, DataError, OptionError, RecipeError
from ..files import write_text
from ..generation import choose
from ..runs import Run, load_run
from ..training import Recipe, Reporter, Trainer
from ..training.data import load_text

DIGITS = 4  # of a secret: 10,000 candidates, which share their beginnings, so that ranking takes 4 steps
NAMES = ("Ada", "Boris", "Chen", "Dora", "Emil", "Fatou", "Goro", "Hana", "Ivan", "Juno", "Kofi", "Lena")


@dataclass
class Canary:
    """A secret, how often it stands in the training text, and what the model knows of it."""

    name: str
    secret: str
    repeats: int
    rank: int = 0

    @property
    def prefix(self) -> str:
        """The text before the secret."""
        return f"The secret number of {self.name} is "

    @property
    def exposure(self) -> float:
        """In bits; at most log₂ 10,000 = 13.3."""
        return math.log2(10**DIGITS) - math.log2(self.rank)


def plant(text: str, repeats: Sequence[int], seed: int, part: float) -> tuple[str, list[Canary]]:
    """The text with each canary as a line of its own at `repeats` drawn places, and the canaries.

    All are planted in the first `part` of the new text, which is trained on. Canaries with 0 repeats are the
    control.

    Raises:
        RecipeError: there are more canaries than names, or fewer than one.
        DataError: the text is too short to hide so many, or its lines are too long.
    """
    if not 1 <= len(repeats) <= len(NAMES) or min(repeats) < 0:
        raise RecipeError(f"Give 1 to {len(NAMES)} numbers of repeats, each 0 or more, got {list(repeats)}.")
    rng = np.random.default_rng(seed)
    canaries = [
        Canary(name, f"{rng.integers(10**DIGITS):0{DIGITS}d}", count)
        for name, count in zip(NAMES, repeats, strict=False)
    ]
    lines = text.split("\n")
    ends = np.cumsum([len(line) + 1 for line in lines])
    planted = sum((len(each.prefix + each.secret) + 2) * each.repeats for each in canaries)
    # wherever all the others stand, a line that ends here ends in the part of the longer text
    last = int(np.searchsorted(ends, part * (len(text) + planted) - planted - 1))
    if planted and last == 0:
        raise DataError(
            f"The training part of the text has no line's end at which {sum(repeats)} lines can be hidden: "
            "give more text, shorter lines or fewer repeats."
        )
    for canary in canaries:
        for _ in range(canary.repeats):
            place = int(rng.integers(last))
            lines[place] += f"\n{canary.prefix}{canary.secret}."
    return "\n".join(lines), canaries


def look_for(run: Run, canaries: list[Canary]) -> None:
    """Rank each secret among all numbers of as many digits by the run's probability.

    Raises:
        CheckpointError: the run is no language model, or does not know every digit.
    """
    if not run.recipe.model.about.is_language_model:
        raise CheckpointError(f"{run.folder} is no language model: secrets are looked for in what it writes.")
    if unknown := run.tokenizer.unknown_tokens("0123456789"):
        raise CheckpointError(
            f"The text that {run.folder} was trained on lacks the digits {', '.join(unknown)}: they cannot "
            "be ranked; train on text that has them."
        )
    # the space goes with the number, as bytes pairs are cut in the training text
    ids = [run.tokenizer.encode(f" {number:0{DIGITS}d}") for number in range(10**DIGITS)]
    for canary in canaries:
        ranked = choose(run.model, run.tokenizer.encode("\n" + canary.prefix.rstrip()), ids)
        canary.rank = 1 + [index for index, _ in ranked].index(int(canary.secret))


def measure_memorisation(
    recipe: Recipe,
    folder: Path,
    repeats: Sequence[int],
    say: Callable[[str], None],
    reporter: Reporter | None = None,
) -> list[Canary]:
    """Plant canaries in the recipe's text, train on it in `folder`, and find out what the model has kept.

    Raises what `plant`, `look_for` and `Trainer` raise.
    """
    if recipe.data.tokenizer == "words":
        raise RecipeError("Words keep no unknown numbers: measure with data.tokenizer=characters or bpe.")
    recipe = copy.deepcopy(recipe)
    source = load_text(recipe.data)
    trained_on = (1 - recipe.data.validation) * recipe.data.share
    text, canaries = plant(source.text, repeats, recipe.training.seed, trained_on)
    folder.mkdir(parents=True, exist_ok=True)
    planted = folder / "planted.txt"
    if planted.exists() and planted.read_text(encoding="utf-8") != text:
        raise OptionError(f"{folder} has a run with other secrets or another text: choose another --out.")
    write_text(planted, text)
    recipe.data = dataclasses.replace(  # the text is what `load_text` has made of all the rest
        recipe.data, paths=[str(folder / "planted.txt")], source="python", task="", remove_duplicates="no"
    )
    say(f"planted {sum(repeats)} lines in {source}")
    trainer = Trainer(recipe, folder / "run", reporter, resume=(folder / "run" / "recipe.toml").exists())
    if trainer.run() == "interrupted":
        raise OptionError(f"Stopped: repeat the command with --out {folder} to go on.")
    trainer.plot()
    look_for(load_run(folder / "run"), canaries)
    return canaries
