"""What programs written for small engines (micrograd, minitorch, DeZero) do with a tensor, beside PyTorch."""

import math
import operator

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import DtypeError, GraphError

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
        with pytest.raises(DtypeError, match=r"^NumPy's (exp|add) takes arrays, not tensors"):
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
