"""What a new user of the stepper ran into: false alarms, wrong sums, a wrong no."""

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn
from scratchlm.cli.step import step
from scratchlm.debugger import record

from .test_planted_faults import OverwrittenEmbedding
from .test_stepper import asked, recorded

PROGRAM = f"""import numpy as np
import scratchlm as sl

{inspect.getsource(OverwrittenEmbedding)}
table = sl.randn(4, 3, requires_grad=True)
OverwrittenEmbedding()(table, np.array([1, 2, 2])).tanh().sum().backward()
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(PROGRAM, encoding="utf-8")
    return tmp_path / "train.py"


def stepped(*commands, options=()):
    arguments = ["train.py", *options, *(part for command in commands for part in ("--do", command))]
    return CliRunner().invoke(step, arguments)


def attention(axis):
    q, k = sl.randn(2, 3, 4, requires_grad=True), sl.randn(2, 3, 4, requires_grad=True)
    return (F.softmax(q @ k.transpose(1, 2), axis) @ k).tanh().sum()


@pytest.mark.parametrize(
    "loss",
    [
        lambda: sl.randn(3, 4, requires_grad=True).transpose(0, 1).tanh().sum(),
        lambda: attention(-1),
        lambda: sl.tensor([[0.0, 1.0, -2.0]], requires_grad=True).relu().sum(),
        lambda: sl.tensor(np.array([0.0, 1.0, -2.0]), requires_grad=True).relu().sum(),
        lambda: sl.tensor([1e-7, 1.0], requires_grad=True).log().sum(),
        lambda: F.softmax(sl.randn(3, 4, requires_grad=True)).sum(),  # a gradient of 0 but for rounding
    ],
    ids=["transposed", "attention", "kink", "kink in float64", "end", "zero"],
)
def test_right_derivatives_are_no_alarm(loss):
    tape = recorded(loss)
    said = asked(tape, "check all")
    assert "WRONG" not in said, said


def test_a_gradient_that_is_not_finite_is_never_right():
    x = sl.tensor([0.0, 1.0], requires_grad=True)
    tape = recorded(lambda: x.log().sum())
    assert "grad_x: WRONG" in asked(tape, "check all")
    x = sl.tensor([np.nan, 1.0], requires_grad=True)
    tape = recorded(lambda: x.tanh().sum())
    assert asked(tape, "check all") == "0 formulas looked at."
    assert "got numbers that are not finite" in asked(tape, "check")


class Tenth(sl.Function):
    """A slope that is a tenth too large."""

    def forward(self, x):
        return 2 * x

    def backward(self, grad_y):
        return 2.2 * grad_y


def test_a_fault_of_a_tenth_is_seen_in_large_arrays_too():
    x = sl.randn(2048, 256, requires_grad=True)
    assert "WRONG" in asked(recorded(lambda: Tenth()(x).sum()), "goto 0", "check")


@pytest.mark.parametrize("place", ["y[::0]", "y[1.5]", "y[0 0]", "y[-]", "y[1:2:3:4]", "y[9]"])
def test_a_place_that_is_none_is_a_sentence(place):
    tape = recorded(lambda: sl.randn(3, requires_grad=True).tanh().sum())
    assert re.search("no place|cannot be computed", asked(tape, f"print {place}"))
    assert "are wanted here" in asked(tape, "formula y[--1]")


def test_an_expression_leaves_the_recording_as_it_is():
    tape = recorded(lambda: sl.randn(3, requires_grad=True).tanh().sum())
    for text in ("y.sort()", "np.add(y, 1, out=y)", "exit()"):
        assert "cannot be computed" in asked(tape, f"print {text}")
    assert tape.verify()
    assert asked(tape, "print [float(v) == float(v) for v in y]") == "[ True  True  True]"


def test_a_formula_of_the_program_itself_is_looked_at(program):
    result = stepped("check all", "goto 0", "code", "print weight.shape")
    assert result.exit_code == 2, "something is wrong, and scripts are told"
    assert "grad_weight: WRONG" in result.output
    assert "3 of those looked at wrong" in result.output
    assert "grad[ids] = grad_y" in result.output
    assert "[4 3]" in result.output
    assert stepped("verify").exit_code == 0


def test_a_saved_formula_of_ones_own_is_a_sentence(program):
    stepped("verify", options=["--save", "step.tape"])
    said = CliRunner().invoke(step, ["step.tape", "--do", "check all"])
    assert said.exit_code == 2
    assert "The formula OverwrittenEmbedding of __main__ cannot be found" in said.output


def test_two_layers_outside_of_a_model_have_names_of_their_own():
    layer, head = nn.Linear(4, 8), nn.Linear(8, 3)
    x = sl.randn(2, 4)
    with record(quiet=True) as tape:
        head(layer(x).tanh()).sum().backward()
    for name, made in (("layer", layer), ("head", head)):
        said = asked(tape, f"why {name}.weight[0, 0]")
        number = float(re.search(r"= (\S+), from 1", said)[1])
        assert number == pytest.approx(made.weight.grad[0, 0].item(), rel=1e-4)


def test_passes_are_not_added_up():
    w = sl.randn(3, requires_grad=True)
    with record(quiet=True) as tape:
        for factor in (1.0, 10.0):
            w.grad = None
            (w * factor).sum().backward()
    assert "∂L/∂w[0] = 10 in the last of 2 passes backward" in asked(tape, "why w[0]")


def test_what_until_does_not_know_is_said():
    x = sl.randn(3, requires_grad=True)
    tape = recorded(lambda: (1e-12 * x.tanh()).sum())
    assert "There is no condition, formula or parameter 'vanish'" in asked(tape, "until vanish")
    assert "until norm takes a number" in asked(tape, "until norm > abc")
    assert "Multiply[0]" in asked(tape, "backward", "until norm < 1e-8")
    assert "e-1" in asked(tape, "backward", "next", "next", "print grad_x"), "1e-12 is not shown as 0"
    assert re.search(r"Tanh\[0\]  ‖y‖ \S+  ‖∂‖ \S+e-1\d", asked(tape, "sizes"))


def test_prints_what_is_computed_and_sizes():
    x = sl.randn(2, 3, requires_grad=True)
    tape = recorded(lambda: F.softmax(x).log().sum())
    assert asked(tape, "print y.sum(-1)") == "[1. 1.]"
    assert "y                (2, 3)  0." in asked(tape, "print")
    assert "cannot be computed: NameError" in asked(tape, "print nothing.sum()")
    assert "Σ_v e^(x[0, v] − m)" in asked(tape, "formula y[0, 1]")


def test_the_price_of_a_row_is_written_out():
    x = sl.tensor([[0.0, 0.0]], requires_grad=True)
    said = asked(recorded(lambda: F.cross_entropy(x, np.array([1]))), "formula loss")
    assert said.splitlines()[-1].strip() == "= 0.6931"


def test_gates_of_an_lstm_that_are_flat_are_saturated():
    layer, x = nn.LSTM(3, 4), sl.randn(5, 2, 3)
    assert "No formula after this one has 'saturated'" in asked(
        recorded(lambda: layer(x)[0].sum()), "until saturated"
    )
    layer.weight_ih_l0.data *= 1000
    assert "LSTM" in asked(recorded(lambda: layer(x)[0].sum()), "goto 0", "until saturated")


def test_the_program_itself_is_not_overwritten(program):
    for option in ("--save", "--html", "--graph"):
        result = CliRunner().invoke(step, ["train.py", option, "train.py"])
        assert re.search("is the program itself|should end in", str(result.exception))
    assert program.read_text(encoding="utf-8") == PROGRAM


def test_a_program_that_raises_says_where(program):
    program.write_text(PROGRAM + "raise RuntimeError('boom')\n", encoding="utf-8")
    command = [sys.executable, "-m", "scratchlm", "step", "train.py", "--passes", "2", "--do", "list"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=program.parent)
    assert f"train.py failed: RuntimeError: boom (line {1 + PROGRAM.count(chr(10))}: raise" in done.stderr
    assert done.returncode == 2


def test_ambiguous_and_unknown_commands():
    tape = recorded(lambda: sl.randn(3, requires_grad=True).sum())
    assert "'b' begins several commands: back, backward" in asked(tape, "b")
    assert "diff takes the name of a file" in asked(tape, "diff")
    assert "not 'foo'" in asked(tape, "check foo")


def test_a_step_of_a_recipe_is_the_trainers_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = [CliRunner().invoke(step, ["tiny", "--skip", skip, "--do", "print"]).output for skip in ("0", "3")]
    assert said[0].startswith("10 formulas recorded; 4 of them went backward.")
    assert said[0] != said[1], "other numbers after three steps"
    assert list(tmp_path.iterdir()) == []


def test_a_test_is_run_by_pytest(tmp_path):
    body = "import scratchlm as sl\n" + "".join(
        f"\n\ndef test_{name}():\n    x = sl.randn(3, requires_grad=True)\n    x.{name}().sum().backward()\n"
        for name in ("exp", "tanh")
    )
    (tmp_path / "test_mine.py").write_text(body, encoding="utf-8")
    command = [sys.executable, "-m", "scratchlm", "step", "test_mine.py::test_tanh", "--do", "list"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path)
    assert "Tanh[0](x)" in done.stdout
    assert "Exp" not in done.stdout
