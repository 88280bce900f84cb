"""Every seeded fault is found, named and placed; in every order of the threads."""

import numpy as np
import pytest
from scratchlm.kernels.emulator import Emulator, KernelError

from .bugs import BUGS


def launch(bug, mode="check", order="forward"):
    options = bug.options
    limits = {key: options[key] for key in ("seconds", "steps") if key in options}
    kernel = Emulator(bug.source, mode=mode, order=order, **limits).get_function("kernel")
    x, y = np.arange(128, dtype=np.float32), np.zeros(128, np.float32)
    args = (x, y, np.int32(128))
    kernel(options.get("grid", 2), options.get("block", 64), args, shared_mem=options.get("shared_mem", 0))


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_fault_is_found(bug, order):
    if order not in bug.options.get("orders", (order,)):
        pytest.skip("this order hides the fault, as a card may")
    with pytest.raises(KernelError) as caught:
        launch(bug, order=order)
    error = caught.value
    assert error.kind in bug.options.get("kinds", (bug.kind,)), error
    if not bug.options.get("any_line"):
        assert (error.file, error.line) == ("<source>", bug.line), error
    if order == "forward":
        assert bug.says in str(error)
    assert "kernel, thread " in str(error)
    assert ", block " in str(error)


# What the scheduler itself meets is found without any checking.
WAITS = [
    bug for bug in BUGS if bug.kind in ("divergent barrier", "early exit", "missing lanes", "endless loop")
    and "flag" not in bug.name
]  # fmt: skip


@pytest.mark.parametrize("bug", WAITS, ids=lambda bug: bug.name)
def test_waits_are_checked_in_fast_mode_too(bug):
    with pytest.raises(KernelError) as caught:
        launch(bug, mode="fast")
    assert caught.value.kind == bug.kind
