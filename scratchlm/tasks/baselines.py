"""What a model has to beat: answers that need no training, or hardly any."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from .examples import TaskData
from .metrics import measure
from .packages import require

Baseline = Callable[[TaskData], list[str]]

_SENTENCE = re.compile(r".*?[.!?。！？](?=\s|$)", re.DOTALL)
_ROWS = 200  # of the test at once: 200 × 80,000 similarities are 64 MB


def majority(data: TaskData) -> list[str]:
    """Answer each test source with the most frequent target of training."""
    (answer, _), *_ = Counter(example.target for example in data.training).most_common(1)
    return [answer] * len(data.test)


def copy(data: TaskData) -> list[str]:
    """Give the source back."""
    return [example.source for example in data.test]


def lead(data: TaskData) -> list[str]:
    """Give the first sentence of the source."""
    sentences = (_SENTENCE.match(example.source) for example in data.test)
    return [found[0] if found else e.source for found, e in zip(sentences, data.test, strict=True)]


def nearest(data: TaskData) -> list[str]:
    """Give the target of the training source that shares most runs of 1 to 3 characters.

    Runs are counted, rare ones weigh more (tf-idf), and the angle between the counts decides.

    Raises:
        DataError: the package scikit-learn is missing.
    """
    vectorizer = _vectorizer("baseline nearest", (1, 3))
    known = vectorizer.fit_transform([example.source for example in data.training]).T.tocsr().astype("f4")
    asked = vectorizer.transform([example.source for example in data.test]).astype("f4")  # a third quicker
    answers: list[str] = []
    for start in range(0, asked.shape[0], _ROWS):
        similarity = (asked[start : start + _ROWS] @ known).toarray()
        answers += [data.training[place].target for place in similarity.argmax(axis=1)]
    return answers


def logistic(data: TaskData) -> list[str]:
    """Choose a class by logistic regression on runs of 1 to 4 characters, weighed by tf-idf.

    A space before and after a text makes runs at its ends differ from the same inside: worth 4 points in the
    task stress.

    Raises:
        DataError: the package scikit-learn is missing.
    """
    linear_model = require("sklearn.linear_model", "baseline logistic")
    vectorizer = _vectorizer("baseline logistic", (1, 4))
    model = linear_model.LogisticRegression(C=10.0, max_iter=300)
    model.fit(
        vectorizer.fit_transform([f" {example.source} " for example in data.training]),
        [example.target for example in data.training],
    )
    return model.predict(vectorizer.transform([f" {example.source} " for example in data.test])).tolist()


def rule(data: TaskData) -> list[str]:
    """Answer by the task's own rule, which knows what people know of it."""
    assert data.rule is not None, "asked of tasks with a rule alone"
    return [data.rule(example.source) for example in data.test]


def baselines_for(metric: str) -> tuple[Baseline, ...]:
    """The baselines that make sense for tasks with this metric, the simplest first."""
    if metric == "accuracy":
        return (majority, nearest, logistic)
    if metric == "rougeL":
        return (majority, lead, nearest)
    return (majority, copy, nearest)


def measure_baselines(data: TaskData) -> dict[str, dict[str, float]]:
    """How good each baseline is on the test part: {"majority": {"accuracy": 50.0}, …}, in percent.

    Raises:
        DataError: the package scikit-learn is missing.
    """
    references = [example.target for example in data.test]
    chosen = (*baselines_for(data.metric), *([rule] if data.rule else []))
    return {baseline.__name__: measure(data.metric, baseline(data), references) for baseline in chosen}


def _vectorizer(needed_by: str, runs: Sequence[int]) -> Any:
    text = require("sklearn.feature_extraction.text", needed_by)
    return text.TfidfVectorizer(analyzer="char", ngram_range=tuple(runs), lowercase=False, sublinear_tf=True)
