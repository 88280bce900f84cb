"""The CUDA kernels of the contract under the emulator's checks, in every order; and over rows that are longer
than a block, which the drawn shapes of the contract test are not."""

import re
import shutil

import numpy as np
import pytest

from scratchlm import get_device
from scratchlm.kernels import cuda
from scratchlm.kernels.contract import CONTRACT
from scratchlm.kernels.cuda import launching
from scratchlm.kernels.emulator import KernelError

from ..draw import Draw, Fixed, copied, flat
from ..test_contract import EVERY, FLOATS, assert_agrees, changes
from ..tolerance import floors

SWITCHES = ("causal", "approximate", "decoupled")
# At least two rounds of a block's loop in every kernel that has one; many keys or many queries for attention.
LONG = {"M": 3, "K": 5, "N": 3, "B": 3, "H": 150, "T": 3, "D": 300, "V": 700, "shape": [3, 400]}
KEYS = {"N": 3, "T": 3, "S": 600, "D": 3, "E": 261}
QUERIES = {"N": 3, "T": 600, "S": 3, "D": 3, "E": 261}
PACKED = {"B": 1, "T": 200, "H": 2, "D": 5}  # the same kernels behind another layout
UNITS = {"N": 3, "T": 3, "S": 3, "A": 300, "E": 261}


def long_arguments(kernel, dtype):
    """Arguments with long rows; for attention also with many queries."""
    if kernel.formula == "additive_attention":
        return [Draw(Fixed(1.0, **lengths), dtype).arguments(kernel) for lengths in (KEYS, UNITS)]
    if kernel.name.startswith("attention_packed"):
        return [Draw(Fixed(1.0, causal=True, **PACKED), dtype).arguments(kernel)]
    if kernel.formula != "attention":
        return [Draw(Fixed(1.0, **LONG), dtype).arguments(kernel)]
    keys = [Draw(Fixed(1.0, causal=causal, **KEYS), dtype).arguments(kernel) for causal in (False, True)]
    return [*keys, Draw(Fixed(1.0, **QUERIES), dtype).arguments(kernel)]


def run(kernel, arguments):
    mine = copied(list(arguments.values()))
    results = flat(getattr(cuda, kernel.name)(*mine))
    return [np.asarray(leaf) for leaf in results + flat(mine)]


@FLOATS
@EVERY
@pytest.mark.parametrize("switch", [False, True])
def test_no_report_and_the_same_bits_in_every_order(kernel, dtype, switch):
    if switch and not any(argument.name in SWITCHES for argument in kernel.arguments):
        pytest.skip("it has no switch")
    arguments = Draw(Fixed(1.0, **dict.fromkeys(SWITCHES, switch)), dtype).arguments(kernel)
    expected = run(kernel, arguments)
    for order in ("forward", "reversed", "shuffled"):
        with launching.emulating(mode="check", order=order):
            found = run(kernel, arguments)
        assert [leaf.tobytes() for leaf in found] == [leaf.tobytes() for leaf in expected], order


@FLOATS
@EVERY
def test_rows_longer_than_a_block(kernel, dtype):
    for arguments in long_arguments(kernel, dtype):
        before = list(arguments.values())
        mine, theirs = copied(before), copied(before)
        found = getattr(cuda, kernel.name)(*mine)
        expected = getattr(get_device("reference").kernels, kernel.name)(*theirs)
        changed = changes(kernel, mine, before), changes(kernel, theirs, before)
        assert_agrees(kernel, found, changed[0], expected, changed[1], floors(kernel, arguments), dtype)


# ---------------------------------------------------------------- would the checks notice?
WAITING = (
    "softmax",
    "linear_cross_entropy",
    "layer_norm",
    "attention",
    "additive_attention",
    "gradient_norm",
)
SAFE = {("common.cuh", 3)}  # the first barrier of block_max: a helper does not rely on its callers' barriers


def check_long_rows():
    for order in ("forward", "reversed"):
        with launching.emulating(mode="check", order=order):
            for kernel in CONTRACT:
                if kernel.formula in WAITING:
                    for arguments in long_arguments(kernel, np.float32):
                        run(kernel, arguments)


def barriers():
    """(file, number of the barrier in it) for every barrier of the set."""
    for path in sorted([*launching.HERE.glob("*.cu"), *launching.HERE.glob("*.cuh")]):
        for number, _ in enumerate(re.finditer(r"__syncthreads\(\);", path.read_text(encoding="utf-8")), 1):
            yield path.name, number


def test_no_report_over_long_rows():
    check_long_rows()


@pytest.mark.parametrize(("name", "number"), sorted(set(barriers()) - SAFE))
def test_without_any_one_barrier_there_is_a_report(name, number, tmp_path, monkeypatch):
    folder = shutil.copytree(launching.HERE, tmp_path / "cuda")
    text = (folder / name).read_text(encoding="utf-8")
    at = [found.start() for found in re.finditer(r"__syncthreads\(\);", text)][number - 1]
    (folder / name).write_text(text[:at] + text[at:].replace("__syncthreads();", ";", 1), encoding="utf-8")
    monkeypatch.setattr(launching, "HERE", folder)
    launching._emulated.cache_clear()
    with pytest.raises(KernelError) as caught:
        check_long_rows()
    launching._emulated.cache_clear()
    assert caught.value.kind in ("race", "uninitialised")
