"""Job: what a model learns from, what it is asked to do, and how that is measured."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...tensor import Tensor
from ...text import Tokenizer
from ..evaluation import Evaluation
from ..recipe import Recipe

State = tuple[Tensor, ...] | None  # what is carried from one batch to the next


@dataclass
class Test:
    """Figures in percent on the test part, of the model and of the baselines, and what the task's text is."""

    task: str
    metric: str
    examples: int
    figures: dict[str, float]
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)

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


def pad(rows: list[np.ndarray], fill: int) -> np.ndarray:
    """Rows of ids of different lengths as one array (B, T), filled at the end.

    >>> pad([np.array([1, 2]), np.array([3])], -100).tolist()
    [[1, 2], [3, -100]]
    """
    padded = np.full((len(rows), max(map(len, rows))), fill, np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded
