"""The cpu set with its work cut into many small parts, and a spy that tells in how many it was done."""

import pkgutil
from contextlib import contextmanager
from importlib import import_module

import pytest

from scratchlm import get_device
from scratchlm.kernels import cpu
from scratchlm.kernels.cpu import threads as pool

# Below the lengths that tests draw. Not optimizer.BLOCK: it is a constant inside compiled code.
SMALL = {
    "activation.AT_LEAST": 3,
    "additive_attention.AT_LEAST": 1,
    "attention.BLOCK": 3,
    "cross_entropy.AT_LEAST": 2,
    "cross_entropy.CHUNK": 20,
    "dropout.BLOCKS": 1,
    "gru.ROWS": 1,
    "lstm.ROWS": 1,
    "matmul.AT_LEAST": 4,
    "matmul.SUMS": 2,
    "norm.AT_LEAST": 2,
    "norm.ROWS": 2,
    "optimizer.AT_LEAST": 3,
    "softmax.AT_LEAST": 2,
}


@contextmanager
def small_parts(threads=3):
    """Inside this block, work is split over so many threads, and blocks are a few rows long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_threads", threads)
        for name, value in SMALL.items():
            module, constant = name.split(".")
            patch.setattr(import_module(f"{cpu.__name__}.{module}"), constant, value)
        yield


@contextmanager
def kernel_set(name):
    """A device's kernels by its name, or those of "cpu in small parts"."""
    if name != "cpu in small parts":
        yield get_device(name).kernels
        return
    with small_parts():
        yield get_device("cpu").kernels


@contextmanager
def spied_parts():
    """Gives a list that gets, for each piece of work that a kernel splits, the number of its parts."""
    pieces = []

    def noted(*arguments):
        pieces.append(pool.parts(*arguments))
        return pieces[-1]

    with pytest.MonkeyPatch.context() as patch:
        for _, name, _ in pkgutil.iter_modules(cpu.__path__):
            module = import_module(f"{cpu.__name__}.{name}")
            if module is not pool and hasattr(module, "parts"):
                patch.setattr(module, "parts", noted)
        yield pieces
