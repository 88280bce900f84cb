"""The book: all has its lesson, formulas are MathML, pages open from files, Chinese is found."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from scratchlm.chapters import as_notebook, chapters
from scratchlm.chinese import catalogue, segments

from .test_lessons import LESSONS

ROOT = LESSONS[0].parents[2]
BOOK = Path(os.environ.get("SCRATCHLM_BOOK", ROOT / "build" / "book"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGES = [*(path.parent.name for path in LESSONS), "index", "stepping", "formulas", "items", "glossary"]
built = pytest.mark.skipif(
    not all((BOOK / language / "search.html").is_file() for language in ("en", "zh")),
    reason="the book is not built (python docs/book/build.py)",
)
browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
language = pytest.mark.parametrize("language", ["en", "zh"])


def test_every_formula_has_its_lesson_and_its_test():
    rows = re.findall(r"^\| `.*", (ROOT / "docs" / "formulas.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        formula, *cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 5, row
        assert all(cells), f"{formula} lacks one of formula, class, kernels, test, lesson"


def test_every_item_of_the_source_documents_has_its_lesson():
    items = [f"{kind}{k}" for kind, ks in {"F": 6, "L": 5}.items() for k in range(ks)]
    items += [f"{kind}{k}" for kind, ks in {"P": 6, "T": 7}.items() for k in range(1, ks + 1)]
    treated = {item for chapter in chapters() for item in re.findall(r"\b[FLPT]\d\b", chapter.formulas)}
    assert sorted(set(items) - treated) == []
    computed = (ROOT / "docs" / "book" / "items" / "lesson.py").read_text(encoding="utf-8")
    assert [item for item in items if f'("{item}", ' not in computed and f"| {item} |" not in computed] == []


def formulas_of(text):
    return [
        (made or display, bool(display)) for display, made in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", text)
    ]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.parent.name)
def test_every_formula_of_a_text_becomes_mathml(path):
    converter = pytest.importorskip(
        "latex2mathml.converter", reason="the package latex2mathml is not installed"
    )
    texts = [s.text for s in segments(path.read_text(encoding="utf-8")) if s.kind == "text"]
    words = catalogue(path.with_name("zh.po"))
    for text in [*texts, *(words.get(text, "") for text in texts)]:
        for formula, display in formulas_of(text):
            made = converter.convert(formula, display="block" if display else "inline")
            drawn = "".join(ElementTree.fromstring(made).itertext())  # raises where it is no XML
            assert not re.search(r"\\[a-zA-Z]", drawn), f"{formula}: {drawn}"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.parent.name)
def test_jupytext_reads_and_writes_the_same_program(path):
    jupytext = pytest.importorskip("jupytext", reason="the package jupytext is not installed")
    source = path.read_text(encoding="utf-8")
    notebook = jupytext.reads(source, fmt="py:percent")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            compile(cell.source, path.name, "exec")  # no comment has become a command
    again = jupytext.writes(notebook, fmt="py:percent")
    again = re.sub(r"\A# ---\n.*?^# ---\n\n", "", again, flags=re.DOTALL | re.MULTILINE)
    assert [line for line in again.splitlines() if line] == [line for line in source.splitlines() if line]


def opened(page, query=""):
    """What Chromium makes of a page from a file, without a network, and what it says on its console."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=8000", "--dump-dom"]
    made = subprocess.run(
        [*command, page.resolve().as_uri() + query], capture_output=True, encoding="utf-8", timeout=60
    )
    return made.stdout, [line for line in made.stderr.splitlines() if ":CONSOLE" in line]


@built
@browser
@language
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_its_file_without_an_error(language, name):
    page, said = opened(BOOK / language / f"{name}.html")
    assert said == []
    assert "</html>" in page
    outside = re.findall(r"""(?:src|href)=["'](https?:[^"']+\.(?:js|css|woff2?))""", page)
    assert outside == [], "nothing is asked of a network"


@built
@browser
@pytest.mark.parametrize(
    ("language", "asked", "chapters"),
    [
        ("zh", "反向传播", ["02_tensors_and_the_graph", "06_rnn_and_lstm"]),
        ("zh", "学习率计划", ["04_gradient_descent"]),
        ("zh", "熵", ["05_softmax_and_cross_entropy"]),
        ("zh", "LSTM", ["06_rnn_and_lstm"]),
        ("zh", "ＬＳＴＭ 的门", ["06_rnn_and_lstm"]),
        ("en", "reparameterisation", ["11_variational_autoencoder"]),
        ("en", "beam search", ["09_encoder_decoder"]),
    ],
)
def test_what_is_asked_is_found(language, asked, chapters):
    page, said = opened(BOOK / language / "search.html", f"?q={quote(asked)}")
    found = re.findall(r'<li class="kind-[a-z]+"[^>]*><a href="([^"#]+)\.html', page)
    assert set(chapters) <= set(found), found
    assert said == []


@built
@browser
@pytest.mark.parametrize("asked", ["梯度xyzzy", "Adam 香蕉"])
def test_every_word_that_is_asked_has_to_be_there(asked):
    page, _ = opened(BOOK / "zh" / "search.html", f"?q={quote(asked)}")
    assert '<li class="kind-' not in page


@built
@browser
@language
def test_the_steppers_page_inside_a_lesson_works(language):
    for page in sorted((BOOK / language / "steps").glob("*.html")):
        dom, said = opened(page)
        assert said == []
        assert 'id="title"' in dom
        assert f'src="steps/{page.name}"' in (BOOK / language / page.name).read_text(encoding="utf-8")
    assert len(list((BOOK / language / "steps").glob("*.html"))) == 5


@built
def test_every_link_between_pages_leads_somewhere():
    dead = []
    for page in sorted(page for name in ("en", "zh") for page in (BOOK / name).rglob("*.html")):
        for link in set(re.findall(r'href="([^"#?:]+\.html)[#"]', page.read_text(encoding="utf-8"))):
            if not (page.parent / link).is_file():
                dead.append(f"{page.relative_to(BOOK)}: {link}")
    assert dead == []


def test_the_terms_of_a_chinese_text_are_its_signs_and_pairs(monkeypatch):
    pytest.importorskip("sphinx", reason="the package sphinx is not installed")
    pytest.importorskip("latex2mathml", reason="the package latex2mathml is not installed")
    monkeypatch.setenv("SCRATCHLM_BOOK_CACHE", "unused")
    place = importlib.util.spec_from_file_location("book_conf", ROOT / "docs" / "book" / "conf.py")
    conf = importlib.util.module_from_spec(place)
    place.loader.exec_module(conf)
    terms = conf.SearchChinese({}).split("反向传播，ＬＳＴＭ 与熵")
    chinese = ["反", "向", "传", "播", "反向", "向传", "传播"]
    assert terms == [*(f"zh{term}" for term in chinese), "LSTM", "zh与", "zh熵", "zh与熵"]


@built
@language
def test_no_mark_of_markdown_or_latex_is_left_in_a_page(language):
    for name in PAGES:
        page = (BOOK / language / f"{name}.html").read_text(encoding="utf-8")
        body = page.partition("<article")[2].partition("</article")[0]
        for tag in ("pre", "code", "math", "script"):
            body = re.sub(rf"<{tag}\b.*?</{tag}>", "", body, flags=re.DOTALL)
        text = re.sub("<[^>]+>", "", body)
        assert re.findall(r".{0,20}(?:\*\*|\$\$|\\[a-z]{2}).{0,20}", text) == [], name


def the_builder():
    spec = importlib.util.spec_from_file_location("book_build", ROOT / "docs" / "book" / "build.py")
    build = importlib.util.module_from_spec(spec)
    sys.modules["book_build"] = build
    spec.loader.exec_module(build)
    return build


def test_a_faulty_page_ends_the_build(tmp_path):
    pytest.importorskip("myst_nb", reason="the package myst-nb is not installed")
    build = the_builder()
    with pytest.raises(SystemExit, match=r"there is no formula \[softmin\]"):
        build.linked("# see [softmin]", tmp_path / "lesson.py")
    for formula in ("$a_$", r"$\left( W_v$", r"$\fraq{1}{2}$", "$x^{2$"):
        with pytest.raises(SystemExit, match="cannot be drawn"):
            build.drawable(f"see {formula} and $x$", tmp_path / "lesson.py")
    build.drawable(r"$\frac{1}{2}$ and `$HOME`, $$a_{b} \{c\}$$", tmp_path / "lesson.py")
    mine = tmp_path / "src" / "en"
    mine.mkdir(parents=True)
    with pytest.raises(SystemExit, match="is there, and not of an earlier build"):
        build.pages("en", mine)
    assert 'href="formulas.html#softmax"' in build.linked("# see [softmax]", tmp_path / "lesson.py")


def test_a_failing_cell_ends_the_build_and_is_named(tmp_path):
    pytest.importorskip("myst_nb", reason="the package myst-nb is not installed")
    build = the_builder()
    source = "# %% [markdown]\n# # A page\n\n# %%\nx = 1\nassert x == 2, 'exercise 0.1: x is 1'\n"
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.ipynb").write_text(json.dumps(as_notebook(source)), encoding="utf-8")
    environment = os.environ | {"SCRATCHLM_BOOK_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-c", str(ROOT / "docs" / "book"), str(tmp_path / "src"), str(tmp_path / "out")]
    assert subprocess.run(command, env=environment, capture_output=True).returncode != 0
    (report,) = (tmp_path / "out" / "reports").glob("*.err.log")
    said = build.failing(report)
    assert "index: this cell failed" in said
    assert "assert x == 2" in said
    assert said.rstrip().endswith("AssertionError: exercise 0.1: x is 1")
