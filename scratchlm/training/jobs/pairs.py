"""A text in, another one out: translation, summaries, answers (encoder-decoder)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...errors import TokenError
from ...generation import greedy
from ...modes import no_grad
from ...nn import evaluating
from ...random import random_state
from ...tasks import measure
from ...tensor import Tensor
from ...text import IGNORE, RowBatches, Tokenizer, rows_by_length
from ..building import build_model
from ..data import END, START
from ..evaluation import Evaluation
from ..recipe import Recipe
from .job import State, TaskJob, by_length, pad

MEASURED = 500  # validation examples that are answered at each evaluation; the loss is over all
BATCH = 128  # of evaluating


class PairsJob(TaskJob):
    """The examples of a task whose targets are texts; an answer begins after <s> and ends with </s>."""

    specials = (START, END)

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer | None = None):
        super().__init__(recipe, tokenizer)
        self.model = build_model(recipe, self.tokenizer)
        t = recipe.training
        self.start, self.end = self.tokenizer.id_of(START), self.tokenizer.id_of(END)
        parts = ("training", "validation")
        self.sources = {part: self.examples.sources(part, t.length) for part in parts}
        self.targets = {
            part: [self.tokenizer.encode(text)[: t.length] for text in self.examples.targets(part)]
            for part in parts
        }
        self.longest = max(len(row) for row in self.targets["training"])
        self.batches = RowBatches([len(row) for row in self.sources["training"]], t.batch, t.seed)

    def describe(self) -> list[str]:
        """The task and its tokens."""
        return [
            str(self.examples.task),
            f"{self.tokenizer.vocab_size:,} {self.tokenizer.kind}; answers up to {self.longest}; "
            f"{self.batches.batches_an_epoch:,} batches an epoch",
        ]

    def _arrays(self, part: str, rows: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sources (B, S), the decoder's inputs (B, T) after <s>, and its targets up to </s>."""
        return teach(
            [self.sources[part][row] for row in rows],
            [self.targets[part][row] for row in rows],
            self.start,
            self.end,
        )

    def loss(self, batch: Any, state: State, step: int) -> tuple[Tensor, State]:
        """Nats a token of the answer."""
        forced = self.recipe.training.teacher_forcing
        teacher = forced == 1 or random_state.generator.random() < forced
        return self.model.loss(*self._arrays("training", batch), teacher_forcing=teacher), None

    def count(self, batch: Any) -> int:
        """Tokens read and written."""
        rows = self.sources["training"], self.targets["training"]
        return sum(len(part[row]) for part in rows for row in batch)

    @no_grad()
    def evaluate(self) -> Evaluation:
        """The loss of all validation examples; the metric of the first ones, which are answered greedily."""
        total, tokens = 0.0, 0
        with evaluating(self.model):
            for rows in rows_by_length([len(row) for row in self.sources["validation"]], BATCH):
                arrays = self._arrays("validation", rows)
                counted = int((arrays[2] != IGNORE).sum())
                total += self.model.loss(*arrays).item() * counted
                tokens += counted
        task = self.examples.task
        guesses = self.answer(self.sources["validation"][:MEASURED])
        figures = measure(task.metric, guesses, self.examples.targets("validation")[:MEASURED])
        return Evaluation(total / tokens, tokens, 0, figures, task.metric)

    def answer(self, sources: list[np.ndarray]) -> list[str]:
        """The greedy answers to sources."""
        return answer(self.model, self.tokenizer, sources, 2 * self.longest)

    def sample(self) -> Iterator[str]:
        """Some held-out sources with the model's answer."""
        some = self.examples.task.validation[:6]
        yield "Held-out examples, the model's answer, and where it differs the right one:\n\n"
        for example, guess in zip(some, self.answer(self.sources["validation"][: len(some)]), strict=True):
            other = "" if guess == example.target else f"   ({example.target})"
            yield f"{both_ends(example.source)!r} → {guess!r}{other}\n"


def both_ends(text: str, most: int = 160) -> str:
    """A text of at most `most` characters as it is, a longer one without its middle.

    >>> both_ends("Delete role. Before that, remove what hangs on it.", most=20)
    'Delete rol … ngs on it.'
    """
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-(most // 2) :]}"


def teach(
    sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], start: int, end: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources (B, S) of one length, and for teacher forcing inputs <s> y₁ … and targets y₁ … </s> (B, T).

    >>> teach([np.array([7, 8])], [np.array([4, 5])], start=1, end=2)[1:]
    (array([[1, 4, 5]]), array([[4, 5, 2]]))
    """
    inputs = pad([np.append(start, row) for row in targets], end)
    return np.stack(sources), inputs, pad([np.append(row, end) for row in targets], IGNORE)


def answer(model: Any, tokenizer: Tokenizer, sources: list[np.ndarray], tokens: int) -> list[str]:
    """Greedy answers of at most `tokens` tokens to sources of any lengths.

    Raises TokenError for an empty source.
    """
    if any(len(source) == 0 for source in sources):
        raise TokenError("There is nothing to answer: the text is empty.")
    start, end = tokenizer.id_of(START), tokenizer.id_of(END)

    def written(ids: np.ndarray) -> list[str]:
        with no_grad(), evaluating(model):
            state = model.start(ids)
        found = greedy(model, np.full(len(ids), start), tokens, end, state)
        return [tokenizer.decode(row) for row in found]

    return by_length(sources, BATCH, written)
