"""Examples one by one, and batches of them, by PyTorch's names."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..creation import tensor
from ..errors import OptionError, ShapeError, check_number, quote, refuse_fractions, unknown
from ..functions import stack
from ..random import Generator, drawing
from ..tensor import Tensor


class Dataset:
    """Examples by number: a class of one's own defines `__getitem__` and `__len__`."""

    def __getitem__(self, index: int) -> Any:
        raise OptionError(f"{type(self).__name__} has no __getitem__(self, index): define it.")

    def __len__(self) -> int:
        raise OptionError(f"{type(self).__name__} has no __len__(self): define how many examples there are.")


class TensorDataset(Dataset):
    """Tensors of equal length; example i is the tuple of their i-th parts."""

    def __init__(self, *tensors: Tensor):
        if not tensors or len({len(t) for t in tensors}) != 1:
            raise ShapeError(f"TensorDataset takes tensors of one length, got {[t.shape for t in tensors]}.")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """Some examples of a dataset."""

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """Parts without a common example, of these lengths, or of these shares of all."""
    total = len(dataset)
    if not lengths or min(lengths) < 0 or not (sum(lengths) == total or math.isclose(sum(lengths), 1)):
        raise OptionError(
            f"random_split got {list(lengths)}: lengths with the sum {total}, or shares with the sum 1."
        )
    shares = sum(lengths) != total or any(not isinstance(length, int) for length in lengths)
    counts = [int(length * total) if shares else int(length) for length in lengths]
    if shares:
        for k in range(total - sum(counts)):  # what rounding left
            counts[k % len(counts)] += 1
    order = drawing(generator).permutation(total).tolist()
    ends = np.cumsum(counts).tolist()
    return [Subset(dataset, order[end - n : end]) for n, end in zip(counts, ends, strict=True)]


def default_collate(examples: list[Any]) -> Any:
    """A batch out of examples: tensors and numbers stacked, tuples and dicts part by part."""
    first = examples[0]
    if isinstance(first, Tensor):
        return stack(examples)
    if isinstance(first, np.ndarray | np.generic | int | float):
        return tensor(np.stack(examples) if isinstance(first, np.ndarray) else list(examples))
    if isinstance(first, Mapping):
        return {key: default_collate([example[key] for example in examples]) for key in first}
    if isinstance(first, tuple | list):
        return [default_collate(list(parts)) for parts in zip(*examples, strict=True)]
    return examples  # texts


class DataLoader:
    """Batches of a dataset, in order or shuffled anew at each walk through it.

    Args:
        dataset: anything with a length and examples by number.
        batch_size: examples a batch; the last has fewer, or is left out by `drop_last`.
        shuffle: draws from `        generator`, from the engine's own for None.
        collate_fn: makes a batch of a list of examples; `default_collate` for None.
        num_workers, pin_memory: taken, and change nothing: one process makes the same batches.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        generator: Generator | None = None,
        num_workers: int = 0,
        pin_memory: bool = False,
    ):
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise OptionError(f"DataLoader takes examples by number with a length, got {quote(dataset)}.")
        drawing(generator)
        refuse_fractions("batch_size", batch_size)
        check_number("batch_size", batch_size, 1)
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.collate_fn, self.generator = collate_fn or default_collate, generator

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        order = range(n)
        if self.shuffle:
            order = drawing(self.generator).permutation(n).tolist()
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield self.collate_fn([self.dataset[k] for k in order[start : start + self.batch_size]])

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)


def __getattr__(name: str) -> Any:
    """For names that there are not."""
    if name.startswith("__"):
        raise AttributeError(name)  # protocols that somebody asks for
    raise unknown("scratchlm.utils.data", name, globals())
