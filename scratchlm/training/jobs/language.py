"""Language models: every token of a text is predicted from those before it (lstm, gpt, l2)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...generation.writing import write
from ...tensor import Tensor
from ...text import RandomWindows, Streams, one_form
from ..evaluation import Evaluation, evaluate
from ..recipe import Training
from .job import State, Test, TextJob


class LanguageJob(TextJob):
    """Windows from anywhere in the text, or streams along which the state is carried."""

    def make_batches(self, t: Training) -> RandomWindows | Streams:
        """What the recipe wants of the two."""
        if t.batches == "streams":
            return Streams(self.text.training, t.batch, t.length)
        return super().make_batches(t)

    def loss(self, batch: Any, state: State, step: int) -> tuple[Tensor, State]:
        """Nats a token; the state goes on along streams, and is forgotten for windows."""
        inputs, targets, *fresh = batch
        loss, after = self.model.loss(inputs, targets, None if not fresh or fresh[0] else state)
        return loss, after if fresh else None

    def evaluate(self) -> Evaluation:
        """All of the held-out text once; words leave out its spaces, so that its characters say nothing."""
        characters = 0 if self.tokenizer.kind == "words" else self.text.validation_characters
        return evaluate(self.model, self.text.validation, characters)

    def test(self) -> Test | None:
        """All of the test text once, where there is one."""
        if not len(self.text.test):
            return None
        result = evaluate(self.model, self.text.test, 0)
        figures = {"perplexity": result.perplexity}
        return Test(self.title, "perplexity", result.tokens, figures, what="tokens")

    def sample(self) -> Iterator[str]:
        """Text that the model writes."""
        s = self.recipe.sample
        yield f"A sample at temperature {s.temperature}:\n\n{s.prompt}"
        yield from write(self.model, self.tokenizer, one_form(s.prompt), s.tokens, temperature=s.temperature)
        yield "\n"

    def next_steps(self, folder: Path) -> str:
        """More text, and the n-grams to beat."""
        prompt = "" if self.tokenizer.unknown_tokens("The ") else " --prompt 'The '"
        return (
            f"More of it:      scratchlm generate {folder}{prompt}\n"
            f"Against 6-grams: scratchlm evaluate {folder} --baseline ngram"
        )
