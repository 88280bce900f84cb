"""Every kernel of every set, with each of its arguments wrong in turn: a sentence, or the right result.

Arrays lie between numbers that nobody may touch: a kernel that writes beyond an array is found.
"""

import re

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import get_device
from scratchlm.errors import DtypeError, OptionError, ShapeError, TokenError
from scratchlm.kernels.contract import CONTRACT
from scratchlm.kernels.examples import Example

from .conftest import CUDA
from .draw import copied, flat
from .parts import kernels_of
from .tolerance import close

SETS = pytest.mark.parametrize("kernels", ["reference", "cpu", "emulator", CUDA])
EVERY = pytest.mark.parametrize("kernel", CONTRACT, ids=lambda kernel: kernel.name)
LENGTHS = dict(zip("MKNTBDHVSEAL", (5, 6, 7, 4, 3, 8, 2, 9, 4, 4, 3, 2), strict=True))
LENGTHS |= {"…": (7, 5), "list": [(7, 5), (3,)]}
GUARD = 64  # numbers before and after each array, more than one number too many in each axis


class Guarded:
    """Copies of arguments, each array between guards."""

    def __init__(self, values):
        self.rooms = []
        self.values = [self.inside(value) for value in values]

    def inside(self, value):
        if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            return [self.inside(part) for part in value]
        if not isinstance(value, np.ndarray) or not value.ndim:
            return value
        room = np.full(value.size + 2 * GUARD, 77, value.dtype)
        order = "C" if value.flags.c_contiguous else "F"
        view = room[GUARD : GUARD + value.size].reshape(value.shape, order=order)
        view[...] = value
        view.flags.writeable = value.flags.writeable
        self.rooms.append(room)
        return view

    def check(self):
        for room in self.rooms:
            assert np.all(room[:GUARD] == 77), "written before an array"
            assert np.all(room[-GUARD:] == 77), "written beyond an array"


def example(kernel):
    """As for `kernel run`."""
    return Example(LENGTHS).arguments(kernel)


def fits(kernel, values):
    """Whether shapes fit the line of the contract: each letter one length, lists alike place by place."""
    lengths = {}
    for argument, value in zip(kernel.arguments, values, strict=True):
        if argument.kind in ("float", "int"):
            letters = argument.shape if argument.shape != ("…",) else ["…"] * value.ndim
            if letters[:1] == ("…",):  # a matrix with axes before it
                letters, value = letters[1:], value.reshape(value.shape[-2:]) if value.ndim > 2 else value
            if len(letters) != value.ndim:
                return False
            for axis, (letter, n) in enumerate(zip(letters, value.shape, strict=True)):
                name = f"…{axis}" if letter == "…" else letter.lstrip("0123456789")
                lengths.setdefault(name, set()).add(n / int(letter[: -len(name)] or 1) if name else n == 3)
            lengths.setdefault("axes", set()).add(value.ndim if argument.shape == ("…",) else 0)
    lists = [v for a, v in zip(kernel.arguments, values, strict=True) if a.kind == "list"]
    for place in zip(*lists, strict=True):
        lengths[str(len(lengths))] = {a.shape for a in place}
    if kernel.name == "transformer_step":
        return None  # not told by letters: its weights are many arguments in one
    return all(len(n) == 1 for n in lengths.values())


def changed(values, number, k, change):
    values = list(values)
    if k is None:
        values[number] = change(values[number])
    else:
        values[number] = [change(a) if i == k else a for i, a in enumerate(values[number])]
    return values


def places(arguments):
    """Where an array is: (number of the argument, place in its list or None)."""
    for number, value in enumerate(arguments.values()):
        if isinstance(value, list):
            yield from ((number, k) for k in range(len(value)))
        elif isinstance(value, np.ndarray):
            yield number, None


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


SHAPES = {
    "short": lambda a: np.delete(a, -1, 0),
    "long": lambda a: np.concatenate([a, a[:1]]),
    "short rows": lambda a: np.ascontiguousarray(np.delete(a, -1, -1)),
    "long rows": lambda a: np.concatenate([a, a[..., :1]], -1),
    "one row": lambda a: a[:1].copy(),
    "one more axis": lambda a: a[None],
    "fewer axes": lambda a: a.reshape(-1) if a.ndim > 1 else a[:1].reshape(()),
}
TYPES = {
    "half": lambda a: a.astype(np.float16),
    "complex": lambda a: a.astype(np.complex64),
    "integers or floats": lambda a: a.astype(np.int32 if a.dtype.kind == "f" else np.float32),
    "a list": lambda a: a.tolist(),
    "nothing": lambda a: None,
}
OTHERWISE = {
    "the other float": lambda a: a.astype(np.float64) if a.dtype.kind == "f" else a.astype(np.int8),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": read_only,
    "transposed": np.asfortranarray,
}


def outcome(kernels, kernel, values):
    """The error that answers a call, or None where the result is right; nothing was written beyond."""
    guarded = Guarded(values)
    try:
        found = getattr(kernels_of(kernels), kernel.name)(*guarded.values)
    except sl.ScratchLMError as error:
        guarded.check()
        return error
    guarded.check()
    theirs = copied(values)
    expected = getattr(get_device("reference").formulas, kernel.name)(*theirs)
    for one, other in zip(flat(found) + flat(guarded.values), flat(expected) + flat(theirs), strict=True):
        if isinstance(other, np.ndarray) and other.dtype.kind == "f":
            assert one.shape == other.shape
            close(one, other, np.float32, kernel.name, terms=64)
    return None


@EVERY
@SETS
def test_a_wrong_argument_is_a_sentence_or_gives_the_right_result(kernels, kernel):
    arguments = example(kernel)
    for number, k in places(arguments):
        argument = kernel.arguments[number]
        for wrong, change in (SHAPES | TYPES | OTHERWISE).items():
            values = changed(arguments.values(), number, k, change)
            what = f"{argument.name} {wrong}"
            error = outcome(kernels, kernel, values)
            if error is not None:
                assert re.fullmatch(f"{kernel.name} (takes|got) [^\n]+", str(error)), what
            if wrong in TYPES:
                assert isinstance(error, DtypeError), what
            elif wrong in SHAPES and fits(kernel, values) is False:
                assert isinstance(error, (ShapeError, TokenError)), what
            elif wrong == "read-only":
                assert isinstance(error, OptionError) == argument.in_place, what
            elif wrong == "transposed":
                assert error is None, what


BEYOND = {"ids": [-1, 9, 2**40, -(2**40)], "targets": [-1, 9, 2**40], "lengths": [0, 5, -1, 2**40]}


@pytest.mark.parametrize("kernel", [k for k in CONTRACT if BEYOND.keys() & {a.name for a in k.arguments}])
@pytest.mark.parametrize("kernels", ["reference", "cpu", "emulator"])
def test_an_id_that_leads_beyond_an_array_is_a_sentence(kernels, kernel):
    arguments = example(kernel)
    (name,) = BEYOND.keys() & arguments.keys()
    for value in BEYOND[name]:
        ids = arguments[name].astype(np.int64)
        ids[1] = value
        error = outcome(kernels, kernel, (arguments | {name: ids}).values())
        assert isinstance(error, TokenError), value
        assert f"{kernel.name} takes {name} from" in str(error)


@pytest.mark.parametrize("kernels", ["reference", "cpu", "emulator"])
def test_ignored_targets_are_no_ids(kernels):
    logits, targets = np.ones((2, 3), np.float32), np.array([-100, 2])
    losses, _ = get_device(kernels).kernels.cross_entropy_forward(logits, targets, -100)
    assert losses == pytest.approx([0, np.log(3)])


def test_a_vocabulary_smaller_than_the_ids_is_a_sentence(device):
    with pytest.raises(TokenError):
        sl.default_device().kernels.embedding_backward(np.ones((2, 3), np.float32), np.array([0, 4]), 4)
