"""The stepper at a prompt, and planted faults that it finds in a few commands."""

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


# ------------------------------------------------------------------ planted faults, in five commands at most
def by_hand(model, swapped):
    """The model's LSTM out of cells; `swapped`: the forget gate's bias is used for the output gate too."""
    weights = dict(model.lstm.named_parameters())
    bias = weights["bias_ih_l0"]
    if swapped:
        bias = F.cat([bias[:12], bias[4:8]])
    x, state = model.embedding(IDS.T), (sl.zeros(2, 4), sl.zeros(2, 4))
    outputs = []
    for x_t in x:
        state = F.lstm_cell(
            x_t, *state, weights["weight_ih_l0"], weights["weight_hh_l0"], bias, weights["bias_hh_l0"]
        )
        outputs.append(state[0])
    return F.cross_entropy(model.head(F.stack(outputs)).reshape(-1, 6), IDS.T.reshape(-1))


def test_the_forget_bias_for_the_output_gate(tmp_path):
    model = lstm()
    nn.init.normal_(model.lstm.bias_ih_l0)
    recorded(lambda: by_hand(model, False)).save(tmp_path / "right.tape")
    said = asked(recorded(lambda: by_hand(model, True)), f"diff {tmp_path / 'right.tape'}")
    assert "the first that differs, output 0" in said
    assert "LSTMCell[0]" in said, said
    assert "only in the first" in said
    assert "Concatenate" in said


class OverwrittenEmbedding(sl.Function):
    float_inputs = 1

    def forward(self, weight, ids):
        self.save(ids)
        self.rows = len(weight)
        return weight[ids]

    def backward(self, grad_y):
        (ids,) = self.saved
        grad = np.zeros((self.rows, grad_y.shape[-1]), grad_y.dtype)
        grad[ids] = grad_y  # not added
        return grad, None


def test_an_embedding_gradient_that_is_overwritten():
    W = sl.randn(6, 3, requires_grad=True)
    tape = recorded(lambda: OverwrittenEmbedding()(W, np.array([1, 2, 2])).tanh().sum())
    said = asked(tape, "check all")
    assert "grad_weight: WRONG" in said
    assert "\n    ···\n    ···\n    ×××" in said


def test_softmax_without_the_maximum():
    z = sl.tensor([[1000.0, 0.0]], requires_grad=True)

    def loss():
        e = z.exp()
        return -(e / e.sum()).log()[0, 0]

    with np.errstate(all="ignore"):
        tape = recorded(loss)
    assert "Exp[0](z)" in asked(tape, "until nan") or tape[0].name == "Exp"
    assert not np.isfinite(tape[0].outputs[0].array).all()


def test_kl_with_the_wrong_sign(tmp_path):
    mu = sl.tensor([0.5, -1.0], requires_grad=True)

    def loss(sign):
        return 2.0 * mu.sum() + sign * (0.5 * mu * mu).sum()

    recorded(lambda: loss(1.0)).save(tmp_path / "right.tape")
    said = asked(recorded(lambda: loss(-1.0)), f"diff {tmp_path / 'right.tape'}")
    assert "the first that differs" in said
    assert "KL" not in said
    assert "return 2.0 * mu.sum() + sign" in said, "the line is named"


def test_padding_that_counts():
    model = lstm()
    tape = recorded(lambda: model.loss(IDS, IDS)[0])
    said = asked(tape, "why head.bias[0]")
    assert "LinearCrossEntropy" in said
    counted = tape[-1].inputs[3].array
    assert (counted == 0).sum() == 2, "print targets shows the padding among them"
    right = np.where(IDS == 0, -100, IDS)
    assert "the first that differs" in "".join(differences(tape, recorded(lambda: model.loss(IDS, right)[0])))


def test_softmax_over_the_wrong_axis(tmp_path):
    z = sl.randn(2, 3, requires_grad=True)
    recorded(lambda: (F.softmax(z) ** 2).sum()).save(tmp_path / "right.tape")
    said = asked(recorded(lambda: (F.softmax(z, 0) ** 2).sum()), f"diff {tmp_path / 'right.tape'}", "formula")
    assert "the first that differs, output 0" in said
    assert "axis = 0" in said


def test_a_recorded_array_that_is_changed_in_place():
    x = sl.randn(4, requires_grad=True)

    def loss():
        y = x.exp()
        y.data[0] = 7.0
        return y.sum()

    assert "was changed in place" in asked(recorded(loss), "verify")


class Reused(sl.Function):
    """y = x² + 3x by hand, whose backward keeps the last share alone."""

    def forward(self, x):
        self.save(x)
        return x * x + 3 * x

    def backward(self, grad_y):
        (x,) = self.saved
        grad = 2 * x * grad_y
        grad = 3 * grad_y  # should be +=
        return grad


def test_a_share_that_is_overwritten():
    x = sl.randn(3, requires_grad=True)
    assert "grad_x: WRONG" in asked(recorded(lambda: Reused()(x).sum()), "check")


def test_targets_that_are_not_shifted():
    model = lstm()
    tape = recorded(lambda: model.loss(IDS, IDS)[0])
    inputs = asked(tape, "print ids")
    targets = asked(tape, "until linear_cross_entropy", "print targets").splitlines()[-1]
    assert np.array2string(IDS.T) == inputs
    assert str(IDS.T.reshape(-1)) == targets, "the same numbers: each token is asked for itself"


def test_a_mask_that_lets_the_future_through():
    q, W = sl.randn(1, 4, 2), sl.randn(6, 2, requires_grad=True)

    def loss(causal):
        x = F.embedding(W, np.array([[1, 2, 3, 4]]))
        return F.attention(q, x, x, causal=causal)[0, 0].sum()  # of the first place alone

    later = {
        causal: asked(recorded(lambda c=causal: loss(c)), "print grad_y[0, 1:]").split()
        for causal in (True, False)
    }
    assert set("".join(later[True])) <= set("[]0. "), "what comes later has no part in the first place"
    assert set("".join(later[False])) - set("[]0. ")


def test_adam_without_its_correction(tmp_path):
    def two_steps(corrected):
        model = lstm()
        with record(quiet=True) as tape:
            m = {name: 0.0 for name, _ in model.named_parameters()}
            s = dict(m)
            for t in (1, 2):
                model.zero_grad()
                model.loss(IDS, IDS)[0].backward()
                for name, p in model.named_parameters():
                    g = p.grad.numpy()
                    m[name], s[name] = 0.9 * m[name] + 0.1 * g, 0.999 * s[name] + 0.001 * g * g
                    a, b = (1 - 0.9**t, 1 - 0.999**t) if corrected else (1, 1)
                    p.data = p.numpy() - (0.01 * (m[name] / a) / (np.sqrt(s[name] / b) + 1e-8)).astype("f")
        return tape

    two_steps(True).save(tmp_path / "right.tape")
    said = asked(two_steps(False), f"diff {tmp_path / 'right.tape'}")
    assert "the first that differs, output 0" in said
    assert "Embedding[1]" in said, (
        "the first step is the same, gradients too: so it is what was done with them"
    )


def test_keys_that_are_kept_one_place_off(tmp_path):
    x, W = sl.randn(1, 4, 2), sl.randn(2, 2, requires_grad=True)

    def loss(off):
        keys, outputs = [], []
        for t in range(4):
            keys.append(x[:, max(0, t - off) : max(0, t - off) + 1] @ W)
            k = F.cat(keys, 1)
            outputs.append(F.attention(x[:, t : t + 1], k, k))
        return (F.cat(outputs, 1) ** 2).sum()

    recorded(lambda: loss(0)).save(tmp_path / "right.tape")
    said = asked(recorded(lambda: loss(1)), f"diff {tmp_path / 'right.tape'}")
    assert "the first that differs, output 0" in said
    assert "max(0, t - off)" in said, "the line is named"


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


def test_the_terms_of_every_element_give_its_value():
    tape, seen = recorded(everything), set()
    for record_ in tape:
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
