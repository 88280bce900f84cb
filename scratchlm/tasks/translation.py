"""English → Chinese: lists of names, amounts and dates, from CLDR through Babel."""

import random
from collections.abc import Callable
from datetime import date, timedelta

from .cldr import babel_in_words, names
from .examples import Example, TaskData, split_examples
from .packages import require

TASK = "task translation"
LISTS, AMOUNTS, DATES = 7_000, 3_000, 2_500
NAMED = ("territory", "language", "currency")
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

Draw = Callable[[random.Random], tuple[Example, str]]


def load(seed: int = 0) -> TaskData:
    """About 12,000 texts in English and Chinese: names and lists of them, amounts, dates (the tags).

    A list is one, two or three names of territories, languages or currencies ("Peru, Togo, or Oman"; alone:
    tag "name"). Nobody can know what a name is in Chinese that they never saw, but a name that training has
    in lists can stand in another list, or alone: of held-out lists, no list of training has the same names,
    in any order. An amount is a number with a unit or a currency, whose held-out number does not stand with
    that unit in training. A held-out date is not in training in any format.

    Raises:
        DataError: the package babel (BSD-3-Clause) is missing.
    """
    rng = random.Random(seed)
    examples = {
        **_drawn(LISTS, _lists(), rng),
        **_drawn(AMOUNTS, _amounts(), rng),
        **_drawn(DATES, _dates(), rng),
    }
    return TaskData(
        "translation",
        "translate names, amounts and dates from English to Chinese",
        babel_in_words(),
        *split_examples(examples, seed, keys=list(examples.values())),
        metric="chrf",
    )


def _drawn(number: int, draw: Draw, rng: random.Random) -> dict[Example, str]:
    """That many different examples, each with its key for the split."""
    examples: dict[Example, str] = {}
    while len(examples) < number:
        example, key = draw(rng)
        examples[example] = key
    return examples


def _lists() -> Draw:
    english, chinese = names("en", TASK), names("zh", TASK)
    format_list = require("babel.lists", TASK).format_list
    pools = [
        [k for k in english if k.startswith(kind) and chinese.get(k, english[k]) != english[k]]
        for kind in NAMED
    ]

    def draw(rng: random.Random) -> tuple[Example, str]:
        keys = rng.sample(rng.choice(pools), rng.choice((1, 2, 2, 3, 3)))
        style = rng.choice(("standard", "or"))
        source, target = (
            format_list([called[key] for key in keys], style=style, locale=language)
            for called, language in ((english, "en"), (chinese, "zh"))
        )
        tag = "list" if len(keys) > 1 else "name"
        return Example(source, target, tag), " ".join(sorted(keys))

    return draw


def _amounts() -> Draw:
    units, numbers = require("babel.units", TASK), require("babel.numbers", TASK)
    locales = [require("babel", TASK).Locale(language) for language in ("en", "zh")]
    known = [
        sorted(unit for unit, forms in locale.unit_display_names.items() if forms.get("long"))
        for locale in locales
    ]
    of_both = sorted(set(known[0]) & set(known[1]))
    currencies = sorted(
        code for code in locales[1].currencies if code in locales[0].currencies and code != "XXX"
    )

    def draw(rng: random.Random) -> tuple[Example, str]:
        number = round(10 ** rng.uniform(0, 4), rng.choice((0, 0, 1)))
        number = int(number) if number == int(number) else number
        if rng.random() < 0.5:
            unit = rng.choice(of_both)
            texts = [units.format_unit(number, unit, length="long", locale=locale) for locale in locales]
        else:
            unit, number = rng.choice(currencies), int(number)
            texts = [
                numbers.format_currency(
                    number, unit, format_type="name", locale=locale, currency_digits=False
                )
                for locale in locales
            ]
        source, target = texts
        return Example(source, target, "amount"), f"{number} {unit}"

    return draw


def _dates() -> Draw:
    format_date = require("babel.dates", TASK).format_date

    def draw(rng: random.Random) -> tuple[Example, str]:
        day = FIRST + timedelta(days=rng.randrange((LAST - FIRST).days + 1))
        english, chinese = rng.choice(list(DATE_PATTERNS.items()))
        texts = format_date(day, english, "en"), format_date(day, chinese, "zh")
        return Example(*texts, "date"), day.isoformat()

    return draw
