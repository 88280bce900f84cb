"""A PyTorch model's recording beside ours: equal but for rounding, or the first layer that differs."""

import numpy as np
import pytest

from scratchlm import nn
from scratchlm.debugger import Tape, record, record_torch
from scratchlm.debugger.questions import differences

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
IDS = np.array([[1, 2], [3, 4], [5, 0]])


def layers(of):
    return {
        "embedding": of.Embedding(6, 4),
        "lstm": of.LSTM(4, 5),
        "norm": of.LayerNorm(5),
        "head": of.Linear(5, 5),
    }


def passed(self, ids):
    x = self.lstm(self.embedding(ids))[0]
    return x + self.head(self.norm(x)) + self.head(x)  # x goes three ways, head is asked twice


class Mine(nn.Module):
    def __init__(self):
        for name, layer in layers(nn).items():
            setattr(self, name, layer)

    forward = passed


class Theirs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name, layer in layers(torch.nn).items():
            setattr(self, name, layer)

    forward = passed


@pytest.fixture
def both():
    mine, theirs = Mine(), Theirs()
    theirs.load_state_dict({name: torch.tensor(array) for name, array in mine.state_dict().items()})
    with record(quiet=True) as tape:
        (mine(IDS) ** 2).sum().backward()
    return tape, theirs


def theirs_of(model, tmp_path):
    with record_torch(model) as tape:
        (model(torch.tensor(IDS)) ** 2).sum().backward()
    tape.save(tmp_path / "theirs.tape")
    return Tape.load(tmp_path / "theirs.tape")


def test_the_same_model_agrees_forward_and_backward(both, tmp_path):
    mine, model = both
    theirs = theirs_of(model, tmp_path)
    assert [str(r.key) for r in theirs] == [
        str(r.key) for r in mine if r.name in ("Embedding", "LSTM", "LayerNorm", "Linear")
    ]
    said = list(differences(mine, theirs))
    assert said[-1].endswith("but for rounding"), said
    assert all((r.turn is None) == (r.name == "Embedding") for r in theirs)


@pytest.mark.parametrize(
    ("change", "layer"), [("lstm.weight_hh_l0", "lstm.LSTM"), ("head.bias", "head.Linear")]
)
def test_the_first_layer_that_differs_is_named(both, tmp_path, change, layer):
    mine, model = both
    with torch.no_grad():
        dict(model.named_parameters())[change][1] += 0.5
    said = list(differences(mine, theirs_of(model, tmp_path)))
    assert said[-1].startswith("the first that differs, output 0"), said
    assert layer in said[-1]


def test_a_gradient_that_differs_is_named(both, tmp_path):
    mine, model = both
    model.norm.register_full_backward_hook(lambda _, grads, __: tuple(2 * g for g in grads))
    said = list(differences(mine, theirs_of(model, tmp_path)))
    assert "gradient of input 0" in said[-1]
