"""Summaries: what a docstring says → its first line, from the sources of Python and installed packages."""

import ast
import importlib.metadata
import importlib.util
import platform
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from scratchlm.tasks.examples import Example, TaskData, split_examples
from scratchlm.text import clean, remove_near_duplicates

# What is installed with scratchlm and with its tasks; others that happen to be there would change the task.
PACKAGES = {
    "numpy": "numpy",
    "numba": "numba",
    "llvmlite": "llvmlite",
    "matplotlib": "matplotlib",
    "contourpy": "contourpy",
    "fontTools": "fonttools",
    "PIL": "pillow",
    "pyparsing": "pyparsing",
    "packaging": "packaging",
    "rich": "rich",
    "pygments": "Pygments",
    "click": "click",
    "babel": "babel",
    "nltk": "nltk",
    "sacrebleu": "sacrebleu",
    "joblib": "joblib",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
}
SUMMARY_CHARACTERS = range(20, 121)
BODY_CHARACTERS = range(40, 601)

_PASSED_OVER = {"test", "tests", "testing", "idle_test", "lib2to3", "site-packages", "dist-packages"}
_SENTENCE = re.compile(r"(?!.*\. [A-Z])[A-Z][^\s:;?!]*(?: [^\s:;?!]+){2,}(?<=[\w)])\.")
# Where prose ends: a heading with its line, a Google section, a field, a directive, an example, a list.
_END_OF_PROSE = re.compile(
    r"^[ \t]*(?:[A-Z][\w ]*\n[ \t]*[-=~]{3,}|[A-Z][\w ]*:$|:\w+|@\w+|\.\. |>>>|[-*+] |\|)|::$", re.MULTILINE
)
_ROLE = re.compile(r":[\w:]+:`~?([^`<]+)(?: <[^`]*>)?`")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,2}(\w+)\*{1,2}(?![\w*])")
_Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_LETTERS_SHARE = 0.85


def load(seed: int = 0, *, whole_files: bool = False) -> TaskData:
    """Return pairs of a docstring's prose and its first line, one sentence; about 5,600 of them.

    Functions and classes of the standard library and of 18 installed packages are read, not imported (their
    licences are theirs: nothing is kept; most are BSD, MIT or PSF). Of the prose, everything from the first
    table of parameters, list or example on is cut off, and it has 40 to 600 characters. Nearly the same prose
    or the same first line occurs only once in all.

    Functions of one file describe each other: the first line of the nearest training example has a ROUGE-L of
    21. With `whole_files`, no file is in two parts, and it falls to 11: then only what holds for docstrings
    everywhere helps. Nothing is raised where a package is missing: then there are fewer pairs.
    """
    files = _pairs()
    return TaskData(
        "summaries",
        "write the first line of a docstring from what follows it",
        f"docstrings of {_read_in_words()}",
        *split_examples(files, seed, keys=list(files.values()) if whole_files else None),
        metric="rougeL",
    )


@cache
def _pairs() -> dict[Example, str]:
    """Return the pairs, each first line and nearly the same prose once, and the file of each."""
    files: dict[Example, str] = {}
    summaries: set[str] = set()
    for file, docstring in _docstrings():
        example = _pair(docstring)
        if example and example.target.casefold() not in summaries:
            summaries.add(example.target.casefold())
            files[example] = file
    prose = set(remove_near_duplicates([example.source for example in files], threshold=0.7))
    return {example: file for example, file in files.items() if example.source in prose}


def _docstrings() -> Iterator[tuple[str, str]]:
    """Yield (file, docstring) of all functions and classes, read but not imported."""
    for name, root in _roots().items():
        for path in sorted(root.rglob("*.py")):
            inside = path.relative_to(root)
            if _PASSED_OVER.isdisjoint(inside.parts):
                try:
                    tree = ast.parse(path.read_bytes())
                except (SyntaxError, ValueError):  # a template, or a file for another Python
                    continue
                for node in _functions_and_classes(tree):
                    yield f"{name}/{inside.as_posix()}", ast.get_docstring(node) or ""


def _functions_and_classes(node: ast.AST) -> Iterator[_Documented]:
    """Yield what a node defines, also inside "if" and "else"; ast.walk would visit every name and sign."""
    for child in [*getattr(node, "body", []), *getattr(node, "orelse", [])]:
        if isinstance(child, _Documented):
            yield child
        yield from _functions_and_classes(child)


def _roots() -> dict[str, Path]:
    """Return the folders to read: the standard library, then the packages that are installed."""
    roots = {"python": Path(sysconfig.get_path("stdlib"))}
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            roots[name] = Path(spec.origin).parent
    return roots


def _read_in_words() -> str:
    versions = [
        f"{distribution} {importlib.metadata.version(distribution)}"
        for name, distribution in PACKAGES.items()
        if name in _roots()
    ]
    return ", ".join([f"{platform.python_implementation()} {platform.python_version()}", *versions])


def _pair(docstring: str) -> Example | None:
    """Return prose → first line, or None where one of them is missing, too short or no prose."""
    summary, _, body = clean(docstring).partition("\n\n")
    summary = _plain(summary)
    if len(summary) not in SUMMARY_CHARACTERS or not _SENTENCE.fullmatch(summary):
        return None
    if end := _END_OF_PROSE.search(body):
        body = body[: end.start()]
    body = _plain(body)
    if len(body) >= BODY_CHARACTERS.stop:
        body = body[: body.rfind(". ", 0, BODY_CHARACTERS.stop) + 1]
    letters = sum(character.isalpha() or character in " .,'" for character in body)
    if len(body) not in BODY_CHARACTERS or letters < _LETTERS_SHARE * len(body):
        return None
    return Example(body, summary)


def _plain(text: str) -> str:
    """Return text without markup, on one line.

    >>> _plain("Call :func:`~os.walk` with\\n``top`` and *f*.")
    'Call os.walk with top and f.'
    """
    return " ".join(_EMPHASIS.sub(r"\1", _ROLE.sub(r"\1", text)).replace("`", "").split())
