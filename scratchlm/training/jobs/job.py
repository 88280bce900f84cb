"""Job: what a model learns from, what it is asked to do, and how that is measured."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...tasks import measure, measure_baselines
from ...tensor import Tensor
from ...text import RandomWindows, Tokenizer, rows_by_length
from ..building import build_model
from ..data import prepare_examples, prepare_text
from ..evaluation import Evaluation
from ..recipe import Recipe, Training

T = TypeVar("T")

State = tuple[Tensor, ...] | None  # what is carried from one batch to the next


@dataclass
class Test:
    """Figures on the test part, of the model and of the baselines, and what the task's text is."""

    task: str
    metric: str
    examples: int
    figures: dict[str, float]
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    what: str = "examples, percent"

    @property
    def title(self) -> str:
        """How many of what, for the table."""
        return f"{self.examples:,} test {self.what}"

    def rows(self) -> list[tuple[str, str]]:
        """Rows for a table: the model, then each baseline."""
        lines = {"this model": self.figures, **self.baselines}
        return [(who, "  ".join(f"{k} {v:.1f}" for k, v in found.items())) for who, found in lines.items()]


class Job(ABC):
    """One kind of work. A subclass reads the data, makes the model and the batches in `__init__`.

    Attributes:
        tokenizer, model: what is trained (a Module with a loss), and what its tokens are.
        batches: endless, with `state_dict` and `load_state_dict`, so that a run can go on exactly.
        sha256: fingerprint of the data.
        title: the data's name, for the picture of the loss.
        labels: names of the classes, for a classifier.
        unit: what the loss is a mean over.
        has_test: whether `test` measures a part that training never sees.
    """

    tokenizer: Tokenizer
    model: Any
    batches: Any
    sha256: str
    title: str
    labels: list[str]
    unit = "token"
    has_test = False

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer | None = None):
        self.recipe = recipe
        self.labels = []

    @abstractmethod
    def describe(self) -> list[str]:
        """Lines that say what will be learned from."""

    @abstractmethod
    def loss(self, batch: Any, state: State, step: int) -> tuple[Tensor, State]:
        """Mean loss of one batch at a step, in nats, and the state for the next batch."""

    @abstractmethod
    def evaluate(self) -> Evaluation:
        """Measure on the validation part, dropout off."""

    @abstractmethod
    def count(self, batch: Any) -> int:
        """Tokens that are predicted in a batch, for the speed."""

    @abstractmethod
    def sample(self) -> Iterator[str]:
        """Yield pieces of text that show what the model does now."""

    def next_steps(self, folder: Path) -> str:
        """Commands to go on with."""
        return f"More of it: scratchlm predict {folder} 'a text of your own'"

    def test(self) -> Test | None:
        """Measure on the test part beside the baselines, where there is a task with one."""
        return None

    def warning(self, result: Evaluation) -> str:
        """What a measurement should make one suspicious of; usually nothing."""
        return ""


class TextJob(Job):
    """Work on a running text, read in windows from anywhere in it, unless a subclass says otherwise."""

    specials: tuple[str, ...] = ()  # tokens that the tokenizer has to have beside those of the text
    aside = ""  # what is said behind the sizes of the text

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer | None = None):
        super().__init__(recipe)
        self.text = prepare_text(recipe.data, tokenizer, self.specials)
        self.tokenizer, self.sha256 = self.text.tokenizer, self.text.sha256
        self.title = self.text.corpus.name
        self.batches = self.make_batches(recipe.training)
        self.model = build_model(recipe, self.tokenizer)

    def make_batches(self, t: Training) -> Any:
        """Batches of the text."""
        return RandomWindows(self.text.training, t.batch, t.length, t.seed)

    def describe(self) -> list[str]:
        """The text and its tokens."""
        return [
            str(self.text.corpus),
            f"{self.tokenizer.vocab_size:,} {self.tokenizer.kind}; {len(self.text.training):,} tokens to "
            f"train on, {self._held_out}{self.aside}",
        ]

    @property
    def _held_out(self) -> str:
        text = self.text
        tested = f", {len(text.test):,} to test on" if len(text.test) else ""
        if self.recipe.data.validation_paths:
            return f"{len(text.validation):,} of another text held out{tested}"
        return f"the last {len(text.validation):,} held out{tested}"

    def count(self, batch: Any) -> int:
        """Every place of the windows."""
        return batch[0].size


class TaskJob(Job):
    """Work on the examples of a task, whose targets are texts or names of classes."""

    has_test = True
    specials: tuple[str, ...] = ()  # as in TextJob
    targets_are_texts = True

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer | None = None):
        super().__init__(recipe)
        self.examples = prepare_examples(recipe.data, tokenizer, self.specials, self.targets_are_texts)
        task = self.examples.task
        self.tokenizer, self.sha256, self.title = self.examples.tokenizer, task.sha256, task.name

    @abstractmethod
    def answer(self, sources: list[np.ndarray]) -> list[str]:
        """What the model says to sources, as the task writes its targets."""

    def test(self) -> Test:
        """The metric on the test part, beside the baselines."""
        task = self.examples.task
        guesses = self.answer(self.examples.sources("test", self.recipe.training.length))
        figures = measure(task.metric, guesses, self.examples.targets("test"))
        return Test(task.name, task.metric, len(guesses), figures, measure_baselines(task))


def by_length(rows: Sequence[np.ndarray], batch: int, answer: Callable[[np.ndarray], Iterable[T]]) -> list[T]:
    """What `answer` gives for rows of any lengths, in their order; it reads up to `batch` of one length.

    >>> by_length([np.array([1, 2]), np.array([3]), np.array([4, 5])], 9, lambda ids: ids.sum(1).tolist())
    [3, 3, 9]
    """
    found: dict[int, T] = {}
    for places in rows_by_length([len(row) for row in rows], batch):
        found |= dict(zip(places.tolist(), answer(np.stack([rows[k] for k in places])), strict=True))
    return [found[place] for place in range(len(rows))]


def pad(rows: list[np.ndarray], fill: int) -> np.ndarray:
    """Rows of ids of different lengths as one array (B, T), filled at the end.

    >>> pad([np.array([1, 2]), np.array([3])], -100).tolist()
    [[1, 2], [3, -100]]
    """
    padded = np.full((len(rows), max(map(len, rows))), fill, np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded
