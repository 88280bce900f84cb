"""Rules on the next token: each changes the scores (V) in place, knowing the text (token ids) so far."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import OptionError
from .reading import check_ids

Rule = Callable[[np.ndarray, list[int]], None]


def forbid(ids: Sequence[int]) -> Rule:
    """None of these tokens. Raises TokenError, when used, for an id that the model does not have."""

    def rule(scores: np.ndarray, text: list[int]) -> None:
        check_ids(ids, len(scores))
        scores[ids] = -np.inf

    return rule


def penalise_repetition(penalty: float) -> Rule:
    """Make what stands in the text less likely: z / penalty where z > 0, z · penalty where z < 0.

    1 changes nothing, 1.2 is usual. Source: Keskar and others 2019. The rule knows where 0 is: a model that
    adds 5 to all scores has the same probabilities, but not under this rule.

    Raises:
        OptionError: the penalty is not above 0 and finite.
    """
    if not 0 < penalty < np.inf:
        raise OptionError(f"repetition_penalty is {penalty}, expected a number above 0 (1: no penalty).")

    def rule(scores: np.ndarray, text: list[int]) -> None:
        written = np.unique(text)
        z = scores[written]
        scores[written] = np.where(z > 0, z / penalty, z * penalty)

    return rule


def no_repeated_ngram(n: int) -> Rule:
    """No token that would complete an n-gram of the text a second time; n = 1 writes no token twice.

    Raises:
        OptionError: n is below 1.
    """
    if n < 1:
        raise OptionError(f"no_repeat_ngram is {n}, expected 1 or more (0: no such rule).")
    follows: defaultdict[tuple[int, ...], set[int]] = defaultdict(set)  # n−1 tokens → what came after them
    counted = n - 1

    def rule(scores: np.ndarray, text: list[int]) -> None:
        nonlocal counted
        for end in range(counted, len(text)):  # what is new since the last step
            follows[tuple(text[end - n + 1 : end])].add(text[end])
        counted = max(counted, len(text))
        scores[list(follows.get(tuple(text[len(text) - n + 1 :]), ()))] = -np.inf

    return rule
