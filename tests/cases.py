"""One row for each differentiable function: how to call it, its composed twin, its PyTorch peer, its inputs.

`inputs` are float64 arrays; integer ones are ids and get no gradient. The tests in test_functions.py hold
each row to finite differences, to the twin and to PyTorch, on every device;
test_every_function_has_a_case finds a Function without a row. Those of layers and losses: cases_layers.py.
"""

import numpy as np

from scratchlm import functions as F
from scratchlm import get_device

from .case import RNG, Case, away_from_zero, normal, positive, torch_f
from .cases_layers import LAYER_CASES
from .cases_surface import SURFACE_CASES

MASK = RNG.random((4, 5)) < 0.5
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])

CASES = [
    Case("add", "Add", lambda a, b: a + b, [normal(3, 4), normal(3, 4)], None, lambda a, b: a + b),
    Case(
        "add_broadcast", "Add", lambda a, b: a + b, [normal(3, 1, 2), normal(4, 1)], None, lambda a, b: a + b
    ),
    Case("add_number", "Add", lambda a: 2 + a + 0.5, [normal(3)], None, lambda a: 2 + a + 0.5),
    Case("subtract", "Subtract", lambda a, b: a - b, [normal(3, 4), normal(4)], None, lambda a, b: a - b),
    Case("multiply", "Multiply", lambda a, b: a * b, [normal(3, 4), normal(3, 1)], None, lambda a, b: a * b),
    Case("square", "Multiply", lambda a: a * a, [normal(3, 4)], lambda a: a**2, lambda a: a * a),
    Case("divide", "Divide", lambda a, b: a / b, [normal(3, 4), away_from_zero(4)], None, lambda a, b: a / b),
    Case("reciprocal", "Divide", lambda a: 1 / a, [away_from_zero(3)], lambda a: a**-1, lambda a: 1 / a),
    Case("negative", "Negative", lambda a: -a, [normal(3)], lambda a: -1 * a, lambda a: -a),
    Case("power", "Power", lambda a: a**3, [normal(3, 2)], lambda a: a * a * a, lambda a: a**3),
    Case(
        "sqrt", "Power", lambda a: a.sqrt(), [positive(5)], lambda a: (a.log() / 2).exp(), lambda a: a.sqrt()
    ),
    Case("exp", "Exp", F.exp, [normal(3, 4)], None, lambda a: a.exp()),
    Case("log", "Log", F.log, [positive(3, 4)], None, lambda a: a.log()),
    Case(
        "where",
        "Where",
        lambda a, b: F.where(MASK, a, b),
        [normal(4, 5), normal(5)],
        lambda a, b: a * MASK.astype(float) + b * (~MASK).astype(float),
    ),
    Case("astype", "AsType", lambda a: a.astype(a.dtype) * 2, [normal(3)], lambda a: a * 2),
    Case("tanh", "Tanh", F.tanh, [normal(3, 4)], F.tanh_composed, lambda a: a.tanh()),
    Case("sigmoid", "Sigmoid", F.sigmoid, [normal(3, 4)], F.sigmoid_composed, lambda a: a.sigmoid()),
    Case("relu", "ReLU", F.relu, [away_from_zero(3, 4)], F.relu_composed, lambda a: a.relu()),
    Case("matmul", "MatMul", F.matmul, [normal(3, 4), normal(4, 5)], None, lambda a, b: a @ b),
    Case(
        "matmul_batched", "MatMul", F.matmul, [normal(2, 1, 3, 4), normal(5, 4, 2)], None, lambda a, b: a @ b
    ),
    Case("matmul_vector_left", "MatMul", F.matmul, [normal(4), normal(2, 4, 3)], None, lambda a, b: a @ b),
    Case("matmul_vector_right", "MatMul", F.matmul, [normal(2, 3, 4), normal(4)], None, lambda a, b: a @ b),
    Case("dot", "MatMul", F.matmul, [normal(4), normal(4)], lambda a, b: (a * b).sum(), lambda a, b: a @ b),
    Case(
        "linear",
        "Linear",
        F.linear,
        [normal(2, 3, 4), normal(5, 4), normal(5)],
        F.linear_composed,
        torch_f("linear"),
    ),
    Case(
        "linear_no_bias",
        "Linear",
        F.linear,
        [normal(3, 4), normal(5, 4)],
        F.linear_composed,
        torch_f("linear"),
    ),
    Case("sum", "Sum", lambda a: a.sum(), [normal(3, 4)], None, lambda a: a.sum()),
    Case("sum_axis", "Sum", lambda a: a.sum(1), [normal(3, 4, 2)], None, lambda a: a.sum(1)),
    Case(
        "sum_axes",
        "Sum",
        lambda a: a.sum((0, -1), keepdims=True),
        [normal(3, 4, 2)],
        None,
        lambda a: a.sum((0, -1), keepdim=True),
    ),
    Case("mean", "Mean", lambda a: a.mean(), [normal(3, 4)], lambda a: a.sum() / 12, lambda a: a.mean()),
    Case(
        "mean_axis",
        "Mean",
        lambda a: a.mean(-1),
        [normal(3, 4)],
        lambda a: a.sum(1) / 4,
        lambda a: a.mean(-1),
    ),
    Case("max", "Max", lambda a: a.max(axis=1), [normal(3, 4)], None, lambda a: a.amax(1)),
    Case("max_of_all", "Max", lambda a: a.max(), [normal(3, 4)], None, lambda a: a.amax()),
    Case(
        "reshape",
        "Reshape",
        lambda a: a.reshape(2, -1) * np.arange(6.0),
        [normal(3, 4)],
        None,
        lambda a: a.reshape(2, -1) * _torch(np.arange(6.0)),
    ),
    Case(
        "transpose",
        "Transpose",
        lambda a: a.permute(2, 0, 1) * np.arange(4.0),
        [normal(3, 4, 2)],
        None,
        lambda a: a.permute(2, 0, 1) * _torch(np.arange(4.0)),
    ),
    Case(
        "swapaxes",
        "Transpose",
        lambda a: a.swapaxes(0, -1).T,
        [normal(3, 4, 2)],
        lambda a: a.permute(1, 0, 2).permute(1, 0, 2).swapaxes(0, 2).T,
    ),
    Case(
        "broadcast_to",
        "BroadcastTo",
        lambda a: a.broadcast_to(5, 3, 4),
        [normal(3, 1)],
        None,
        lambda a: a.broadcast_to(5, 3, 4),
    ),
    Case(
        "to_device",
        "ToDevice",
        lambda a: F.to_device(F.to_device(3 * a, get_device("reference")), a.device),
        [normal(3, 4)],
        lambda a: 3 * a,
    ),
    Case("slice", "GetItem", lambda a: a[1:, ::2] * 3, [normal(3, 4)], None, lambda a: a[1:, ::2] * 3),
    Case("negative_step", "GetItem", lambda a: a[::-1], [normal(3, 4)], None, lambda a: a.flip(0)),
    Case(
        "integer",
        "GetItem",
        lambda a: a[-1, None, ..., 2],
        [normal(3, 4)],
        None,
        lambda a: a[-1, None, ..., 2],
    ),
    Case(
        "repeated_indices",
        "GetItem",
        lambda a: a[np.array([0, 2, 0, 0]), np.array([1, 1, 1, 3])],
        [normal(3, 4)],
        None,
        lambda a: a[[0, 2, 0, 0], [1, 1, 1, 3]],
    ),
    Case("mask", "GetItem", lambda a: a[MASK], [normal(4, 5)], None, lambda a: a[_torch(MASK)]),
    Case(
        "cat",
        "Concatenate",
        lambda a, b: F.cat([a, b, a], 1),
        [normal(3, 2), normal(3, 1)],
        None,
        lambda a, b: _torch_module().cat([a, b, a], 1),
    ),
    Case(
        "stack",
        "Concatenate",
        lambda a, b: F.stack([a, b], -1),
        [normal(3, 2), normal(3, 2)],
        None,
        lambda a, b: _torch_module().stack([a, b], -1),
    ),
    Case(
        "split",
        "Split",
        lambda a: F.split(a, [1, 3], 1),
        [normal(2, 4)],
        lambda a: (a[:, :1], a[:, 1:]),
        lambda a: a.split([1, 3], 1),
    ),
    Case(
        "split_equal",
        "Split",
        lambda a: F.split(a, 2, 0),
        [normal(5, 2)],
        lambda a: (a[:2], a[2:4], a[4:]),
        lambda a: a.split(2),
    ),
    Case("softmax", "Softmax", F.softmax, [normal(3, 4)], F.softmax_composed, lambda a: a.softmax(-1)),
    Case(
        "softmax_axis",
        "Softmax",
        lambda a: F.softmax(a, 1),
        [normal(2, 3, 4)],
        lambda a: F.softmax_composed(a, 1),
        lambda a: a.softmax(1),
    ),
    Case(
        "log_softmax",
        "LogSoftmax",
        F.log_softmax,
        [normal(3, 4)],
        F.log_softmax_composed,
        lambda a: a.log_softmax(-1),
    ),
    Case(
        "log_softmax_axis",
        "LogSoftmax",
        lambda a: F.log_softmax(a, 0),
        [normal(3, 4)],
        lambda a: F.log_softmax_composed(a, 0),
        lambda a: a.log_softmax(0),
    ),
    *LAYER_CASES,
    *SURFACE_CASES,
]


def _torch_module():
    import torch

    return torch


def _torch(array):
    return _torch_module().from_numpy(array)
