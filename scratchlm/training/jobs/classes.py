"""Classification: a text in, one of some classes out (classifier, l1)."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import functions as F
from ...errors import RecipeError, quote
from ...modes import no_grad
from ...nn import evaluating
from ...random import random_state
from ...tensor import Tensor
from ...text import RowBatches, Tokenizer
from ..building import build_model
from ..evaluation import Evaluation
from ..recipe import Recipe
from .job import State, TaskJob, by_length

MOST_CLASSES = 100  # a task with more different answers than this wants texts, not classes


class ClassJob(TaskJob):
    """The examples of a task whose targets are names of classes."""

    unit = "example"
    targets_are_texts = False

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer | None = None):
        super().__init__(recipe, tokenizer)
        t, task = recipe.training, self.examples.task
        self.labels = sorted({e.target for part in (task.training, task.validation) for e in part})
        if len(self.labels) > MOST_CLASSES:
            raise RecipeError(
                f"The task {task.name} has {len(self.labels):,} different answers, too many for classes: "
                "train it with model.kind=encoder-decoder."
            )
        if len(self.labels) < 2:
            raise RecipeError(
                f"Every example of {task.name} is {quote(self.labels[0])}: give a second class."
            )
        self.model = build_model(recipe, self.tokenizer, len(self.labels))
        self.rows = {part: self.examples.sources(part, t.length) for part in ("training", "validation")}
        place = {label: number for number, label in enumerate(self.labels)}
        self.classes = {
            part: np.array([place.get(target, -1) for target in self.examples.targets(part)])
            for part in self.rows
        }
        self.batches = RowBatches([len(row) for row in self.rows["training"]], t.batch, t.seed)

    def describe(self) -> list[str]:
        """The task, its classes and tokens."""
        return [
            str(self.examples.task),
            f"{len(self.labels)} classes; {self.tokenizer.vocab_size:,} {self.tokenizer.kind}; "
            f"{self.batches.batches_an_epoch:,} batches an epoch",
        ]

    def loss(self, batch: Any, state: State, step: int) -> tuple[Tensor, State]:
        """Nats an example."""
        ids = np.stack([self.rows["training"][row] for row in batch])
        if (unknown := self.tokenizer.unknown_id) is not None:  # tokens that the model has to do without
            dropped = random_state.generator.random(ids.shape) < self.recipe.model.word_dropout
            ids = np.where(dropped, unknown, ids)
        smoothing = self.recipe.training.label_smoothing
        loss = F.cross_entropy(self.model(ids), self.classes["training"][batch], label_smoothing=smoothing)
        return loss, None

    def evaluate(self) -> Evaluation:
        """All validation examples."""
        p = class_probabilities(self.model, self.rows["validation"])
        truth = self.classes["validation"]
        right = 100 * float((p.argmax(-1) == truth).mean())
        likelihood = p[np.arange(len(p)), truth]
        nats = -float(np.log(np.maximum(likelihood, 1e-12)).mean())
        return Evaluation(nats, len(p), 0, {"accuracy": right}, "accuracy")

    def count(self, batch: Any) -> int:
        """Tokens read."""
        return sum(len(self.rows["training"][row]) for row in batch)

    def answer(self, sources: list[np.ndarray]) -> list[str]:
        """The likeliest class of each source."""
        return [self.labels[number] for number in class_probabilities(self.model, sources).argmax(-1)]

    def sample(self) -> Iterator[str]:
        """Some held-out texts with their class."""
        some = self.examples.task.validation[:8]
        p = class_probabilities(self.model, self.rows["validation"][: len(some)])
        yield "Held-out texts, the model's class, and where it is wrong the right one:\n\n"
        for example, row in zip(some, p, strict=True):
            guess = self.labels[int(row.argmax())]
            wrong = "" if guess == example.target else f"   ({example.target})"
            yield f"{example.source[:80]!r} → {guess} {row.max():.0%}{wrong}\n"


@no_grad()
def class_probabilities(model: Any, rows: list[np.ndarray], batch: int = 256) -> np.ndarray:
    """Texts as rows of ids → probabilities (N, C), dropout off."""
    with evaluating(model):
        return np.stack(by_length(rows, batch, lambda ids: model(ids).softmax().numpy()))
