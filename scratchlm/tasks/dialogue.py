"""A customer and the service of a shop: dialogues from our own templates, filled with the world's names."""

import random
from collections.abc import Iterator
from datetime import date, time, timedelta

from .cldr import babel_in_words, cities, names
from .examples import Example, TaskData, split_examples
from .packages import require
from .sections import sections

DIALOGUES = 8_000
TASK = "task dialogue"

Turn = tuple[tuple[str, ...], str]  # what the customer may say, and the one right answer
Way = tuple[Turn, ...]  # through one concern


def _way(text: str) -> Way:
    """A way as data/dialogue.txt has it: what may be said, line by line, then after > the answer.

    >>> _way("Hi.\\nHello!\\n> Good day.")
    ((('Hi.', 'Hello!'), 'Good day.'),)
    """
    turns: list[Turn] = []
    said: list[str] = []
    for line in text.splitlines():
        if line.startswith("> "):
            turns.append((tuple(said), line[2:]))
            said = []
        else:
            said.append(line)
    return tuple(turns)


_SECTIONS = sections("dialogue.txt")
PRODUCTS = _SECTIONS.pop("products").splitlines()
GREETING, THANKS, GOODBYE = (_way(_SECTIONS.pop(name)) for name in ("greeting", "thanks", "goodbye"))
# Intent → ways through it, each one or two turns. A slot of an answer stands in what was said before, or
# follows from it: the country and the days of delivery from the city, the currency from the country.
INTENTS = {intent: [_way(text) for text in ways.split("\n\n")] for intent, ways in _SECTIONS.items()}
WORKING_DAYS = {"Europe": 3, "Atlantic": 4, "America": 5, "Africa": 6, "Asia": 7, "Indian": 8, "Australia": 9}


def load(seed: int = 0) -> TaskData:
    """About 14,000 answers of an agent, each with all that was said before; the tag is the intent.

    Dialogues have one or two concerns of the customer, often a greeting before and thanks after them. The
    sentences are scratchlm's own; cities, countries, currencies, prices, dates and times come from CLDR. An
    answer repeats what was said, or is always the same for a city, a country or a day of the week. A dialogue
    is in one part with all its turns. Held-out dialogues are made of templates that training knows too: they
    test numbers, names and histories that are new, not new ways to talk.

    Raises:
        DataError: the package babel (BSD-3-Clause) is missing.
    """
    rng = random.Random(seed)
    places = _places()
    keys: dict[Example, str] = {}
    for number in range(DIALOGUES):
        for example in _examples(_turns(rng, places)):
            keys.setdefault(example, str(number))
    return TaskData(
        "dialogue",
        "give the next answer of a customer service",
        f"templates of scratchlm, filled from {babel_in_words()}",
        *split_examples(keys, seed, keys=list(keys.values())),
        metric="bleu",
    )


def _examples(turns: Iterator[tuple[str, str, str]]) -> Iterator[Example]:
    history = ""
    for intent, said, answer in turns:
        history += f"Customer: {said}\nAgent:"
        yield Example(history, answer, intent)
        history += f" {answer}\n"


def _turns(rng: random.Random, places: list[dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    """The turns of one dialogue as (intent, what the customer says, the answer)."""
    way = [("greeting", GREETING)] if rng.random() < 0.4 else []
    for intent in rng.sample(list(INTENTS), k=rng.choice([1, 1, 2])):
        way.append((intent, rng.choice(INTENTS[intent])))
    if rng.random() < 0.2:
        way += [("thanks", THANKS), ("goodbye", GOODBYE)]
    for intent, turns in way:
        slots = _slots(rng, places)
        for said, answer in turns:
            yield intent, rng.choice(said).format(**slots), answer.format(**slots)


def _slots(rng: random.Random, places: list[dict[str, str]]) -> dict[str, str]:
    """A value for each slot of the templates; what belongs together fits together."""
    dates, numbers = require("babel.dates", TASK), require("babel.numbers", TASK)
    place = rng.choice(places)
    day = date(2026, 1, 1) + timedelta(days=rng.randrange(365))
    return place | {
        "order": str(rng.randrange(10_000, 100_000)),
        "product": rng.choice(PRODUCTS),
        "price": numbers.format_currency(rng.randrange(500, 50_000) / 100, place["code"], locale="en"),
        "date": dates.format_date(day, rng.choice(["MMMM d", "d MMMM", "MMM d, y"]), "en"),
        "weekday": dates.format_date(day, "EEEE", "en"),
        "hours": _hours(day.weekday()),
    }


def _hours(weekday: int) -> str:
    """When the shop is open: from Monday to Friday, on Saturday (5) and on Sunday (6)."""
    if weekday == 6:
        return "closed"
    format_time = require("babel.dates", TASK).format_time
    opens, closes = (time(10), time(16)) if weekday == 5 else (time(8), time(18, 30))
    return (
        f"open from {format_time(opens, 'H:mm', locale='en')} to {format_time(closes, 'H:mm', locale='en')}"
    )


def _places() -> list[dict[str, str]]:
    """Cities with their country, its currency, and the days that a parcel takes."""
    territories = require("babel.core", TASK).get_global("zone_territories")
    currencies_of = require("babel.numbers", TASK).get_territory_currencies
    name = names("en", TASK)
    places = []
    for zone, city in cities("en", TASK).items():
        region, country = zone.partition("/")[0], f"territory/{territories[zone]}"
        money = currencies_of(territories[zone])
        if region in WORKING_DAYS and country in name and money and f"currency/{money[0]}" in name:
            places.append(
                {
                    "city": city,
                    "country": name[country],
                    "code": money[0],
                    "currency": name[f"currency/{money[0]}"],
                    "days": str(WORKING_DAYS[region]),
                }
            )
    return places
