"""Stepping with pdb: one `s` from a formula into its kernel, three frames from `loss.backward()` to it."""

import inspect
import io
import json
import linecache
import os
import pdb
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm.functions.activation import GELU, Tanh
from scratchlm.functions.additive_attention import AdditiveAttention
from scratchlm.functions.attention import Attention, SelfAttention
from scratchlm.functions.embedding import Embedding
from scratchlm.functions.gru import GRU
from scratchlm.functions.loss import CrossEntropy, LinearCrossEntropy
from scratchlm.functions.lstm import LSTM, LSTMCell
from scratchlm.functions.matmul import Linear, MatMul
from scratchlm.functions.norm import LayerNorm
from scratchlm.functions.softmax import LogSoftmax, Softmax

ROOT = Path(__file__).parents[1]


def x(*shape):
    return sl.tensor(np.ones(shape, np.float32), requires_grad=True)


CASES = {  # each formula with kernels of its own
    "softmax": (Softmax, lambda: F.softmax(x(2, 3))),
    "log_softmax": (LogSoftmax, lambda: F.log_softmax(x(2, 3))),
    "cross_entropy": (CrossEntropy, lambda: F.cross_entropy(x(2, 3), [0, 1])),
    "linear_cross_entropy": (
        LinearCrossEntropy,
        lambda: F.linear_cross_entropy(x(2, 3), x(4, 3), x(4), [0, 1]),
    ),
    "lstm": (
        LSTM,
        lambda: F.lstm(x(2, 1, 3), x(1, 2), x(1, 2), x(8, 3), x(8, 2), x(8), x(8))[0],
    ),
    "lstm_cell": (LSTMCell, lambda: F.lstm_cell(x(1, 3), x(1, 2), x(1, 2), x(8, 3), x(8, 2), x(8), x(8))[0]),
    "gru": (GRU, lambda: F.gru(x(2, 1, 3), x(1, 2), x(6, 3), x(6, 2), x(6), x(6))[0]),
    "attention": (Attention, lambda: F.attention(x(1, 2, 3), x(1, 2, 3), x(1, 2, 3))),
    "self_attention": (SelfAttention, lambda: F.self_attention(x(1, 2, 6), 1)),
    "additive_attention": (
        AdditiveAttention,
        lambda: F.additive_attention(x(1, 2, 3), x(1, 2, 3), x(1, 2, 3), x(3)),
    ),
    "embedding": (Embedding, lambda: F.embedding(x(4, 3), [1, 2])),
    "linear": (Linear, lambda: F.linear(x(2, 3), x(4, 3), x(4))),
    "matmul": (MatMul, lambda: F.matmul(x(2, 3), x(3, 4))),
    "layer_norm": (LayerNorm, lambda: F.layer_norm(x(2, 3), x(3), x(3))),
    "gelu": (GELU, lambda: F.gelu(x(2, 3))),
    "tanh": (Tanh, lambda: F.tanh(x(2, 3))),
}


class Reader(pdb.Pdb):
    """Somebody at pdb's prompt: `c` to the method, `n` from line to line, `s` at each that calls a kernel.

    After an `s`, notes the line and where it led; comes back with `r` and goes on.
    """

    def __init__(self):
        super().__init__(stdin=self, stdout=io.StringIO(), nosigint=True, readrc=False)
        self.use_rawinput = False
        self.entered = []  # (text of the line, file, function) after each `s`
        self.pressed = None

    def readline(self):
        """What is typed next; pdb reads it from its standard input."""
        code, number = self.curframe.f_code, self.curframe.f_lineno
        if self.pressed:
            self.entered.append((self.pressed, code.co_filename, code.co_name))
            self.pressed = None
            return "r\n"
        if code is not self.code:
            return "n\n" if self.entered else "c\n"  # back from a kernel; on to the method
        text = linecache.getline(code.co_filename, number).strip()
        if "self.kernels." not in text or text in [line for line, *_ in self.entered]:
            return "n\n"
        self.pressed = text
        return "s\n"

    def read(self, method, statement):
        """Stop in `method` while `statement` runs, and step as above until the method ends."""
        self.code = method.__code__
        lines = {number for _, _, number in self.code.co_lines() if number} - {self.code.co_firstlineno}
        assert self.set_break(self.code.co_filename, min(lines)) is None
        try:
            self.runcall(statement)
        finally:
            self.clear_all_breaks()
        return self.entered


WAYS = [(name, way) for name in CASES for way in ("forward", "backward")]
WAYS.remove(("linear_cross_entropy", "backward"))  # its gradients are made in forward


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_one_press_leads_into_the_kernel(name, way):
    formula, compute = CASES[name]
    reader = Reader()
    statement = compute
    if way == "backward":
        y = compute()
        statement = y.sum().backward
    entered = reader.read(getattr(formula, way), statement)
    assert entered, f"{formula.__name__}.{way} calls no kernel"
    for line, file, function in entered:
        assert f"self.kernels.{function}(" in line
        assert file.replace("\\", "/").endswith("/reference.py"), (line, file)


def test_three_frames_from_the_users_backward_to_the_formulas():
    y = x(2, 3).softmax().sum()
    seen = []

    def backward(self, grad_y):
        names = [frame.function for frame in inspect.stack()]
        seen.append(names[: names.index("test_three_frames_from_the_users_backward_to_the_formulas")])
        return grad_y

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Softmax, "backward", backward)
        y.backward()
    assert seen == [["backward", "walk_back", "backward"]]


def test_the_session_of_the_readme_goes_as_it_says(tmp_path):
    page = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Step into a formula")[2]
    code, session = re.findall(r"```(?:python)?\n(.*?)```", page, re.S)[:2]
    (tmp_path / "step.py").write_text(code)
    typed = [line.removeprefix("(Pdb) ") for line in session.splitlines() if line.startswith("(Pdb)")]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "step.py")],
        input="\n".join([*typed, "q", ""]), capture_output=True, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    said = done.stdout.replace(str(ROOT) + os.sep, "").replace("\\", "/").replace("(Pdb) ", "")
    for line in session.splitlines():
        if not line.startswith("(Pdb)"):
            assert line in said, (line, done.stdout, done.stderr)


def test_without_its_packages_the_command_line_says_what_to_install():
    code = "import sys, runpy; sys.modules['click'] = None; runpy.run_module('scratchlm', None, '__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "scratchlm: The command line needs the package 'click': run `pip install -e .`.\n"


def test_what_vscode_starts_can_be_started(tmp_path):
    file = json.loads((ROOT / ".vscode" / "launch.json").read_text(encoding="utf-8"))
    for entry in file["configurations"]:
        assert entry["justMyCode"] is False, "it steps into the engine"
        lesson = str(ROOT / "lessons" / "02_tensors_and_the_graph" / "lesson.py")
        words = [word.replace("${file}", lesson) for word in entry.get("args", [])]
        if entry.get("module") == "scratchlm":
            words += ["--do", "list"] if words[0] == "step" else ["--out", str(tmp_path / "run")]
            command = [sys.executable, "-m", "scratchlm", *words]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
            assert done.returncode == 0, done.stderr
        else:
            assert entry.get("module") == "pytest" or entry["program"] == "${file}"
