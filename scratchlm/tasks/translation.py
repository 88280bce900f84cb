"""English → Chinese: sentences of programs' interfaces, and dates."""

import random
from datetime import date, timedelta

from ..text import remove_near_duplicates
from .catalogues import catalogues_in_words, letters, sentences
from .cldr import babel_in_words
from .examples import Example, TaskData, split_examples
from .packages import require

TASK = "task translation"
DATES = 2_000
FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)

# English pattern → Chinese pattern of the same content, as CLDR has both (y year, M month, d day, E weekday).
DATE_PATTERNS = {
    "MMMM d, y": "y年M月d日",
    "MMM d, y": "y年M月d日",
    "d MMMM y": "y年M月d日",
    "EEEE, MMMM d, y": "y年M月d日EEEE",
    "EEE, MMM d, y": "y年M月d日EEE",
    "EEEE, d MMMM y": "y年M月d日EEEE",
}


def load(seed: int = 0) -> TaskData:
    """About 8,000 sentences of programs' interfaces (tag "sentence") and 2,000 dates (tag "date").

    Sentences that differ in capitals, signs, numbers or placeholders alone are in one part, and of those that
    nearly repeat each other only the first is kept. A held-out date is not in training in any format.

    Raises:
        DataError: one of the packages babel, django, gramps, jupyterlab-language-pack-zh-CN is missing.
    """
    examples = {**_sentences(), **_dates(random.Random(seed))}
    return TaskData(
        "translation",
        "translate a sentence of a program's interface or a date from English to Chinese",
        f"{catalogues_in_words()}, {babel_in_words()}",
        *split_examples(examples, seed, keys=list(examples.values())),
        metric="chrf",
    )


def _sentences() -> dict[Example, str]:
    chinese = sentences(TASK)
    kept = remove_near_duplicates(list(chinese), threshold=0.7)
    return {Example(english, chinese[english], "sentence"): letters(english) for english in kept}


def _dates(rng: random.Random) -> dict[Example, str]:
    format_date = require("babel.dates", TASK).format_date
    examples: dict[Example, str] = {}
    while len(examples) < DATES:
        day = FIRST + timedelta(days=rng.randrange((LAST - FIRST).days + 1))
        english, chinese = rng.choice(list(DATE_PATTERNS.items()))
        source, target = format_date(day, english, "en"), format_date(day, chinese, "zh")
        examples[Example(source, target, "date")] = day.isoformat()
    return examples
