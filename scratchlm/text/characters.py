"""One token per character (Unicode code point)."""

from collections.abc import Iterable

from .lookup import LookupTokenizer, read_vocabulary
from .splitting import CHARACTER, split_at
from .tokenizer import Json


class CharTokenizer(LookupTokenizer):
    """Every character is a token; decode strings them together, so known text survives unchanged.

    >>> t = CharTokenizer.train("hello")
    >>> t.tokens
    ['<unk>', 'l', 'e', 'h', 'o']
    >>> t.encode("hole!").tolist(), t.unknown_tokens("hole!")
    ([3, 4, 1, 2, 0], ['!'])
    """

    kind = "characters"

    def _pieces(self, text: str) -> Iterable[str]:
        return text

    def _decode(self, ids: list[int]) -> str:
        return "".join(self.tokens[number] for number in ids)

    def _pipeline(self) -> Json:
        return {
            "normalizer": None,
            "pre_tokenizer": split_at(CHARACTER),
            "decoder": {"type": "Fuse"},
            "model": self._model(),
        }

    @classmethod
    def _from_json(cls, data: Json) -> "CharTokenizer":
        return cls(*read_vocabulary(data))
