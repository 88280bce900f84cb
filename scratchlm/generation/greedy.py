"""The likeliest token at every step, for many sequences at once.

B sequences, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from .reading import Decoder, check_ids, check_prompt, refuse_broken


def greedy(
    model: Any, first_ids: Sequence[int] | np.ndarray, tokens: int, end: int | None, state: Any = None
) -> list[list[int]]:
    """Continue B sequences that begin with one id each, first_ids (B), by at most `tokens` ids.

    A sequence stops before its first `end` (None: none does); the work stops when all have. Row b of the
    result is what `generate` yields for row b at temperature 0, but B rows cost one step together.

    Args:
        state: what the model knows before the first ids, for B rows: `model.start(source)`, source (B, S).

    Raises:
        ShapeError: first_ids is not one id a sequence.
        OptionError: there is no sequence, or tokens is below 0.
        TokenError: `end` is no id of the model.
        NumberError: the model's scores are NaN or infinite.
    """
    ids = check_prompt(first_ids, tokens)
    if ids.ndim != 1:
        raise ShapeError(f"greedy takes one first id a sequence, first_ids (B), got shape {ids.shape}.")
    decoder, going = Decoder(model), np.ones(len(ids), bool)
    steps: list[np.ndarray] = []  # each (B)
    while len(steps) < tokens and going.any():
        scores, state = decoder(ids[:, None], state)  # (B, V)
        refuse_broken(scores)
        check_ids([] if end is None else [end], scores.shape[1])
        ids = scores.argmax(axis=1)
        going &= ids != end  # a row that has ended is still fed: what it goes on with is cut off below
        steps.append(ids)
    rows = np.array(steps, int).reshape(len(steps), len(going)).T.tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]
