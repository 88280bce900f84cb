"""Beam search: the few best beginnings are kept, and a step goes on from all of them at once.

N live hypotheses, at most `width`; V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import OptionError
from .reading import Decoder, check_ids, check_prompt, log_probabilities


@dataclass(frozen=True)
class Hypothesis:
    """A continuation: its ids without the end token, its log P (with it), and what it is ranked by."""

    ids: list[int]
    log_probability: float
    score: float


def beam_search(
    model: Any,
    prompt: Sequence[int] | np.ndarray,
    tokens: int,
    width: int,
    length_penalty: float = 0.6,
    end: int | None = None,
    state: Any = None,
    never: Sequence[int] = (),
) -> list[Hypothesis]:
    """At most `width` continuations of the prompt, best first, found by keeping `width` beginnings.

    A continuation ends with `end` or has `tokens` tokens. Its score is log P / ((5 + n) / 6)^length_penalty,
    n its tokens with `end`: sums of log P alone (length_penalty 0) prefer short ones. Source: Wu and others
    2016. Each step takes the `width` likeliest among all that the live ones may go on with; of these, what
    ends is set aside. Width 1 is greedy, width V^tokens is exact; between them, the best may be missed.

    The search stops early when nothing live can get among the `width` best set aside: log P only falls and
    the penalty's divisor only grows, so what begins with log p ends with at most log p / divisor(tokens).

    Args:
        state: what the model knows before the prompt, for one row: `model.start(source)`.
        never: ids that no continuation has; log P is the model's own all the same.

    Raises:
        OptionError: the prompt is empty, an option is out of range, or `never` leaves no token.
        TokenError: `never` or `end` is no id of the model.
        NumberError: the model's scores are NaN or infinite.
    """
    ids = check_prompt(prompt)[None, :]  # (N, T), later (N, 1)
    if tokens < 1 or width < 1 or not 0 <= length_penalty < np.inf:
        raise OptionError(
            "Beam search needs tokens ≥ 1, width ≥ 1, length_penalty ≥ 0, "
            f"got {tokens}, {width}, {length_penalty}."
        )
    decoder, ends = Decoder(model), [] if end is None else [end]
    totals, texts = np.zeros(1), np.zeros((1, 0), int)  # log P (N) and ids (N, length) of the live ones
    done: list[Hypothesis] = []
    for length in range(1, tokens + 1):
        scores, state = decoder(ids, state)  # (N, V)
        check_ids([*never, *ends], scores.shape[1])
        step = log_probabilities(scores)
        step[:, list(never)] = -np.inf
        every = (totals[:, None] + step).ravel()
        best = _largest(every, width)
        rows, new = np.divmod(best, scores.shape[1])
        totals, texts = every[best], np.concatenate([texts[rows], new[:, None]], axis=1)
        ended = np.isin(new, ends)
        for row in np.flatnonzero(ended if length < tokens else new >= 0):
            written = texts[row, : length - ended[row]].tolist()
            done.append(Hypothesis(written, float(totals[row]), _score(totals[row], length, length_penalty)))
        done = sorted(done, key=lambda one: -one.score)[:width]  # stable: of equal ones the first found
        live = np.flatnonzero(~ended)
        if length == tokens or not live.size:
            break
        if len(done) == width and _score(totals[live].max(), tokens, length_penalty) <= done[-1].score:
            break
        totals, texts, ids = totals[live], texts[live], new[live][:, None]
        state = model.select(state, rows[live])
    if not done:
        raise OptionError(f"Beam search has no token to write: `never` names all {scores.shape[1]} of them.")
    return done


def _score(log_probability: float, length: int, length_penalty: float) -> float:
    return float(log_probability / ((5 + length) / 6) ** length_penalty)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the `count` largest, −∞ left out, largest first, of equal ones the first: as argmax does.

    The threshold is found in one pass: sorting all N·V values of a step would take most of its time.
    """
    count = min(count, values.size)
    threshold = np.partition(values, values.size - count)[values.size - count]
    places = np.flatnonzero((values >= threshold) & (values > -np.inf))
    return places[np.argsort(-values[places], kind="stable")][:count]
