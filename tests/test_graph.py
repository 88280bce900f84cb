"""Automatic differentiation: what backward gives, and every misuse answered by one clear sentence."""

import os
import subprocess
import sys

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn, optim
from scratchlm.errors import DtypeError, GraphError, NumberError, ShapeError

from .cases import CASES
from .tolerance import rounding


def leaf(*values, dtype=np.float32):
    return sl.tensor(np.array(values, dtype), requires_grad=True)


def python(code):
    """Run code in a fresh interpreter; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONUTF8": "1"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---------------------------------------------------------------- what backward gives
def test_gradients_of_two_backward_calls_add_up(device):
    x = leaf(1, 2)
    (x * x).sum().backward()
    (3 * x).sum().backward()
    assert x.grad.numpy().tolist() == [5, 7]


def test_gradients_of_two_uses_add_up(device):
    x = leaf(2)
    (x * x + 5 * x).sum().backward()
    assert x.grad.numpy().tolist() == [9]


def test_a_diamond_is_walked_once(device):
    x = leaf(0.5)
    a = x * 2  # used on both sides
    (a.exp() * a.tanh()).sum().backward()
    expected = 2 * (np.exp(1) * np.tanh(1) + np.exp(1) * (1 - np.tanh(1) ** 2))
    assert x.grad.item() == pytest.approx(expected, rel=rounding(8))


def test_many_diamonds_cost_no_more_than_their_functions(device):
    x = y = leaf(1)
    for _ in range(60):  # 2^60 paths
        y = y + y
    y.sum().backward()
    assert x.grad.item() == 2**60


def test_a_chain_of_20000_operations_needs_no_recursion():
    code = """
import scratchlm as sl
x = y = sl.tensor([1.0], requires_grad=True)
for _ in range(20000): y = y + 0.5
y.sum().backward()
print(x.grad.item())
z = x
for _ in range(20000): z = z * 1.0
del z  # never walked: freed as a whole
print("freed")
"""
    assert python(code).split() == ["1.0", "freed"]


def test_detach_cuts_off_but_shares_memory(device):
    x = leaf(3)
    d = (x * 2).detach()
    (d * x).sum().backward()
    assert x.grad.item() == 6
    assert not d.requires_grad
    assert d.is_leaf
    assert np.shares_memory(x.detach().numpy(), x.numpy())


def test_no_grad_records_nothing(device):
    x = leaf(1)
    with sl.no_grad():
        y = x * 2
    assert y.is_leaf
    assert not y.requires_grad
    assert (x * 2).requires_grad


def test_no_grad_works_as_a_decorator_and_ends_with_an_error(device):
    @sl.no_grad()
    def double(x):
        """Twice."""
        if x is None:
            raise ValueError
        return x * 2

    assert not double(leaf(1)).requires_grad
    assert not double(leaf(1)).requires_grad  # a second call, too
    with pytest.raises(ValueError):  # noqa: PT011
        double(None)
    assert sl.is_grad_enabled()
    assert double.__doc__ == "Twice."


def test_retain_graph_allows_a_second_backward(device):
    x = leaf(2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8


def test_retain_grad_leaves_the_gradient_of_a_result(device):
    x = leaf(2)
    y = (x * x).retain_grad()
    unwatched = y + 1
    (3 * unwatched).sum().backward()
    assert y.grad.item() == 3
    assert x.grad.item() == 12
    assert unwatched.grad is None


def test_a_gradient_can_be_handed_in(device):
    x = leaf(1, 2)
    (x * x).backward([10.0, 1.0])
    assert x.grad.numpy().tolist() == [20, 4]
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\)"):
        (x * x).backward([1.0, 1.0, 1.0])


def test_an_output_that_nobody_used_counts_as_zero(device):
    x = leaf(1, 2, 3)
    first, _ = F.split(x, [1, 2])
    first.sum().backward()
    assert x.grad.numpy().tolist() == [1, 0, 0]


def test_leaf_gradients_never_share_memory(device):
    x, y = leaf(1, 2), leaf(3, 4)
    z = x + y
    z.retain_grad()
    given = np.ones(2, np.float32)
    z.backward(given)
    arrays = [x.grad.numpy(), y.grad.numpy(), z.grad.numpy(), given, x.numpy(), y.numpy()]
    for k, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[k + 1 :])


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_leaf_gradients_belong_to_the_leaf_alone(case, device):
    inputs = [sl.tensor(a, requires_grad=a.dtype.kind == "f") for a in case.inputs]
    results = case.function(*inputs)
    results = list(results) if isinstance(results, tuple) else [results]
    sum(r.sum() for r in results).backward()
    grads = [t.grad.numpy() for t in inputs if t.requires_grad]
    others = [t.numpy() for t in inputs] + [r.numpy() for r in results]
    for k, grad in enumerate(grads):
        assert grad.flags.writeable
        assert not any(np.shares_memory(grad, other) for other in [*grads[k + 1 :], *others])


@pytest.mark.parametrize("case", CASES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_results_and_gradients_keep_the_element_type(case, dtype, device):
    inputs = [
        sl.tensor(a.astype(dtype), requires_grad=True) if a.dtype.kind == "f" else sl.tensor(a)
        for a in case.inputs
    ]
    results = case.function(*inputs)
    for r in results if isinstance(results, tuple) else (results,):
        if not case.name.startswith(("reshape", "transpose")):  # those multiply by a float64 array
            assert r.dtype == dtype
    total = sum(r.sum() for r in (results if isinstance(results, tuple) else (results,)))
    total.backward()
    assert [t.grad.dtype for t in inputs if t.requires_grad] == [dtype] * sum(t.requires_grad for t in inputs)


def test_python_numbers_do_not_promote_float32(device):
    x = leaf(1, 2)
    for y in (2 * x, x + 0.5, 1 - x, 1 / x, x / 3, x**2, x**0.5, F.where(x > 1, x, 0.0), np.pi * x):
        assert y.dtype == np.float32


def test_python_floats_make_float32_of_integers(device):
    x = sl.tensor([1, 2])
    assert (0.5 * x).dtype == np.float32
    assert (x / 2).dtype == np.float32
    assert (2 * x).dtype == x.dtype == np.int64


def test_tensor_takes_memory_of_its_own(device):
    array, t = np.ones(2, np.float32), leaf(1, 1)
    for source in (array, t):
        sl.tensor(source)[...] = 7
    assert array.tolist() == t.numpy().tolist() == [1, 1]


# ---------------------------------------------------------------- misuse of the graph
def test_second_backward_says_how_to_do_it(device):
    y = (leaf(2) * 3).sum()
    y.backward()
    with pytest.raises(GraphError, match=r"second time through Sum.*retain_graph=True"):
        y.backward()


def test_backward_through_a_freed_part_is_an_error(device):
    shared = leaf(2).exp()
    (shared * 2).sum().backward()
    with pytest.raises(GraphError, match="second time through Exp"):
        (shared * 3).sum().backward()


def test_backward_from_many_elements_says_sum_or_mean(device):
    with pytest.raises(GraphError, match=r"scalar, this tensor has shape \(2,\): call .sum\(\) or .mean\(\)"):
        (leaf(1, 2) * 2).backward()


def test_backward_without_a_graph_says_requires_grad(device):
    with pytest.raises(GraphError, match="requires_grad=True"):
        (sl.tensor([1.0]) * 2).sum().backward()
    with sl.no_grad():
        y = leaf(1).sum()
    with pytest.raises(GraphError, match="no_grad"):
        y.backward()


def through_setitem(x):
    x[0] = 5


def through_copy(x):
    x.copy_([5.0, 6.0])


def through_an_optimizer(x):
    x.grad = sl.tensor([1.0, 1.0])
    optim.SGD([x], lr=0.1).step()


def through_data(x):
    x.data = np.array([5, 6], np.float32)


def through_a_view(x):
    x[:1][...] = 5


def through_a_view_of_a_view(x):
    x.reshape(2, 1).T.detach()[0, 0] = 5


CHANGES = [
    through_setitem,
    through_copy,
    through_an_optimizer,
    through_data,
    through_a_view,
    through_a_view_of_a_view,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_saved_array_changed_in_place_is_found(change, device):
    x = nn.Parameter(np.array([1, 2], np.float32))
    y = (x * x).sum()
    with sl.no_grad():
        change(x)
    with pytest.raises(GraphError, match=r"Multiply saved .* changed in place"):
        y.backward()


def test_a_saved_result_changed_in_place_is_found(device):
    y = leaf(1, 2).exp()
    with sl.no_grad():
        y[0] = 5
    with pytest.raises(GraphError, match="Exp saved"):
        y.sum().backward()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changing_an_array_that_nobody_saved_is_no_alarm(change, device):
    x, other = nn.Parameter(np.array([1, 2], np.float32)), leaf(3, 4)
    y = (x + other).sum() + (other * other).sum()  # a sum saves nothing of x
    with sl.no_grad():
        change(x)
    x.grad = None
    y.backward()
    assert x.grad.numpy().tolist() == [1, 1]
    assert other.grad.numpy().tolist() == [7, 9]


def test_a_change_before_use_or_after_backward_is_no_alarm(device):
    x = leaf(1, 2)
    for _ in range(2):
        with sl.no_grad():
            x[0] = 3
        x.grad = None
        (x * x).sum().backward()
    assert x.grad.numpy().tolist() == [6, 4]


def test_detect_anomaly_finds_a_change_behind_the_tensors_back(device):
    with sl.detect_anomaly():
        x = leaf(1, 2)
        y = (x * x).sum()
        x.data[0] = 9
        with pytest.raises(GraphError, match=r"Multiply saved .* through its \.data"):
            y.backward()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_detect_anomaly_names_the_function_that_makes_nan(device):
    x = leaf(-1, 2)
    with sl.detect_anomaly(), pytest.raises(NumberError, match=r"Log\.forward made 1 NaN"):
        x.log().exp().sum()
    with sl.detect_anomaly(), pytest.raises(NumberError, match=r"Power\.backward made 1 NaN or inf"):
        (leaf(0, 2) ** 0.5).sum().backward()
    assert np.isnan(x.log().numpy()[0])  # off again


def test_in_place_change_of_a_graph_tensor_is_refused(device):
    x = leaf(1, 2)
    read = x * 2
    assert (read + 1).requires_grad
    for t in (x, read):
        with pytest.raises(GraphError, match=r"in-place change .* no_grad\(\)"):
            t[0] = 1
        with pytest.raises(GraphError, match="in-place"):
            t.copy_([1.0, 1.0])
    assert x.numpy().tolist() == [1, 2]


def test_requires_grad_is_for_float_leaves(device):
    with pytest.raises(DtypeError, match="int64"):
        sl.tensor([1, 2], requires_grad=True)
    with pytest.raises(DtypeError, match="int64"):
        sl.tensor([1, 2]).requires_grad_()
    with pytest.raises(GraphError, match="leaves"):
        (leaf(1) * 2).requires_grad_(False)


def test_a_missing_numba_says_what_to_install():
    code = """
import sys
sys.modules["numba"] = None
import scratchlm as sl
try: sl.tensor([1.0], device="cpu")
except sl.ScratchLMError as error: print(type(error).__name__, error)
print(sl.tensor([1.0]).device)
"""
    found = python(code)
    assert found.startswith("DeviceError Device 'cpu' needs the package 'numba': run `pip install numba`")
    assert "device('reference')" in found
