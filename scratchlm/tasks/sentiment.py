"""Is a word or a short phrase positive or negative? From the words that people rated for VADER."""

import ast
import importlib.metadata
from importlib import resources

from scratchlm.tasks.examples import Example, TaskData, draw, split_examples
from scratchlm.tasks.packages import require

FRAMES = (
    *("very {}", "really {}", "so {}", "extremely {}", "somewhat {}", "slightly {}", "a bit {}", "it was {}"),
    *("not {}", "never {}", "not very {}", "it was not {}", "not at all {}", "it wasn't so {}"),
)
PHRASES_A_WORD = 3
CLEAR_MEAN = 1.0  # of ratings from −4 to 4
CLEAR_COMPOUND = 0.2  # of VADER's own score from −1 to 1; it calls a text neutral below 0.05


def load(seed: int = 0) -> TaskData:
    """Return about 4,000 rated words (tag "word") and 10,000 phrases (tag "phrase").

    Ten people rated each word of VADER's list (package vaderSentiment, MIT licence); only those stay that have
    a mean of at least 1 from neutral and no rating with the opposite sign. The phrases are not human ratings:
    each word stands in three drawn phrases with a negation or a word that makes it stronger or weaker, and
    VADER's own rules give the answer, so a model learns these rules. Words whose stems begin with the same
    four letters are in one part, with their phrases. Raises DataError without the packages vaderSentiment and
    nltk (Apache-2.0, for the stems).
    """
    vader = require("vaderSentiment.vaderSentiment", "task sentiment").SentimentIntensityAnalyzer()
    examples: dict[Example, str] = {}
    for word, mean in _clear_words().items():
        key = stem(word)[:4]
        examples[Example(word, _label(mean), "word")] = key
        for frame in sorted(FRAMES, key=lambda frame: draw(seed, word, frame))[:PHRASES_A_WORD]:
            phrase = frame.format(word)
            compound = vader.polarity_scores(phrase)["compound"]
            if abs(compound) >= CLEAR_COMPOUND:
                examples[Example(phrase, _label(compound), "phrase")] = key
    return TaskData(
        "sentiment",
        "tell whether a word or a short phrase is positive or negative",
        f"vaderSentiment {importlib.metadata.version('vaderSentiment')} (MIT): words rated by people, "
        "phrases by its rules",
        *split_examples(examples, seed, keys=list(examples.values())),
        metric="accuracy",
    )


def stem(word: str) -> str:
    """Return the stem of an English word (Snowball): "happily" and "happiness" → "happi"."""
    return require("nltk.stem.snowball", "task sentiment").EnglishStemmer().stem(word)


def _clear_words() -> dict[str, float]:
    """Return the mean rating of the words, without the smileys and slang signs, that people agree about."""
    words: dict[str, float] = {}
    lexicon = resources.files("vaderSentiment").joinpath("vader_lexicon.txt").read_text(encoding="utf-8")
    for line in lexicon.splitlines():
        word, mean, _, ratings = line.split("\t")[:4]
        signs = {(rating > 0) - (rating < 0) for rating in ast.literal_eval(ratings)}
        if word.isalpha() and len(word) > 2 and abs(float(mean)) >= CLEAR_MEAN and not signs >= {1, -1}:
            words[word] = float(mean)
    return words


def _label(rating: float) -> str:
    return "positive" if rating > 0 else "negative"
