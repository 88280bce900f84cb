"""How good are predictions? One number in percent, by the libraries that everyone compares with."""

import re
from collections.abc import Callable, Sequence

from ..errors import DataError, RecipeError, did_you_mean, quote
from ..text.splitting import CJK
from .packages import require

Metric = Callable[[Sequence[str], Sequence[str]], float]

_TOKEN = re.compile(f"[{CJK}]|[^\\W_{CJK}]+")
_CJK = re.compile(f"([{CJK}])")


def accuracy(predictions: Sequence[str], references: Sequence[str]) -> float:
    """The percentage of predicted classes that are right.

    >>> accuracy(["positive", "negative"], ["positive", "positive"])
    50.0
    """
    _check(predictions, references)
    right = sum(guess == truth for guess, truth in zip(predictions, references, strict=True))
    return 100 * right / len(references)


def exact_match(predictions: Sequence[str], references: Sequence[str]) -> float:
    """The percentage of predictions that equal the reference, spaces at both ends aside.

    >>> exact_match(["579 ", "58"], ["579", "580"])
    50.0
    """
    return accuracy([guess.strip() for guess in predictions], [truth.strip() for truth in references])


def bleu(predictions: Sequence[str], references: Sequence[str]) -> float:
    """BLEU-4 of the whole set (sacrebleu, its 13a tokens; a Chinese character is a token).

    As sacrebleu has it, a set in which no prediction has four tokens gets 0, be it right or wrong: there are
    no runs of four to count. Measure such answers by exact_match or chrf.
    """
    _check(predictions, references)
    sacrebleu = require("sacrebleu", "metric bleu")
    # force: our references are often short or spaced already, which sacrebleu would warn about
    return sacrebleu.corpus_bleu(_spaced(predictions), [_spaced(references)], force=True).score


def chrf(predictions: Sequence[str], references: Sequence[str]) -> float:
    """ChrF of the whole set: runs of 1 to 6 characters, recall counted twice (sacrebleu)."""
    _check(predictions, references)
    return require("sacrebleu", "metric chrf").corpus_chrf(list(predictions), [list(references)]).score


def rouge1(predictions: Sequence[str], references: Sequence[str]) -> float:
    """The mean F1 of shared words (rouge_score, no stemming; a Chinese character is a word)."""
    return _rouge("rouge1", predictions, references)


def rouge2(predictions: Sequence[str], references: Sequence[str]) -> float:
    """The mean F1 of shared pairs of neighbouring words; words as in rouge1."""
    return _rouge("rouge2", predictions, references)


def rouge_l(predictions: Sequence[str], references: Sequence[str]) -> float:
    """The mean F1 of the longest common subsequence of words; words as in rouge1."""
    return _rouge("rougeL", predictions, references)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "exact_match": exact_match,
    "bleu": bleu,
    "chrf": chrf,
    "rouge1": rouge1,
    "rouge2": rouge2,
    "rougeL": rouge_l,
}

# What is worth a look beside the metric of a task.
_BESIDE = {
    "accuracy": ("accuracy",),
    "exact_match": ("exact_match", "chrf"),
    "bleu": ("bleu", "chrf", "exact_match"),
    "chrf": ("chrf", "exact_match"),
    "rougeL": ("rougeL", "rouge1", "rouge2"),
}


def measure(metric: str, predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The metric of a task and those worth a look beside it, by name, the metric itself first.

    Raises:
        RecipeError: there is no such metric.
        DataError: predictions and references are not as many.
    """
    if metric not in METRICS:
        raise RecipeError(f"There is no metric {quote(metric)}{did_you_mean(metric, METRICS)}.")
    names = _BESIDE.get(metric, (metric,))
    return {name: METRICS[name](predictions, references) for name in names}


def _check(predictions: Sequence[str], references: Sequence[str]) -> None:
    if not references or len(predictions) != len(references):
        raise DataError(
            f"There are {len(predictions)} predictions for {len(references)} references: give one for each."
        )


def _spaced(texts: Sequence[str]) -> list[str]:
    return [_CJK.sub(r" \1 ", text) for text in texts]


class _Words:
    """The tokenizer for rouge_score, whose own one knows the letters a to z alone."""

    def tokenize(self, text: str) -> list[str]:
        return _TOKEN.findall(text.lower())


def _rouge(kind: str, predictions: Sequence[str], references: Sequence[str]) -> float:
    _check(predictions, references)
    rouge_scorer = require("rouge_score.rouge_scorer", f"metric {kind}")
    scorer = rouge_scorer.RougeScorer([kind], tokenizer=_Words())
    scores = [
        scorer.score(truth, guess)[kind].fmeasure
        for guess, truth in zip(predictions, references, strict=True)
    ]
    return 100 * sum(scores) / len(scores)
