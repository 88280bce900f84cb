"""The switches (recording, anomalies, dropout): one for each thread, and each comes back to what it was."""

import threading

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import nn
from scratchlm.errors import NumberError
from scratchlm.generation import generate
from scratchlm.models import GPTLanguageModel, LSTMLanguageModel
from scratchlm.training import evaluate

MODELS = {
    "lstm": lambda: LSTMLanguageModel(5, 3, 4, dropout=0.5),
    "gpt": lambda: GPTLanguageModel(5, 8, 4, 1, 2, 0.5),
}


def generating(model, stop_after=9):
    for count, _ in enumerate(generate(model, [0, 1], 4)):
        if count == stop_after:
            break


def giving_up(model):
    generating(model, stop_after=1)


def evaluating(model):
    evaluate(model, np.arange(30) % 5, 30)


def modes(model):
    return {module.training for module in model.modules()}


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluating"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("use", [generating, giving_up, evaluating], ids=lambda use: use.__name__)
def test_a_model_keeps_its_mode(use, name, mode, device):
    model = MODELS[name]().train(mode)
    use(model)
    assert modes(model) == {mode}


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluating"])
@pytest.mark.parametrize("use", [generating, evaluating], ids=lambda use: use.__name__)
def test_a_model_keeps_its_mode_after_an_exception(use, mode, device):
    seen = set()

    class Broken(LSTMLanguageModel):
        def forward(self, *_):
            seen.update(modes(self))
            raise InterruptedError

        loss = forward

    model = Broken(5, 3, 4).train(mode)
    with pytest.raises(InterruptedError):
        use(model)
    assert seen == {False}
    assert modes(model) == {mode}


def test_generation_of_a_training_model_has_no_dropout(device):
    model = LSTMLanguageModel(50, 8, 8, dropout=0.9)
    drawn = [list(generate(model.train(mode), [0], 30, temperature=0)) for mode in (True, True, False)]
    assert drawn[0] == drawn[1] == drawn[2]


# ---------------------------------------------------------------- one for every thread
def switches():
    return sl.is_grad_enabled(), modes(MODEL), str(sl.default_device())


MODEL = LSTMLanguageModel(5, 3, 4, dropout=0.5)


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_a_switch_is_one_for_every_thread():
    before = switches()
    assert before == (True, {True}, "device('reference')")
    with sl.no_grad(), sl.use_device("cpu"), nn.evaluating(MODEL):
        assert switches() == (False, {False}, "device('cpu')")
        assert in_a_thread(switches) == before
    in_a_thread(lambda: sl.set_default_device("cpu"))
    assert switches() == before


def test_anomalies_are_looked_for_in_one_thread_alone():
    def overflow():
        return sl.tensor([-1.0]).log().isnan().item()

    with np.errstate(invalid="ignore"):
        with sl.detect_anomaly():
            assert in_a_thread(overflow)
            with pytest.raises(NumberError):
                overflow()
        assert overflow()


def test_a_model_that_samples_in_one_thread_trains_in_another():
    started, stop = threading.Event(), threading.Event()

    def sample():
        while not stop.is_set():
            for _ in generate(MODEL, [0], 20):
                started.set()

    thread = threading.Thread(target=sample)
    thread.start()
    started.wait(60)
    try:
        for _ in range(50):
            assert switches() == (True, {True}, "device('reference')")
            loss, _ = MODEL.loss(np.array([[0, 1, 2]]), np.array([[1, 2, 3]]))
            loss.backward()
    finally:
        stop.set()
        thread.join()


# ---------------------------------------------------------------- as decorators
@pytest.mark.parametrize("decorate", [sl.no_grad(), sl.no_grad], ids=["called", "bare"])
class TestDecorated:
    def test_function(self, decorate):
        assert not decorate(sl.is_grad_enabled)()
        assert sl.is_grad_enabled()

    def test_generator_has_the_switch_while_it_runs_and_not_between(self, decorate):
        @decorate
        def numbers():
            try:
                while True:
                    got = yield sl.is_grad_enabled()
                    seen.append((got, sl.is_grad_enabled()))
            except KeyError:
                yield "caught", sl.is_grad_enabled()
            finally:
                seen.append(("end", sl.is_grad_enabled()))

        seen = []
        steps = numbers()
        assert next(steps) is False
        assert sl.is_grad_enabled()
        assert steps.send(7) is False
        assert steps.throw(KeyError) == ("caught", False)
        steps.close()
        assert seen == [(7, False), ("end", False)]
        assert sl.is_grad_enabled()

    def test_generator_gives_its_values_and_what_it_returns(self, decorate):
        @decorate
        def three():
            yield 1
            yield 2
            return 3

        def outer():
            got = yield from three()
            yield got

        assert list(outer()) == [1, 2, 3]


def test_switches_inside_each_other():
    with sl.no_grad():
        with sl.enable_grad():
            assert sl.is_grad_enabled()
            with sl.set_grad_enabled(False):
                assert not sl.is_grad_enabled()
            assert sl.is_grad_enabled()
        assert not sl.is_grad_enabled()
    again = sl.no_grad()
    with again, again:
        assert not sl.is_grad_enabled()
    assert sl.is_grad_enabled()
