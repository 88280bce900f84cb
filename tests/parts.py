"""The cpu set with its work cut into many small parts, and a spy that tells in how many it was done."""

from contextlib import contextmanager
from importlib import import_module

import numpy as np
import pytest

from scratchlm import get_device
from scratchlm.device import to_host, upload
from scratchlm.kernels.cpu import loops
from scratchlm.kernels.cpu import threads as pool
from scratchlm.kernels.token import cpu as token

from .draw import flat

# Below the lengths that tests draw. Not optimizer.BLOCK: it is a constant inside compiled code.
SMALL = {
    "cpu.loops.AT_LEAST": 3,
    "additive_attention.cpu.AT_LEAST": 1,
    "attention.cpu.BLOCK": 3,
    "cross_entropy.cpu.AT_LEAST": 2,
    "cross_entropy.cpu.CHUNK": 20,
    "dropout.cpu.BLOCKS": 1,
    "token.cpu.AT_LEAST": 2,
    "gru.cpu.ROWS": 1,
    "lstm.cpu.AT_LEAST": 2,
    "lstm.cpu.ROWS": 1,
    "matmul.cpu.AT_LEAST": 4,
    "norm.cpu.AT_LEAST": 2,
    "norm.cpu.ROWS": 2,
    "optimizer.cpu.AT_LEAST": 3,
    "softmax.cpu.AT_LEAST": 2,
}


@contextmanager
def small_parts(threads=3):
    """Inside this block, work is split over so many threads, and blocks are a few rows long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_threads", threads)
        for name, value in SMALL.items():
            module, _, constant = name.rpartition(".")
            patch.setattr(import_module(f"scratchlm.kernels.{module}"), constant, value)
        yield


@contextmanager
def kernel_set(name):
    """A device's kernels by its name, or those of "cpu in small parts"."""
    if name != "cpu in small parts":
        yield kernels_of(name)
        return
    with small_parts():
        yield get_device("cpu").kernels


def kernels_of(name):
    """A device's kernels, to be called with NumPy arrays on a card too."""
    device = get_device(name)
    return FromHost(device) if device.on_card else device.kernels


class FromHost:
    """The kernels of a card: arguments are copied there, results and what was changed in place come back."""

    def __init__(self, device):
        self.device = device

    def __getattr__(self, name):
        def call(*arguments):
            there = [self.there(argument) for argument in arguments]
            results = getattr(self.device.kernels, name)(*there)
            for host, card in zip(flat(arguments), flat(there), strict=True):
                if isinstance(host, np.ndarray) and host.flags.writeable:
                    host[...] = to_host(card)
            back = [to_host(result)[()] for result in flat(results)]  # numbers as NumPy's scalars, as usual
            return tuple(back) if isinstance(results, tuple) else back[0] if back else None

        return call

    def there(self, argument):
        if isinstance(argument, list):
            return [self.there(part) for part in argument]
        if not isinstance(argument, np.ndarray):
            return argument
        copied = upload(argument, self.device)
        if argument.flags.c_contiguous:
            return copied
        room = self.device.xp.zeros((*argument.shape, 2), argument.dtype)[
            ..., 1
        ]  # not contiguous there either
        room[...] = copied
        return room


@contextmanager
def spied_parts():
    """Gives a list that gets, for each piece of work that a kernel splits, the number of its parts."""
    pieces = []

    def noted(*arguments):
        pieces.append(pool.pieces_of(*arguments))
        return pieces[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loops, "pieces_of", noted)
        patch.setattr(token, "pieces_of", noted)
        yield pieces
