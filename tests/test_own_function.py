"""A student's own Function: what it may give back, and what becomes of that."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import GraphError

from .test_graph import leaf


class Wrong(sl.Function):
    def __init__(self, *grads):
        self.grads = grads

    def forward(self, a, b):
        return a + b

    def backward(self, grad_y):
        return self.grads


def test_wrong_number_of_gradients_is_named(device):
    with pytest.raises(GraphError, match=r"Wrong\.backward returned 1 gradients for 2 inputs"):
        Wrong(np.ones(2))(leaf(1, 2), leaf(3, 4)).sum().backward()


def test_wrong_shape_of_a_gradient_is_named(device):
    grads = np.ones(2, np.float32), np.ones((1, 2), np.float32)
    with pytest.raises(GraphError, match=r"Wrong\.backward .* shape \(1, 2\) for input 1 of shape \(2,\)"):
        Wrong(*grads)(leaf(1, 2), leaf(3, 4)).sum().backward()


class Given(Wrong):
    """Its gradient is what it is given, as it is, as a view made anew, or as a view of nothing but itself."""

    def backward(self, grad_y):
        give, array = self.grads
        return give(array), None


@pytest.mark.parametrize(
    "give", [lambda a: a, lambda a: a.reshape(2), lambda a: a[:]], ids=["", "reshaped", "view"]
)
def test_a_gradient_that_a_function_saved_is_copied(give, device):
    kept = np.ones(2, np.float32)
    x = leaf(1, 2)
    for _ in range(2):
        Given(give, kept)(x, 1.0).sum().backward()
    assert kept.tolist() == [1, 1]
    assert x.grad.numpy().tolist() == [2, 2]


def test_a_gradient_that_nobody_else_knows_is_not_copied():
    places = []

    def fresh(array):
        made = array.reshape(1, 2) + 1
        places.append(made.ctypes.data)
        return made.reshape(2)

    x = leaf(1, 2)
    Given(fresh, np.ones(2, np.float32))(x, 1.0).sum().backward()
    assert [x.grad.data.ctypes.data] == places


def test_two_gradients_in_one_memory_are_parted():
    class Both(Wrong):
        def backward(self, grad_y):
            base = np.ones((1, 2), np.float32)
            return base.reshape(2), base.reshape(2)

    x, y = leaf(1, 2), leaf(3, 4)
    Both()(x, y).sum().backward()
    x.grad.data[0] = 7
    assert y.grad.numpy().tolist() == [1, 1]


def test_save_takes_what_is_no_array():
    class Scaled(sl.Function):
        def forward(self, x):
            self.save(x, 2.0, (1, 2))
            return 2 * x

        def backward(self, grad_y):
            _, factor, _ = self.saved
            return factor * grad_y

    x = sl.tensor([1.0, 2.0], requires_grad=True)
    Scaled()(x).sum().backward()
    assert x.grad.numpy().tolist() == [2.0, 2.0]


class Shared(sl.Function):
    """a + b, whose backward gives one array to both, whatever their shapes."""

    def forward(self, a, b):
        return a + b

    def backward(self, grad_y):
        return grad_y, grad_y


def test_the_input_whose_gradient_is_wrong_is_named_also_where_one_array_is_for_two():
    a, b = (sl.tensor(np.ones(n, np.float32), requires_grad=True) for n in (3, 1))
    with pytest.raises(GraphError, match=r"gradient of shape \(3,\) for input 1 of shape \(1,\)"):
        Shared()(a, b).sum().backward()


def test_a_gradient_that_nobody_else_knows_is_kept_without_a_copy():
    class Fresh(sl.Function):
        def forward(self, x):
            return x.copy()

        def backward(self, grad_y):
            made = np.array(grad_y)
            places.append(made.ctypes.data)
            return made

    places = []
    x = sl.tensor(np.ones(1000, np.float32), requires_grad=True)
    Fresh()(x).sum().backward()
    assert x.grad.data.ctypes.data == places[0]
