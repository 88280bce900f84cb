"""Is a word or a short phrase positive or negative? From the words that people rated for VADER."""

import ast
import importlib.metadata
from functools import cache
from pathlib import Path
from typing import Any

from .examples import Example, Parts, TaskData, draw, in_drawn_order, split_examples
from .packages import require

TASK = "task sentiment"

FRAMES = (
    *("very {}", "really {}", "so {}", "extremely {}", "somewhat {}", "slightly {}", "a bit {}", "it was {}"),
    *("not {}", "never {}", "not very {}", "it was not {}", "not at all {}", "it wasn't so {}"),
)
PHRASES_A_WORD = 3
CLEAR_MEAN = 1.0  # of ratings from −4 to 4
CLEAR_COMPOUND = 0.2  # of VADER's own score from −1 to 1; it calls a text neutral below 0.05


def load(seed: int = 0) -> TaskData:
    """About 4,600 rated words (tag "word") and 14,000 phrases of them (tag "phrase").

    Ten people rated each word of VADER's list (package vaderSentiment, MIT licence); only those stay whose
    mean is at least 1 from neutral and that no two people rated with opposite signs. A held-out word shares
    its stem with no word of training, not even the first five letters of it (agonize, agony). So only its
    beginning and its end can tell: without other knowledge, no model gets far above chance there.

    The phrases are not human ratings: words of training stand in drawn frames, with a negation or a word that
    makes them stronger or weaker, and VADER's own rules give the answer. A held-out phrase is a known word in
    a frame that training has with other words: who knows the word and has understood "not", can tell.

    Raises:
        DataError: the package vaderSentiment or nltk (Apache-2.0, for the stems) is missing.
    """
    stem = require("nltk.stem.snowball", TASK).EnglishStemmer().stem
    words = [Example(word, _label(mean), "word") for word, mean in _clear_words().items()]
    split = split_examples(words, seed, keys=[stem(word.source)[:5] for word in words])
    parts = [list(part) for part in split]
    for word in split.training:
        phrases = _phrases(word.source, seed)
        place = draw(seed, "phrase", word.source)
        held_out = 1 if place < 1 / 8 else 2 if place < 2 / 8 else 0  # about as many as held-out words
        parts[held_out] += phrases[:1]
        parts[0] += phrases[1:]
    return TaskData(
        "sentiment",
        "tell whether a word or a short phrase is positive or negative",
        f"vaderSentiment {importlib.metadata.version('vaderSentiment')} (MIT): words rated by people, "
        "phrases by its rules",
        *Parts(*(in_drawn_order(part, seed) for part in parts)),
        metric="accuracy",
    )


@cache
def _clear_words() -> dict[str, float]:
    """The mean rating of the words, without the smileys and slang signs, that people agree about."""
    vader = require("vaderSentiment.vaderSentiment", TASK)
    lexicon = Path(vader.__file__).with_name("vader_lexicon.txt").read_text(encoding="utf-8")
    words: dict[str, float] = {}
    for line in lexicon.splitlines():
        word, mean, _, ratings = line.split("\t")[:4]
        signs = {(rating > 0) - (rating < 0) for rating in ast.literal_eval(ratings)}
        if word.isalpha() and len(word) > 2 and abs(float(mean)) >= CLEAR_MEAN and not signs >= {1, -1}:
            words[word] = float(mean)
    return words


def _phrases(word: str, seed: int) -> list[Example]:
    """A word in some drawn frames, where VADER finds it clear."""
    phrases = []
    for frame in sorted(FRAMES, key=lambda frame: draw(seed, word, frame))[: PHRASES_A_WORD + 1]:
        compound = _analyser().polarity_scores(frame.format(word))["compound"]
        if abs(compound) >= CLEAR_COMPOUND:
            phrases.append(Example(frame.format(word), _label(compound), "phrase"))
    return phrases


@cache
def _analyser() -> Any:
    return require("vaderSentiment.vaderSentiment", TASK).SentimentIntensityAnalyzer()


def _label(rating: float) -> str:
    return "positive" if rating > 0 else "negative"
