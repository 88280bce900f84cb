"""English → Chinese names and dates, from CLDR through Babel."""

import random
from datetime import date, timedelta

from .cldr import babel_in_words, names
from .examples import Example, TaskData, split_examples
from .packages import require

DATES = 8_000
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
    """About 1,800 names (tag "name") and 8,000 dates (tag "date") in English and Chinese.

    Names are those of territories, languages, scripts, currencies, units and cities; one that means two
    things with two Chinese names is left out ("Latin", language and script). A held-out name belongs to
    another thing than every name of training; since names are built of names ("Swiss German"), part of it may
    be known, and where nothing is, no model can know the answer. A held-out date is not in training in any
    format.

    Raises:
        DataError: the package babel (BSD-3-Clause) is missing.
    """
    examples = {**_names(), **_dates(random.Random(seed))}
    return TaskData(
        "translation",
        "translate a name or a date from English to Chinese",
        babel_in_words(),
        *split_examples(examples, seed, keys=list(examples.values())),
        metric="chrf",
    )


def _names() -> dict[Example, str]:
    english, chinese = names("en", "task translation"), names("zh", "task translation")
    return {
        Example(name, chinese[key], "name"): key
        for key, name in english.items()
        if chinese.get(key, name) != name
    }


def _dates(rng: random.Random) -> dict[Example, str]:
    format_date = require("babel.dates", "task translation").format_date
    examples: dict[Example, str] = {}
    while len(examples) < DATES:
        day = FIRST + timedelta(days=rng.randrange((LAST - FIRST).days + 1))
        english, chinese = rng.choice(list(DATE_PATTERNS.items()))
        source, target = format_date(day, english, "en"), format_date(day, chinese, "zh")
        examples[Example(source, target, "date")] = day.isoformat()
    return examples
