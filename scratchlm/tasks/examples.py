"""Examples of a task, a task's three parts, and the split that keeps what is alike in one part."""

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..errors import DataError, RecipeError, did_you_mean, quote


@dataclass(frozen=True)
class Example:
    """A text and the answer wanted; the tag names its kind, so that each kind can be measured alone."""

    source: str
    target: str
    tag: str = ""


class Parts(NamedTuple):
    """Training, validation and test examples."""

    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]


@dataclass(frozen=True)
class TaskData:
    """A task with its examples; source_in_words says whose data it is, metric names one of METRICS.

    A rule, where somebody who knows the task can write one, answers a source; it is measured with the
    baselines.

    str() is one line for the log. The data comes with packages and changes with their releases, so note the
    fingerprint sha256 beside every figure.
    """

    name: str
    description: str
    source_in_words: str
    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    metric: str
    rule: Callable[[str], str] | None = None

    @property
    def sha256(self) -> str:
        """The fingerprint of all examples, their order and their parts."""
        digest = hashlib.sha256()
        for part in (self.training, self.validation, self.test):
            digest.update(f"{len(part)}\n".encode())
            for example in part:
                digest.update(f"{(example.source, example.target, example.tag)!r}\n".encode())
        return digest.hexdigest()

    @property
    def tags(self) -> list[str]:
        """The tags of the test examples, sorted."""
        return sorted({example.tag for example in self.test})

    def only(self, tag: str) -> "TaskData":
        """The task with the held-out examples of one tag; training stays whole.

        Raises:
            DataError: no test example has the tag.
        """
        if tag not in self.tags:
            raise DataError(f"The task {self.name} has no tag {quote(tag)}{did_you_mean(tag, self.tags)}.")
        validation = tuple(example for example in self.validation if example.tag == tag)
        test = tuple(example for example in self.test if example.tag == tag)
        return replace(self, name=f"{self.name}/{tag}", validation=validation, test=test)

    def __str__(self) -> str:
        return (
            f"{self.name}: {len(self.training):,} training, {len(self.validation):,} validation, "
            f"{len(self.test):,} test examples, sha256 {self.sha256[:16]}, metric {self.metric}, "
            f"from {self.source_in_words}"
        )


def split_examples(
    examples: Iterable[Example], seed: int, *, keys: Sequence[str] | None = None, share: float = 0.1
) -> Parts:
    """The examples as training, validation and test, without doubles, in a drawn order.

    Examples with the same key go into one part, so a key names what a model must not know from training: the
    date of a date, the code of a name, the stem of a word. Without keys it is the source, and in any case no
    source is in two parts, not even with other capitals or spaces: there the later part gives it up. A
    source with two different targets has no right answer and is left out everywhere.

    Each key draws its part by itself: validation and test get about `share` of the keys each, and a new
    release of the data moves nothing from one part to another.

    Raises:
        RecipeError: the share is outside 0 … 0.5, or there are too few keys.
        DataError: a part would be empty.
    """
    examples = list(examples)
    keys = [reading(example.source) for example in examples] if keys is None else keys
    if len(keys) != len(examples):
        raise RecipeError(f"There are {len(keys)} keys for {len(examples)} examples: give one for each.")
    if not 0 < share < 0.5:
        raise RecipeError(f"The share of a held-out part is {share}, but it lies between 0 and 0.5.")

    targets: defaultdict[str, set[str]] = defaultdict(set)
    first: dict[str, tuple[Example, str]] = {}
    for example, key in zip(examples, keys, strict=True):
        targets[example.source].add(example.target)
        first.setdefault(example.source, (example, key))
    drawn: tuple[list[Example], list[Example], list[Example]] = ([], [], [])
    for example, key in first.values():
        if len(targets[example.source]) == 1:
            place = draw(seed, "part", key)
            drawn[1 if place < share else 2 if place < 2 * share else 0].append(example)

    parts: list[tuple[Example, ...]] = []
    seen: set[str] = set()
    for part in drawn:
        new = [example for example in part if reading(example.source) not in seen]
        seen.update(reading(example.source) for example in new)
        parts.append(in_drawn_order(new, seed))
    if not all(parts):
        raise DataError(
            f"{len(examples)} examples are too few to hold out a share of {share} twice: give more."
        )
    return Parts(*parts)


def in_drawn_order(examples: Iterable[Example], seed: int) -> tuple[Example, ...]:
    """The examples mixed, in an order that depends on the seed and on nothing else."""
    return tuple(sorted(examples, key=lambda example: (draw(seed, "order", example.source), example.source)))


def draw(seed: int, *words: str) -> float:
    """A number from 0 up to 1 that is always the same for the same seed and words."""
    digest = hashlib.sha256("\x1f".join([str(seed), *words]).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def reading(text: str) -> str:
    """What two texts have in common that differ in capitals, spaces or Unicode form alone.

    >>> reading("March  5,\u00a0ＡＤ 24")
    'march 5, ad 24'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
