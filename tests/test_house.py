"""The house rules: which way imports point, what loads when, docstrings, file lengths, formula ids."""

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import scratchlm
from scratchlm import functions, models, nn, optim
from scratchlm.kernels.contract import CONTRACT, FAMILIES, kernel_set

ROOT = Path(__file__).parents[1]
PACKAGE = Path(scratchlm.__file__).parent
KERNELS = Path(importlib.import_module("scratchlm.kernels").__file__).parent
FORMULAS = sorted({kernel.formula for kernel in CONTRACT})


def sources(folder):
    return sorted(folder.rglob("*.py"))


def module_of(path):
    """`functions/lstm.py` → scratchlm.functions.lstm."""
    folder, name = (KERNELS, "scratchlm.kernels") if KERNELS in path.parents else (PACKAGE, "scratchlm")
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join([name, *(part for part in parts if part != "__init__")])


def imports(path):
    """The full names of the modules that a file imports; those that it imports only for types left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def room(module):
    """The part of the house: scratchlm.functions.lstm → functions; scratchlm.tensor → tensor."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


# Each room may use the rooms named; everybody may use the errors.
BELOW = {
    "errors": set(),
    "files": set(),
    "checking": {"kernels"},
    "device": {"checking", "kernels"},
    "fonts": set(),
    "random": set(),
    "modes": set(),
    "autograd": {"modes"},
    "arrays": {"device", "modes"},
    "tensor": {
        "modes",
        "arrays",
        "device",
        "autograd",
        "functions",
    },  # the functions at its end, for the methods
    "function": {"autograd", "modes", "device", "tensor", "kernels"},
    "functions": {"autograd", "modes", "arrays", "device", "random", "tensor", "function"},
    "nn": {"autograd", "modes", "device", "random", "tensor", "function", "functions"},
    "optim": {"autograd", "device", "tensor", "function", "nn"},
    "models": {"modes", "device", "random", "tensor", "function", "functions", "nn", "kernels"},
    "debugger": {"autograd", "modes", "device", "files", "tensor", "function", "functions", "nn"},
    "generation": {"autograd", "modes", "device", "tensor", "function", "nn", "text"},
    "text": {"files"},
}


@pytest.mark.parametrize("path", sources(PACKAGE), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    here = room(module_of(path))
    used = {room(name) for name in imports(path) if name.startswith("scratchlm.")} - {
        here,
        "errors",
        "__version__",
    }
    assert "lessons" not in {name.split(".")[0] for name in imports(path)}
    if here in BELOW:
        assert used - {""} <= BELOW[here]
    elif not here.startswith(("cli", "__main__")):
        assert "cli" not in used


@pytest.mark.parametrize("path", sources(KERNELS), ids=lambda path: str(path.relative_to(KERNELS)))
def test_kernels_import_nothing_of_scratchlm(path):
    assert all(
        name.startswith("scratchlm.kernels") or name.split(".")[0] != "scratchlm" for name in imports(path)
    )
    if path.name in ("reference.py", "grammar.py", "contract.py"):  # readable with NumPy alone
        allowed = {"numpy", "scratchlm", *sys.stdlib_module_names}
        assert {name.split(".")[0] for name in imports(path)} <= allowed


def test_the_checker_sees_an_import_that_points_the_wrong_way(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    path = tmp_path / "nn" / "layers.py"
    path.parent.mkdir()
    path.write_text("def f():\n    from ..training import trainer\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        test_imports_point_one_way(path)


def loaded_by(statement):
    code = f"import sys; {statement}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_scratchlm_loads_nothing_slow():
    slow = {"numba", "llvmlite", "matplotlib", "torch", "rich", "click", "safetensors", "msgspec"}
    statement = (
        "import scratchlm as sl; sl.tensor([1.0]); import scratchlm.nn, scratchlm.optim, scratchlm.text"
    )
    assert "numpy" in loaded_by(statement)
    assert not slow & loaded_by(statement)


def test_the_cpu_device_brings_numba_when_it_is_used():
    assert "numba" in loaded_by("import scratchlm as sl; sl.tensor([1.0], device='cpu').tanh()")


def test_kernels_that_are_compiled_already_load_without_what_compiles():
    """Numba's implementations of NumPy, and SciPy: 25 MB and 0.3 s before the first step."""
    code = (
        "import sys, numpy as np; from scratchlm import get_device; kernels = get_device('cpu').kernels; "
        "x = np.ones((5, 5), np.float32); kernels.softmax_forward(x); kernels.matmul(x, x); "
        "print('numba.np.linalg' in sys.modules)"
    )
    for _ in range(2):  # the first may have to compile
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


def test_the_kernels_folder_cannot_be_imported_under_its_own_name():
    if not (ROOT / "kernels").is_dir():
        pytest.skip("the checkout's folder kernels/ is not here")
    done = subprocess.run([sys.executable, "-c", "import kernels"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "This folder is the package scratchlm.kernels: import it under that name" in done.stderr


# ---------------------------------------------------------------- files and docstrings
@pytest.mark.parametrize(
    "path", [*sources(PACKAGE), *sources(KERNELS), *sources(ROOT / "tests")], ids=lambda path: path.name
)
def test_no_file_is_longer_than_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def modules():
    names = [name for _, name, _ in pkgutil.walk_packages([str(PACKAGE)], "scratchlm.")]
    families = [f"scratchlm.kernels.{family}.reference" for family in FAMILIES]
    return ["scratchlm", *(n for n in names if not n.startswith("scratchlm.kernels")), *families]


@pytest.mark.parametrize("name", modules())
def test_everything_public_has_a_docstring(name):
    module = importlib.import_module(name)
    assert module.__doc__, name
    for what, value in vars(module).items():
        ours = getattr(value, "__module__", None) == name and not what.startswith("_")
        if ours and (inspect.isclass(value) or inspect.isfunction(value)):
            # inspect.getdoc inherits, and a dataclass writes its own: look at the source's
            doc = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
            assert doc, f"{name}.{what}"
            assert not doc.startswith(f"{what}("), f"{name}.{what}"


# ---------------------------------------------------------------- formula ids
@cache
def docstrings(path):
    """Docstrings of the classes and functions in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.ClassDef | ast.FunctionDef
    return " ".join(ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_formula_is_named_where_it_is_computed(formula):
    """In a Function, a layer, an optimizer or a model; its kernels: below."""
    folders = [Path(part.__file__).parent for part in (functions, nn, optim, models)]
    text = " ".join(docstrings(path) for folder in folders for path in sources(folder))
    assert f"[{formula}]" in text


@pytest.mark.parametrize("kernel", CONTRACT, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("device", ["reference", "cpu", "cuda"])
def test_every_kernel_names_its_formula_and_stands_in_its_family(kernel, device):
    function = getattr(kernel_set(device), kernel.name)
    assert f"[{kernel.formula}]" in (function.__doc__ or "")
    source = Path(inspect.getfile(inspect.unwrap(function)))
    assert source.parent == KERNELS / kernel.family


def test_every_family_is_whole():
    for family in FAMILIES:
        files = {path.name for path in (KERNELS / family).iterdir() if path.is_file()}
        assert files - {f"{family}.cu"} == {"reference.py", "cpu.py", "cuda.py"}, family
    for path in sorted(KERNELS.glob("*/cpu.py")):
        assert path.parent.name in FAMILIES  # a family without a reference would not be found


def test_the_list_for_lessons_and_editors_has_every_kernel():
    listed = importlib.import_module("scratchlm.kernels.reference")
    for kernel in CONTRACT:
        assert getattr(listed, kernel.name) is getattr(kernel_set("reference"), kernel.name)


def test_a_kernel_is_declared_with_its_own_arguments():
    for kernel in CONTRACT:
        parameters = inspect.signature(getattr(kernel_set("reference"), kernel.name)).parameters
        needed = [name for name, p in parameters.items() if p.default is p.empty or name == "smoothing"]
        assert [argument.name for argument in kernel.arguments] == needed, kernel.name


def test_the_index_of_formulas_is_up_to_date():
    place = importlib.util.spec_from_file_location("formulas", ROOT / "docs" / "formulas.py")
    made = importlib.util.module_from_spec(place)
    place.loader.exec_module(made)
    page = made.index()
    assert page == (ROOT / "docs" / "formulas.md").read_text(encoding="utf-8"), "run python docs/formulas.py"
    for link in re.findall(r"\]\(\.\./([^)]+)\)", page):
        assert (ROOT / link).is_file(), link


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda page: page.name
)
def test_links_of_the_pages_lead_somewhere(page):
    text = re.sub(r"^    .*", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)  # without code
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (page.parent / link).exists(), link


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 130
