"""Witten–Bell n-grams: the baseline that every trained model has to beat.

Counting is all it does, so it says how far memory of a few tokens alone gets on a text.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, DtypeError, RecipeError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Level:
    """All n-grams of one length n, sorted, with their counts.

    A gram (h, w) is the number  (place of h among the (n-1)-grams)·(V+1) + w: exact for any n, no hashing,
    and h divides out again.
    """

    grams: Ints  # (G,) ascending
    counts: Ints  # (G,) c(h,w)
    context_counts: Ints  # (H,) c(h)
    context_types: Ints  # (H,) T(h)

    def places(self, grams: Ints) -> Ints:
        """Where each gram (N,) stands among the sorted ones, -1 for one never seen."""
        place = np.minimum(np.searchsorted(self.grams, grams), len(self.grams) - 1)
        return np.where(self.grams[place] == grams, place, -1)


class WittenBell:
    """An n-gram model over token ids, interpolated down to single tokens (Witten and Bell, 1991).

        p_n(w|h) = (c(h,w) + T(h)·p_{n-1}(w|h')) / (c(h) + T(h))

    h: the n-1 tokens before w, h': h without its oldest token, c: counts in the training text, T(h): how many
    different tokens followed h there. Below the single tokens stands the uniform p_0 = 1/(V+1): the V tokens
    of the training text, and one for all others. Where h was never followed by anything, p_n = p_{n-1}.

    By hand, order 1 on the ids 0 0 1: V = 2, p_0 = 1/3, c() = 3, T() = 2, so p(0) = (2 + 2/3)/(3 + 2) = 8/15,
    p(1) = (1 + 2/3)/5 = 5/15 and p(other) = (0 + 2/3)/5 = 2/15, together 1.

    Raises:
        RecipeError: the order is below 1.
    """

    def __init__(self, order: int = 6) -> None:
        if order < 1:
            raise RecipeError(f"order is {order}, but an n-gram has at least 1 token.")
        self.order = order

    def fit(self, ids: ArrayLike) -> Self:
        """Count the grams of ids (N,) up to the order.

        Raises:
            DataError: N is 0.
        """
        text = _as_ids(ids)
        if len(text) == 0:
            raise DataError("The training text of the n-gram model is empty: give it at least 1 token.")
        self.known = np.unique(text)  # (V,)
        words = self._words(text)
        self.levels: list[_Level] = []
        context, contexts = np.zeros_like(words), 1  # before every token stands the one empty context
        for n in range(1, min(self.order, len(words)) + 1):
            grams = context * (len(self.known) + 1) + words[n - 1 :]
            unique, place, counts = np.unique(grams, return_inverse=True, return_counts=True)
            of_context = unique // (len(self.known) + 1)
            context_counts = np.bincount(of_context, counts, minlength=contexts).astype(np.int64)
            context_types = np.bincount(of_context, minlength=contexts)
            self.levels.append(_Level(unique, counts, context_counts, context_types))
            context, contexts = place[:-1], len(unique)
        return self

    def probabilities(self, ids: ArrayLike) -> NDArray[np.float64]:
        """P(w | the up to order-1 tokens before it in ids) for each w of ids (N,), as (N,)."""
        words = self._words(_as_ids(ids))
        p = np.full(len(words), 1 / (len(self.known) + 1))
        context = np.zeros_like(words)
        for level in self.levels:
            seen = context >= 0
            place = level.places(np.where(seen, context * (len(self.known) + 1) + words, -1))
            count = np.where(place >= 0, level.counts[place], 0)
            total = np.where(seen, level.context_counts[context], 0)
            types = np.where(seen, level.context_types[context], 0)
            p = np.where(types > 0, (count + types * p) / np.maximum(total + types, 1), p)
            context = np.concatenate([[-1], place[:-1]])  # the gram that ends just before each token
        return p

    def bits_per_token(self, ids: ArrayLike, context: ArrayLike = ()) -> float:
        """The mean of -log2 p(w | h) over ids (N,); context is what stood before them.

        Raises:
            DataError: N is 0.
        """
        text, before = _as_ids(ids), _as_ids(context)
        if len(text) == 0:
            raise DataError("There is nothing to measure in an empty text: give it at least 1 token.")
        p = self.probabilities(np.concatenate([before, text]))
        return float(-np.log2(p[len(before) :]).mean())

    def _words(self, ids: Ints) -> Ints:
        """The place of each id among the known ones, V for an unknown one."""
        place = np.searchsorted(self.known, ids)
        found = self.known[np.minimum(place, len(self.known) - 1)] == ids
        return np.where(found, place, len(self.known))


def bits_per_character(training: str, held_out: str, order: int = 6) -> float:
    """The bits per character of held_out, which follows the training text, under Witten–Bell."""
    before, after = _code_points(training), _code_points(held_out)
    return WittenBell(order).fit(before).bits_per_token(after, context=before[-order:])


def _code_points(text: str) -> Ints:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)


def _as_ids(ids: ArrayLike) -> Ints:
    array = np.asarray(ids)
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise DtypeError(f"Token ids are a row of integers, not {array.dtype} of shape {array.shape}.")
    return array.astype(np.int64)
