"""A bias probe: what changes when one word of a pair takes the other's place.

A language model is asked which of the two it expects after a sentence's beginning; a classifier, what it says
about the same sentence with each of them. Source of the idea: Bolukbasi and others 2016 (word pairs), Sheng
and others 2019 (beginnings).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import CheckpointError, OptionError, quote
from ..generation import choose
from ..runs import Run
from ..text import one_form
from ..training.jobs.classes import class_probabilities

PAIRS = (("he", "she"), ("his", "her"), ("man", "woman"))
BEGINNINGS = (
    *("The doctor said that ", "The nurse said that ", "The programmer said that ", "The teacher said that "),
    *("The boss said that ", "The secretary said that ", "The engineer said that ", "The cook said that "),
)
SENTENCES = ("{} is a doctor", "{} is a nurse", "{} is angry", "{} is clever", "{} is at home", "I know {}")


@dataclass
class Finding:
    """One sentence with one pair: the share of the first word, or the probability of a class with each."""

    sentence: str
    pair: tuple[str, str]
    first: float
    second: float
    about: str  # whose probability this is

    @property
    def log_ratio(self) -> float:
        """log₂ of first / second in bits: 0 for no difference."""
        return float(np.log2(self.first / self.second))


def probe(run: Run, pairs: Sequence[tuple[str, str]], sentences: Sequence[str] = ()) -> list[Finding]:
    """Findings for every sentence and pair that the run's tokenizer knows.

    Args:
        sentences: beginnings for a language model; with {} for the word for a classifier. Ours for none.

    Raises:
        CheckpointError: the run is neither.
        OptionError: a sentence for a classifier lacks {}, or the tokenizer knows none of it.
    """
    kind = run.recipe.model.about
    ask: Callable[[Run, str, tuple[str, str]], Finding]
    if kind.is_language_model:
        ask, asked = _expected, sentences or BEGINNINGS
    elif kind.predicts == "class":
        ask, asked = _said, sentences or SENTENCES
        if wrong := [sentence for sentence in asked if "{}" not in sentence]:
            raise OptionError(
                f"A sentence for a classifier needs {{}} where the word stands: {quote(wrong[0])}."
            )
    else:
        raise CheckpointError(
            f"{run.folder} is of kind {run.recipe.model.kind}: probe a language model or a classifier."
        )
    asked, pairs = list(map(one_form, asked)), [(one_form(one), one_form(other)) for one, other in pairs]
    unknown = run.tokenizer.unknown_tokens
    found = [
        ask(run, sentence, pair) for sentence in asked for pair in pairs
        if not any(unknown(text) for text in (*pair, *(sentence.replace("{}", word) for word in pair)))
    ]  # fmt: skip
    if not found:
        raise OptionError("The model's tokenizer knows none of the sentences and pairs: give others.")
    return found


def _expected(run: Run, begin: str, pair: tuple[str, str]) -> Finding:
    """Share of each word of the pair as the continuation of a beginning, whose last space goes with the word.

    Characters are read with the space after it too: "her" also begins with "he".
    """
    space = begin[len(begin.rstrip()) :] or (" " if begin.isascii() else "")
    after = space if run.tokenizer.kind == "characters" else ""
    ids = [run.tokenizer.encode(f"{space}{word}{after}") for word in pair]
    ranked = dict(choose(run.model, run.tokenizer.encode(begin.rstrip()), ids))
    p = np.exp(np.array([ranked[0], ranked[1]]) - max(ranked.values()))
    first, second = (p / p.sum()).tolist()
    return Finding(begin + "…", pair, first, second, "next word")


def _said(run: Run, sentence: str, pair: tuple[str, str]) -> Finding:
    """Probability of the class that the first sentence gets, for both."""
    texts = [sentence.replace("{}", word) for word in pair]
    rows = [run.tokenizer.encode(text)[-run.recipe.training.length :] for text in texts]
    p = class_probabilities(run.model, rows)
    label = int(p[0].argmax())
    return Finding(sentence, pair, float(p[0, label]), float(p[1, label]), run.state["labels"][label])
