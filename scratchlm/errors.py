"""Everything that scratchlm refuses, as one family of exceptions.

Each message is one sentence that names the thing, says what was expected and what to do. The command
line prints that sentence alone and ends with exit code 2.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any


class ScratchLMError(Exception):
    """Base of all errors that scratchlm raises on purpose."""


class ShapeError(ScratchLMError, ValueError):
    """Arrays whose shapes do not fit together."""


class OptionError(ScratchLMError, ValueError):
    """An argument outside its range: a probability of 1.5, a learning rate below 0."""


class DtypeError(ScratchLMError, TypeError):
    """An array of the wrong element type, such as float token ids."""


class DeviceError(ScratchLMError, RuntimeError):
    """An unknown device, a missing package for it, or tensors on different devices."""


class GraphError(ScratchLMError, RuntimeError):
    """A use of the computation graph that has no answer: a second backward, a changed saved array."""


class NumberError(ScratchLMError, ArithmeticError):
    """A NaN or infinity where a number was needed."""


class DataError(ScratchLMError, ValueError):
    """Text that cannot be read or is too short for what it is meant for."""


class TokenError(ScratchLMError, ValueError):
    """A token or id that the vocabulary does not have."""


class RecipeError(ScratchLMError, ValueError):
    """A recipe that is broken, misspelt or out of range."""


class CheckpointError(ScratchLMError, RuntimeError):
    """A run directory or weights file that is missing, damaged, or from another version."""


class UnknownName(ScratchLMError, AttributeError):
    """A name of PyTorch's, say, that scratchlm has not."""


LEFT_OUT = ("conv", "pool", "batchnorm", "batch_norm", "interpolate", "fft", "jit", "distributed")


def unknown(where: str, name: str, known: Iterable[str]) -> UnknownName:
    """The answer to a name that `where` has not, with the nearest one that it has."""
    known = [word for word in known if not word.startswith("_")]
    if any(part in name.lower() for part in LEFT_OUT):
        return UnknownName(f"{where} has no '{name}': it is left out on purpose, see docs/pytorch.md.")
    return UnknownName(
        f"{where} has no '{name}'{did_you_mean(name, known)}: docs/pytorch.md lists what there is for "
        "PyTorch's names."
    )


def answering(where: str, known: Mapping[str, object]) -> Callable[[str], object]:
    """A module's `__getattr__`: the answer of `unknown` to names that it has not."""

    def missing(name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)  # protocols that somebody asks for
        raise unknown(where, name, known)

    return missing


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or "" where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {quote(near[0])}?)" if near else ""


def refuse_fractions(what: str, *values: object) -> None:
    """Raise OptionError unless all values are whole numbers."""
    for value in values:
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise OptionError(f"{what} takes whole numbers, got {quote(value)}.")


def refuse_words(what: str, *values: object) -> None:
    """Raise OptionError unless all values are plain numbers."""
    for value in values:
        if not isinstance(value, Real):
            raise OptionError(f"{what} takes numbers, got {quote(value)}.")


def check_number(name: str, value: Any, least: float, below: float = math.inf, finite: bool = True) -> None:
    """Refuse an option that is no number, or out of range.

    Raises:
        OptionError: with the name, the value and the range.
    """
    number = isinstance(value, Real)
    if not number or not least <= value or not (value < below or (value == below and not finite)):
        limit = f" and below {below:g}" if below < math.inf else ""
        raise OptionError(f"{name} is {quote(value)}, expected a number from {least:g} on{limit}.")


def short(text: object) -> str:
    """The text of what was given, or of another library's error, for a message: at most 80 characters.

    >>> short("a" * 70_000) == "a" * 59 + " … " + "a" * 18
    True
    """
    whole = str(text)
    return whole if len(whole) <= 80 else f"{whole[:59]} … {whole[-18:]}"


def quote(value: object) -> str:
    """A value that was given as Python writes it, for a message: at most 80 characters."""
    if isinstance(value, int) and value.bit_length() > 256:
        return short(hex(value))  # Python writes no number of thousands of decimals
    return short(repr(value))
