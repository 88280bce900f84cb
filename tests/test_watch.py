"""`train --watch`: each kind of trouble is planted, found, named, and the exception stands at the formula."""

import re

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn, optim
from scratchlm.debugger import Tape, record
from scratchlm.debugger.watch import EVERY, EXPLODED, LOOKS, Watch, standing_at
from scratchlm.errors import NumberError
from scratchlm.training import Trainer, load_recipe


def steps(model, x, change=lambda model, step: None, count=60, loss_of=lambda y: (y * y).mean()):
    """Train and look into each step; the first finding, and at which step."""
    watch, optimizer = Watch(), optim.SGD(model.parameters(), lr=0.01)
    for step in range(count):
        change(model, step)
        optimizer.zero_grad()
        with record(quiet=True) as tape:
            loss_of(model(sl.tensor(x))).backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), np.inf)
        if watch.is_exploded(norm):
            return watch.exploded(tape, norm), step
        if found := watch.look(tape):
            return found, step
        optimizer.step()
    return None, count


@pytest.fixture
def x(rng):
    return rng.standard_normal((8, 6)).astype(np.float32)


def test_a_healthy_model_is_left_alone(x):
    sl.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    assert steps(model, x) == (None, 60)


def test_an_exploding_gradient_names_parameter_and_formula(x):
    def change(model, step):
        if step == 30:
            model[1].weight.data *= 1000

    found, step = steps(nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3)), x, change)
    assert step == 30
    assert re.search(
        r"norm is .*, \d{3,} times the usual .*is that of [01]\.weight, .*Linear in [01] ", found.sentence
    )
    assert found.backward


def test_a_vanishing_gradient_names_the_parameter(x):
    sl.manual_seed(0)
    layers = [part for _ in range(14) for part in (nn.Linear(6, 6), nn.Sigmoid())]
    found, step = steps(nn.Sequential(*layers), x)
    assert step == LOOKS - 1, "in as many looks as are no chance"
    assert found.sentence.startswith("the gradient of 0.weight vanished")
    assert "(6, 6)" in found.sentence


def test_dead_units_are_counted(x):
    sl.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    model[0].bias.data[:10] = -100
    found, _ = steps(model, x)
    assert re.match(
        r"1\d of 16 units are dead: ReLU in 1 \(record 1, functions?/",
        found.sentence.replace("scratchlm/", ""),
    )


def test_fewer_dead_units_are_no_fault(x):
    sl.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3))
    model[0].bias.data[:4] = -100
    assert steps(model, x)[0] is None


def test_a_collapsed_code_is_told_from_one_that_has_not_begun(x):
    def kl(scale):
        def loss(y):
            return F.gaussian_kl(y * scale[0], y * scale[0]).sum()

        return loss

    scale = [1e-6]
    assert steps(nn.Linear(6, 3), x, loss_of=kl(scale))[0] is None, "small from the beginning: still annealed"

    def change(model, step):
        scale[0] = 1.0 if step < 5 else 1e-6

    found, step = steps(nn.Linear(6, 3), x, change, loss_of=kl(scale))
    assert step == 5 + LOOKS - 1
    assert "KL is" in found.sentence


def test_what_is_not_finite_is_found_in_forward_order(x):
    def change(model, step):
        if step == 3:
            model[0].weight.data[1, 2] = np.inf

    found, step = steps(nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)), x, change)
    assert step == 3
    assert found.sentence.startswith("0.weight that Linear in 0 (record 0) got has 1 NaN or infinite value")


def test_the_trainer_stops_and_the_exception_stands_at_the_formula(tmp_path):
    recipe = load_recipe("tiny", ["training.steps=60", "training.evaluate_every=60"])
    trainer = Trainer(recipe, tmp_path / "run", watch=True)

    class Spoil(type(trainer.reporter)):
        def step(self, trainer, loss):
            if trainer.steps_done == 4 * EVERY:
                trainer.model.head.weight.data *= 10 * EXPLODED

    trainer.reporter = Spoil()
    with pytest.raises(
        NumberError, match=r"Stopped at step 41, batch \(.*\) \[.*the loss is .*lr is 0\.005.*step-41\.tape"
    ) as caught:
        trainer.run()
    trace = caught.value.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    assert trace.tb_frame.f_code.co_name in ("forward", "backward")
    assert any(isinstance(value, np.ndarray) for value in trace.tb_frame.f_locals.values())
    assert Tape.load(tmp_path / "run" / "step-41.tape").verify()


def test_watching_changes_no_number(tmp_path):
    recipe = load_recipe("tiny", ["training.steps=25", "model.dropout=0.2"])
    weights = []
    for watch in (False, True):
        trainer = Trainer(recipe, tmp_path / str(watch), watch=watch)
        trainer.run()
        weights.append(trainer.model.head.weight.numpy().copy())
    assert np.array_equal(*weights)


def test_a_frame_of_forward(x):
    with record(quiet=True) as tape:
        sl.tensor(x, requires_grad=True).softmax().sum().backward()
    frame = standing_at(tape[0]).tb_frame
    assert frame.f_code.co_qualname == "Softmax.forward"
    assert np.array_equal(frame.f_locals["x"], x)
