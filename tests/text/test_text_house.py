"""The house rules of the text half: worked values hold, and it leans on nothing but the errors."""

import ast
import doctest
import importlib
import sys
from pathlib import Path

import pytest

import scratchlm.text

MODULES = sorted(path.stem for path in Path(scratchlm.text.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_worked_values(name):
    assert doctest.testmod(importlib.import_module(f"scratchlm.text.{name}")).failed == 0


def test_worked_values_are_found():
    names = [f"scratchlm.text.{name}" for name in MODULES]
    assert sum(doctest.testmod(importlib.import_module(name)).attempted for name in names) > 15


@pytest.mark.parametrize("name", MODULES)
def test_imports(name):
    tree = ast.parse(Path(scratchlm.text.__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        above = "." * getattr(node, "level", 0)
        modules = [f"{above}{node.module}"] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            ours = module in ("..errors", "..files") or (module[0] == "." and module[1] != ".")
            assert ours or module.split(".")[0] in {"numpy", *sys.stdlib_module_names}, f"{name}: {module}"
