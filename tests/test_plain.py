"""SCRATCHLM_PLAIN=1: the kernels of the device cpu run as Python, for a debugger, with the same results."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from scratchlm.cli.main import cli
from scratchlm.kernels.contract import CONTRACT

ROOT = Path(__file__).parents[1]

COMPARE = """
import copy
import numpy as np
from scratchlm import get_device
from scratchlm.kernels.contract import CONTRACT
from scratchlm.kernels.examples import Example

def flat(x):
    return [z for y in x for z in flat(y)] if isinstance(x, (list, tuple)) else [] if x is None else [x]

sets = [get_device(name).kernels for name in ("reference", "cpu")]
for kernel in CONTRACT:
    for dtype, rtol in ((np.float32, 1e-4), (np.float64, 1e-10)):
        for lengths in ({"…": (37,)}, {"…": (3, 5), "T": 1, "B": 5, "N": 3}):
            arguments = [*Example(lengths, dtype=dtype).arguments(kernel).values()]
            found = []
            for kernels in sets:
                mine = copy.deepcopy(arguments)
                found.append(flat(getattr(kernels, kernel.name)(*mine)) + flat(mine))
            for one, other in zip(*found, strict=True):
                largest = np.abs(one).max(initial=0.0) if np.size(one) else 0.0
                assert np.allclose(one, other, rtol=rtol, atol=rtol * largest), kernel.name
    print(kernel.name)
"""
STOP = """
import io, pdb, sys
import scratchlm as sl
from scratchlm.kernels.softmax import cpu

said = f"b {cpu.__file__}:{sys.argv[1]}\\nc\\np m, total\\nclear 1\\nc\\n"
debugger = pdb.Pdb(stdin=io.StringIO(said), stdout=sys.stdout)
debugger.use_rawinput = False
x = sl.tensor([[1.0, 2.0, 3.0]], device="cpu")
debugger.runcall(x.softmax)
"""


def told(program, *arguments, plain="1"):
    """What a program prints, in a process of its own."""
    command = [sys.executable, "-c", program, *arguments]
    environment = os.environ | {"SCRATCHLM_PLAIN": plain}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_kernel_gives_what_the_reference_gives():
    assert told(COMPARE).split() == [kernel.name for kernel in CONTRACT]


def test_a_breakpoint_in_a_compiled_kernel_holds():
    lines = (ROOT / "kernels" / "softmax" / "cpu.py").read_text(encoding="utf-8").splitlines()
    line = 1 + next(k for k, text in enumerate(lines) if "out[v] = exp(row[v] - m)" in text)
    seen = told(STOP, str(line)).partition("_softmax_forward()")[2]
    assert "np.float32(3.0), np.float32(0.0)" in seen, "m is 3 and the total 0 where the rows begin"


def test_the_command_has_a_switch(monkeypatch):
    monkeypatch.setenv("SCRATCHLM_PLAIN", "0")
    assert CliRunner().invoke(cli, ["--plain", "recipes"]).exit_code == 0
    assert os.environ["SCRATCHLM_PLAIN"] == "1"


def test_otherwise_kernels_are_compiled():
    program = "import scratchlm.kernels.softmax.cpu as c; print(type(c.row_max).__name__)"
    assert told(program, plain="0") == "CPUDispatcher\n"
    assert told(program) == "function\n"
