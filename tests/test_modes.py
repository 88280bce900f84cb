"""Generating and evaluating leave a model's mode (dropout on or off) as it was, whatever happens."""

import numpy as np
import pytest

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
