"""Datasets and loaders by PyTorch's names: the same batches where nothing is drawn."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import OptionError, ShapeError
from scratchlm.utils.data import DataLoader, Dataset, TensorDataset, random_split

X, Y = np.arange(14, dtype=np.float32).reshape(7, 2), np.arange(7)


class Words(Dataset):
    """What a course's notebook defines."""

    def __init__(self, place):
        self.place = place

    def __len__(self):
        return 5

    def __getitem__(self, k):
        return {
            "ids": self.place.tensor([k, k + 1]),
            "length": k,
            "share": k / 2,
            "row": X[k],
            "word": "a" * k,
        }


def flat(batch):
    if isinstance(batch, dict):
        return [part for key in sorted(batch) for part in flat(batch[key])]
    if isinstance(batch, list | tuple):
        return [part for element in batch for part in flat(element)]
    return [batch if isinstance(batch, str) else np.array(batch.numpy())]


@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_in_order_are_pytorchs(drop_last, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found, expected = [], []
    for place, batches in ((sl, found), (torch, expected)):
        data = place.utils.data
        sets = data.TensorDataset(place.tensor(X), place.tensor(Y)), Words(place)
        for dataset in sets:
            loader = data.DataLoader(dataset, batch_size=3, drop_last=drop_last)
            batches += [len(loader), *(part for batch in loader for part in flat(batch))]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None) or one.dtype == np.float32


def test_shuffled_batches_have_every_example_once_and_follow_the_seed(device):
    def walk(**options):
        loader = DataLoader(TensorDataset(sl.tensor(Y)), 3, shuffle=True, **options)
        return [batch[0].tolist() for _ in range(2) for batch in loader]

    sl.manual_seed(4)
    first = walk()
    for epoch in (first[:3], first[3:]):
        assert sorted(k for batch in epoch for k in batch) == Y.tolist()
    assert first[:3] != first[3:]
    sl.manual_seed(4)
    assert walk() == first
    assert walk(generator=sl.Generator()) == walk(generator=sl.Generator())


def test_parts_have_no_common_example():
    for lengths in ([4, 3], [0.6, 0.4]):
        parts = random_split(TensorDataset(sl.tensor(Y)), lengths)
        assert [len(part) for part in parts] in ([4, 3], [5, 2])
        assert sorted(part[k][0].item() for part in parts for k in range(len(part))) == Y.tolist()


def test_own_collate_function(device):
    loader = DataLoader(["ab", "cde", "f"], 2, collate_fn=lambda words: [len(word) for word in words])
    assert list(loader) == [[2, 3], [1]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="takes tensors of one length"):
        TensorDataset(sl.tensor(X), sl.tensor(Y[:3]))
    with pytest.raises(OptionError, match="batch_size is 0, expected a number from 1 on"):
        DataLoader([1], 0)
    with pytest.raises(OptionError, match="batch_size takes whole numbers"):
        DataLoader([1], 1.5)
    for lengths in ([4, 4], [-1, 8], [0.5, 0.3], [-0.5, 1.5], []):
        with pytest.raises(OptionError, match="lengths with the sum 7, or shares with the sum 1"):
            random_split(TensorDataset(sl.tensor(Y)), lengths)
