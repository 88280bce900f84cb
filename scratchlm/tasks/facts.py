"""Questions about facts: what CLDR (through Babel) and Python's standard library know for certain."""

import errno
import html.entities
import http
import mimetypes
import operator
import os
import platform
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from .cldr import babel_in_words, cities, names
from .examples import Example, Parts, TaskData, draw, in_drawn_order
from .packages import require
from .sections import sections

TASK = "task facts"

# Five ways to ask for each kind of fact.
WORDINGS = {kind: wordings.splitlines() for kind, wordings in sections("facts.txt").items()}

# Printable characters: Latin letters with marks, Greek, Cyrillic, arrows, mathematics.
CHARACTERS = (
    *(range(0xA1, 0x180), range(0x391, 0x3CA), range(0x410, 0x450)),
    *(range(0x2190, 0x2200), range(0x2200, 0x2280)),
)


def load(seed: int = 0) -> TaskData:
    """About 18,000 questions on 3,600 facts, each asked in five ways; the tag says of which kind.

    Of each fact one drawn wording is held out, for validation or for the test, and four are in training. So
    the test asks whether a model finds a fact again that it was told in other words, and no more: nobody can
    answer questions about facts never heard. The facts are those of the releases that str() names; a few
    messages of errors differ between operating systems. Capitals count: É and é are two questions.

    Raises:
        DataError: the package babel (BSD-3-Clause) is missing.
    """
    training: list[Example] = []
    validation: list[Example] = []
    test: list[Example] = []
    for kind, subject, answer in _facts_with_one_answer():
        asked = [Example(wording.format(subject), answer, kind) for wording in WORDINGS[kind]]
        hidden = asked.pop(int(draw(seed, "wording", kind, subject) * len(asked)))
        training += asked
        (test if draw(seed, "part", kind, subject) < 0.5 else validation).append(hidden)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return TaskData(
        "facts",
        "answer a question about a fact, which training asked in other words",
        f"{babel_in_words()} and the standard library of {python}",
        *Parts(*(in_drawn_order(part, seed) for part in (training, validation, test))),
        metric="exact_match",
    )


def _facts_with_one_answer() -> list[tuple[str, str, str]]:
    """(kind, subject, answer), without subjects that have two answers."""
    answers: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for kind, subject, answer in chain(_facts_about_the_world(), _facts_about_computers()):
        answers[kind, subject].add(answer)
    return [(kind, subject, found.pop()) for (kind, subject), found in answers.items() if len(found) == 1]


def _facts_about_the_world() -> Iterator[tuple[str, str, str]]:
    """What CLDR knows about countries, cities, currencies and languages."""
    core = require("babel.core", TASK)
    official_languages = require("babel.languages", TASK).get_official_languages
    currencies_of = require("babel.numbers", TASK).get_territory_currencies
    name = names("en", TASK)
    country = {key.split("/")[1]: text for key, text in name.items() if re.match(r"territory/[A-Z]{2}$", key)}

    for code, text in country.items():
        yield "country code", text, code
        money = [f"currency/{currency}" for currency in currencies_of(code)]
        if len(money) == 1 and money[0] in name:
            yield "currency", text, name[money[0]]
        spoken = [language for language in official_languages(code) if f"language/{language}" in name]
        if spoken:
            yield "language", text, " and ".join(name[f"language/{language}"] for language in spoken)
        try:
            local = core.Locale.parse(f"und_{code}")
        except core.UnknownLocaleError:  # a territory whose language CLDR has no names for
            continue
        yield "week", text, core.Locale("en").days["stand-alone"]["wide"][local.first_week_day]
        if spoken == [local.language]:
            yield "own name", text, local.territories[code]

    for key, text in name.items():
        kind, code = key.split("/", 1)
        if kind == "currency":
            yield "currency code", text, code
        if kind == "language" and (likely := core.get_global("likely_subtags").get(code)):
            yield "script", text, name[f"script/{likely.split('_')[1]}"]
    for zone, city in cities("en", TASK).items():
        if (code := core.get_global("zone_territories")[zone]) in country:
            yield "city", city, country[code]


def _facts_about_computers() -> Iterator[tuple[str, str, str]]:
    """What Python's standard library knows."""
    for status in http.HTTPStatus:
        yield "http", str(status.value), status.phrase
    for number, constant in errno.errorcode.items():
        yield "errno", constant, os.strerror(number)
    for entity, code in html.entities.name2codepoint.items():
        if chr(code).isprintable():
            yield "entity", f"&{entity};", chr(code)
    for character in map(chr, chain(*CHARACTERS)):
        if character.isprintable() and (called := unicodedata.name(character, "")):
            yield "character", character, called.lower()
    for function in sorted(vars(operator)):
        same = re.match(
            r"Same as (.+?)(?:, for a and b sequences|\.)", vars(operator)[function].__doc__ or ""
        )
        if same and not function.startswith("_"):
            yield "operator", function, same[1]
    # no files: the list that comes with Python, not the machine's
    for ending, kind in mimetypes.MimeTypes().types_map[True].items():
        yield "mime", ending, kind
