"""Text in pieces that ends before a stop string, of which nothing is shown."""

from collections.abc import Iterable, Iterator, Sequence

from ..errors import OptionError, quote


def until(pieces: Iterable[str], stop: Sequence[str]) -> Iterator[str]:
    """Yield the text of the pieces up to where the first of the stop strings begins, or all of it.

    Text that may be the beginning of a stop string waits until that is decided, however the pieces are cut.

        >>> list(until(["Yes.", "\\n", "Us", "er: "], ["\\nUser:", "\\n\\n"]))
        ['Yes.']

    Raises:
        OptionError: a stop string is empty, or `stop` is one string, whose characters it would mean.
    """
    if "" in stop:  # so it is in a str
        raise OptionError(f"stop is a list of strings, none of them empty, got {quote(stop)}.")
    return _until(pieces, stop)


def _until(pieces: Iterable[str], stop: Sequence[str]) -> Iterator[str]:
    waiting = ""
    for piece in pieces:
        waiting += piece
        found = _first(waiting, stop)
        undecided = next(place for place in range(len(waiting) + 1) if _may_grow(waiting[place:], stop))
        if found < len(waiting) and found <= undecided:
            break
        if undecided:
            yield waiting[:undecided]
        waiting = waiting[undecided:]
    if shown := waiting[: _first(waiting, stop)]:
        yield shown


def _first(text: str, stop: Sequence[str]) -> int:
    """Where the first stop string begins, len(text) if there is none."""
    return min((place for one in stop if (place := text.find(one)) >= 0), default=len(text))


def _may_grow(text: str, stop: Sequence[str]) -> bool:
    """Whether a stop string begins with this text; what may follow the last character has no text yet."""
    return not text or any(one.startswith(text) for one in stop)
