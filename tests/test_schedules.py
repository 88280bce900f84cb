"""Learning-rate schedules, as functions and as objects, against PyTorch and by hand."""

import math

import numpy as np
import pytest

from scratchlm import nn, optim
from scratchlm.errors import OptionError
from scratchlm.training.building import build_schedule
from scratchlm.training.recipe import Training


def torchs_factors(scheduler, steps, **options):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = getattr(torch.optim.lr_scheduler, scheduler)(optimizer, **options)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_step_decay_is_pytorchs():
    factors = [optim.step_decay(7, 0.3)(step) for step in range(1, 31)]
    assert factors == pytest.approx(torchs_factors("StepLR", 30, step_size=7, gamma=0.3))


@pytest.mark.parametrize(("start", "every"), [(12, 3), (2, 5), (7, 7)])
def test_step_decay_from_a_later_step_is_pytorchs_with_these_milestones(start, every):
    milestones = list(range(start, 40, every))
    factors = [optim.step_decay(every, 0.5, start=start)(step) for step in range(1, 31)]
    assert factors == pytest.approx(torchs_factors("MultiStepLR", 30, milestones=milestones, gamma=0.5))


def test_a_recipes_step_schedule_by_hand():
    training = Training(schedule="step", decay_from=4, decay_every=2, decay_factor=0.5, warmup=2)
    factors = [build_schedule(training)(step) for step in range(1, 10)]
    assert factors == [0.5, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_cosine_is_pytorchs():
    factors = [optim.cosine(30, floor=0.1)(step) for step in range(1, 32)]
    assert factors == pytest.approx(torchs_factors("CosineAnnealingLR", 31, T_max=30, eta_min=0.1))


def test_cosine_with_warm_up_by_hand():
    factor = optim.cosine(total=12, warmup=4, floor=0.2)
    assert [factor(step) for step in (1, 2, 4, 5)] == pytest.approx([0.25, 0.5, 1, 1])
    assert factor(9) == pytest.approx(0.6)  # half-way between 1 and the floor
    assert factor(11) == pytest.approx(0.2 + 0.8 * (1 + math.cos(0.75 * math.pi)) / 2)
    assert factor(13) == factor(14) == pytest.approx(0.2)  # after the last step, and stays there


@pytest.mark.parametrize("steps", [1, 2, 10])
@pytest.mark.parametrize("warmup", [0, 1, 5])
def test_no_step_of_a_recipe_trains_nothing(steps, warmup):
    for name in ("cosine", "constant", "step"):
        schedule = build_schedule(Training(steps=steps, warmup=warmup, schedule=name, decay_every=3))
        assert all(0 < schedule(step) <= 1 for step in range(1, steps + 1))


def test_constant_and_step_decay_with_warm_up_by_hand():
    assert [optim.constant()(step) for step in (1, 100)] == [1, 1]
    assert [optim.constant(4)(step) for step in (1, 2, 4, 5)] == [0.25, 0.5, 1, 1]
    assert [optim.step_decay(3, 0.5, 2)(step) for step in (1, 2, 3, 4, 7)] == [0.5, 1, 1, 0.5, 0.25]


def test_schedules_that_make_no_sense_are_refused():
    for every, factor in ((0, 0.5), (1, -0.5), (1, 0.0), (1, math.nan), (1, math.inf)):
        with pytest.raises(OptionError, match=r"every ≥ 1 and a factor above 0"):
            optim.step_decay(every, factor)
    for total, warmup, floor in (
        (10, 10, 0),
        (10, -1, 0),
        (0, 0, 0),
        (9, 0, -0.1),
        (9, 0, 1.1),
        (9, 0, math.nan),
    ):
        with pytest.raises(OptionError, match="0 ≤ warmup < total steps and a floor from 0 to 1"):
            optim.cosine(total, warmup, floor)
    with pytest.raises(OptionError, match="warmup ≥ 0"):
        optim.constant(-1)


SCHEDULERS = {
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 10, "eta_min": 0.01},
    "LambdaLR": {"lr_lambda": lambda n: 1 / (1 + n)},
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_scheduler_objects_are_pytorchs(name):
    expected = torchs_factors(name, 12, **SCHEDULERS[name])
    groups = [{"params": [nn.Parameter(np.zeros(2))]}, {"params": [nn.Parameter(np.zeros(2))], "lr": 1.0}]
    scheduler = getattr(optim, name)(optim.SGD(groups, lr=1.0), **SCHEDULERS[name])
    found = []
    for _ in range(12):
        found.append(scheduler.get_last_lr()[1])
        scheduler.step()
    assert found == pytest.approx(expected)


def test_schedulers_refuse_what_they_cannot_schedule():
    optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    with pytest.raises(OptionError, match="takes an optimizer, got list"):
        optim.ExponentialLR([], 0.9)
    with pytest.raises(OptionError, match="step_size is 0"):
        optim.StepLR(optimizer, 0)
    with pytest.raises(OptionError, match="lr is -"):
        optim.LambdaLR(optimizer, lambda n: -1.0)
