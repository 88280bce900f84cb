"""One token per word, number, sign, line end or Chinese character."""

import re
from collections.abc import Iterable, Sequence

from .lookup import LookupTokenizer, read_vocabulary
from .splitting import NO_SPACE, NO_SPACE_BETWEEN_LINES, SPACED_WORD, WORD, split_at
from .tokenizer import Json


class WordTokenizer(LookupTokenizer):
    r"""Words are tokens, with the ' and - inside them, and so are numbers, line ends and each other sign.

    Spaces are no tokens. decode puts one between all tokens, except before closing signs such as . , ) and
    after opening ones, around line ends, and between Chinese characters. A straight quote that opens keeps
    the space before it as part of its token, so that the two sides of a quotation can be told apart.

        >>> t = WordTokenizer.train('He said  "well-known" (3.5). 我爱')
        >>> t.tokens[1:]
        [' "', '"', '(', ')', '.', '3.5', 'He', 'said', 'well-known', '我', '爱']
        >>> t.decode(t.encode('He said  "well-known" (3.5). 我爱'))
        'He said "well-known" (3.5). 我爱'

    spaced takes whatever stands between spaces as a word, for a text that comes with its words cut, and <unk>
    in it as what the vocabulary lacks; lines stay lines.

        >>> t = WordTokenizer.train("the u.s. did n't <unk>\nthe <unk>", spaced=True)
        >>> t.tokens, t.encode("the <unk>").tolist()
        (['<unk>', 'the', '\n', 'did', "n't", 'u.s.'], [1, 0])

    lowercase makes no difference between The and the. Two rules of Unicode depend on the neighbours of a
    letter; here each letter has one small form, as in the Hugging Face library.
    """

    kind = "words"

    def __init__(
        self,
        tokens: Sequence[str],
        specials: Sequence[str] = (),
        *,
        lowercase: bool = False,
        spaced: bool = False,
    ) -> None:
        super().__init__(tokens, specials)
        self.lowercase, self.spaced = lowercase, spaced
        self._word, self._no_space = (SPACED_WORD, NO_SPACE_BETWEEN_LINES) if spaced else (WORD, NO_SPACE)

    def _pieces(self, text: str) -> Iterable[str]:
        if self.lowercase:
            text = text.replace("Σ", "σ").lower()  # str.lower alone writes ς at the end of a word
        return re.findall(self._word, text)

    def _decode(self, ids: list[int]) -> str:
        return re.sub(self._no_space, "", " ".join(self.tokens[number] for number in ids))

    def _pipeline(self) -> Json:
        joined = [
            {"type": "WordPiece", "prefix": "##", "cleanup": False},  # " ".join: no token begins with ##
            {"type": "Fuse"},
            {"type": "Replace", "pattern": {"Regex": self._no_space}, "content": ""},
        ]
        return {
            "normalizer": {"type": "Lowercase"} if self.lowercase else None,
            "pre_tokenizer": split_at(self._word, keep_between=False),
            "decoder": {"type": "Sequence", "decoders": joined},
            "model": self._model(),
        }

    @classmethod
    def _from_json(cls, data: Json) -> "WordTokenizer":
        spaced = data["pre_tokenizer"]["pattern"]["Regex"] == SPACED_WORD
        return cls(*read_vocabulary(data), lowercase=data["normalizer"] is not None, spaced=spaced)
