"""The stepper at a prompt: commands, questions, numbers put into formulas."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn
from scratchlm.cli.step import step
from scratchlm.debugger import record
from scratchlm.debugger.questions import arrays_of, check, differences, why
from scratchlm.debugger.stepper import Stepper
from scratchlm.debugger.terms import FAMILIES, explained
from scratchlm.errors import DataError, OptionError

ROOT = Path(__file__).parents[1]
IDS = np.array([[1, 2, 3, 2], [4, 2, 0, 0]])


def recorded(compute):
    """A tape of a loss that is computed and gone back from."""
    with record(quiet=True) as tape:
        compute().backward()
    return tape


def asked(tape, *commands):
    """What the stepper says to commands."""
    said = []
    stepper = Stepper(tape, said.append)
    for command in commands:
        stepper.onecmd(command)
    return "\n".join(said)


def lstm(seed=0):
    sl.manual_seed(seed)
    return models.LSTMLanguageModel(6, 5, 4)


@pytest.fixture
def tape():
    model = lstm()
    return recorded(lambda: model.loss(IDS, IDS)[0])


# ------------------------------------------------------------------ commands
def test_going_about(tape):
    last = len(tape) - 1
    said = asked(tape, "next", "n 2", "back", "goto 0", "find lstm.sequence", "until head.weight", "up x")
    assert [line.split()[1] for line in said.splitlines() if line.startswith("→")] == [
        "1", "3", "2", "0", str(last), str(tape[last].inputs[0].source[0]),
    ]  # fmt: skip
    assert asked(tape, "back") == "There is no formula further back."
    assert asked(tape, f"goto {last}", "next").endswith("There is no formula further on.")
    assert "has 0 to" in asked(tape, "goto 99")
    assert asked(tape, "next two") == "A whole number is wanted here, not 'two'."
    assert "did you mean 'verify'?" in asked(tape, "verifi")
    assert "list" in asked(tape, "wrong")
    assert asked(tape, "list all").count("\n") == last
    turns = [r.number for r in sorted((r for r in tape if r.turn is not None), key=lambda r: r.turn)]
    said = asked(tape, "backward", *["next"] * (len(turns) - 1))
    assert [int(line.split()[1]) for line in said.splitlines() if line.startswith("→")] == turns


def test_looking(tape):
    number = tape.find("lstm.sequence")[0].number
    said = asked(
        tape, f"goto {number}", "print", "formula", "code", "print grad_weight_hh[0, :2]", "print nothing"
    )
    for text in (
        "weight_hh        (16, 4)",
        "lstm.weight_hh_l0",
        "[lstm.sequence]",
        "lstm_backward",
        "def backward",
    ):
        assert text in said
    assert np.array2string(tape[number].grad_inputs[4].array[0, :2], precision=5, suppress_small=True) in said
    assert "LSTM has no 'nothing': it has x, h0, c0, weight_ih" in said
    assert "is no place in shape (16, 4)" in asked(tape, f"goto {number}", "print weight_hh[99]")
    assert "is no place" in asked(tape, f"goto {number}", "print weight_hh[import os]")


def test_into_stands_in_the_formula(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import scratchlm as sl\nsl.randn(2, 3, requires_grad=True).softmax().sum().backward()\n"
    )
    lines = "goto 0\ninto\np x.shape\nc\nbackward\nnext\ninto\np grad_y.shape\nc\nquit\n"
    command = [sys.executable, "-m", "scratchlm", "step", str(program)]
    done = subprocess.run(command, input=lines, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(2, 3)") >= 3
    assert "softmax.py" in done.stdout
    assert "forward()" in done.stdout
    assert "backward()" in done.stdout


def test_the_command(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nimport scratchlm as sl\nx = sl.randn(3, requires_grad=True)\n"
        "for k in range(int(sys.argv[1])):\n    (k * x).tanh().sum().backward()\n    print('pass', k)\n"
    )
    done = CliRunner().invoke(step, [str(program), "3", "--do", "list", "--do", "verify"])
    assert done.exit_code == 0, done.output
    assert "3 formulas recorded; 3 of them went backward." in done.output
    assert "pass" not in done.output
    assert "recording verified: 3 of 3" in done.output
    file = str(tmp_path / "x.tape")
    done = CliRunner().invoke(
        step, [str(program), "3", "--skip", "1", "--passes", "2", "--save", file, "--do", "list all"]
    )
    assert "6 formulas recorded" in done.output
    assert "pass 1" in done.output
    assert "pass 2" not in done.output
    assert "6 formulas recorded" in CliRunner().invoke(step, [file, "--do", "quit"]).output
    assert CliRunner().invoke(step, [file, "--do", "goto 99"]).exit_code == 2
    with pytest.raises(DataError, match=r"There is no file nothing\.py"):
        CliRunner().invoke(step, ["nothing.py"], catch_exceptions=False)
    program.write_text("import scratchlm as sl\nsl.randn(2, 3) @ sl.randn(2, 3)\n")
    done = CliRunner().invoke(step, [str(program), "--do", "list"])
    assert "record 0 failed: ShapeError" in done.output
    program.write_text("print(1)\n")
    with pytest.raises(DataError, match="ran no formula"):
        CliRunner().invoke(step, [str(program)], catch_exceptions=False)


def test_a_lesson_is_stepped():
    done = CliRunner().invoke(step, ["2", "--do", "verify"])
    assert done.exit_code == 0
    assert "recording verified" in done.output


# ------------------------------------------------------------------ questions
def test_check_calls_right_what_is_right(tape):
    for record_ in tape:
        if record_.turn is not None:
            assert all(not found.where for found in check(record_)), str(record_)
    assert "formulas looked at." in asked(tape, "check all")
    with pytest.raises(OptionError, match="nothing to check"):
        check(next(r for r in tape if r.turn is None))


def test_why_adds_up(tape):
    name, index = "lstm.weight_hh_l0", (3, 2)
    lines = why(tape, name, index)
    grad = float(lines[0].split("=")[1].split(",")[0])
    record_ = tape.find("lstm.sequence")[0]
    assert grad == pytest.approx(record_.grad_inputs[4].array[index], rel=1e-4)
    from scratchlm.debugger.questions import _places

    shares = _places(record_, 4, index)
    assert sum(share for share, _ in shares) == pytest.approx(grad, rel=1e-4)
    assert len(shares) >= 6, "each time step and row has its share"
    with pytest.raises(OptionError, match=r"No gradient of .lstm\.weight_h. was recorded .did you mean"):
        why(tape, "lstm.weight_h", (0,))
    with pytest.raises(OptionError, match="has shape"):
        why(tape, name, (99, 0))


def test_two_runs_are_the_same_until_something_is_changed(tape):
    model = lstm()
    same = recorded(lambda: model.loss(IDS, IDS)[0])
    assert next(differences(tape, same)).endswith("0 but for rounding")
    model.to("cpu")
    on_cpu = recorded(lambda: model.loss(IDS, IDS)[0])
    assert "the first that differs" not in "".join(differences(tape, on_cpu))
    short = recorded(lambda: model.loss(IDS[:, :3], IDS[:, :3])[0])
    assert "shape (4, 2, 5) and (3, 2, 5)" in "".join(differences(tape, short))


# ------------------------------------------------------------------ numbers put in
def everything():
    """A loss that goes through every formula whose terms are known."""
    sl.manual_seed(3)
    linear, table = nn.Linear(4, 3), nn.Embedding(5, 4)
    bare, norm, W = nn.Linear(4, 3, bias=False), nn.LayerNorm(3), sl.randn(2, 3, 4, requires_grad=True)
    nn.init.normal_(norm.weight)
    x = table(np.array([[1, 2, 2], [0, 4, 1]]))  # (2, 3, 4)
    y = norm(linear(x)) + bare(x) * sl.tensor([[2.0]]) - sl.tensor([0.5, 1.0, 2.0])
    y = F.softmax(y.tanh() / 3.0, 1) + F.log_softmax(y).exp() + F.relu(y).sigmoid() + (y * y + 1.0).log()
    y = y @ W  # (2, 3, 4)
    return F.cross_entropy(y.reshape(-1, 4), np.array([0, 3, -100, 1, 1, 2]), label_smoothing=0.1)


def sequences():
    """Recurrent layers and attention, whole and with keys that do not count."""
    sl.manual_seed(6)
    cell, layer = nn.LSTMCell(3, 4), nn.LSTM(3, 4)
    x = sl.randn(3, 2, 3, requires_grad=True)
    h, _ = cell(x[0], (sl.randn(2, 4), sl.randn(2, 4)))
    y, _ = layer(x, (sl.randn(1, 2, 4), sl.randn(1, 2, 4)))
    q, k = sl.randn(2, 3, 4, requires_grad=True), sl.randn(2, 5, 4)
    parts = [h, y, F.attention(q, k, k, causal=True), F.attention(q, k, k, np.array([5, 2]))]
    parts += [q @ k.transpose(1, 2)]
    parts += [F.self_attention(sl.randn(2, 3, 12), 2, causal=causal) for causal in (True, False)]
    return sum((part * part).sum() for part in parts)


def test_the_terms_of_every_element_give_its_value():
    tapes, seen = (recorded(everything), recorded(sequences)), set()
    for record_ in (record_ for tape in tapes for record_ in tape):
        for name in FAMILIES.get(record_.name, ()):
            found = arrays_of(record_).get(name)
            if found is None:
                continue
            seen.add((record_.name, name))
            for index in np.ndindex(found.shape):
                terms = explained(record_, name, index)
                assert terms.value == pytest.approx(found.array[index], rel=1e-4, abs=1e-6), str(terms)
                arrays = arrays_of(record_)
                for cell, places in terms.cells.items():
                    assert all(len(place) == len(arrays[cell].shape) for place in places)
                    [arrays[cell].array[place] for place in places]
    assert seen == {(name, array) for name, arrays in FAMILIES.items() for array in arrays}


def test_formula_with_numbers():
    x = sl.tensor([[1.0, -2.0]], requires_grad=True)
    W, b = sl.tensor([[0.5, 0.25], [3.0, -4.0]]), sl.tensor([0.0, 0.5])
    tape = recorded(lambda: F.linear(x, W, b).sum())
    assert asked(tape, "formula y[0, 1]") == (
        "y[0, 1] = Σ_k x[0, k]·weight[1, k] + bias[1]\n"
        "        = 1·3 + (−2)·(−4) + 0.5\n"
        "        = 11.5"
    )  # fmt: skip
    assert "give one whole number for each axis" in asked(tape, "formula y[9, 9]")
    assert "Linear has no 'z'" in asked(tape, "formula z[0]")
    assert "such as weight[3, 2]" in asked(tape, "formula y[0; 1]")
    assert "The stepper cannot put numbers into Sum's y: it knows none" in asked(tape, "next", "formula y")
    wide = recorded(lambda: (sl.randn(1, 30, requires_grad=True) @ sl.randn(30, 1)).sum())
    assert "… (30 terms)" in asked(wide, "formula y[0, 0]")
