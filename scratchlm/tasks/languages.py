"""Which language is it? Short names in 20 languages and 8 scripts, from CLDR through Babel."""

from .cldr import babel_in_words, names
from .examples import Example, TaskData, split_examples

LANGUAGES = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "cs", "fi", "tr", "vi"),  # Latin letters
    *("ru", "uk"),  # Cyrillic
    *("el", "ar", "zh", "ja", "ko"),
)


def load(seed: int = 0) -> TaskData:
    """More than 20,000 names of things with the code of the language that they are written in.

    What a name means is held out with it: where "Deutschland" is in the test, so are "Germany" and "德国",
    and training has none of them. A name that two of the languages write alike is left out everywhere. The
    tag is what is named: "territory", "language", "script", "currency", "unit" or "city".

    Raises:
        DataError: the package babel (BSD-3-Clause) is missing.
    """
    examples = {
        Example(name, language, key.partition("/")[0]): key
        for language in LANGUAGES
        for key, name in names(language, "task languages").items()
    }
    return TaskData(
        "languages",
        f"name the language of a short text, one of {len(LANGUAGES)}",
        babel_in_words(),
        *split_examples(examples, seed, keys=list(examples.values())),
        metric="accuracy",
    )
