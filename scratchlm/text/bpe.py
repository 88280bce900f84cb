"""Byte-pair encoding: no text is unknown to it, and frequent strings become single tokens.

Source: Sennrich, Haddow and Birch (2016), over bytes as in GPT-2 (Radford et al., 2019).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain, pairwise
from typing import Self

from ..errors import RecipeError
from .splitting import PIECE, split_at
from .tokenizer import Json, Tokenizer, check_specials

Pair = tuple[int, int]
NEVER = 1 << 62  # the rank of a pair that no merge joins
_piece = re.compile(PIECE)


def _spell_bytes() -> list[str]:
    """A visible character for each byte, GPT-2's: itself where visible in Latin-1, else from U+0100.

    A space (32) is then written Ġ, a line end (10) Ċ.
    """
    visible = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = [byte for byte in range(256) if byte not in visible]
    return [chr(byte if byte in visible else 256 + others.index(byte)) for byte in range(256)]


BYTES = _spell_bytes()
BYTE_OF = {character: byte for byte, character in enumerate(BYTES)}


def learn_merges(pieces: Mapping[str, int], limit: int, min_count: int) -> list[Pair]:
    """Up to `limit` merges for pieces with their counts; merge number k makes the token 256+k.

    Each joins the pair of neighbours with the highest count, of equal ones the smallest pair of ids, until
    every pair occurs less than min_count times. No two merges spell the same token: once one has made it, its
    letters stand nowhere cut in two, since no earlier merge reached across their ends.

        >>> learn_merges({"aab": 2, "ab": 1}, limit=2, min_count=1)  # a b three times, then a ab twice
        [(97, 98), (97, 256)]

    A merge visits only the pieces that contain its pair.
    """
    words = [list(piece.encode()) for piece in pieces]
    weights = list(pieces.values())
    counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)  # pair -> words that contain it, or once did
    for place, (word, weight) in enumerate(zip(words, weights, strict=True)):
        for pair in pairwise(word):
            counts[pair] += weight
            places[pair].add(place)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapify(heap)

    merges: list[Pair] = []
    while heap and len(merges) < limit:
        count, pair = heappop(heap)
        if -count != counts[pair]:
            continue  # it changed since; its new count stands in the heap as well
        if -count < min_count:
            break
        token = len(BYTES) + len(merges)
        merges.append(pair)
        change: Counter[Pair] = Counter()
        for place in places.pop(pair):
            for new in _join(words[place], pair, token, weights[place], change):
                places[new].add(place)
        change[pair] = -counts[pair]  # none is left
        for changed, difference in change.items():
            if difference:
                counts[changed] += difference
                heappush(heap, (-counts[changed], changed))
    return merges


def _join(word: list[int], pair: Pair, token: int, weight: int, change: Counter[Pair]) -> list[Pair]:
    """Replace every `pair` of the word, from the left, by `token`; note the change in the counts of pairs.

    Only the pairs beside the new token change, as in  x a b y → x ab y.  Returns the new ones.
    """
    new: list[Pair] = []
    left, right = pair
    place = 0
    while place < len(word) - 1:
        if word[place] == left and word[place + 1] == right:
            if place > 0:
                change[word[place - 1], left] -= weight
                new.append((word[place - 1], token))
            if place + 2 < len(word):
                change[right, word[place + 2]] -= weight
                new.append((token, word[place + 2]))
            word[place : place + 2] = [token]
        place += 1
    for neighbours in new:
        change[neighbours] += weight
    return new


class BPETokenizer(Tokenizer):
    """Ids 0 … 255 are the bytes of UTF-8; each merge of two tokens adds one; the specials come last.

    `tokens` spells a space Ġ, and every other byte that is not visible as GPT-2 does.

        >>> t = BPETokenizer.train("low low lower lowest", vocab_size=259)
        >>> t.tokens[256:]
        ['lo', 'low', 'Ġlow']
        >>> t.encode("low lower").tolist()  # low, space+low, e, r
        [257, 258, 101, 114]

    decode(encode(text)) == text for every text. Ids that are not UTF-8 decode to U+FFFD.
    """

    kind = "bpe"

    def __init__(self, merges: Sequence[Pair], specials: Sequence[str] = ()) -> None:
        spelt = list(BYTES)
        for left, right in merges:
            spelt.append(spelt[left] + spelt[right])
        super().__init__([*spelt, *specials], specials)
        self.merges = list(merges)
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls,
        text: str | Iterable[str],
        vocab_size: int | None = 1280,
        min_count: int = 2,
        specials: Sequence[str] = (),
    ) -> Self:
        """Learn merges up to vocab_size tokens, bytes and specials included, from pairs seen min_count times.

        None merges as long as any pair occurs so often.

        Raises:
            RecipeError: vocab_size is below the bytes and specials, min_count below 1, or special
                tokens clash.
            TokenError: it is no text.
        """
        check_specials(specials)
        least = len(BYTES) + len(specials)
        if vocab_size is not None and vocab_size < least:
            raise RecipeError(
                f"vocab_size is {vocab_size}, but the {len(BYTES)} bytes and {len(specials)} special tokens "
                f"alone need {least}."
            )
        if min_count < 1:
            raise RecipeError(f"min_count is {min_count}, but a pair that is merged occurs at least once.")
        parts = cls([], specials)._ordinary(text)
        pieces = Counter(chain.from_iterable(map(_piece.findall, parts)))
        limit = NEVER if vocab_size is None else vocab_size - least
        return cls(learn_merges(pieces, limit, min_count), specials)

    def _encode(self, text: str) -> Iterable[int]:
        pieces = _piece.findall(text)
        if len(self._cache) > 100_000:
            self._cache.clear()
        self._cache |= {piece: self._merge(piece) for piece in {*pieces} - self._cache.keys()}
        return chain.from_iterable(map(self._cache.__getitem__, pieces))

    def _merge(self, piece: str) -> list[int]:
        """The ids of one piece: again and again join the first pair of the lowest rank."""
        ids = list(piece.encode())
        rank_of = self._ranks.get
        ranks = [rank_of(pair, NEVER) for pair in pairwise(ids)]
        while ranks and (rank := min(ranks)) < NEVER:
            place = ranks.index(rank)
            ids[place : place + 2] = [len(BYTES) + rank]
            del ranks[place]
            if place > 0:
                ranks[place - 1] = rank_of((ids[place - 1], ids[place]), NEVER)
            if place < len(ranks):
                ranks[place] = rank_of((ids[place], ids[place + 1]), NEVER)
        return ids

    def _decode(self, ids: list[int]) -> str:
        spelt = "".join(self.tokens[number] for number in ids)
        return bytes(BYTE_OF[character] for character in spelt).decode("utf-8", errors="replace")

    def _pipeline(self) -> Json:
        bytewise = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        return {
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split_at(PIECE), bytewise]},
            "decoder": bytewise,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": self._ids,
                "merges": [[self.tokens[left], self.tokens[right]] for left, right in self.merges],
            },
        }

    @classmethod
    def _from_json(cls, data: Json) -> "BPETokenizer":
        ids = data["model"]["vocab"]
        merges = [(ids[left], ids[right]) for left, right in data["model"]["merges"]]
        return cls(merges, [token["content"] for token in data["added_tokens"]])
