"""Dates as people write them → ISO 8601: "Sunday, March 5, 2023" → "2023-03-05"."""

import random
from datetime import date, timedelta

from .cldr import babel_in_words
from .examples import Example, TaskData, split_examples
from .packages import require
from .sections import sections

EXAMPLES = 50_000

# Patterns of CLDR (y year, M month, d day, E weekday). No two read the same text as different dates: with
# "/" the month comes first, with "." and " " the day, with "-" the year.
FORMATS = sections("dates.txt")["formats"].splitlines()
# A hundred years in a row, so that two digits are a year; where they change, as in POSIX.
FIRST, LAST = date(1969, 1, 1), date(2068, 12, 31)


def load(seed: int = 0) -> TaskData:
    """50,000 dates in 28 formats, as Babel writes English, some in capitals or small letters.

    About 45,000 are for training. A held-out date does not occur in training in any format: that is harder
    than the published task, which held out lines.

    Raises:
        DataError: the package babel (BSD-3-Clause) is missing.
    """
    format_date = require("babel.dates", "task dates").format_date
    rng = random.Random(seed)
    examples: set[Example] = set()
    while len(examples) < EXAMPLES:
        day = FIRST + timedelta(days=rng.randrange((LAST - FIRST).days + 1))
        text = format_date(day, rng.choice(FORMATS), locale="en")
        text = rng.choice([text, text, text.lower(), text.upper()])
        examples.add(Example(text, day.isoformat()))
    return TaskData(
        "dates",
        "write a date of 1969 to 2068 as YYYY-MM-DD",
        f"dates drawn by scratchlm, written by {babel_in_words()}",
        *split_examples(examples, seed, keys=[example.target for example in examples], share=0.05),
        metric="exact_match",
    )
