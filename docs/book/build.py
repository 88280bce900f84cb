"""The book, from the lessons: `python docs/book/build.py` writes build/book/en and build/book/zh.

Needs `pip install -e ".[book]"`. Each lesson becomes a notebook, in Chinese with its catalogue's words;
Sphinx runs the cells (again only where a lesson or the engine has changed) and writes pages that work without
a network. A cell that fails, a link that leads nowhere and a formula that is no MathML end it.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree.ElementTree import fromstring

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from formulas import index as formula_index  # noqa: E402

from scratchlm.chapters import as_notebook, chapters, in_language  # noqa: E402
from scratchlm.chinese import catalogue, segments  # noqa: E402
from scratchlm.kernels.contract import CONTRACT  # noqa: E402

SPHINX_LANGUAGE = {"en": "en", "zh": "zh_CN"}
TITLES = {"en": "How a language model works", "zh": "语言模型是怎样工作的"}
COLUMNS = {"zh": ("编号", "公式", "类", "核函数", "测试", "课程")}
STEPS = {  # lessons with a page of the stepper in them: of which of their passes backward
    "02_tensors_and_the_graph": 0, "05_softmax_and_cross_entropy": 0, "06_rnn_and_lstm": 6, "10_attention": 1,
    "12_transformer": 0,
}  # fmt: skip
STEP_BY_STEP = {
    "en": "## Step by step\n\nA pass of this lesson, forward and backward, with its numbers: arrow keys or "
    "the slider go from formula to formula; point at an element to see what it is made of.",
    "zh": "## 一步一步\n\n本课的一次前向和反向，带着全部数值：用方向键或滑块从一个公式走到下一个；"
    "把鼠标指向一个元素，就能看到它由什么构成。",
}
FORMULAS = {row.formula for row in CONTRACT}
LANGUAGES = {"py": "python", "cu": "cuda", "cuh": "cuda"}


def pages(language: str, target: Path) -> int:
    """Writes the book's sources in one language; returns how many texts have no translation."""
    ours = target.parent / "written-by-build.py"  # a mark; the folder that is built into by itself needs none
    if target.exists() and not ours.is_file() and ROOT / "build" not in target.parents:
        raise SystemExit(f"{target} is there, and not of an earlier build: give another folder with --out.")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    ours.touch()
    names, missing = [], 0
    for path in [*(c.path for c in chapters()), HERE / "items" / "lesson.py"]:
        source = path.read_text(encoding="utf-8")
        name = path.parent.name
        if language != "en":
            missing += len(
                {s.text for s in segments(source)} - set(catalogue(path.with_name(f"{language}.po")))
            )
        notebook = as_notebook(in_language(path, language))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                drawable("".join(cell["source"]), path)
                cell["source"] = [linked(line, path) for line in cell["source"]]
        if name in STEPS:
            frame = f'<iframe src="steps/{name}.html" class="steps" title="{name}"></iframe>'
            text = f"{STEP_BY_STEP[language]}\n\n{frame}"
            notebook["cells"].insert(
                -1, {"cell_type": "markdown", "id": "steps", "metadata": {}, "source": [text]}
            )
        (target / f"{name}.ipynb").write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
        names.append(name)
    head = (HERE / ("index.md" if language == "en" else f"index.{language}.md")).read_text(encoding="utf-8")
    (target / "index.md").write_text(head.replace("CHAPTERS", "\n".join(names[:-1])), encoding="utf-8")
    shutil.copy(ROOT / "docs" / "glossary.md", target)
    name = "stepping.md" if language == "en" else f"stepping.{language}.md"
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    (target / "stepping.md").write_text(
        re.sub(r"\[([^\]]+)\]\(\w+\.md\)", r"`docs/\1`", text), encoding="utf-8"
    )
    shutil.copytree(HERE / "templates", target / "templates")
    table = formula_index()
    if language != "en":
        table = formula_index(
            (HERE / f"formulas.{language}.md").read_text(encoding="utf-8"), COLUMNS[language]
        )
    (target / "formulas.md").write_text(with_sources(table, target), encoding="utf-8")
    return missing


def drawable(text: str, lesson: Path) -> None:
    """Refuse a formula that is no MathML: Sphinx, with two processes, drops its page and says nothing."""
    from latex2mathml.converter import convert

    for formula in re.findall(
        r"\$\$(.+?)\$\$|(?<![\\$])\$([^$]+)\$", re.sub(r"`[^`]*`", "", text), flags=re.DOTALL
    ):
        latex = " ".join("".join(formula).split())
        try:
            made = convert(latex)
            fromstring(made)
            balanced = latex.replace("\\{", "").count("{") == latex.replace("\\}", "").count("}")
            fault = "" if balanced and "\\" not in made else "it has an unknown command or an open brace"
        except Exception as error:  # latex2mathml raises whatever it stumbles over
            fault = f"{type(error).__name__} {error}"
        if fault:
            raise SystemExit(f"{lesson}: the formula ${latex}$ cannot be drawn: {fault}")


def linked(line: str, lesson: Path) -> str:
    """A line of text with each id, as [softmax], led to its line of the index."""

    def link(match: re.Match[str]) -> str:
        if match[1] not in FORMULAS:
            raise SystemExit(f"{lesson}: there is no formula [{match[1]}]")
        return f'<a href="formulas.html#{match[1]}">{match[0]}</a>'

    return re.sub(r"(?<![\w`$)\]])\[([a-z_]+(?:\.[a-z]+)?)\](?![(\w])", link, line)


def with_sources(page: str, target: Path) -> str:
    """The page with its links to files led to pages of the book, which are written, one a file."""
    page = re.sub(r"\.\./lessons/([^/)]+)/lesson\.py", r"\1.ipynb", page)
    for link in sorted(set(re.findall(r"\(\.\./([^)#]+)\)", page))):
        path, name = ROOT / link, link.replace("/", ".")
        fence = f"```{{literalinclude}} {os.path.relpath(path, target / 'code')}\n:linenos:\n"
        text = f"---\norphan: true\n---\n# {link}\n\n{fence}:language: {LANGUAGES[path.suffix[1:]]}\n```\n"
        (target / "code").mkdir(exist_ok=True)
        (target / "code" / f"{name}.md").write_text(text, encoding="utf-8")
        page = page.replace(f"(../{link})", f"(code/{name}.md)")
    return re.sub(r"^\| `([a-z_.]+)`", r'| <a id="\1"></a>`\1`', page, flags=re.MULTILINE)


def engine() -> str:
    """A name for the engine as it is: outputs of another one are not taken from the cache."""
    files = sorted([*(ROOT / "scratchlm").rglob("*.py"), *(ROOT / "kernels").rglob("*.*")])
    files = [path for path in files if path.suffix in (".py", ".cu", ".cuh", ".h", ".cpp")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def stepped(folder: Path, language: str, environment: dict[str, str]) -> None:
    """Write the pages of the stepper that lessons show."""
    folder.mkdir(exist_ok=True)
    for name, skip in STEPS.items():
        page = str(folder / f"{name}.html")
        command = [sys.executable, "-m", "scratchlm", "step", name[:2].lstrip("0"), "--skip", str(skip)]
        made = subprocess.run(
            [*command, "--html", page, "--language", language],
            env=environment, capture_output=True, encoding="utf-8",
        )  # fmt: skip
        if made.returncode:
            sys.exit(f"{made.stderr}\n{name}: the stepper's page was not written, see above.")


def failing(report: Path) -> str:
    """What a lesson's cell ended with: the cell that failed, and the error's last line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", report.read_text(encoding="utf-8"))
    lesson = report.name.removesuffix(".err.log")
    cell = re.search(r"-{18}\n(.*?)\n-{18}", text, flags=re.DOTALL)
    lines = [line for line in text.splitlines() if line.strip()]
    return f"\n{lesson}: this cell failed\n\n{cell[1] if cell else ''}\n\n{lines[-1]}\n"


def main() -> None:
    """Each language's pages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("languages", nargs="*", default=["en", "zh"], help="en, zh or both")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "book")
    options = parser.parse_args()
    if missing_package := next(
        (name for name in ("sphinx", "myst_nb", "furo") if find_spec(name) is None), None
    ):
        parser.error(f'{missing_package} is not installed: pip install -e ".[book]"')
    if unknown := sorted(set(options.languages) - set(SPHINX_LANGUAGE)):
        parser.error(f"there is no language {unknown[0]}: it is written in {' and '.join(SPHINX_LANGUAGE)}")
    out = options.out.resolve()
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {
        "SCRATCHLM_BOOK_CACHE": str(out / f"cache-{engine()}"),
        "SCRATCHLM_PICTURES": str(out / "pictures"),
        "PYTHONPATH": paths,
        "OPENBLAS_NUM_THREADS": "1",  # two lessons run side by side, and their products are small
    }
    for language in options.languages:
        missing = pages(language, out / "src" / language)
        shutil.rmtree(out / language / "reports", ignore_errors=True)
        command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "2", "-b", "html"]
        command += ["-c", str(HERE), "-D", f"language={SPHINX_LANGUAGE[language]}"]
        command += ["-D", f"html_title={TITLES[language]}"]
        command += ["-d", str(out / "doctrees" / language), str(out / "src" / language), str(out / language)]
        made = subprocess.run(command, env=environment, stderr=subprocess.PIPE, encoding="utf-8")
        if made.returncode:
            failed = "".join(map(failing, sorted((out / language / "reports").glob("*.err.log"))))
            sys.exit(f"{failed or made.stderr}\nThe book in {language} was not built, see above.")
        stepped(out / language / "steps", language, environment)
        untranslated = f", {missing} texts without a translation" if language != "en" else ""
        print(f"{out / language / 'index.html'}{untranslated}")


if __name__ == "__main__":
    main()
