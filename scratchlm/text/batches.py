"""Batches: windows of one long row of ids, as inputs (B, T) and targets (B, T), the tokens one further.

B is the batch, T the length of a window. For the ids 0 1 2 3 4 …, the inputs 0 1 2 have the targets 1 2 3.
"""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, DataError, DtypeError, RecipeError

Ids = NDArray[np.int32]
IGNORE = -100  # the target of a place where nothing is to be predicted, as in PyTorch's cross-entropy


class Resumable:
    """Where endless batches stand: batch `step`, of those drawn with `seed` where anything is drawn."""

    def __init__(self, **numbers: int) -> None:
        self._state = numbers | {"step": 0}

    def __iter__(self) -> Self:
        return self

    def _next_step(self) -> int:
        """The number of the batch that is now wanted."""
        self._state["step"] += 1
        return self._state["step"] - 1

    def state_dict(self) -> dict[str, int]:
        """What `load_state_dict` needs to go on from here."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where the run that gave this state stood.

        Raises:
            CheckpointError: it is the state of something else.
        """
        if set(state) != set(self._state) or not all(isinstance(number, int) for number in state.values()):
            names = tuple(self._state)
            raise CheckpointError(
                f"The state of the batches is {state}, but it should be whole numbers {names}."
            )
        self._state = dict(state)


class RandomWindows(Resumable):
    """Endless batches of windows that start anywhere: (inputs, targets), int32 (B, T).

    Batch n is a function of (rng_seed, n) alone, so the state of a run is these two numbers, and a resumed
    run draws bit for bit what the uninterrupted one would have drawn.

    Raises:
        DataError: ids (N,) hold no window with its targets (N ≤ length).
        DtypeError: ids are no row of integers.
        RecipeError: batch or length is below 1, or the seed negative.
    """

    def __init__(self, ids: NDArray[np.integer], batch: int, length: int, rng_seed: int) -> None:
        self._ids = _checked(ids, batch, length)
        if len(self._ids) <= length:
            raise DataError(
                f"The text has {len(self._ids)} tokens, but a window of length {length} needs {length + 1}: "
                "give more text or choose a shorter length."
            )
        if rng_seed < 0:
            raise RecipeError(f"The seed is {rng_seed}, but a seed is a whole number from 0 on.")
        super().__init__(seed=rng_seed)
        self._batch, self._length = batch, length

    def __next__(self) -> tuple[Ids, Ids]:
        rng = np.random.default_rng((self._state["seed"], self._next_step()))
        starts = rng.integers(0, len(self._ids) - self._length, (self._batch, 1))
        places = starts + np.arange(self._length)
        return self._ids[places], self._ids[places + 1]


class Streams(Resumable):
    """Endless batches of B streams read side by side: (inputs, targets, fresh), int32 (B, T), bool.

    The ids are cut into B equal streams. Row b of a batch goes on where row b of the batch before ended, so
    an RNN carries its state over; fresh is True where the streams begin (again) and the state must be reset.
    What does not fill a window at the end of the streams is left out.

        >>> s = Streams(np.arange(12), batch=2, length=2)
        >>> [next(s)[0].tolist() for _ in range(3)]  # streams 0 1 2 3 4 and 5 6 7 8 9
        [[[0, 1], [5, 6]], [[2, 3], [7, 8]], [[0, 1], [5, 6]]]

    Raises:
        DataError: a stream would be shorter than one window; else what `RandomWindows` raises.
    """

    def __init__(self, ids: NDArray[np.integer], batch: int, length: int) -> None:
        ids = _checked(ids, batch, length)
        stream = (len(ids) - 1) // batch
        if stream < length:
            raise DataError(
                f"The text has {len(ids)} tokens, but {batch} streams with a window of length {length} need "
                f"{batch * length + 1}: give more text or choose a smaller batch or a shorter length."
            )
        self._inputs = ids[: batch * stream].reshape(batch, stream)
        self._targets = ids[1 : batch * stream + 1].reshape(batch, stream)
        super().__init__()
        self._length = length

    def __next__(self) -> tuple[Ids, Ids, bool]:
        window = self._next_step() % (self._inputs.shape[1] // self._length)
        here = slice(window * self._length, (window + 1) * self._length)
        return self._inputs[:, here], self._targets[:, here], window == 0


class RowBatches(Resumable):
    """Endless batches of row numbers, int64 (B,): rows of equal length together, every row once an epoch.

    Rows of one length need no padding, so no model has to know of it; the last batch of a length may be
    smaller. What is in batch n depends on (lengths, batch, rng_seed, n) alone. Source of grouping by length:
    Sutskever and others 2014, who did it for speed.

        >>> lengths = np.array([3, 5, 3, 5, 3])
        >>> b = RowBatches(lengths, batch=2, rng_seed=0)
        >>> sorted(lengths[next(b)].tolist() for _ in range(b.batches_an_epoch))
        [[3], [3, 3], [5, 5]]

    Raises:
        DataError: there are no rows.
        RecipeError: the batch is below 1 or the seed negative.
    """

    def __init__(self, lengths: Sequence[int], batch: int, rng_seed: int) -> None:
        if not len(lengths):
            raise DataError("There is nothing to train on: the training part is empty.")
        if batch < 1 or rng_seed < 0:
            raise RecipeError(f"batch is {batch} and the seed {rng_seed}, but they are at least 1 and 0.")
        super().__init__(seed=rng_seed)
        self._lengths, self._batch = np.asarray(lengths), batch
        self._drawn_with: tuple[int, int] | None = None  # seed and epoch
        counts = np.unique(self._lengths, return_counts=True)[1]
        self.batches_an_epoch = int((-(-counts // batch)).sum())

    def __next__(self) -> NDArray[np.int64]:
        epoch, place = divmod(self._next_step(), self.batches_an_epoch)
        if self._drawn_with != (seed_and_epoch := (self._state["seed"], epoch)):
            self._drawn, self._drawn_with = self._draw(seed_and_epoch), seed_and_epoch
        return self._drawn[place]

    def _draw(self, seed_and_epoch: tuple[int, int]) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng(seed_and_epoch)
        mixed = rng.permutation(len(self._lengths))
        batches = list(rows_by_length(self._lengths[mixed], self._batch))
        return [mixed[batches[place]] for place in rng.permutation(len(batches))]


def rows_by_length(lengths: Sequence[int] | NDArray, batch: int) -> Iterator[NDArray[np.int64]]:
    """All row numbers once, at most `batch` together, those of one length side by side and in order.

    >>> [rows.tolist() for rows in rows_by_length([3, 5, 3, 5, 3], 2)]
    [[0, 2], [4], [1, 3]]
    """
    lengths = np.asarray(lengths)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        for start in range(0, len(rows), batch):
            yield rows[start : start + batch]


def evaluation_windows(ids: NDArray[np.integer], batch: int, length: int) -> Iterator[tuple[Ids, Ids, bool]]:
    """(inputs, targets, fresh), int32 (B, T), bool, over all of ids (N,) once, as B streams.

    Each of the N-1 tokens that have one before them is the target of exactly one place; the places that are
    left over at the end have the target -100 (and input 0). fresh is True for the first batch alone: the
    rows go on in the next batch, as in `Streams`.

        >>> [batch[1].tolist() for batch in evaluation_windows(np.arange(6), batch=2, length=2)]
        [[[1, 2], [4, 5]], [[3, -100], [-100, -100]]]

    Raises:
        DataError: there are fewer than 2 tokens; else what `RandomWindows` raises.
    """
    ids = _checked(ids, batch, length)
    if len(ids) < 2:
        raise DataError(
            f"The text to evaluate on has {len(ids)} tokens, but predicting needs 2: give more text."
        )
    stream = -(-(len(ids) - 1) // batch)
    inputs = np.zeros((batch, -(-stream // length) * length), np.int32)
    targets = np.full_like(inputs, IGNORE)
    row, column = np.divmod(np.arange(len(ids) - 1), stream)
    inputs[row, column] = ids[:-1]
    targets[row, column] = ids[1:]
    for start in range(0, inputs.shape[1], length):
        yield inputs[:, start : start + length], targets[:, start : start + length], start == 0


def _checked(ids: NDArray[np.integer], batch: int, length: int) -> Ids:
    ids = np.asarray(ids)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise DtypeError(f"Token ids are a row of integers, not {ids.dtype} of shape {ids.shape}.")
    for name, number in (("batch", batch), ("length", length)):
        if number < 1:
            raise RecipeError(f"{name} is {number}, but a batch has at least 1 window of at least 1 token.")
    return ids.astype(np.int32)
