"""Memory that tensors share: moves between devices, views, indices, changes in place, gradients handed on."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import GraphError

from .tolerance import rounding

OTHER = {"reference": "cpu", "cpu": "reference"}
IN_PLACE = {
    "+=": (lambda p, d: p.__iadd__(d), [1.5, 3.0]),
    "-=": (lambda p, d: p.__isub__(d), [0.5, 1.0]),
    "*=": (lambda p, d: p.__imul__(d), [0.5, 2.0]),
    "/=": (lambda p, d: p.__itruediv__(d), [2.0, 2.0]),
}


def leaf(*values):
    return sl.tensor(np.array(values, np.float32), requires_grad=True)


# ---------------------------------------------------------------- another device
def test_a_result_on_another_device_is_still_part_of_the_graph(device):
    x = leaf(1, 2)
    moved = (x * x).to(OTHER[device])
    assert moved.device.name == OTHER[device]
    assert moved.requires_grad
    (3 * moved).sum().backward()
    assert x.grad.numpy().tolist() == [6, 12]
    assert x.grad.device.name == device


def test_a_gradient_arrives_over_two_moves(device):
    x = leaf(1, 2)
    there = x.exp().to(OTHER[device]).log()
    (there.to(device) * x).sum().backward()
    assert x.grad.numpy() == pytest.approx([2, 4], rel=rounding(4))


def test_a_result_is_where_it_is_already(device):
    y = leaf(1) * 2
    assert y.to(device) is y


def test_under_no_grad_a_move_records_nothing(device):
    x = leaf(1, 2)
    with sl.no_grad():
        moved = (x * x).to(OTHER[device])
    assert moved.is_leaf
    assert not moved.requires_grad


def by_move(y):
    return y.detach().to(OTHER[y.device.name])


def by_move_in_the_graph(y):
    return y.to(OTHER[y.device.name])


def by_making_a_tensor(y):
    return sl.Tensor(y)


def by_making_a_tensor_of_a_move(y):
    return sl.Tensor(y.detach().to(OTHER[y.device.name]), device=OTHER[y.device.name])


@pytest.mark.parametrize(
    "share",
    [by_move, by_move_in_the_graph, by_making_a_tensor, by_making_a_tensor_of_a_move],
    ids=lambda share: share.__name__,
)
def test_a_change_through_whatever_shares_the_memory_is_noticed(share, device):
    y = leaf(1, 2).exp()
    other = share(y)
    assert np.shares_memory(other.numpy(), y.numpy())
    with sl.no_grad():
        other[0] = 5
    with pytest.raises(GraphError, match=r"Exp saved .* changed in place"):
        y.sum().backward()


# ---------------------------------------------------------------- indices
INDICES = {  # how to make it, and how often it takes each row
    "array": (lambda: np.array([0, 1, 1]), [1, 2, 0]),
    "mask": (lambda: np.array([True, True, False]), [1, 1, 0]),
    "array in a tuple": (lambda: (np.array([0, 1]), slice(None)), [1, 1, 0]),
    "list": (lambda: [0, 1], [1, 1, 0]),
    "list in a tuple": (lambda: ([0, 1], slice(None)), [1, 1, 0]),
    "tensor": (lambda: sl.tensor([0, 1]), [1, 1, 0]),
}


@pytest.mark.parametrize("name", INDICES)
def test_an_index_changed_after_its_use_does_not_change_the_gradient(name, device):
    make, rows = INDICES[name]
    x, index = sl.tensor(np.ones((3, 2), np.float32), requires_grad=True), make()
    y = x[index]
    places = index[0] if isinstance(index, tuple) else index
    places[:] = [False, False, True] if name == "mask" else [2] * len(places)
    y.sum().backward()
    assert x.grad.numpy()[:, 0].tolist() == x.grad.numpy()[:, 1].tolist() == rows


# ---------------------------------------------------------------- changes in place, by sign
def test_a_step_written_by_hand_changes_the_parameter_itself(device):
    p = leaf(1, 2)
    array, same = p.data, p
    (p * p).sum().backward()
    with sl.no_grad():
        p -= 0.25 * p.grad
    assert p is same
    assert p.data is array
    assert array.tolist() == [0.5, 1.0]
    assert p.requires_grad
    assert p.is_leaf


@pytest.mark.parametrize("sign", IN_PLACE)
def test_a_change_in_place_by_sign_keeps_the_array_and_is_noticed(sign, device):
    change, expected = IN_PLACE[sign]
    p = leaf(1, 2)
    array, y = p.data, (p * p).sum()
    with sl.no_grad():
        assert change(p, sl.tensor([0.5, 1.0])) is p
    assert p.data is array
    assert array.tolist() == expected
    with pytest.raises(GraphError, match=r"Multiply saved .* changed in place"):
        y.backward()


@pytest.mark.parametrize("sign", IN_PLACE)
@pytest.mark.parametrize("by", [2.0, sl.tensor([2.0, 2.0]), leaf(2, 2)], ids=["number", "tensor", "leaf"])
def test_a_change_in_place_of_a_leaf_that_wants_a_gradient_is_refused(sign, by):
    p = leaf(1, 2)
    with pytest.raises(GraphError, match=r"in-place change .* no_grad\(\)"):
        IN_PLACE[sign][0](p, by)
    assert p.numpy().tolist() == [1, 2]


def test_a_change_in_place_keeps_the_element_type(device):
    p = leaf(1, 2)
    with sl.no_grad():
        p += np.ones(2)  # float64
    assert p.dtype == np.float32
    assert p.numpy().tolist() == [2, 3]


def test_a_sum_that_begins_with_a_result_keeps_its_graph(device):
    x = leaf(1, 2)
    total = x.sum()
    total += (3 * x).sum()
    total.backward()
    assert x.grad.numpy().tolist() == [4, 4]


# ---------------------------------------------------------------- a Function used twice, or with a memory
class Kept(sl.Function):
    """Returns as gradient an array that it keeps in an attribute."""

    def __init__(self, gradient):
        self.gradient = gradient

    def forward(self, a):
        return 1.0 * a

    def backward(self, grad_y):
        return self.gradient


class KeptInAList(Kept):
    def __init__(self, gradient):
        self.gradients = [gradient]

    def backward(self, grad_y):
        return self.gradients[0]


class KeptInTheClass(Kept):
    table = np.array([1, 2], np.float32)

    def __init__(self, gradient):
        type(self).table = gradient

    def backward(self, grad_y):
        return self.table


@pytest.mark.parametrize("kind", [Kept, KeptInAList, KeptInTheClass])
def test_an_array_that_a_function_keeps_is_not_added_to(kind, device):
    kept = np.array([1, 2], np.float32)
    x = leaf(5, 5)
    for times in (1, 2, 3):
        kind(kept)(x).sum().backward()
        assert kept.tolist() == [1, 2]
        assert x.grad.numpy().tolist() == [times, 2 * times]


def test_an_array_kept_over_two_backward_calls_is_not_added_to(device):
    kept = np.array([1, 2], np.float32)
    x = leaf(5, 5)
    y = Kept(kept)(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert kept.tolist() == [1, 2]
    assert x.grad.numpy().tolist() == [2, 4]


def test_one_function_object_serves_one_call(device):
    double = Kept(np.ones(2, np.float32))
    y = double(leaf(1, 2)).sum()
    with pytest.raises(GraphError, match=r"Kept.* twice.* new one for each call"):
        double(leaf(3, 4))
    y.backward()
    with pytest.raises(GraphError, match="new one for each call"):
        double(leaf(3, 4))


def test_integers_divided_by_integers_are_float32():
    y = sl.tensor([1, 2, 3]) / sl.tensor([2, 2, 2])
    assert y.dtype == np.float32
    assert y.numpy().tolist() == [0.5, 1.0, 1.5]
