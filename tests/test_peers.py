"""What programs written for small engines (micrograd, minitorch, DeZero) do with a tensor, beside PyTorch."""

import math
import operator

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import DtypeError, GraphError, ShapeError

# ---------------------------------------------------------------- a tensor of one number is a number
NUMBERS = {
    "int": lambda torch: int(torch.tensor([3.7])),
    "an index of a list": lambda torch: "abc"[torch.tensor(1)],
    "a range": lambda torch: list(range(torch.tensor(3))),
    "format": lambda torch: f"{torch.tensor(2.5):.2f}, {torch.tensor(3):3d}",
    "plus": lambda torch: (+torch.tensor([1.0, -2.0])).tolist(),
    "a square root": lambda torch: math.sqrt(torch.tensor(4.0)),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_tensor_stands_for_its_number(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    assert NUMBERS[name](sl) == NUMBERS[name](torch)


def test_no_fraction_is_an_index():
    with pytest.raises(TypeError, match="float"):
        operator.index(sl.tensor(1.0))
    assert f"{sl.tensor([1.0, 2.0])}" == "tensor([1., 2.])"


# ---------------------------------------------------------------- beside NumPy's arrays
SIGNS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.matmul, operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip
BITS = [operator.and_, operator.or_, operator.xor]


@pytest.mark.parametrize("sign", SIGNS + BITS, ids=lambda sign: sign.__name__)
def test_an_array_on_the_left_of_a_tensor(sign, device):
    left, right = np.array([3.0, 2.0], np.float32), np.array([2.0, 2.0], np.float32)
    if sign in BITS:
        left, right = left.astype(np.int64), right.astype(np.int64)
    y = sign(left, sl.tensor(right))
    assert isinstance(y, sl.Tensor)
    assert y.dtype == sign(left, right).dtype
    assert y.tolist() == sign(left, right).tolist()


def test_an_array_beside_a_tensor_keeps_the_graph(device):
    w = sl.tensor([1.0, 2.0], requires_grad=True)
    (np.float32(2) * (np.array([3.0, 4.0], np.float32) - w)).sum().backward()
    assert w.grad.tolist() == [-2, -2]


def test_data_changes_by_a_gradient_as_in_micrograd(device):
    """`p.data -= lr * p.grad`: the same memory and type, and a recorded use of it is noticed."""
    w = sl.tensor([1.0, 2.0], requires_grad=True)
    array, loss = w.data, (w * w).sum()
    loss.backward(retain_graph=True)
    w.data -= 0.5 * w.grad.double()
    assert w.data is array
    assert w.dtype == np.float32
    assert w.tolist() == [0, 0]
    with pytest.raises(GraphError, match="changed in place"):
        loss.backward()


def test_numpys_own_functions_take_no_tensor():
    x = sl.ones(2, requires_grad=True)
    for call in (np.exp, np.add.reduce, lambda x: np.add(np.ones(2), np.ones(2), out=x)):
        with pytest.raises(DtypeError, match=r"^numpy\.(exp|add) computes with arrays"):
            call(x)
    assert np.exp(x.numpy()) == pytest.approx(np.e)


# ---------------------------------------------------------------- gradients
def test_a_number_as_gradient_is_named(device):
    """micrograd sets gradients to 0."""
    w = sl.ones(2, requires_grad=True)
    w.grad = 0
    with pytest.raises(DtypeError, match=r"^\.grad is a int: set it to a Tensor, or to None\.$"):
        w.sum().backward()


def test_a_result_requires_its_gradient_already(device):
    y = sl.ones(2, requires_grad=True) * 3
    assert y.requires_grad_() is y
    y.retain_grad().sum().backward()
    assert y.grad.tolist() == [1, 1]


def test_second_derivatives_are_left_out_and_it_says_so(device):
    w = sl.ones(2, requires_grad=True)
    with pytest.raises(GraphError, match=r"create_graph asks for second derivatives.*docs/pytorch\.md"):
        w.sum().backward(create_graph=True)
    w.sum().backward(None, None)
    assert w.grad.tolist() == [1, 1]


# ---------------------------------------------------------------- where a formula has a kink, a pole, a tie
KINKS = {
    "softplus": lambda torch, x: torch.nn.functional.softplus(x),
    "logsigmoid": lambda torch, x: torch.nn.functional.logsigmoid(x),
    "relu6": lambda torch, x: torch.nn.functional.relu6(x),
    "hardtanh": lambda torch, x: torch.nn.functional.hardtanh(x),
    "hardsigmoid": lambda torch, x: torch.nn.functional.hardsigmoid(x),
    "hardswish": lambda torch, x: torch.nn.functional.hardswish(x),
    "clamp": lambda torch, x: x.clamp(-1, 1),
    "clamp by tensors": lambda torch, x: x.clamp(min=torch.zeros(9), max=torch.ones(9)),
    "scores": lambda torch, x: torch.nn.functional.binary_cross_entropy_with_logits(x, torch.zeros(9)),
    "probabilities": lambda torch, x: torch.nn.functional.binary_cross_entropy(
        x.clamp(0, 1), torch.linspace(0, 1, 9)
    ),
    "length 0": lambda torch, x: (0 * x).norm(),
    "length 0 of cubes": lambda torch, x: (0 * x).norm(p=3),
    "lengths of rows": lambda torch, x: (x.relu().view(3, 3)).norm(dim=1),
    "largest as length": lambda torch, x: x.norm(p=math.inf),
    "least as length": lambda torch, x: x[:4].norm(p=-math.inf),
    "count as length": lambda torch, x: (x + 0 * x.norm(p=0)) * x.norm(p=0),
    "spread of equal numbers": lambda torch, x: (0 * x).std(),
}


@pytest.mark.parametrize("name", KINKS)
def test_values_and_gradients_at_kinks_are_pytorchs(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found = []
    for library in (sl, torch):
        x = library.tensor([-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0], requires_grad=True)
        y = KINKS[name](library, x)
        y.sum().backward()
        found.append((y.tolist(), x.grad.tolist()))
    (value, grad), (expected, expected_grad) = found
    assert value == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert grad == pytest.approx(expected_grad, rel=1e-6, abs=1e-7)


# ---------------------------------------------------------------- whole numbers and truths
WHOLE = {
    "a truth and a number": lambda torch: torch.tensor([True, False]) + 1,
    "a truth times a number": lambda torch: torch.tensor([True]) * np.int64(3),
    "a power of a truth": lambda torch: torch.tensor([True]) ** 2,
    "two truths": lambda torch: torch.tensor([True]) + True,
    "a sum of bytes": lambda torch: torch.tensor([200, 100], dtype=torch.uint8).sum(),
    "a product of bytes": lambda torch: torch.tensor([200, 100], dtype=torch.uint8).prod(),
    "sums of bytes": lambda torch: torch.tensor([200, 100], dtype=torch.uint8).cumsum(0),
    "products of bytes": lambda torch: torch.tensor([200, 100], dtype=torch.uint8).cumprod(0),
    "relu": lambda torch: torch.tensor([-2, 3]).relu(),
    "relu6": lambda torch: torch.nn.functional.relu6(torch.tensor([-2, 9])),
    "sigmoid": lambda torch: torch.tensor([-2, 3]).sigmoid(),
    "tanh": lambda torch: torch.tensor([-2, 3]).tanh(),
    "linear": lambda torch: torch.nn.functional.linear(
        torch.tensor([[1, 2]]), torch.tensor([[3, 4]]), torch.tensor([5])
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_give_pytorchs_types_and_values(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    y, expected = WHOLE[name](sl), WHOLE[name](torch).numpy()
    assert y.dtype == expected.dtype
    assert y.numpy() == pytest.approx(expected, rel=1e-6)


def test_a_number_that_does_not_fit_is_refused(device):
    for x, number in ((sl.tensor([1], dtype=sl.uint8), 300), (sl.tensor([1]), 2**70)):
        for call in (lambda x, n: x + n, lambda x, n: n * x, lambda x, n: x**n):
            with pytest.raises(DtypeError, match=rf"{number} is outside u?int\d+: convert the tensor first"):
                call(x, number)


def test_minus_of_truths_needs_a_float_beside_them(device):
    for call in (lambda mask: 1 - mask, lambda mask: mask - mask):
        with pytest.raises(DtypeError, match="True and False has no meaning"):
            call(sl.tensor([True]))
    assert (sl.tensor([True]) - 0.25).tolist() == [0.75]
    assert (sl.tensor([True]) - [1]).tolist() == [0]


# ---------------------------------------------------------------- no axes, no elements
ALONG_NO_AXIS = {
    "argmax": lambda torch, x: x.argmax(0),
    "argmin": lambda torch, x: x.argmin(-1, keepdim=True),
    "max": lambda torch, x: x.max(dim=0).values,
    "place of the max": lambda torch, x: x.max(dim=-1, keepdim=True).indices,
    "cumsum": lambda torch, x: x.cumsum(0),
    "cumprod": lambda torch, x: x.cumprod(-1),
    "cummax": lambda torch, x: x.cummax(0).values,
    "place of cummin": lambda torch, x: x.cummin(dim=0).indices,
    "logcumsumexp": lambda torch, x: x.logcumsumexp(0),
    "topk": lambda torch, x: x.topk(1).values,
    "sort": lambda torch, x: x.sort(dim=0, descending=True, stable=True).values,
    "flip": lambda torch, x: x.flip(0),
    "transpose": lambda torch, x: x.transpose(0, -1),
    "t": lambda torch, x: x.t(),
    "squeeze": lambda torch, x: x.squeeze(0),
    "gather": lambda torch, x: x.gather(0, torch.tensor(0)),
    "scatter": lambda torch, x: x.scatter(0, torch.tensor(0), torch.tensor(5.0)),
    "scatter_add": lambda torch, x: x.scatter_add(0, torch.tensor(0), torch.tensor(5.0)),
    "index_select": lambda torch, x: x.index_select(0, torch.tensor([0])),
    "dropout of all": lambda torch, x: torch.nn.functional.dropout(x, 1.0),
    "row of a table": lambda torch, x: torch.nn.functional.embedding(torch.tensor(1), x.expand(2, 3)),
}
OF_NOTHING = {
    "amax": lambda torch, x: x.amax(1),
    "max": lambda torch, x: x.max(dim=1, keepdim=True).values,
    "argmin": lambda torch, x: x.argmin(1),
    "sum": lambda torch, x: x.sum(0),
    "softmax": lambda torch, x: x.softmax(1),
    "product": lambda torch, x: x.t() @ x,
}


@pytest.mark.parametrize(
    ("call", "shape"),
    [(call, ()) for call in ALONG_NO_AXIS.values()] + [(call, (0, 3)) for call in OF_NOTHING.values()],
    ids=[*ALONG_NO_AXIS, *(f"{name} of nothing" for name in OF_NOTHING)],
)
def test_a_tensor_without_axes_or_elements_is_no_exception(call, shape, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found = []
    for library in (sl, torch):
        x = library.full(shape, -2.0, requires_grad=True)
        y = call(library, x)
        if y.is_floating_point():
            y.sum().backward()
            found.append(x.grad.numpy())
        found.append(y.detach().numpy())
    for one, other in zip(found[: len(found) // 2], found[len(found) // 2 :], strict=True):
        assert (one.shape, one.dtype, one.tolist()) == (other.shape, other.dtype, other.tolist())


def test_the_largest_of_nothing_is_refused(device):
    for call in (lambda x: x.amax(0), lambda x: x.max(), lambda x: x.argmax(0), lambda x: x.argmin()):
        with pytest.raises(ShapeError, match=r"needs at least one element, the tensor has shape \(0, 3\)"):
            call(sl.zeros(0, 3))


# ---------------------------------------------------------------- names
NAMES = {
    **{name: (lambda torch, name=name: getattr(torch.tensor([1, 2, 3]), name)(torch.tensor([2.0, 2.0, 2.0])))
       for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "equal": lambda torch: torch.tensor(torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))),
    "other shapes": lambda torch: torch.tensor(torch.equal(torch.ones(2), torch.ones(2, 1))),
    "dot": lambda torch: torch.dot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])),
    "mv": lambda torch: torch.tensor([[1.0, 2.0]]).mv(torch.tensor([3.0, 4.0])),
    "outer": lambda torch: torch.outer(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])),
    "t": lambda torch: torch.arange(6).view(2, 3).t(),
    "stride": lambda torch: torch.tensor(torch.zeros(2, 3, 4).transpose(0, 2).stride()),
    "stride of an axis": lambda torch: torch.tensor(torch.zeros(2, 3).stride(-2)),
    "in order": lambda torch: torch.tensor(torch.zeros(2, 3).is_contiguous()),
    "not in order": lambda torch: torch.tensor(torch.zeros(2, 3).t().is_contiguous()),
    "None": lambda torch: torch.tensor([torch.zeros(2) == None, torch.zeros(2) != None]),  # noqa: E711
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_pytorchs_means_the_same(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    y, expected = NAMES[name](sl), NAMES[name](torch).numpy()
    assert (y.shape, y.dtype, y.tolist()) == (expected.shape, expected.dtype, expected.tolist())


def test_vectors_and_matrices_are_told_apart():
    with pytest.raises(ShapeError, match=r"outer takes two vectors, got .*\(2, 2\) and \(2,\)"):
        sl.outer(sl.ones(2, 2), sl.ones(2))
    with pytest.raises(ShapeError, match=r"t\(\) takes a matrix, got shape \(1, 2, 3\)"):
        sl.ones(1, 2, 3).t()


OPTIONS = {
    "sum of a type": lambda torch: torch.tensor([[1, 2]]).sum(dim=1, dtype=torch.float32),
    "mean of a type": lambda torch: torch.tensor([1.0, 2.0]).mean(dtype=torch.float64),
    "prod of a type": lambda torch: torch.tensor([1, 2]).prod(0, dtype=torch.float64),
    "cumsum of a type": lambda torch: torch.tensor([1, 2]).cumsum(0, dtype=torch.float32),
    "cumprod of a type": lambda torch: torch.tensor([3, 2]).cumprod(dim=0, dtype=torch.float32),
    "a multiple added": lambda torch: torch.add(torch.tensor([3.0]), torch.tensor([1.0]), alpha=2),
    "a multiple taken": lambda torch: torch.tensor([3.0]).sub(torch.tensor([1.0]), alpha=0.5),
    "and": lambda torch: torch.logical_and(torch.tensor([1, 2, 0]), torch.tensor([4.0, 0.0, 0.0])),
    "or": lambda torch: torch.logical_or(torch.tensor([1, 2, 0]), torch.tensor([4.0, 0.0, 0.0])),
    "either": lambda torch: torch.tensor([1, 2, 0]).logical_xor(torch.tensor([4, 0, 0])),
    "a mask in place": lambda torch: torch.zeros(3).masked_fill_(torch.tensor([True, False, True]), 2.5),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_pytorchs_means_the_same(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    y, expected = OPTIONS[name](sl), OPTIONS[name](torch).numpy()
    assert (y.shape, y.dtype, y.tolist()) == (expected.shape, expected.dtype, expected.tolist())


def test_what_has_a_gradient_is_not_lost_in_what_has_none(device):
    w, y = sl.tensor(1.0, requires_grad=True), sl.zeros(2)
    y[0] = w
    y.copy_(w * 2 + 1)
    y.sum().backward()
    assert w.grad.item() == 4
    w, y = sl.tensor(1.0, requires_grad=True), sl.zeros(2)
    with sl.no_grad():
        y[0] = w
    y[1] = w.detach()
    assert y.tolist() == [1, 1]
