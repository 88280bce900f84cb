"""Every Function three ways: finite differences in float64, the composed twin, PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchlm as sl
from scratchlm import functions as F
from scratchlm.debugger import gradcheck
from scratchlm.function import Function

from .cases import CASES, TIES
from .tolerance import close, of_linear_cross_entropy

TERMS_OF_CASES = 10  # the sums in a case's formulas are of a few numbers of about 1


def tensors(case, dtype=np.float64):
    """Fresh tensors of a case's inputs; float ones require gradients."""
    return [
        sl.tensor(array.astype(dtype), requires_grad=True) if array.dtype.kind == "f" else sl.tensor(array)
        for array in case.inputs
    ]


def outputs(result):
    return list(result) if isinstance(result, tuple) else [result]


def run(function, inputs):
    """Results and gradients, from a loss that weighs each result element differently."""
    results = outputs(function(*inputs))
    rng = np.random.default_rng(0)
    loss = sum((r * sl.tensor(rng.uniform(0.5, 1.5, r.shape).astype(r.dtype))).sum() for r in results)
    loss.backward()
    return [r.numpy() for r in results], [t.grad.numpy() for t in inputs if t.requires_grad]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_gradient_agrees_with_differences(case, device):
    gradcheck(case.function, tensors(case))


@pytest.mark.parametrize("case", [c for c in CASES if c.composed], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_agrees_with_its_composed_twin(case, dtype, device):
    found, expected = run(case.function, tensors(case, dtype)), run(case.composed, tensors(case, dtype))
    for one, other in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
        assert one.dtype == dtype
        close(one, other, dtype, case.name, terms=TERMS_OF_CASES)


@pytest.mark.parametrize("case", [c for c in CASES if c.torch], ids=repr)
def test_agrees_with_pytorch(case, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    inputs = [torch.from_numpy(a.copy()).requires_grad_(a.dtype.kind == "f") for a in case.inputs]
    results = outputs(case.torch(*inputs))
    rng = np.random.default_rng(0)
    sum((r * torch.from_numpy(np.asarray(rng.uniform(0.5, 1.5, r.shape)))).sum() for r in results).backward()
    found = run(case.function, tensors(case))
    expected = [r.detach().numpy() for r in results], [t.grad.numpy() for t in inputs if t.requires_grad]
    for one, other in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
        close(one, other, np.float64, case.name, terms=TERMS_OF_CASES)


def test_every_function_has_a_case():
    def below(kind):
        return {kind} | {k for sub in kind.__subclasses__() for k in below(sub)}

    shared = {"Binary", "ClassLoss", "Pointwise", "Reduction", "RowFunction"}  # no formulas themselves
    kinds = {kind.__name__ for kind in below(Function) if kind.__module__.startswith("scratchlm.functions.")}
    assert kinds - shared == {case.makes for case in CASES}


@pytest.mark.parametrize("learns", [(False, True), (True, False), (False, False)], ids=repr)
def test_what_a_linear_layer_learns_beside_frozen_parts(learns, device):
    x, w, b = np.ones((5, 3)), np.ones((4, 3)), np.ones(4)
    weight, bias = (sl.tensor(a, requires_grad=on) for a, on in zip((w, b), learns, strict=True))
    inputs = sl.tensor(x, requires_grad=True)
    F.linear(inputs, weight, bias).sum().backward()
    found = [None if t.grad is None else t.grad.numpy().tolist() for t in (inputs, weight, bias)]
    full = [np.full((5, 3), 4.0), np.full((4, 3), 5.0), np.full(4, 5.0)]
    assert found == [a.tolist() if on else None for a, on in zip(full, (True, *learns), strict=True)]


def test_a_layer_without_inputs_has_a_bias(device):
    bias = sl.tensor(np.ones(4), requires_grad=True)
    y = F.linear(sl.tensor(np.ones((5, 0))), sl.tensor(np.ones((4, 0))), bias)
    y.sum().backward()
    assert y.numpy().tolist() == [[1.0] * 4] * 5
    assert bias.grad.numpy().tolist() == [5.0] * 4


def test_large_arrays_of_two_types_are_added_in_the_wider_one(device):
    one, other = np.full(20_000, 1, np.float32), np.full(20_000, 1e-12)
    y = F.elementwise.Add()(sl.tensor(one), sl.tensor(other))
    assert y.dtype == np.float64
    assert np.array_equal(y.numpy(), one + other)


def test_equal_maxima_share_the_gradient(device):
    x = sl.tensor(TIES, requires_grad=True)
    x.max(axis=1).sum().backward()
    assert x.grad.numpy() == pytest.approx(np.array([[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]))


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    drop=st.integers(0, 2),
    ones=st.lists(st.booleans(), min_size=3, max_size=3),
    seed=st.integers(0, 1000),
)
def test_broadcasting_gradients_have_the_operands_shapes(shape, drop, ones, seed):
    rng = np.random.default_rng(seed)
    other = [1 if one else n for n, one in zip(shape, ones, strict=False)][min(drop, len(shape)) :]
    a = sl.tensor(rng.standard_normal(shape), requires_grad=True)
    b = sl.tensor(rng.uniform(0.5, 2, other), requires_grad=True)
    for function in (F.add, F.subtract, F.multiply, F.divide):
        gradcheck(function, [a, b])


@given(
    T=st.integers(1, 5),
    B=st.integers(1, 9),
    D=st.integers(1, 4),
    H=st.integers(1, 5),
    seed=st.integers(0, 1000),
    device=st.sampled_from(["reference", "cpu"]),
)
def test_lstm_of_any_shape_agrees_with_its_twin(T, B, D, H, seed, device):
    rng = np.random.default_rng(seed)
    shapes = [(T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,), (4 * H,)]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    with sl.use_device(device):
        results = []
        for function in (F.lstm, F.lstm_composed):
            results.append(run(function, [sl.tensor(a, requires_grad=True) for a in arrays]))
    for one, other in zip(results[0][0] + results[0][1], results[1][0] + results[1][1], strict=True):
        close(one, other, np.float64, "lstm", terms=T * (D + H))  # of numbers of about 1, step after step


@given(
    N=st.integers(1, 40),
    D=st.integers(1, 6),
    V=st.integers(2, 50),
    chunk=st.integers(1, 400),
    seed=st.integers(0, 1000),
)
def test_linear_cross_entropy_in_chunks_is_the_same(N, D, V, chunk, seed):
    from scratchlm.kernels.cross_entropy import cpu as kernel

    rng = np.random.default_rng(seed)
    x, w, b = rng.standard_normal((N, D)), rng.standard_normal((V, D)), rng.standard_normal(V)
    targets, g = rng.integers(0, V, N), rng.standard_normal(N)
    terms = max(of_linear_cross_entropy(x, w, b, targets, -100, g))
    reference = sl.get_device("reference").kernels
    expected = reference.linear_cross_entropy(x, w, b, targets, g, -100)
    before, kernel.CHUNK = kernel.CHUNK, chunk
    try:
        assert len(kernel._chunks(N, V)) == -(-N * V // chunk)
        found = kernel.linear_cross_entropy(x, w, b, targets, g, -100)
        losses = kernel.linear_cross_entropy_losses(x, w, b, targets, -100)
    finally:
        kernel.CHUNK = before
    for one, other in zip((*found, losses), (*expected, expected[0]), strict=True):
        close(one, other, np.float64, "linear_cross_entropy", terms)
