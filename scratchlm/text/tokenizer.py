"""What all tokenizers share: text to ids and back, special tokens, and tokenizer.json.

The file is the one of the Hugging Face `tokenizers` library, which reads it and gives the same ids.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, DtypeError, RecipeError, TokenError, did_you_mean, quote
from ..files import write_text

Json = dict[str, Any]


class Tokenizer(ABC):
    """Text ↔ ids: encode(text) → int32 (N,), decode(ids) → text.

    A subclass cuts text into tokens (`_encode`), joins them (`_decode`), and names the parts of the file
    that do the same in the Hugging Face library (`_pipeline`, which it also recognises its own file by).

    specials are tokens such as "<|endoftext|>" that a text may spell out: each is one id, never cut.

        >>> t = train_tokenizer("characters", "abcab", specials=["<eos>"])
        >>> t.tokens
        ['<unk>', '<eos>', 'a', 'b', 'c']
        >>> t.encode("ba<eos>"), t.decode([3, 2])
        (array([3, 2, 1], dtype=int32), 'ba')

    Raises:
        TokenError: a token occurs twice.
    """

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type["Tokenizer"]]] = {}
    unknown_id: int | None = None

    def __init_subclass__(cls) -> None:
        if "kind" in cls.__dict__:
            Tokenizer.kinds[cls.kind] = cls

    def __init__(self, tokens: Sequence[str], specials: Sequence[str] = ()) -> None:
        self.tokens = list(tokens)
        self.specials = list(specials)
        self._ids = {token: number for number, token in enumerate(self.tokens)}
        if len(self._ids) < len(self.tokens):
            raise TokenError("A tokenizer was given a token twice: each must have one id.")
        longest_first = "|".join(map(re.escape, sorted(self.specials, key=len, reverse=True)))
        self._special = re.compile(f"({longest_first or '(?!)'})")  # (?!) matches nowhere

    @classmethod
    @abstractmethod
    def train(cls, text: str | Iterable[str], vocab_size: int | None = None, min_count: int = 1) -> Self:
        """Learn the tokens of a text, or of several. vocab_size is a limit: a short text may have fewer."""

    @abstractmethod
    def _encode(self, text: str) -> Iterable[int]:
        """The ids of a text without special tokens."""

    @abstractmethod
    def _decode(self, ids: list[int]) -> str:
        """The text of ids, all in range."""

    @abstractmethod
    def _pipeline(self) -> Json:
        """The normalizer, pre_tokenizer, decoder and model of tokenizer.json."""

    @classmethod
    @abstractmethod
    def _from_json(cls, data: Json) -> "Tokenizer":
        """Rebuild from the content of tokenizer.json; any error means that it is not one of ours."""

    @property
    def vocab_size(self) -> int:
        """How many ids there are: 0 … vocab_size-1."""
        return len(self.tokens)

    def id_of(self, token: str) -> int:
        """The id of one token, such as "<eos>".

        Raises:
            TokenError: there is none.
        """
        if token not in self._ids:
            raise TokenError(f"This tokenizer has no token {quote(token)}{did_you_mean(token, self._ids)}.")
        return self._ids[token]

    def encode(self, text: str) -> NDArray[np.int32]:
        """The ids of a text as int32 (N,).

        Raises:
            TokenError: it is not a str, or has half a surrogate pair, which is no character.
        """
        ids: list[int] = []
        for place, part in enumerate(self._parts(text)):
            if place % 2:
                ids.append(self._ids[part])
            else:
                ids.extend(self._encode(part))
        return np.array(ids, np.int32)

    def decode(self, ids: ArrayLike) -> str:
        """The text of ids (N,).

        Raises:
            DtypeError: they are not a row of integers.
            TokenError: an id is out of range.
        """
        array = np.asarray(ids)
        if array.size == 0:
            return ""
        if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
            raise DtypeError(f"Token ids are a row of integers, not {array.dtype} of shape {array.shape}.")
        wrong = array[(array < 0) | (array >= self.vocab_size)]
        if wrong.size:
            raise TokenError(
                f"Token id {wrong[0]} is outside 0 … {self.vocab_size - 1}, the ids of this tokenizer: "
                "was the text encoded with another one?"
            )
        return self._decode(array.tolist())

    def unknown_tokens(self, text: str) -> list[str]:
        """What of a text has no id of its own, each once, in the order of the text."""
        return []

    def _parts(self, text: str) -> list[str]:
        """The text cut at special tokens: ordinary text at the even places, specials at the odd."""
        if not isinstance(text, str):
            raise TokenError(f"A text to encode is a str, not {type(text).__name__}: decode or join it.")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise TokenError(
                f"The text has half a surrogate pair, U+{ord(text[error.start]):04X}, at character "
                f"{error.start}, which is no character: read the text again as UTF-8."
            ) from error
        return self._special.split(text)

    def _ordinary(self, text: str | Iterable[str]) -> Iterator[str]:
        """The ordinary parts of one text or of several."""
        for one in [text] if isinstance(text, str) else text:
            yield from self._parts(one)[::2]

    def to_json(self) -> Json:
        """The content of tokenizer.json."""
        added = [
            {
                "id": self._ids[token],
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token in self.specials
        ]
        head: Json = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added}
        return head | {"post_processor": None} | self._pipeline()

    def save(self, path: str | Path) -> None:
        """Write tokenizer.json, whole or not at all.

        Raises:
            CheckpointError: it cannot be written.
        """
        write_text(Path(path), json.dumps(self.to_json(), ensure_ascii=False, indent=1))


def train_tokenizer(kind: str, text: str | Iterable[str], **options: Any) -> Tokenizer:
    """Train the tokenizer of a kind: "characters", "words" or "bpe"; the options are those of its `train`.

    Raises:
        RecipeError: there is no such kind.
    """
    if kind not in Tokenizer.kinds:
        known = Tokenizer.kinds
        raise RecipeError(
            f"There is no tokenizer {quote(kind)}{did_you_mean(kind, known)}: choose "
            f"one of {', '.join(known)}."
        )
    return Tokenizer.kinds[kind].train(text, **options)


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Read a tokenizer.json that `save` wrote.

    Raises:
        DataError: the file is missing, damaged, or of another program.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read the tokenizer {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"The tokenizer {path} is damaged (no JSON): train and save it again.") from error
    for tokenizer in Tokenizer.kinds.values():
        try:
            built = tokenizer._from_json(data)
            if built.to_json() == data:  # every part of the file is then accounted for
                return built
        except (LookupError, TypeError, ValueError, AttributeError):
            continue
    raise DataError(
        f"The tokenizer {path} was not saved by scratchlm, or was changed since: train and save one with it."
    )


def check_specials(specials: Sequence[str]) -> None:
    """Raise RecipeError unless the special tokens differ and are two or more visible ASCII characters."""
    for special in specials:
        if len(special) < 2 or not all("!" <= character <= "~" for character in special):
            raise RecipeError(
                f"The special token {quote(special)} must be two or more visible ASCII signs, "
                "such as '<eos>'."
            )
    if len(set(specials)) < len(specials):
        raise RecipeError(f"The special tokens {', '.join(specials)} must differ from each other.")
