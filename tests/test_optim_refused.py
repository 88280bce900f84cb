"""What optimizers and clipping refuse, on every device: a kernel would read and write beyond arrays."""

import math

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import nn, optim
from scratchlm.errors import DtypeError, OptionError, ShapeError


def with_gradient(grad, shape=(4, 3), dtype=np.float32):
    p = nn.Parameter(np.zeros(shape, dtype))
    p.grad = grad
    return p


GRADIENTS = {
    "longer": lambda: sl.tensor(np.ones((5, 3), np.float32)),
    "shorter": lambda: sl.tensor(np.ones((3, 3), np.float32)),
    "one number": lambda: sl.tensor(np.ones(1, np.float32)),
    "transposed": lambda: sl.tensor(np.ones((3, 4), np.float32)),
    "float64": lambda: sl.tensor(np.ones((4, 3))),
    "integers": lambda: sl.tensor(np.ones((4, 3), int)),
    "an array": lambda: np.ones((4, 3), np.float32),
}


@pytest.mark.parametrize("wrong", GRADIENTS)
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
def test_a_gradient_that_does_not_fit_is_named_and_nothing_moves(kind, wrong, device):
    good, bad = with_gradient(sl.tensor(np.ones((4, 3), np.float32))), with_gradient(GRADIENTS[wrong]())
    optimizer = kind([good, bad], lr=1.0)
    with pytest.raises((ShapeError, DtypeError), match=r"Parameter 1 of the optimizer"):
        optimizer.step()
    assert not good.numpy().any()
    assert not bad.numpy().any()
    assert optimizer.steps == [0, 0]


@pytest.mark.parametrize("rows", [3, 5, 4000])
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_a_parameter_that_grew_after_the_optimizer_was_made_is_refused(kind, rows, device):
    p = with_gradient(None)
    optimizer = kind([p])
    p.data = np.zeros((rows, 3), np.float32)
    p.grad = sl.tensor(np.ones((rows, 3), np.float32))
    with pytest.raises(ShapeError, match=r"had shape \(4, 3\) .* make a new optimizer"):
        optimizer.step()


def test_a_gradient_left_from_another_shape_is_refused_by_backward(device):
    p = with_gradient(sl.tensor(np.ones((5, 3), np.float32)))
    with pytest.raises(ShapeError, match=r"gradient .*\(5, 3\)"):
        p.sum().backward()


LEAF = nn.Parameter(np.ones((2, 3), np.float32))
READ_ONLY = np.ones(3, np.float32)
READ_ONLY.flags.writeable = False
PARAMETERS = {
    "a module": (lambda: nn.Linear(2, 3), r"pass its \.parameters\(\)"),
    "one tensor": (lambda: LEAF, "write .tensor."),
    "a result": (lambda: [LEAF * 2], "is no leaf"),
    "rows of a tensor": (lambda: list(LEAF), "is no leaf"),
    "twice": (lambda: [LEAF, LEAF], "twice"),
    "twice in groups": (lambda: [{"params": [LEAF]}, {"params": [LEAF], "lr": 0.1}], "twice"),
    "arrays": (lambda: [np.ones(3)], "takes tensors, got ndarray"),
    "names": (lambda: {"weight": LEAF}, "takes tensors, got str"),
    "a number": (lambda: 3, "takes tensors, got int"),
    "integers": (lambda: [sl.tensor([1, 2])], "is int64"),
    "halves": (lambda: [sl.tensor(np.ones(2, np.float16))], "is float16"),
    "read-only": (lambda: [sl.Tensor(READ_ONLY)], "is read-only"),
}


@pytest.mark.parametrize("wrong", PARAMETERS)
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_what_is_no_list_of_leaves_is_refused(kind, wrong):
    make, words = PARAMETERS[wrong]
    with pytest.raises((OptionError, DtypeError), match=words):
        kind(make(), lr=0.1)


@pytest.mark.parametrize("value", ["x", None, math.nan, math.inf, -1.0, [0.1]])
def test_a_learning_rate_that_is_none_is_refused(value):
    with pytest.raises(OptionError, match="lr is"):
        optim.SGD([LEAF], lr=value)
    optimizer = optim.SGD([LEAF], lr=0.1)
    with pytest.raises(OptionError, match="lr is"):
        optimizer.lr = value
    with pytest.raises(OptionError, match="betas is"):
        optim.Adam([LEAF], betas=(0.9,))


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_clipping_by_what_is_no_length_is_refused(clip):
    p = with_gradient(sl.tensor(np.ones((4, 3), np.float32)))
    for value in (-1.0, math.nan, "1", None):
        with pytest.raises(OptionError, match=r"_norm is|_value is"):
            clip([p], value)
    with pytest.raises(OptionError, match=r"pass its \.parameters\(\)"):
        clip(nn.Linear(2, 3), 1.0)
    clip([p], math.inf)
    clip(p, 0.5)  # one tensor, as in PyTorch
    assert p.grad.numpy().max() < 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (optim.SGD, {"momentum": 1.0}),
        (optim.SGD, {"weight_decay": -0.1}),
        (optim.Adam, {"betas": (0.9, 1.0)}),
        (optim.AdamW, {"eps": -1e-8}),
    ],
)
def test_options_out_of_range_are_refused(kind, options):
    with pytest.raises(OptionError, match=r"is .*, expected a number from 0 on"):
        kind([nn.Parameter(np.zeros(3))], 0.1, **options)
