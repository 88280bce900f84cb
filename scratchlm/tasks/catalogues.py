"""Sentences of programs' interfaces in two languages, from the gettext catalogues that packages come with."""

import gettext
import importlib.metadata
import re
from functools import cache

from ..text import one_form
from .packages import missing

PACKAGES = {  # and their licences; only their catalogues are read
    "django": "BSD-3-Clause",
    "gramps": "GPL-2.0-or-later",
    "jupyterlab-language-pack-zh-CN": "BSD-3-Clause",
}
CHARACTERS = range(2, 81)  # of an English sentence

_CHINESE = {"zh_CN", "zh_Hans"}
_HAN = re.compile("[\u4e00-\u9fff]")
_KEY = re.compile(r"\([_&]?[A-Za-z]\)")  # "打开(_O)": the letter that opens a menu
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z\d]|\$?\{[^}]*\}|<[^>]*>")


def catalogues_in_words() -> str:
    """The releases of the packages and their licences."""
    return ", ".join(f"{name} {importlib.metadata.version(name)} ({PACKAGES[name]})" for name in PACKAGES)


@cache
def sentences(needed_by: str) -> dict[str, str]:
    """English → Chinese, each English sentence once, in the packages' order; the first translation counts.

    Sentences of 2 to 80 characters on one line; menus' letters ("_Open", "打开(_O)") are taken out, and what
    has no Han character, or no lower-case letter, is left out: it is not translated.

    Raises:
        DataError: a package is missing.
    """
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError as error:
            raise missing(package, needed_by) from error
        for file in sorted(file for file in files if file.suffix == ".mo" and _CHINESE & set(file.parts)):
            with open(str(file.locate()), "rb") as catalogue:
                entries = gettext.GNUTranslations(catalogue)._catalog  # type: ignore[attr-defined]
            for key, chinese in entries.items():
                english = key[0] if isinstance(key, tuple) else key  # (sentence, number of its plural form)
                pair = _pair(english.rpartition("\x04")[2], chinese)  # context, \x04, sentence
                if pair:
                    found.setdefault(*pair)
    return found


def _pair(english: str, chinese: str) -> tuple[str, str] | None:
    """An English sentence and its translation without menus' letters, or None where it is none.

    >>> _pair("_Open %s…", "打开 %s(_O)…")
    ('Open %s…', '打开 %s…')
    """
    if _KEY.search(chinese):
        english, chinese = re.sub(r"[_&](?=\w)", "", english, count=1), _KEY.sub("", chinese)
    english, chinese = one_form(english).strip(), one_form(chinese).strip()
    if len(english) not in CHARACTERS or "\n" in english + chinese:
        return None
    if len(letters(english)) < 2 or not _HAN.search(chinese):
        return None
    return english, chinese


def letters(sentence: str) -> str:
    """What two sentences have in common that differ in capitals, signs, numbers or placeholders alone.

    >>> letters("Delete %(count)d files?") == letters("delete {n} files")
    True
    """
    return "".join(filter(str.isalpha, _PLACEHOLDER.sub("", sentence.casefold())))
