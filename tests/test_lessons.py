"""Every lesson runs as it is and has the form that lessons/README.md promises."""

import ast
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scratchlm.kernels.contract import CONTRACT

LESSONS = sorted((Path(__file__).parents[1] / "lessons").glob("*/lesson.py"))
ALLOWED = {"numpy", "matplotlib", "scratchlm"} | sys.stdlib_module_names
OTHERS = ("msgspec", "click", "rich", "tomli_w", "polib", "safetensors", "threadpoolctl", "numba")
BEGIN, END = "# --- solution begin", "# --- solution end"
TIMEOUT = 180  # seconds; a lesson takes up to 60 on one core that is busy with nothing else

lessons = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.parent.name)


def without_solutions(source: str) -> str:
    """The lesson as a student gets it: each solution replaced by `raise NotImplementedError`."""
    kept: list[str] = []
    inside = False
    for line in source.splitlines():
        if line.strip() == BEGIN:
            assert not inside, f"a second '{BEGIN}' before '{END}'"
            inside, indent = True, line[: line.index("#")]
            kept.append(f"{indent}raise NotImplementedError")
        elif line.strip() == END:
            assert inside, f"'{END}' without '{BEGIN}'"
            assert line[: line.index("#")] == indent, "the two markers are not indented alike"
            inside = False
        elif not inside:
            kept.append(line)
    assert not inside, f"'{BEGIN}' without '{END}'"
    return "\n".join(kept)


def test_there_are_lessons() -> None:
    assert len(LESSONS) >= 3


@lessons
def test_runs(lesson: Path, tmp_path: Path) -> None:
    environment = os.environ | {"SCRATCHLM_PICTURES": str(tmp_path / "out"), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error::RuntimeWarning", str(lesson)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, timeout=TIMEOUT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    pictures = list((tmp_path / "out").glob("*.png"))
    assert pictures, "a lesson has a picture"
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert len(done.stdout.splitlines()) < 150, "the output is too long to read"
    assert max(map(len, done.stdout.splitlines())) <= 120, "a line of the output is too long"


@lessons
def test_form(lesson: Path) -> None:
    source = lesson.read_text(encoding="utf-8")
    lines = source.splitlines()
    number = lesson.parent.name.split("_")[0].lstrip("0")
    assert 150 <= len(lines) <= 400
    assert lines[0] == "# %% [markdown]", "the first cell is text"
    assert lines[1].startswith(f"# # {number}. "), "its first line is the title with the lesson's number"
    cells = re.split(r"^# %%", source, flags=re.MULTILINE)[1:]
    for cell in cells:
        if cell.startswith(" [markdown]"):
            assert all(not line or line.startswith("#") for line in cell.splitlines()[1:]), cell
    assert "breakpoint here" in source
    assert "common mistake" in source


@lessons
def test_exercises(lesson: Path) -> None:
    source = lesson.read_text(encoding="utf-8")
    number = lesson.parent.name.split("_")[0].lstrip("0")
    numbers = re.findall(r"^# exercise (\d+\.\d+): \S", source, flags=re.MULTILINE)
    assert numbers, "a lesson has an exercise"
    assert numbers == [f"{number}.{k}" for k in range(1, len(numbers) + 1)], "exercises are numbered in order"
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    checks = [
        (node.lineno, node.args[0].value)
        for node in calls
        if ast.unparse(node.func) in ("check", "check_close", "check_shape")
        and isinstance(node.args[0], ast.Constant)
    ]
    lines = source.splitlines()
    for exercise in numbers:
        start = lines.index(next(line for line in lines if line.startswith(f"# exercise {exercise}: "))) + 1
        end = next(k for k, line in enumerate(lines, 1) if k > start and line.strip() == END)
        between = lines[start : end - 1]
        assert not any(line.startswith("# exercise") for line in between), f"{exercise} has no solution"
        next_cell = next(
            (k for k, line in enumerate(lines, 1) if k > end and line.startswith("# %%")), math.inf
        )
        places = [line for line, checked in checks if checked == exercise]
        assert places, f"no check names exercise {exercise}"
        assert end < min(places) <= max(places) < next_cell, f"exercise {exercise} is checked in its own cell"
    ast.parse(without_solutions(source))


@lessons
def test_imports(lesson: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(lesson.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or ".").split(".")[0])
    assert "scratchlm" in imported
    assert imported <= ALLOWED


@lessons
def test_imports_need_numpy_and_matplotlib_alone(lesson: Path) -> None:
    source = lesson.read_text(encoding="utf-8")
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    blocked = "import sys; sys.modules |= dict.fromkeys(" + repr(OTHERS) + ")"
    program = "\n".join([blocked, *map(ast.unparse, nodes)])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-500:]


@lessons
def test_formula_ids(lesson: Path) -> None:
    source = lesson.read_text(encoding="utf-8")
    text = [line for line in source.splitlines() if line.startswith("#")]
    head = [line for line in text if line.startswith("# Formulas: ")]
    assert len(head) == 1, "one line 'Formulas: …'"
    named = set(re.findall(r"(?<![\w`$)])\[([a-z_]+(?:\.[a-z]+)?)\](?!\()", "\n".join(text))) - {"markdown"}
    assert re.search(r"\[[a-z_.]+\]", head[0]), "the line names a formula of the engine"
    assert named <= {kernel.formula for kernel in CONTRACT}
