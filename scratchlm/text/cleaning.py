"""Cleaning: one form for the same text, and one copy of it."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import RecipeError

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
_LINE_END = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BLANK_LINES = re.compile("\n{3,}")
_SPACES = re.compile("[ \t]{2,}")
_BLOCK = 4096  # shingles that meet all 128 hashes at once: 4 MB


def clean(
    text: str,
    *,
    form: Form = "NFC",
    strip_control: bool = True,
    collapse_spaces: bool = False,
) -> str:
    r"""The text with one spelling for what looks the same; cleaning it again changes nothing.

    Every line end becomes \n, byte order marks go, and with strip_control all control characters but \n and
    \t. Then Unicode normalisation (`form`, UAX #15), white space at the ends of lines off, at most one blank
    line in a row, none at the ends of the text. collapse_spaces makes every run of spaces one space: right
    for prose, wrong for programs and tables. The time is linear in the length of the text.

        >>> clean("e\u0301t\u00e9 \r\n\r\n\r\n\r\nfin\x07\n")
        'été\n\nfin'
    """
    text = one_form(text, form=form, strip_control=strip_control)
    if collapse_spaces:
        text = _SPACES.sub(" ", text)
    # a pattern such as " +$" would look at a run of n spaces inside a line n²/2 times
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def one_form(text: str, *, form: Form = "NFC", strip_control: bool = True) -> str:
    r"""What `clean` does to characters, with spaces and lines left: for prompts to a model of clean text.

    >>> one_form("\ufeffcafe\u0301 \r\n")
    'café \n'
    """
    text = _LINE_END.sub("\n", text.replace("\ufeff", ""))
    if strip_control:
        text = _CONTROL.sub("", text)
    return unicodedata.normalize(form, text)


def remove_exact_duplicates(docs: Iterable[str]) -> list[str]:
    """The documents without later copies of earlier ones, in order."""
    return list(dict.fromkeys(docs))


def remove_near_duplicates(docs: Sequence[str], threshold: float = 0.8, shingle: int = 5) -> list[str]:
    """The documents without those that nearly repeat an earlier one that stays, in order.

    A document is the set of its shingles, all its runs of `shingle` characters (so Chinese needs no word
    cutting), and two documents A, B are near where their Jaccard similarity

        J(A, B) = |A ∩ B| / |A ∪ B|  ≥  threshold.

    Comparing all pairs would take quadratic time. MinHash (Broder, 1997): under a random hash h of shingles,
    min h(A) = min h(B) with probability J. b bands of r such minima each make a pair with J = s a candidate
    with probability 1 - (1 - s^r)^b; only candidates are compared. r is the largest with at least 0.99 at the
    threshold for 128 hashes: for 0.8, r = 6 and b = 21 (0.998 at s = 0.8, 0.05 at s = 0.37).

        >>> remove_near_duplicates(["to be or not to be", "to be or not to bee", "that is it"], 0.7)
        ['to be or not to be', 'that is it']

    Raises:
        RecipeError: the threshold is outside 0 … 1 or the shingle below 1.
    """
    if not 0 < threshold <= 1:
        raise RecipeError(f"threshold is {threshold}, but a similarity lies above 0 and up to 1.")
    if shingle < 1:
        raise RecipeError(f"shingle is {shingle}, but it has at least 1 character.")
    rows = next(r for r in range(128, 0, -1) if r == 1 or 1 - (1 - threshold**r) ** (128 // r) >= 0.99)
    bands = 128 // rows
    rng = np.random.default_rng(0)  # always the same hashes, so always the same documents
    factors = rng.integers(0, 1 << 64, bands * rows, np.uint64) | np.uint64(
        1
    )  # odd: h·factor mod 2^64 is 1:1
    weights = rng.integers(0, 1 << 64, shingle, np.uint64)

    kept: list[int] = []
    buckets: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
    for number, doc in enumerate(docs):
        hashes = _shingle_hashes(doc, weights)
        blocks = [hashes[start : start + _BLOCK] for start in range(0, len(hashes), _BLOCK)]
        minima = np.min([(factors[:, None] * block).min(axis=1) for block in blocks], axis=0)
        keys = [(band, row.tobytes()) for band, row in enumerate(minima.reshape(bands, rows))]
        candidates = {other for key in keys for other in buckets[key]}
        if not any(_jaccard(doc, docs[other], shingle) >= threshold for other in candidates):
            kept.append(number)
            for key in keys:
                buckets[key].append(number)
    return [docs[number] for number in kept]


def _shingles(doc: str, shingle: int) -> set[str]:
    """The runs of `shingle` characters of a document; a shorter document is its own one."""
    return {doc[start : start + shingle] for start in range(max(1, len(doc) - shingle + 1))}


def _jaccard(a: str, b: str, shingle: int) -> float:
    one, other = _shingles(a, shingle), _shingles(b, shingle)
    return len(one & other) / len(one | other)


def _shingle_hashes(doc: str, weights: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """H(s) = Σ_i weights_i·s_i mod 2^64 of every shingle s of a document, (shingles,)."""
    codes = np.frombuffer(doc.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    codes = np.pad(codes, (0, max(0, len(weights) - len(codes))))
    return np.lib.stride_tricks.sliding_window_view(codes, len(weights)) @ weights
