"""The graph of a recording: what repeats is folded, the picture has a row for each formula that is left."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn
from scratchlm.debugger import Tape
from scratchlm.debugger.graph import draw, edges, folds
from scratchlm.errors import OptionError

from .test_stepper import recorded


def in_time(times):
    """A cell, a layer and a loss, again and again."""
    cell, head, x = nn.LSTMCell(3, 4), nn.Linear(4, 5), sl.randn(times, 2, 3)
    h = c = sl.zeros(2, 4)
    loss = sl.zeros(1)
    for x_t in x:
        h, c = cell(x_t, (h, c))
        loss = loss + F.cross_entropy(head(h), np.array([1, 2]))
    return loss.sum()


def test_time_steps_are_folded():
    (fold,) = [fold for fold in folds(recorded(lambda: in_time(8))) if fold.length > 1]
    assert (fold.times, fold.label) == (8, "t = 0 … 7")


@pytest.mark.parametrize("layers", [2, 3, 6])
def test_layers_are_folded(layers):
    model = models.GPTLanguageModel(9, 4, 8, num_heads=2, num_layers=layers)
    (fold,) = folds(recorded(lambda: model.loss([[1, 2]], [[1, 2]])[0]))
    assert (fold.times, fold.label) == (layers, f"blocks.0 … blocks.{layers - 1} ×{layers}")


def test_what_does_not_repeat_is_left_alone():
    x = sl.randn(3, 4, requires_grad=True)
    assert folds(recorded(lambda: (x.tanh() * x.exp()).sigmoid().sum())) == []


def test_folds_cover_equal_blocks_one_after_the_other():
    tape = recorded(lambda: in_time(5))
    for fold in folds(tape):
        names = [record.name for record in tape.records[fold.first : fold.last]]
        assert names == names[: fold.length] * fold.times


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_picture_has_a_row_for_each_formula_that_is_shown(tmp_path, ending, monkeypatch):
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")  # words stay words
    tape = recorded(lambda: in_time(8))
    draw(tape, tmp_path / f"graph.{ending}")
    written = (tmp_path / f"graph.{ending}").read_bytes()
    if ending == "png":
        assert written[:4] == b"\x89PNG"
        return
    picture = written.decode()
    assert "t = 0 … 7" in picture
    hidden = sum(fold.last - fold.first - fold.length for fold in folds(tape))
    rows = sum(picture.count(f">{name}<") for name in {record.name for record in tape})
    assert rows == len(tape) - hidden
    assert max(b for _, b in edges(tape)) < len(tape)


def test_what_cannot_be_drawn_is_a_sentence(tmp_path):
    with pytest.raises(OptionError, match="The recording is empty"):
        draw(Tape(), tmp_path / "graph.svg")
    x = sl.randn(3, requires_grad=True)
    with pytest.raises(OptionError, match=r"graph\.xyz is no picture"):
        draw(recorded(lambda: x.sum()), tmp_path / "graph.xyz")
