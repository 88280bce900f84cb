"""Every exercise refuses plausible wrong solutions, each by a message that names the exercise.

An exercise and its checks stand in one cell of the lesson, so a wrong solution is run in what the cells
before have left, again and again, without running the lesson anew.
"""

import ast
import copy
import importlib.util
import linecache
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from scratchlm.lesson import blamed
from scratchlm.random import random_state

from .test_lessons import BEGIN, END, LESSONS

FOLDER = Path(__file__).parent / "wrong_solutions"
CARELESS = ("pass", "raise ValueError('mine')", "return ()", "return 'x'")


def wrong_of(lesson):
    """The lesson's wrong solutions: (exercise, what is wrong, lines for each pair of markers)."""
    path = FOLDER / f"{lesson.parent.name[:2]}.py"
    assert path.is_file(), f"{path.name}: an exercise has at least three wrong solutions"
    spec = importlib.util.spec_from_file_location(f"wrong_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


def solved(cell, bodies):
    """The cell with other lines between its pairs of markers."""
    lines, bodies, inside = [], iter(bodies), False
    for line in cell.splitlines():
        if line.strip() == BEGIN:
            inside, indent = True, line[: line.index("#")]
            lines.append(textwrap.indent(next(bodies), indent))
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    assert next(bodies, None) is None, "more wrong solutions than pairs of markers"
    return "\n".join(lines)


def own(namespace):
    """A namespace beside the lesson's: what is drawn in it draws nothing from the lesson."""
    return {
        name: copy.deepcopy(value) if isinstance(value, np.random.Generator) else value
        for name, value in namespace.items()
    }


def judged(source, namespace):
    """What the cell's checks say to it, or what is printed below another error; None where it passes."""
    state = copy.deepcopy(random_state.state_dict())
    name = "a student's cell"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    try:
        exec(compile(source, name, "exec"), own(namespace))
    except AssertionError as error:
        return str(error)
    except Exception as error:
        return blamed(error) or f"{type(error).__name__}: {error}"
    finally:
        random_state.load_state_dict(state)
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.parent.name)
def test_wrong_solutions_are_told_what_is_wrong(lesson, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SCRATCHLM_PICTURES", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    wrong = wrong_of(lesson)
    cells = re.split(r"^# %%.*\n", lesson.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    numbers = re.findall(r"^# exercise (\d+\.\d+):", "\n".join(cells), flags=re.MULTILINE)
    for number in numbers:
        assert sum(exercise == number for exercise, _, _ in wrong) >= 3, f"{number}: three wrong solutions"
    assert {exercise for exercise, _, _ in wrong} <= set(numbers)
    namespace, faults = {"__name__": "lesson", "__file__": str(lesson)}, []
    last = max(k for k, cell in enumerate(cells) if "# exercise " in cell)
    for cell in cells[: last + 1]:
        if not ast.parse(cell).body:
            continue  # a cell of text
        found = re.search(r"^# exercise (\d+\.\d+):", cell, flags=re.MULTILINE)
        careless = [(found[1], text, [text] * cell.count(BEGIN)) for text in CARELESS] if found else []
        for exercise, what, bodies in [*wrong, *careless] if found else []:
            if exercise == found[1]:
                said = judged(solved(cell, bodies), namespace)
                if said is None or not said.startswith(f"exercise {exercise}: "):
                    faults.append(f"{exercise} {what}: {said or 'passes'}")
        exec(compile(cell, str(lesson), "exec"), namespace)
    capsys.readouterr()
    assert not faults, "\n".join(faults)
