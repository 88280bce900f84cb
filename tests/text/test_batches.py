from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm.errors import CheckpointError, DataError, DtypeError, RecipeError
from scratchlm.text import IGNORE, RandomWindows, Streams, evaluation_windows

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
