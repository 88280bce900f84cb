"""The same call on our tensors and on PyTorch's: drawn shapes, values and gradients, both CPU devices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import scratchlm as sl

from .tolerance import close

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")

PAIRS = mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=5)
SHAPES = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)

NUMBERS = [
    "abs",
    "sin",
    "cos",
    "tan",
    "atan",
    "sinh",
    "cosh",
    "asinh",
    "exp",
    "expm1",
    "exp2",
    "tanh",
    "sigmoid",
    "relu",
    "square",
    "neg",
    "floor",
    "ceil",
    "trunc",
    "sum",
    "mean",
    "amax",
    "amin",
    "prod",
    "flatten",
    "clone",
    "float",
    "double",
]
ALONG = ["sum", "mean", "amax", "amin", "prod", "softmax", "log_softmax", "logsumexp", "cumsum", "cumprod"]
KEPT = ["sum", "mean", "amax", "amin", "logsumexp"]

# Of one tensor `a`, whose axis `k` is drawn; both libraries have these names.
OF_ONE = {
    **{name: (lambda a, k, name=name: getattr(a, name)()) for name in NUMBERS},
    **{f"{name} along": (lambda a, k, name=name: getattr(a, name)(dim=k)) for name in ALONG},
    **{f"{name} kept": (lambda a, k, name=name: getattr(a, name)(dim=k, keepdim=True)) for name in KEPT},
    "var": lambda a, k: a.var(dim=k, unbiased=False),
    "largest": lambda a, k: a.max(dim=k).values,
    "least": lambda a, k: a.min(dim=k, keepdim=True).values,
    "sorted": lambda a, k: a.sort(dim=k, descending=True).values,
    "first of the largest": lambda a, k: a.topk(1, dim=k).values,
    "running largest": lambda a, k: a.cummax(dim=k).values,
    "flipped": lambda a, k: a.flip(k),
    "rolled": lambda a, k: a.roll(2, k),
    "turned": lambda a, k: a.transpose(0, k),
    "moved": lambda a, k: a.movedim(0, k),
    "one more axis": lambda a, k: a.unsqueeze(k),
    "cut": lambda a, k: a.clamp(-0.3, 0.8),
    "halves": lambda a, k: a.chunk(2, dim=k)[0],
    "parts": lambda a, k: a.unbind(dim=k)[-1],
    "repeated": lambda a, k: a.repeat_interleave(3, dim=k),
    "twice": lambda a, k: a.repeat(2, *[1] * (a.ndim - 1), 2),
    "windows": lambda a, k: a.unfold(k, 1, 1),
    "triangle": lambda a, k: (a.unsqueeze(0) * a.unsqueeze(0)).tril(1),
    "powers": lambda a, k: (a.abs() + 0.5) ** 1.7,
    "rest": lambda a, k: a % 0.6,
    "length": lambda a, k: a.norm(dim=k),
}
OF_TWO = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (b * b + 0.5),
    "power": lambda a, b: (a * a + 0.5) ** b,
    "maximum": lambda a, b: a.maximum(b),
    "minimum": lambda a, b: a.minimum(b),
    "lerp": lambda a, b: (a + 0 * b).lerp(b + 0 * a, 0.3),
    "masked": lambda a, b: (a + 0 * b).masked_fill(b + 0 * a > 0, 2.0),
    "chosen": lambda a, b: a.where(a + b > 0, b),
}


def of_ours(function, arrays, *extra):
    tensors = [sl.tensor(array, requires_grad=True) for array in arrays]
    result = function(*tensors, *extra)
    (result.double() * 1.5 + result.double() ** 2).sum().backward()
    return result.numpy(), [np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in tensors]


def of_torch(function, arrays, *extra):
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    result = function(*tensors, *extra)
    (result.double() * 1.5 + result.double() ** 2).sum().backward()
    return result.detach().numpy(), [np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in tensors]


def assert_alike(function, arrays, *extra):
    (found, found_grads), (expected, expected_grads) = (
        run(function, arrays, *extra) for run in (of_ours, of_torch)
    )
    assert found.dtype == expected.dtype
    kind = expected.dtype if expected.dtype == np.float32 else np.float64
    for one, other in zip([found, *found_grads], [expected, *expected_grads], strict=True):
        assert one.shape == other.shape
        close(one, other, kind, "surface", terms=64)  # products of up to 6 numbers, and their squares


@pytest.mark.parametrize("name", OF_ONE)
@settings(max_examples=8)
@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1), data=st.data())
def test_of_one_tensor(name, shape, seed, data, device):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1), label="axis")
    assert_alike(OF_ONE[name], [np.random.default_rng(seed).standard_normal(shape)], axis)


@pytest.mark.parametrize("name", OF_TWO)
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=5), seed=st.integers(0, 2**32 - 1)
)
def test_of_two_tensors(name, shapes, seed, device):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) for shape in shapes.input_shapes]
    assert_alike(OF_TWO[name], arrays)
