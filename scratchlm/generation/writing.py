"""Text as a model writes it, in pieces as they come."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import TokenError, quote
from ..text import Tokenizer
from .sampling import generate
from .stopping import until

# How many tokens before a new one decide its text: 3 for bytes (so many of a character may wait for its
# last), 2 for the spaces between words. 8 cost no more, and are on the safe side.
WINDOW = 8


def write(
    model: Any, tokenizer: Tokenizer, prompt: str, tokens: int, *, stop: Sequence[str] = (), **options: Any
) -> Iterator[str]:
    """The text that continues the prompt, in pieces as they come; options as for `generate`.

    An empty prompt starts after a line end, or after the first ordinary token where there is none. The text
    ends before the first of the strings in `stop`.

    Raises:
        TokenError: the prompt has characters or words that the tokenizer does not know.
        OptionError: an option is out of range, or a stop string empty.
    """
    ids = known_ids(tokenizer, prompt).tolist() or _start(tokenizer)
    never = [] if tokenizer.unknown_id is None else [tokenizer.unknown_id]
    written = generate(model, ids, tokens, **options, never=never)
    return until(_pieces(tokenizer, ids, written), stop)


def known_ids(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """The ids (N) of a text that a model is to read.

    Raises:
        TokenError: it has characters or words that the tokenizer does not know.
    """
    if unknown := tokenizer.unknown_tokens(text):
        shown = ", ".join(quote(token) for token in unknown[:5])
        raise TokenError(
            f"The text has what the model's {tokenizer.kind} do not know: {shown}"
            f"{' and more' if len(unknown) > 5 else ''}. Leave it out, or train on text that has it."
        )
    return tokenizer.encode(text)


def _pieces(tokenizer: Tokenizer, ids: list[int], written: Iterable[int]) -> Iterator[str]:
    """The text of the tokens written after ids; joined, it is what decoding all of them at once adds."""
    window, held = ids[-WINDOW:], ""
    for token in written:
        before = len(tokenizer.decode(window)) - len(held)
        text = tokenizer.decode([*window, token])[before:]
        held = "\ufffd" if text.endswith("\ufffd") else ""  # perhaps a character whose last bytes are to come
        if shown := text.removesuffix(held):
            yield shown
        window = [*window[1 - WINDOW :], token]
    if held:
        yield held


def _start(tokenizer: Tokenizer) -> list[int]:
    if not tokenizer.unknown_tokens("\n") and len(ids := tokenizer.encode("\n")):
        return list(ids)
    return [1 if tokenizer.unknown_id == 0 and tokenizer.vocab_size > 1 else 0]
