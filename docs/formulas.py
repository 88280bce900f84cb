"""Writes formulas.md, the index of formulas: `python docs/formulas.py`. A test holds the two together."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
HEAD = """# Formulas

Each formula has an id, such as `[softmax]`, in the docstrings of everything that computes it. `forward` and
`backward` stand side by side in the class (an optimizer or a reader of tokens where there is none); the
kernels' folder has `reference.py` (NumPy), `cpu.py` (Numba) and, where CUDA has a kernel of its own, a `.cu`.
Lessons that compute with it come last. Made by `python docs/formulas.py`.

| id | formula | class | kernels | CUDA | lessons |
|---|---|---|---|---|---|
"""


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


def index() -> str:
    """The whole page."""
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
        cuda = f"{folder}/{families[formula]}.cu"
        used = [
            f"[{number}](../{lesson.relative_to(ROOT).as_posix()})"
            for number, lesson in lessons.items()
            if re.search(rf"\b{name}\b|\b{formula.split('.')[0]}\b", lesson.read_text(encoding="utf-8"))
        ]
        cells = (
            f"`{formula}`",
            text.rstrip(".").replace("|", "\\|"),
            f"[{name}](../{path.relative_to(ROOT).as_posix()})",
            f"[{families[formula]}](../{folder}/reference.py)",
            f"[.cu](../{cuda})" if (ROOT / cuda).is_file() else "",
            " ".join(used),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "formulas.md").write_text(index(), encoding="utf-8")
