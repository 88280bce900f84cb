"""`check` beside composed twins and PyTorch: right where they agree, wrong where a consistent fault hides."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.debugger import record
from scratchlm.debugger.peers import TWINS, beside
from scratchlm.functions.lstm import LSTM
from scratchlm.functions.softmax import Softmax

from .cases import CASES
from .test_stepper import asked, recorded

COVERED = [case for case in CASES if case.makes in TWINS or case.makes == "MatMul"]


@pytest.mark.parametrize("case", COVERED, ids=str)
def test_a_right_formula_is_right_beside_its_peers(case, rng):
    tensors = [sl.tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in case.inputs]
    with record(quiet=True) as tape:
        result = case.function(*tensors)
        results = result if isinstance(result, tuple) else (result,)
        sum((y * rng.standard_normal(y.shape)).sum() for y in results).backward()
    found = [line for r in tape if r.name == case.makes and r.turn is not None for line in beside(r)]
    assert found, "something is held beside"
    assert not [line for line in found if "WRONG" in line], "\n".join(found)
    if case.makes not in ("MatMul", "GELU"):  # which have no twin here, or one of the other kind
        assert any("right" in line for line in found)


class Swapped(LSTM):
    """Forget and output gate are exchanged, in forward and in backward."""

    @staticmethod
    def exchanged(*arrays):
        i, f, g, o = np.split(np.arange(len(arrays[0])), 4)
        return [array[np.concatenate([i, o, g, f])] for array in arrays]

    def forward(self, x, h0, c0, *weights):
        return super().forward(x, h0, c0, *self.exchanged(*weights))

    def backward(self, *grads):
        dx, dh, dc, *weights = super().backward(*grads)
        return dx, dh, dc, *self.exchanged(*weights)


class Warm(Softmax):
    """A temperature that nobody asked for."""

    def forward(self, x):
        return super().forward(1.01 * x)


Swapped.__name__, Warm.__name__ = "LSTM", "Softmax"  # as if they were the engine's


def test_two_gates_exchanged_in_forward_and_backward_pass_the_differences_but_not_the_twin(rng):
    sizes = ((5, 2, 3), (2, 4), (2, 4), (16, 3), (16, 4), (16,), (16,))
    tensors = [sl.tensor(rng.standard_normal(size), requires_grad=True) for size in sizes]
    tape = recorded(lambda: Swapped()(*tensors)[0].tanh().sum())
    said = asked(tape, "check all")
    assert said.count(": right") == 7, "differences of a wrong forward agree with its backward"
    assert "beside its composed twin: WRONG, " in said
    assert "×" in said


def test_pytorch_says_so_too(rng):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    tensors = [sl.tensor(rng.standard_normal((3, 4)), requires_grad=True)]
    said = asked(recorded(lambda: (Warm()(*tensors) ** 2).sum()), "goto 0", "check")
    assert "beside PyTorch" in said
    assert said.count("WRONG") >= 2
