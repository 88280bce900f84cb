"""Sequences given back: autoencoder, text VAE, the listings L3 and L4, on sentences or a task's sources."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...errors import DataError
from ...generation import greedy
from ...models import TextVAE, active_units
from ...modes import no_grad
from ...nn import evaluating
from ...tensor import Tensor
from ...text import RowBatches, Tokenizer, rows_by_length
from ..data import END, START, sentences
from ..evaluation import Evaluation
from ..recipe import Training
from .job import State, TextJob, by_length
from .pairs import BATCH, teach

MEASURED = 300  # held-out sentences that are written again at each evaluation; the loss is over all
COLLAPSED = 0.5  # nats of KL a sentence below which the code says nothing: under one bit


class SequenceJob(TextJob):
    """Each sentence of up to `training.length` tokens is source and target at once."""

    specials = (START, END)

    def make_batches(self, t: Training) -> RowBatches:
        """Of the sentences; those held out are without what training has too."""
        self.start, self.end = self.tokenizer.id_of(START), self.tokenizer.id_of(END)
        lines = bool(self.recipe.data.task)
        known = sentences(self.text.training_text, self.tokenizer, t.length, lines)
        seen = {row.tobytes() for row in known}
        held_out = sentences(self.text.validation_text, self.tokenizer, t.length, lines)
        self.training, self.validation = known, [row for row in held_out if row.tobytes() not in seen]
        if not self.training or not self.validation:
            raise DataError(
                f"The text has {len(known):,} sentences of 3 to {t.length} tokens to train on and "
                f"{len(self.validation):,} held out: raise training.length, or give more prose."
            )
        self.at_once = self.recipe.model.about.predicts == "tokens"  # else one token after the other
        return RowBatches([len(row) for row in self.training], t.batch, t.seed)

    def describe(self) -> list[str]:
        """The text and its sentences."""
        return [
            str(self.text.corpus),
            f"{self.tokenizer.vocab_size:,} {self.tokenizer.kind}; {len(self.training):,} sentences of up to "
            f"{self.recipe.training.length} tokens to train on, {len(self.validation):,} held out; "
            f"{self.batches.batches_an_epoch:,} batches an epoch",
        ]

    def _arrays(self, rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return teach(rows, rows, self.start, self.end)

    def _loss(self, rows: list[np.ndarray]) -> Tensor:
        """Nats a token."""
        if self.at_once:
            return self.model.loss(np.stack(rows), np.stack(rows))
        return self.model.loss(*self._arrays(rows))

    def loss(self, batch: Any, state: State, step: int) -> tuple[Tensor, State]:
        """Nats a token."""
        return self._loss([self.training[row] for row in batch]), None

    def count(self, batch: Any) -> int:
        """Tokens of the sentences."""
        return sum(len(self.training[row]) for row in batch)

    @no_grad()
    def evaluate(self) -> Evaluation:
        """All held-out sentences; the first ones are also written again."""
        total, tokens = 0.0, 0
        with evaluating(self.model):
            for rows in self._grouped(self.validation):
                counted = sum(map(len, rows)) + (0 if self.at_once else len(rows))
                total += self._loss(rows).item() * counted
                tokens += counted
        some = self.validation[:MEASURED]
        again = self.again(some)
        right = sum((row[:n] == new[:n]).sum() for row, new in zip(some, again, strict=True)
                    for n in [min(len(row), len(new))])  # fmt: skip
        whole = sum(np.array_equal(row, new) for row, new in zip(some, again, strict=True))
        figures = {
            "accuracy": 100 * float(right) / sum(map(len, some)),
            "exact_match": 100 * whole / len(some),
        }
        return Evaluation(total / tokens, tokens, 0, figures)

    def _grouped(self, rows: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
        for places in rows_by_length([len(row) for row in rows], BATCH):
            yield [rows[place] for place in places]

    @no_grad()
    def again(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        """The sentences as the model gives them back."""

        def answer(ids: np.ndarray) -> Iterable[np.ndarray]:
            if self.at_once:
                return self.model(ids).numpy().argmax(-1)
            first = np.full(len(ids), self.start)
            written = greedy(self.model, first, ids.shape[1] + 5, self.end, self.model.start(ids))
            return (np.array(row, int) for row in written)

        with evaluating(self.model):
            return by_length(rows, BATCH, answer)

    def sample(self) -> Iterator[str]:
        """Held-out sentences and what the model gives back."""
        some = self.validation[:5]
        yield "Held-out sentences, and what comes back:\n\n"
        for row, new in zip(some, self.again(some), strict=True):
            yield f"  {self.tokenizer.decode(row)}\n→ {self.tokenizer.decode(new)}\n\n"


class VAEJob(SequenceJob):
    """The same with a distribution over codes; beta rises over `training.anneal_steps`, slowly at first.

    A logistic rise, as in Bowman and others 2016: while beta is near 0 the code learns to say something, and
    what is then useful stays when it begins to cost. A straight line costs from the start.
    """

    model: TextVAE
    unit = "sentence"

    def loss(self, batch: Any, state: State, step: int) -> tuple[Tensor, State]:
        """−ELBO in nats a sentence: reconstruction + β KL, with β annealed and free bits."""
        t = self.recipe.training
        beta = t.beta / (1 + math.exp(-12 * (step / t.anneal_steps - 0.5))) if t.anneal_steps else t.beta
        rows = [self.training[row] for row in batch]
        return self.model.loss(*self._arrays(rows), beta=beta, free_bits=t.free_bits), None

    @no_grad()
    def evaluate(self) -> Evaluation:
        """Reconstruction and KL in nats a sentence, and how many of the code's dimensions are in use.

        The loss is −ELBO with β = 1, whatever the training's, so that runs can be compared.
        """
        reconstruction, kl, means = 0.0, np.zeros(self.recipe.model.code_size), []
        with evaluating(self.model):
            for rows in self._grouped(self.validation):
                parts = self.model.parts(*self._arrays(rows))
                reconstruction += parts.reconstruction.item() * len(rows)
                kl += parts.kl.numpy() * len(rows)
                means.append(self.model.encode_code(np.stack(rows)).numpy())
        sentences = len(self.validation)
        self.kl = kl / sentences  # of each dimension
        figures = {
            "reconstruction": reconstruction / sentences,
            "KL": float(self.kl.sum()),
            "active_units": float(active_units(np.concatenate(means))),
        }
        tokens = sum(map(len, self.validation)) + sentences
        return Evaluation((reconstruction + kl.sum()) / sentences, tokens, 0, figures)

    def warning(self, result: Evaluation) -> str:
        """The collapse of the posterior: q(z|x) has become the prior, and the decoder writes without z."""
        kl = result.figures["KL"]
        if kl >= COLLAPSED:
            return ""
        return (
            f"the posterior has collapsed: KL is {kl:.3f} nats a sentence, so the code says nothing and the "
            "decoder is a language model: set training.anneal_steps, model.word_dropout or "
            "training.free_bits higher."
        )

    @no_grad()
    def sample(self) -> Iterator[str]:
        """KL of each dimension, and the way from one held-out sentence to another."""
        self.evaluate()  # the KL of these weights
        yield "KL of each dimension in nats, the largest first:\n\n  "
        yield " ".join(f"{value:.2f}" for value in sorted(self.kl, reverse=True)) + "\n\n"
        yield "From one held-out sentence to another, by equal steps of the code:\n\n"
        one, other = self._far_apart()
        yield f"  {self.tokenizer.decode(one)}\n"
        for line in interpolate(self.model, self.tokenizer, one, other):
            yield f"→ {line}\n"
        yield f"  {self.tokenizer.decode(other)}\n"

    def _far_apart(self) -> tuple[np.ndarray, np.ndarray]:
        """Two held-out sentences without unknown words whose codes differ most."""
        unknown = self.tokenizer.unknown_id
        some = [row for row in self.validation if len(row) >= 6 and unknown not in row] or self.validation
        some = some[:MEASURED]  # all pairs of them are compared
        codes = np.concatenate([self.model.encode_code(row[None]).numpy() for row in some])
        distance = ((codes[:, None] - codes[None]) ** 2).sum(-1)
        one, other = divmod(int(distance.argmax()), len(some))
        return some[one], some[other]


@no_grad()
def interpolate(
    model: Any, tokenizer: Tokenizer, one: np.ndarray, other: np.ndarray, steps: int = 6, tokens: int = 30
) -> list[str]:
    """Sentences written from codes on the line between two sentences' codes: z = (1 − a) z₁ + a z₂."""
    with evaluating(model):
        a, b = (model.encode_code(row[None]).numpy() for row in (one, other))
        z = np.concatenate([(1 - share) * a + share * b for share in np.linspace(0, 1, steps)])
        state = model.start_from(Tensor(z.astype(a.dtype), device=next(model.parameters()).device))
    first = np.full(steps, tokenizer.id_of(START))
    return [tokenizer.decode(ids) for ids in greedy(model, first, tokens, tokenizer.id_of(END), state)]
