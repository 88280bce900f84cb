"""Tokenizers whose tokens are pieces of the text: a dictionary gives the id of each."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from .tokenizer import Json, Tokenizer, check_specials
from .vocabulary import Vocabulary

UNKNOWN = "<unk>"


class LookupTokenizer(Tokenizer):
    """Cut the text into pieces and look each up; one that the vocabulary lacks becomes id 0, "<unk>".

    A text cannot spell "<unk>" out: there it is ordinary text.
    """

    unknown_id: int = 0

    @classmethod
    def train(
        cls,
        text: str | Iterable[str],
        vocab_size: int | None = None,
        min_count: int = 1,
        specials: Sequence[str] = (),
        **options: Any,
    ) -> Self:
        """Keep the vocab_size most frequent pieces that occur min_count times; None keeps them all.

        "<unk>" and the specials count into vocab_size.

        Raises:
            RecipeError: vocab_size leaves no room, min_count is below 1, or special tokens clash.
            TokenError: it is no text.
        """
        reserved = [UNKNOWN, *specials]
        check_specials(reserved)
        untrained = cls(reserved, specials, **options)
        pieces = (piece for part in untrained._ordinary(text) for piece in untrained._pieces(part))
        vocabulary = Vocabulary(pieces, max_size=vocab_size, min_count=min_count, specials=reserved)
        return cls(vocabulary.tokens, specials, **options)

    @abstractmethod
    def _pieces(self, text: str) -> Iterable[str]:
        """The text cut into pieces."""

    def _encode(self, text: str) -> Iterator[int]:
        return (self._ids.get(piece, self.unknown_id) for piece in self._pieces(text))

    def unknown_tokens(self, text: str) -> list[str]:
        """The pieces of a text that become "<unk>", each once, in the order of the text."""
        pieces = (piece for part in self._ordinary(text) for piece in self._pieces(part))
        return list(dict.fromkeys(piece for piece in pieces if piece not in self._ids))

    def _model(self) -> Json:
        return {"type": "WordLevel", "vocab": self._ids, "unk_token": UNKNOWN}


def read_vocabulary(data: Json) -> tuple[list[str], list[str]]:
    """The tokens in the order of their ids, and the specials, of the content of tokenizer.json."""
    vocabulary = data["model"]["vocab"]
    return sorted(vocabulary, key=vocabulary.__getitem__), [
        token["content"] for token in data["added_tokens"]
    ]
