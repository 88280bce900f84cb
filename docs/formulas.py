"""Writes formulas.md, the index of formulas: `python docs/formulas.py`. A test holds the two together."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
HEAD = """# Formulas

Each formula has an id, such as `[softmax]`, in the docstrings of everything that computes it. `forward` and
`backward` stand side by side in the class (an optimizer or a reader of tokens where there is none). Its
kernels are in NumPy, Numba and CUDA C++ (on a GPU a reader of tokens is put together from others). The test
has its cases; `tests/test_contract.py` holds all kernels to NumPy's. Lessons that treat it come last.
Made by `python docs/formulas.py`.

"""
COLUMNS = ("id", "formula", "class", "kernels", "test", "lessons")


def named(folder: Path) -> dict[str, tuple[Path, str, str]]:
    """Id → file, name and first line of the first class or function whose docstring names it."""
    found: dict[str, tuple[Path, str, str]] = {}
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and (doc := ast.get_docstring(node)):
                for formula in re.findall(r"\[([a-z_.]+)\]", doc):
                    text = " ".join(doc.split("\n\n")[0].partition("    [")[0].split())
                    found.setdefault(formula, (path, node.name, text))
    return found


def tested(*names: str) -> Path:
    """The file of tests that has a case of the class, or that calls its function or its kernel."""
    files = [*sorted((ROOT / "tests").glob("cases*.py")), *sorted((ROOT / "tests").glob("test_*.py"))]
    words = re.compile(rf"\b({'|'.join(names)})\b")
    return next(path for path in files if words.search(path.read_text(encoding="utf-8")))


def index(head: str = HEAD, columns: tuple[str, ...] = COLUMNS) -> str:
    """The whole page: its head, and a table with a line for each id."""
    from scratchlm.kernels.contract import CONTRACT

    families = {row.formula: row.family for row in CONTRACT}
    places: dict[str, tuple[Path, str, str]] = {}
    for folder in ("functions", "optim", "models", "nn"):
        places = named(ROOT / "scratchlm" / folder) | places
    lessons = {path.parent.name[:2]: path for path in sorted((ROOT / "lessons").glob("*/lesson.py"))}
    rows = []
    for formula in sorted(families):
        path, name, text = places[formula]
        folder = f"kernels/{families[formula]}"
        sources = (("NumPy", "reference.py"), ("Numba", "cpu.py"), ("CUDA", f"{families[formula]}.cu"))
        kernels = [
            f"[{set_}](../{folder}/{file})" for set_, file in sources if (ROOT / folder / file).is_file()
        ]
        used = [
            f"[{number}](../{lesson.relative_to(ROOT).as_posix()})"
            for number, lesson in lessons.items()
            if f"[{formula}]" in re.search("^# Formulas: .*", lesson.read_text(encoding="utf-8"), re.M)[0]
        ]
        test = tested(name, *(row.name for row in CONTRACT if row.formula == formula))
        cells = (
            f"`{formula}`",
            text.rstrip(".").replace("|", "\\|"),
            f"[{name}](../{path.relative_to(ROOT).as_posix()})",
            " · ".join(kernels),
            f"[{test.stem}](../tests/{test.name})",
            " ".join(used),
        )
        rows.append(f"| {' | '.join(cells)} |")
    table = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns), *rows]
    return head + "\n".join(table) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "formulas.md").write_text(index(), encoding="utf-8")
