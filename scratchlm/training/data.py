"""A recipe's data: a text or a task's examples, cleaned, held out, cut into tokens."""

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, RecipeError
from ..tasks import TaskData, load_pairs, load_task, measure
from ..tasks.packages import require
from ..text import (
    Corpus,
    Tokenizer,
    chinese_corpus,
    default_corpus,
    load_corpus,
    remove_exact_duplicates,
    remove_near_duplicates,
    split,
    stop_words,
    train_tokenizer,
)
from .recipe import Data

START, END = "<s>", "</s>"  # before the first and after the last token of an answer
MASK = "<mask>"

_SENTENCE = re.compile(r"[^\s.!?。！？](?:[^.!?。！？\n]|\n(?!\n)|[.!?](?!\s))*(?:[.!?](?=\s|$)|[。！？])")


@dataclass
class Text:
    """The text of a run: tokenizer, token ids, and how many characters the held-out part has."""

    corpus: Corpus
    tokenizer: Tokenizer
    training_text: str
    validation_text: str
    training: np.ndarray  # (N) token ids
    validation: np.ndarray  # (M) token ids
    test: np.ndarray  # token ids, none without data.test_paths
    sha256: str  # fingerprint of the text and of those of its own for validation and test

    @property
    def validation_characters(self) -> int:
        """Characters of the held-out part."""
        return len(self.validation_text)


def load_text(data: Data) -> Corpus:
    """Read the corpus that a recipe names; of a task, the sources of its training and validation examples.

    Raises:
        DataError: it cannot be read, or a package that it comes with is missing.
        RecipeError: it names a text and a task, or stop words are to be left out of anything but words.
    """
    if data.task:
        if data.paths:
            raise RecipeError("Give either data.paths (a text) or data.task, not both.")
        task = load_task(data.task)
        parts = ["\n".join(example.source for example in part) for part in (task.training, task.validation)]
        return Corpus(task.name, "\n".join(parts), f"the sources of the task, {task.source_in_words}")
    if data.paths:
        corpus = load_corpus(data.paths)
    else:
        corpus = chinese_corpus() if data.source == "chinese" else default_corpus()
    return dataclasses.replace(corpus, text=_kept(data, corpus.text))


def _kept(data: Data, text: str) -> str:
    """A text without the duplicates and stop words that are to be left out."""
    if data.remove_duplicates != "no":
        exact = data.remove_duplicates == "exact"
        text = "\n\n".join((remove_exact_duplicates if exact else remove_near_duplicates)(text.split("\n\n")))
    if data.remove_stop_words != "no":
        if data.tokenizer != "words":
            raise RecipeError("data.remove_stop_words is for words: set data.tokenizer=words, or leave it.")
        text = _without_stop_words(text, data.remove_stop_words)
    return text


def _without_stop_words(text: str, language: str) -> str:
    stop = stop_words(language)
    if language == "zh":  # written without spaces: the longest stop word that fits goes
        return re.sub("|".join(sorted(map(re.escape, stop), key=len, reverse=True)), "", text)
    stop |= {word.replace("'", "’") for word in stop}
    return re.sub(r"[\w'’]+ ?", lambda m: "" if m[0].strip().lower() in stop else m[0], text)


def prepare_text(data: Data, tokenizer: Tokenizer | None = None, specials: tuple[str, ...] = ()) -> Text:
    """Read the corpus, hold out its last part or read another text for that, train a tokenizer on the rest
    (unless given), encode all.
    """
    corpus = load_text(data)
    test = _kept(data, load_corpus(data.test_paths).text) if data.test_paths else ""
    sha256 = corpus.sha256
    if data.task:
        _refuse_parts(data)
        task = load_task(data.task)
        held_out = "\n".join(example.source for example in task.validation)
        training, validation = corpus.text[: -len(held_out)], held_out
    elif data.validation_paths:
        training, validation = corpus.text, _kept(data, load_corpus(data.validation_paths).text)
    else:
        training, validation = split(corpus.text, data.validation)
    if data.validation_paths or test:
        sha256 = hashlib.sha256("\0".join((training, validation, test)).encode()).hexdigest()
    training = training[: max(1, round(len(training) * data.share))]
    if tokenizer is None:
        tokenizer = make_tokenizer(data, training, specials)
    ids, held_out_ids, test_ids = (tokenizer.encode(part) for part in (training, validation, test))
    if (n := len(held_out_ids)) < 2:
        raise DataError(
            f"The held-out part of the text has {n} token(s), but predicting needs 2: give more text or a "
            "larger data.validation."
        )
    return Text(corpus, tokenizer, training, validation, ids, held_out_ids, test_ids, sha256)


def _refuse_parts(data: Data) -> None:
    if data.validation_paths or data.test_paths:
        raise RecipeError(
            "data.validation_paths and data.test_paths are for a running text; examples and pairs are "
            "divided by scratchlm: remove them."
        )


def make_tokenizer(data: Data, text: str, specials: tuple[str, ...] = ()) -> Tokenizer:
    """Train the tokenizer that a recipe describes."""
    options: dict[str, Any] = {"vocab_size": data.vocabulary} if data.vocabulary else {}
    if data.spaced:
        if data.tokenizer != "words":
            raise RecipeError("data.spaced is for words: set data.tokenizer=words, or leave it.")
        options["spaced"] = True
    made = train_tokenizer(data.tokenizer, text, min_count=data.min_count, specials=specials, **options)
    if made.vocab_size == len(specials) + 1:  # <unk>
        raise DataError(
            f"No {made.kind} occur {data.min_count:,} times in the training text, so that nothing can be "
            "learned: lower data.min_count."
        )
    return made


@dataclass
class Examples:
    """A task's examples with their tokenizer; each part is (source ids, targets as text)."""

    task: TaskData
    tokenizer: Tokenizer

    def sources(self, part: str, limit: int) -> list[np.ndarray]:
        """Ids of the sources of "training", "validation" or "test", each with its last `limit` tokens.

        The end is kept because a question and the last turn of a dialogue stand there.
        """
        return [self.tokenizer.encode(example.source)[-limit:] for example in getattr(self.task, part)]

    def targets(self, part: str) -> list[str]:
        """The targets of a part."""
        return [example.target for example in getattr(self.task, part)]


def prepare_examples(
    data: Data, tokenizer: Tokenizer | None = None, specials: tuple[str, ...] = (), targets: bool = True
) -> Examples:
    """Read a task, keep the share of its training examples that the recipe wants, make a tokenizer.

    The tokenizer is trained on the sources of the whole training part, which need no label, and on its
    targets where these are texts.

    Raises:
        RecipeError: the recipe names neither a task nor paths, or both.
        DataError: a package that the task needs is missing, or a file holds no pairs.
    """
    _refuse_parts(data)
    if data.task and data.paths:
        raise RecipeError("Give either data.paths (files of pairs) or data.task, not both.")
    if not data.task and not data.paths:
        raise RecipeError(
            "This kind of model learns from pairs: give --data FILE.tsv or FILE.jsonl, or set data.task to a "
            "name that `python -m scratchlm.tasks` lists."
        )
    if data.task:
        task = load_task(data.task)
    else:
        task = load_pairs(data.paths, "chrf" if targets else "accuracy", data.validation)
    task = dataclasses.replace(task, metric=data.metric or task.metric)
    require("sklearn", f"baselines of the task {task.name}")  # now, not after minutes of training
    measure(task.metric, ["a"], ["a"])
    if tokenizer is None:
        texts = [e.source for e in task.training] + [e.target for e in task.training if targets]
        tokenizer = make_tokenizer(data, "\n".join(texts), specials)
    if data.share < 1:
        kept = max(1, round(len(task.training) * data.share))
        task = dataclasses.replace(task, training=task.training[:kept])
    return Examples(task, tokenizer)


def sentences(text: str, tokenizer: Tokenizer, limit: int, lines: bool = False) -> list[np.ndarray]:
    """The sentences of a text (or its lines) as ids, those of 3 to `limit` tokens, each kept once, in order.

    A line of a table or a program is no sentence: what has other signs than letters, spaces and commas in
    more than a sixth of its characters is left out.
    """
    found = (" ".join(match[0].split()) for match in _SENTENCE.finditer(text))
    prose: Iterable[str] = (
        s for s in found if sum(not (c.isalpha() or c in " ,，、") for c in s) <= len(s) / 6
    )
    if lines:
        prose = text.splitlines()
    rows = (tokenizer.encode(sentence) for sentence in dict.fromkeys(prose))
    return [row for row in rows if 3 <= len(row) <= limit]
