"""Vocabulary: which tokens a text has, how often, and the number of each."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ..errors import RecipeError, TokenError, did_you_mean, quote


class Vocabulary:
    """The tokens of a text, numbered: specials first, then by count, the most frequent first.

    Equal counts stand in the order of the tokens themselves, so the same text always gives the same numbers.

        >>> v = Vocabulary("b a c a b d".split(), min_count=2)
        >>> v.tokens, v.counts
        (['<unk>', 'a', 'b'], [0, 2, 2])

    max_size counts the specials too.

    Raises:
        RecipeError: max_size has no room for more than the specials, or min_count is below 1.
    """

    def __init__(
        self,
        tokens: Iterable[str],
        *,
        max_size: int | None = None,
        min_count: int = 1,
        specials: Sequence[str] = ("<unk>",),
    ) -> None:
        if max_size is not None and max_size <= len(specials):
            raise RecipeError(
                f"A vocabulary of {max_size} has no room beside {', '.join(specials)}: "
                f"choose a size of at least {len(specials) + 1}."
            )
        if min_count < 1:
            raise RecipeError(f"min_count is {min_count}, but every token of a text occurs at least once.")
        found = Counter(tokens)
        for special in specials:
            found.pop(special, None)
        frequent = [(token, count) for token, count in found.items() if count >= min_count]
        frequent.sort(key=lambda pair: (-pair[1], pair[0]))
        if max_size is not None:
            del frequent[max_size - len(specials) :]
        self.tokens = [*specials, *(token for token, _ in frequent)]
        self.counts = [0] * len(specials) + [count for _, count in frequent]
        self._ids = {token: number for number, token in enumerate(self.tokens)}

    def id_of(self, token: str) -> int:
        """The number of a token.

        Raises:
            TokenError: the vocabulary lacks it.
        """
        if token not in self._ids:
            raise TokenError(f"The vocabulary has no token {quote(token)}{did_you_mean(token, self._ids)}.")
        return self._ids[token]

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids
