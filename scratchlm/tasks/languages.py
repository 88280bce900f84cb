"""Which language is it? Short texts in 20 languages and 8 scripts, from CLDR through Babel."""

from collections import defaultdict

from .cldr import babel_in_words, names
from .examples import Example, TaskData, draw, split_examples

LANGUAGES = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "cs", "fi", "tr", "vi"),  # Latin letters
    *("ru", "uk"),  # Cyrillic
    *("el", "ar", "zh", "ja", "ko"),
)


def load(seed: int = 0) -> TaskData:
    """More than 20,000 texts with the code of their language: names, half of them with a translation.

    "Deutschland" (tag "name") is German, and so is "Deutschland (Germany)" (tag "translated"): what stands in
    brackets is the same in another language, drawn among the 20, and does not count. To know that, one has
    to see what stands where; the same runs of characters are in "Germany (Deutschland)".

    What a name means is held out with it: where "Deutschland" is in the test, so are "Germany" and "德国",
    and training has none of them. A name that two of the languages write alike begins no text.

    Raises:
        DataError: the package babel (BSD-3-Clause) is missing.
    """
    called = {language: names(language, "task languages") for language in LANGUAGES}
    writers: defaultdict[str, set[str]] = defaultdict(set)  # of each name
    for language, by_key in called.items():
        for name in by_key.values():
            writers[name].add(language)
    examples: dict[Example, str] = {}
    for language, by_key in called.items():
        for key, name in by_key.items():
            if len(writers[name]) == 1:
                examples[_text(name, language, key, called, seed)] = key
    return TaskData(
        "languages",
        f"name the language of a short text, one of {len(LANGUAGES)}, whatever it has in brackets",
        babel_in_words(),
        *split_examples(examples, seed, keys=list(examples.values())),
        metric="accuracy",
    )


def _text(name: str, language: str, key: str, called: dict[str, dict[str, str]], seed: int) -> Example:
    """A name, alone or with its translation in brackets."""
    others = [by_key[key] for by_key in called.values() if by_key.get(key, name) != name]
    place = draw(seed, "translation", language, key) * 2  # from 0 up to 2: from 1 on it stays alone
    if place >= 1 or not others:
        return Example(name, language, "name")
    return Example(f"{name} ({others[int(place * len(others))]})", language, "translated")
