from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm.errors import CheckpointError, DataError, DtypeError, RecipeError
from scratchlm.text import IGNORE, RandomWindows, RowBatches, Streams, evaluation_windows, rows_by_length

SIZES = {"batch": st.integers(1, 5), "length": st.integers(1, 7)}


@given(st.integers(2, 40), st.integers(0, 2**40), *SIZES.values())
def test_random_windows_are_pieces_of_the_text(size, seed, batch, length):
    length = min(length, size - 1)
    for inputs, targets in islice(RandomWindows(np.arange(size), batch, length, seed), 5):
        assert inputs.shape == targets.shape == (batch, length)
        assert inputs.dtype == targets.dtype == np.int32
        assert (targets == inputs + 1).all()
        assert (np.diff(inputs) == 1).all()
        assert inputs.min() >= 0
        assert targets.max() < size


def test_random_windows_reach_every_start_alike():
    starts = [row[0] for inputs, _ in islice(RandomWindows(np.arange(8), 5, 3, 1), 400) for row in inputs]
    assert sorted(set(starts)) == [0, 1, 2, 3, 4]
    assert np.bincount(starts).min() > 300  # 400 expected of 2000, standard deviation 18


def test_random_windows_resume_bit_for_bit():
    ids = np.arange(1000)
    uninterrupted = [inputs.tolist() for inputs, _ in islice(RandomWindows(ids, 3, 5, 7), 10)]
    first = RandomWindows(ids, 3, 5, 7)
    before = [next(first)[0].tolist() for _ in range(4)]
    second = RandomWindows(ids, 3, 5, 99)
    next(second)
    second.load_state_dict(first.state_dict())
    assert before + [next(second)[0].tolist() for _ in range(6)] == uninterrupted
    assert len({str(batch) for batch in uninterrupted}) == 10
    assert next(RandomWindows(ids, 3, 5, 8))[0].tolist() != uninterrupted[0]


@given(st.integers(2, 60), *SIZES.values())
def test_streams_go_on_where_they_ended(size, batch, length):
    if size < batch * length + 1:
        with pytest.raises(DataError, match=f"{size} tokens, but {batch} streams .* {batch * length + 1}"):
            Streams(np.arange(size), batch, length)
        return
    streams = Streams(np.arange(size), batch, length)
    windows = (size - 1) // batch // length
    last = None
    for step, (inputs, targets, fresh) in enumerate(islice(streams, 2 * windows + 1)):
        assert inputs.shape == targets.shape == (batch, length)
        assert inputs.dtype == targets.dtype == np.int32
        assert fresh == (step % windows == 0)
        assert (targets == inputs + 1).all()
        assert (np.diff(inputs) == 1).all()
        assert fresh or (inputs[:, 0] == last[:, -1]).all()
        assert not fresh or (inputs[:, 0] == np.arange(batch) * ((size - 1) // batch)).all()
        last = targets


def test_streams_resume():
    streams, other = Streams(np.arange(50), 2, 5), Streams(np.arange(50), 2, 5)
    for _ in range(7):
        next(streams)
    other.load_state_dict(streams.state_dict())
    for _ in range(4):
        (a, b, fresh), (c, d, other_fresh) = next(streams), next(other)
        assert (a.tolist(), b.tolist(), fresh) == (c.tolist(), d.tolist(), other_fresh)


LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=30)


@given(LENGTHS, st.integers(1, 7))
def test_rows_by_length_are_all_rows_once_those_of_a_length_in_order(lengths, batch):
    found = [rows.tolist() for rows in rows_by_length(lengths, batch)]
    assert all(len({lengths[row] for row in rows}) == 1 for rows in found)
    assert all(1 <= len(rows) <= batch for rows in found)
    assert [row for rows in found for row in rows] == sorted(
        range(len(lengths)), key=lambda row: (lengths[row], row)
    )


@given(LENGTHS, st.integers(1, 7), st.integers(0, 2**40))
def test_row_batches_have_every_row_once_an_epoch(lengths, batch, seed):
    batches = RowBatches(lengths, batch, seed)
    for _ in range(3):
        epoch = list(islice(batches, batches.batches_an_epoch))
        assert sorted(np.concatenate(epoch)) == list(range(len(lengths)))
        assert all(len({lengths[row] for row in rows}) == 1 for rows in epoch)
        assert all(1 <= len(rows) <= batch for rows in epoch)
        assert epoch[0].dtype == np.int64


def test_row_batches_are_mixed_anew_each_epoch():
    lengths = [3] * 50 + [4] * 50
    batches = RowBatches(lengths, 10, 0)
    first, second = (list(islice(batches, 10)) for _ in range(2))
    assert [rows.tolist() for rows in first] != [rows.tolist() for rows in second]
    assert {frozenset(rows.tolist()) for rows in first}.isdisjoint(
        frozenset(rows.tolist()) for rows in second
    )
    order = [lengths[rows[0]] for rows in first]
    assert order not in (sorted(order), sorted(order, reverse=True))
    other = list(islice(RowBatches(lengths, 10, 1), 10))
    assert [rows.tolist() for rows in first] != [rows.tolist() for rows in other]


@pytest.mark.parametrize("stop", [0, 3, 7, 12])
def test_row_batches_resume_bit_for_bit(stop):
    lengths = [2, 3, 2, 2, 3, 2, 4]
    whole = [rows.tolist() for rows in islice(RowBatches(lengths, 2, 7), 20)]
    first = RowBatches(lengths, 2, 7)
    before = [next(first).tolist() for _ in range(stop)]
    second = RowBatches(lengths, 2, 99)
    next(second)
    second.load_state_dict(first.state_dict())
    assert before + [next(second).tolist() for _ in range(20 - stop)] == whole


def test_row_batches_that_make_no_sense_are_refused():
    with pytest.raises(DataError, match="nothing to train on"):
        RowBatches([], 2, 0)
    for batch, seed in ((0, 0), (2, -1)):
        with pytest.raises(RecipeError, match=f"batch is {batch} and the seed {seed}"):
            RowBatches([3], batch, seed)
    with pytest.raises(CheckpointError, match="seed"):
        RowBatches([3], 1, 0).load_state_dict({"step": 1})


@given(st.integers(2, 60), *SIZES.values())
def test_evaluation_predicts_every_token_once(size, batch, length):
    predicted = []
    last = None
    for number, (inputs, targets, fresh) in enumerate(evaluation_windows(np.arange(size), batch, length)):
        assert inputs.shape == targets.shape == (batch, length)
        assert inputs.dtype == targets.dtype == np.int32
        assert fresh == (number == 0)
        real = targets != IGNORE
        assert (targets[real] == inputs[real] + 1).all()
        assert (inputs[~real] == 0).all()
        if not fresh:
            goes_on = real[:, 0]
            assert (inputs[goes_on, 0] == last[goes_on, -1]).all()
        predicted += targets[real].tolist()
        last = targets
    assert sorted(predicted) == list(range(1, size))


def test_evaluation_by_hand():
    batches = list(evaluation_windows(np.array([5, 6, 7, 8, 9, 4]), batch=1, length=3))
    assert [(i.tolist(), t.tolist(), f) for i, t, f in batches] == [
        ([[5, 6, 7]], [[6, 7, 8]], True),
        ([[8, 9, 0]], [[9, 4, -100]], False),
    ]
    ((inputs, targets, _),) = evaluation_windows(np.arange(5), batch=2, length=2)
    assert (inputs.tolist(), targets.tolist()) == ([[0, 1], [2, 3]], [[1, 2], [3, 4]])


MAKERS = [
    lambda ids, batch, length: RandomWindows(ids, batch, length, 0),
    Streams,
    lambda ids, batch, length: next(evaluation_windows(ids, batch, length)),
]


@pytest.mark.parametrize("make", MAKERS, ids=["random", "streams", "evaluation"])
def test_misuse(make):
    for ids in (np.zeros(9), np.zeros((3, 3), np.int32), "abc"):
        with pytest.raises(DtypeError, match="a row of integers"):
            make(ids, 1, 2)
    with pytest.raises(RecipeError, match="batch is 0"):
        make(np.arange(9), 0, 2)
    with pytest.raises(RecipeError, match="length is 0"):
        make(np.arange(9), 1, 0)


def test_too_short():
    with pytest.raises(DataError, match="5 tokens, but a window of length 5 needs 6"):
        RandomWindows(np.arange(5), 2, 5, 0)
    with pytest.raises(DataError, match="1 tokens, but predicting needs 2"):
        next(evaluation_windows(np.arange(1), 1, 1))
    with pytest.raises(RecipeError, match="seed is -1"):
        RandomWindows(np.arange(9), 2, 5, -1)


@pytest.mark.parametrize("state", [{}, {"seed": 1}, {"seed": 1, "step": "2"}, {"seed": 1, "step": 2, "x": 3}])
def test_a_wrong_state(state):
    with pytest.raises(CheckpointError, match="seed"):
        RandomWindows(np.arange(9), 2, 5, 0).load_state_dict(state)


def test_a_wrong_state_of_streams():
    with pytest.raises(CheckpointError, match="step"):
        Streams(np.arange(9), 2, 2).load_state_dict({"seed": 1, "step": 2})
