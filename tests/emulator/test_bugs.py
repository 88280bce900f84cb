"""Every seeded fault is found, named and placed; in every order of the threads."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError

from .bugs import read_bugs

BUGS = read_bugs()


def launch(bug, mode="check", order="forward"):
    limits = {"seconds": bug.number("seconds", 60.0), "steps": bug.number("steps", 100_000_000)}
    kernel = Emulator(bug.source, mode=mode, order=order, **limits).get_function("kernel")
    args = (np.arange(128, dtype=np.float32), np.zeros(128, np.float32), np.int32(128))
    kernel(bug.number("grid", 2), bug.number("block", 64), args, shared_mem=bug.number("shared_mem", 0))


def test_there_are_enough_of_them():
    assert len(BUGS) >= 25
    assert len({bug.kind for bug in BUGS}) == 11


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_fault_is_found(bug, order):
    if order not in bug.options.get("orders", order):
        pytest.skip("this order hides the fault, as a card may")
    with pytest.raises(KernelError) as caught:
        launch(bug, order=order)
    error = caught.value
    assert error.kind in (bug.kind, bug.options.get("or")), error
    if "any line" not in bug.options:
        assert error.file == "<source>"
        assert error.line in bug.lines, error
    if order == "forward":
        assert bug.options.get("says", "") in str(error)
    assert "kernel, thread " in str(error)
    assert ", block " in str(error)


# What the scheduler or the processor meets is found without any checking.
WAITS = [
    bug
    for bug in BUGS
    if bug.kind
    in ("divergent barrier", "early exit", "missing lanes", "endless loop", "division", "stack", "assertion")
    and not {"orders", "not fast"} & set(bug.options)
]


@pytest.mark.parametrize("bug", WAITS, ids=lambda bug: bug.name)
def test_waits_are_checked_in_fast_mode_too(bug):
    with pytest.raises(KernelError) as caught:
        launch(bug, mode="fast")
    assert caught.value.kind == bug.kind
