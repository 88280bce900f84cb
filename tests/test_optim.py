"""Optimizers, clipping and schedules against PyTorch, number for number."""

import math

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import nn, optim
from scratchlm.errors import CheckpointError, OptionError
from scratchlm.training.building import build_optimizer
from scratchlm.training.recipe import Training

from .tolerance import rounding, same

OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "sgd momentum decay": ("SGD", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1}),
    "adam": ("Adam", {"lr": 0.01}),
    "adam decay": ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.2}),
    "adamw": ("AdamW", {"lr": 0.01}),
    "adamw decay": ("AdamW", {"lr": 0.02, "weight_decay": 0.3}),
    "adagrad": ("Adagrad", {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.1}),
    "adagrad from a start": ("Adagrad", {"lr": 0.05, "initial_accumulator_value": 0.5}),
    "rmsprop": ("RMSprop", {"lr": 0.01, "weight_decay": 0.1}),
    "rmsprop centered": ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "centered": True}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True}),
    "amsgrad": ("Adam", {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True}),
    "amsgrad decoupled": ("AdamW", {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True}),
}
SHAPES = [(3, 4), (5,), (), (2, 3, 1)]
STEPS = 30
OPERATIONS, LARGEST = (
    12,
    10,
)  # in one step, one after the other; what they are made of (gradients to 3 sigmas)


def draw(dtype, seed=0):
    """Initial values, and a gradient for each parameter and step; parameter 1 has none in every third."""
    rng = np.random.default_rng(seed)
    values = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    gradients = [
        [
            None if k == 1 and step % 3 == 1 else np.asarray(rng.standard_normal(shape) * 3, dtype)
            for k, shape in enumerate(SHAPES)
        ]
        for step in range(STEPS)
    ]
    return values, gradients


def train(optimizer, parameters, gradients):
    for step in gradients:
        for p, g in zip(parameters, step, strict=True):
            p.grad = None if g is None else sl.tensor(g)
        optimizer.step()


def ours(name, values):
    kind, options = OPTIMIZERS[name]
    parameters = [nn.Parameter(v.copy()) for v in values]
    return parameters, getattr(optim, kind)(parameters, **options)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_thirty_steps_follow_pytorch(name, dtype, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    values, gradients = draw(dtype)
    parameters, optimizer = ours(name, values)
    train(optimizer, parameters, gradients)
    kind, options = OPTIMIZERS[name]
    theirs = [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
    their_optimizer = getattr(torch.optim, kind)(theirs, **options)
    for step in gradients:
        for p, g in zip(theirs, step, strict=True):
            p.grad = None if g is None else torch.from_numpy(g)
        their_optimizer.step()
    for p, other in zip(parameters, theirs, strict=True):
        assert p.dtype == dtype
        same(p.numpy(), other.detach().numpy(), rounding(OPERATIONS * STEPS, LARGEST, dtype))


def test_the_first_adam_step_is_the_learning_rate_in_the_gradients_direction(device):
    p = nn.Parameter(np.array([1.0, 1.0]))
    p.grad = sl.tensor(np.array([1e-3, -1e4]))
    optim.Adam([p], lr=0.1).step()
    assert p.numpy() == pytest.approx([0.9, 1.1], rel=1e-4)  # whatever the gradient's size


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_parameter_without_gradient_is_left_alone(name, device):
    values, _ = draw(np.float32)
    parameters, optimizer = ours(name, values)
    for p in parameters[1:]:
        p.grad = sl.tensor(np.ones(p.shape, np.float32))
    optimizer.step()
    optimizer.step()
    assert np.array_equal(parameters[0].numpy(), values[0])
    assert optimizer.steps == [0, 2, 2, 2]
    optimizer.zero_grad()
    before = [p.numpy().copy() for p in parameters]
    optimizer.step()
    assert all(np.array_equal(p.numpy(), old) for p, old in zip(parameters, before, strict=True))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_restored_state_goes_on_bit_for_bit(name, device):
    values, gradients = draw(np.float32)
    whole, optimizer = ours(name, values)
    train(optimizer, whole, gradients)
    first, optimizer = ours(name, values)
    train(optimizer, first, gradients[:11])
    state = {key: np.array(array) for key, array in optimizer.state_dict().items()}
    second, fresh = ours(name, [p.numpy() for p in first])
    fresh.load_state_dict(state)
    train(fresh, second, gradients[11:])
    for p, other in zip(whole, second, strict=True):
        assert np.array_equal(p.numpy(), other.numpy())


def test_a_state_of_another_optimizer_is_refused_and_changes_nothing(device):
    values, gradients = draw(np.float32)
    parameters, adam = ours("adam", values)
    train(adam, parameters, gradients[:2])
    before = {key: np.array(array) for key, array in adam.state_dict().items()}
    spoilt = {key: np.zeros_like(array) for key, array in before.items()} | {"mean.1": np.zeros(6)}
    for state in (ours("sgd", values)[1].state_dict(), spoilt):
        with pytest.raises(CheckpointError, match="does not fit"):
            adam.load_state_dict(state)
    assert all(np.array_equal(array, before[key]) for key, array in adam.state_dict().items())


def test_parameters_out_of_order_in_memory_are_trained_too(device):
    contiguous = nn.Parameter(np.arange(6.0).reshape(2, 3))
    turned = nn.Parameter(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    for p in (contiguous, turned):
        p.grad = sl.tensor(np.arange(6.0).reshape(2, 3) - 2)
        optim.Adam([p], lr=0.1, weight_decay=0.1).step()
    assert np.array_equal(contiguous.numpy(), turned.numpy())


def test_wrong_options_are_refused():
    p = [nn.Parameter(np.ones(2))]
    with pytest.raises(OptionError, match="no parameters"):
        optim.Adam([])
    for kind in (optim.SGD, optim.Adam, optim.AdamW):
        for lr in (-0.1, math.nan):
            with pytest.raises(OptionError, match="lr is"):
                kind(p, lr=lr)


# ---------------------------------------------------------------- groups
def grouped(parameters):
    return [{"params": parameters[:2], "weight_decay": 0.0, "lr": 0.03}, {"params": iter(parameters[2:])}]


@pytest.mark.parametrize("name", ["sgd momentum decay", "adam decay", "adamw decay", "nesterov", "amsgrad"])
def test_groups_with_options_of_their_own_follow_pytorch(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    values, gradients = draw(np.float64)
    kind, options = OPTIMIZERS[name]
    parameters = [nn.Parameter(v.copy()) for v in values]
    theirs = [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
    optimizer = getattr(optim, kind)(grouped(parameters), **options)
    their_optimizer = getattr(torch.optim, kind)(grouped(theirs), **options)
    train(optimizer, parameters, gradients)
    for step in gradients:
        for p, g in zip(theirs, step, strict=True):
            p.grad = None if g is None else torch.from_numpy(g)
        their_optimizer.step()
    for p, other in zip(parameters, theirs, strict=True):
        same(p.numpy(), other.detach().numpy(), rounding(OPERATIONS * STEPS, LARGEST, np.float64))


def test_only_the_group_that_wants_it_decays(device):
    """Without a gradient to speak of, AdamW's decay is all that moves a weight: (1 − lr λ) a step."""
    still, decays = nn.Parameter(np.ones(3)), nn.Parameter(np.ones((2, 2)))
    optimizer = optim.AdamW(
        [{"params": [decays]}, {"params": [still], "weight_decay": 0.0}], 0.1, weight_decay=0.5
    )
    for _ in range(3):
        for p in (still, decays):
            p.grad = sl.tensor(np.zeros(p.shape))
        optimizer.step()
    assert np.array_equal(still.numpy(), np.ones(3))
    assert decays.numpy() == pytest.approx(0.95**3 * np.ones((2, 2)))
    assert optimizer.parameters == [decays, still]


def test_a_group_has_parameters_and_options_of_its_optimizer_and_nothing_else():
    p = nn.Parameter(np.ones(2))
    with pytest.raises(OptionError, match=r"may have lr, betas, .*: got \['momentum', 'params'\]"):
        optim.Adam([{"params": [p], "momentum": 0.1}])
    with pytest.raises(OptionError, match="no parameters"):
        optim.Adam([{"params": []}])


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_a_recipes_decay_is_for_matrices_alone(kind):
    parameters = [nn.Parameter(np.ones(shape)) for shape in SHAPES]
    for weight_decay in (0.3, 0.0):
        training = Training(optimizer=kind, weight_decay=weight_decay, lr=0.5, beta2=0.5, momentum=0.25)
        optimizer = build_optimizer(training, iter(parameters))
        groups = optimizer.param_groups
        found = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
        assert [found[id(p)] for p in parameters] == [weight_decay, 0, 0, weight_decay]
    assert type(optimizer).__name__.lower() == kind
    assert optimizer.lr == 0.5
    group = optimizer.param_groups[-1]
    assert group["momentum"] == 0.25 if kind == "sgd" else group["betas"] == (0.9, 0.5)


# ---------------------------------------------------------------- clipping
@pytest.mark.parametrize("max_norm", [0.5, 3.0, 1000.0, math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_clipping_follows_pytorch(max_norm, dtype, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    values, gradients = draw(dtype)
    gradients[1][1] = None
    parameters, _ = ours("sgd", values)
    theirs = [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
    for p, other, g in zip(parameters, theirs, gradients[1], strict=True):
        p.grad = None if g is None else sl.tensor(g)
        other.grad = None if g is None else torch.from_numpy(g.copy())
    norm = optim.clip_grad_norm_(parameters, max_norm)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    tolerance = rounding(sum(v.size for v in values) + 4, 1, dtype)  # squares, their sum, a root, a product
    assert norm == pytest.approx(expected.item(), rel=tolerance)
    for p, other in zip(parameters, theirs, strict=True):
        if other.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), other.grad.numpy(), rtol=tolerance)
            assert p.grad.dtype == dtype


def test_a_large_gradient_has_the_wanted_norm_afterwards(device):
    p = nn.Parameter(np.zeros(1000, np.float32))
    p.grad = sl.tensor(np.full(1000, 1e18, np.float32))  # squares overflow float32
    assert optim.clip_grad_norm_([p], 2.0) == pytest.approx(1e18 * 1000**0.5)
    assert np.linalg.norm(p.grad.numpy().astype(np.float64)) == pytest.approx(2)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_no_number_is_returned_and_nothing_scaled(bad, device):
    p = nn.Parameter(np.zeros(3, np.float32))
    p.grad = sl.tensor(np.array([1, bad, 2], np.float32))
    assert not math.isfinite(optim.clip_grad_norm_([p], 1.0))
    assert p.grad.numpy()[[0, 2]].tolist() == [1, 2]


def test_clipping_nothing_is_zero():
    assert optim.clip_grad_norm_([nn.Parameter(np.ones(2))], 1.0) == 0


def test_clipping_each_value(device):
    p = nn.Parameter(np.zeros(4, np.float32))
    p.grad = sl.tensor(np.array([-3, -0.5, 0.25, 9], np.float32))
    optim.clip_grad_value_([p, nn.Parameter(np.zeros(2))], 0.5)
    assert p.grad.numpy().tolist() == [-0.5, -0.5, 0.25, 0.5]
