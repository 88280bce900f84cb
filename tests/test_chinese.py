"""The lessons in Chinese: every text has a translation that keeps what it must; the program is the same."""

import ast
import importlib.util
import re

import pytest
from click.testing import CliRunner

import scratchlm.lesson
from scratchlm import chapters
from scratchlm.chinese import Segment, catalogue, segments, translated, wrapped
from scratchlm.cli.lessons import lesson, lessons

from .test_exercises import judged, solved, wrong_of
from .test_lessons import LESSONS

ROOT = LESSONS[0].parents[2]
PAGES = [*LESSONS, ROOT / "docs" / "book" / "items" / "lesson.py"]
each = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.parent.name)


def module(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "book" / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


drift = module("drift").drift


def code(source):
    """A program's structure, without its texts."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.FormattedValue)]
            node.values = sorted(parts, key=ast.dump)  # another language, another order
    return ast.dump(tree)


@each
def test_every_text_has_a_translation(path):
    import polib

    texts = [segment.text for segment in segments(path.read_text(encoding="utf-8"))]
    entries = polib.pofile(str(path.with_name("zh.po")))
    assert [entry.msgid for entry in entries] == list(dict.fromkeys(texts)), "run docs/book/catalogues.py"
    assert [entry.msgid for entry in entries if not entry.translated()] == []


@each
def test_a_translation_keeps_formulas_ids_numbers_and_places(path):
    for text, translation in catalogue(path.with_name("zh.po")).items():
        assert drift(text, translation) == [], (text, translation)
        assert re.search("[A-Za-z]{3,}", text), "there is nothing to translate"


@each
def test_the_chinese_file_is_the_same_program(path):
    source = path.read_text(encoding="utf-8")
    words = catalogue(path.with_name("zh.po"))
    made = translated(source, words)
    added = 'import scratchlm.lesson\n\nscratchlm.lesson.language = "zh"\n'
    assert code(made.replace(added, "", 1)) == code(source)
    for pattern in (r"^# %%.*$", r"# --- solution \w+$"):
        assert re.findall(pattern, made, re.MULTILINE) == re.findall(pattern, source, re.MULTILINE)
    for english, chinese in (
        (r"^# exercise (\d+\.\d+): ", r"^# 练习 (\d+\.\d+)："),
        ("breakpoint here", "在此设断点"),
    ):
        there = re.findall(english, source, re.MULTILINE)
        assert len(re.findall(chinese, made, re.MULTILINE)) == len(there)
        assert "(" not in english or re.findall(chinese, made, re.MULTILINE) == there
    prose = [s.text for s in segments(source) if s.kind == "text" and len(s.text) > 60 and "$$" not in s.text]
    assert all(re.search("[\u4e00-\u9fff]", words[text]) for text in prose)


@each
def test_the_same_words_change_nothing(path):
    source = path.read_text(encoding="utf-8")
    same = translated(source, {segment.text: segment.text for segment in segments(source)})
    assert code(same.replace('import scratchlm.lesson\n\nscratchlm.lesson.language = "zh"\n', "", 1)) == code(
        source
    )


def test_a_wrong_solution_is_told_so_in_chinese(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCHLM_PICTURES", str(tmp_path))
    monkeypatch.setattr(scratchlm.lesson, "language", "en")  # the lesson sets it
    path = LESSONS[1]
    source = translated(path.read_text(encoding="utf-8"), catalogue(path.with_name("zh.po")), labels=False)
    cells = re.split(r"^# %%.*\n", source, flags=re.MULTILINE)[1:]
    namespace = {"__name__": "lesson"}
    for cell in cells:
        number = re.search(r"^# 练习 (\d+\.\d+)：", cell, flags=re.MULTILINE)
        if number:
            for exercise, what, bodies in wrong_of(path):
                if exercise == number[1]:
                    said = judged(solved(cell, bodies), namespace)
                    assert re.match(rf"练习 {exercise}：.*[\u4e00-\u9fff]", said), (what, said)
            return
        exec(cell, namespace)


TEXT = """# %% [markdown]
# # 1. A title
#
# A paragraph of
# two lines with $x$.
#
# - one item
#   goes on
# - another item
#
# $$y = x$$
#
# | a table | of words |
# |---|---|

# %%
x = 1  # (B, T)
# a comment of
# two lines
print(f"the value {x:.1f} " "of {x}", x)  # breakpoint here
names = {"with some space": 1, "single": 2}
plot.set_xlabel("steps back")
"""


def test_what_is_read_is_found():
    assert [(segment.kind, segment.text) for segment in segments(TEXT)] == [
        ("text", "1. A title"),
        ("text", "A paragraph of two lines with $x$."),
        ("text", "one item goes on"),
        ("text", "another item"),
        ("text", "| a table | of words |"),
        ("comment", "a comment of two lines"),
        ("string", "the value {x:.1f} of {{x}}"),
        ("label", "with some space"),
        ("label", "steps back"),
    ]
    words = {
        "another item": "另一项",
        "the value {x:.1f} of {{x}}": "{{x}} 的值 {x:.1f}",
        "steps back": "步数",
    }
    made = translated(TEXT, words, labels=False)
    assert "# - 另一项\n" in made
    assert 'print(f"{{x}} 的值 {x:.1f}", x)' in made
    assert 'plot.set_xlabel("steps back")' in made
    assert 'plot.set_xlabel("步数")' in translated(TEXT, words)


def test_lines_break_behind_chinese_punctuation_and_never_in_a_formula():
    text = "一个数，" * 20 + "$a + b + c$ 与 `x = y` 一样。"
    lines = wrapped("- ", text).split("\n")
    assert lines[0].startswith("# - 一个数")
    assert all(line.startswith("#   ") for line in lines[1:])
    assert max(len(line.encode("gbk")) for line in lines) <= 104
    assert "".join(line.removeprefix("# ").removeprefix("- ").removeprefix("  ") for line in lines).replace(
        " ", ""
    ) == text.replace(" ", "")
    assert any("$a + b + c$" in line for line in lines)
    for n in range(1, 40):  # wherever the line ends, ** stays beside the words that it makes bold
        lines = wrapped("", "字" * n + "。**怎样发现：** 比较。", 40).split("\n")
        assert all(re.search(r"^# \*\* |[^：]\*\*$", line) is None for line in lines), lines


@pytest.mark.parametrize(
    ("text", "translation", "said"),
    [
        ("see [softmax] and F2", "见 [softmax]", "id F2 is missing"),
        ("after 3 steps", "三步之后", "number 3 is missing"),
        ("{x:.2f} nats", "{y:.2f} 纳特", "place {x:.2f} is missing"),
        ("run `a b`", "运行 `a c`", "code `a b` is missing"),
        ("$x_1$ of $y$", "$y$ 的 $x_2$", "formula $x_1$ is missing"),
        ("[here](a.md)", "[这里](b.md)", "link a.md is missing"),
    ],
)
def test_what_a_translation_loses_is_seen(text, translation, said):
    assert said in drift(text, translation)
    assert drift(text, text) == []


def test_a_changed_text_keeps_its_old_translation_as_fuzzy():
    import polib

    old = polib.POFile()
    old.append(polib.POEntry(msgid="A paragraph of two lines with $y$.", msgstr="两行的一段，含 $y$。"))
    old.append(polib.POEntry(msgid="one item goes on", msgstr="一项"))
    new = module("catalogues").brought_up(TEXT, old)
    entry = new.find("A paragraph of two lines with $x$.")
    assert (entry.msgstr, entry.fuzzy) == ("两行的一段，含 $y$。", True)
    assert new.find("one item goes on").translated()
    assert new.find("another item").msgstr == ""
    assert new.find("A paragraph of two lines with $y$.") is None


def test_the_commands_speak_chinese(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed = CliRunner().invoke(lessons, ["--language", "zh"]).output
    assert len(re.findall("[\u4e00-\u9fff]", listed)) > 300
    copied = CliRunner().invoke(lessons, ["--copy", "mine", "--language", "zh", "--exercises"])
    assert copied.exit_code == 0, copied.output
    first = (tmp_path / "mine" / LESSONS[0].parent.name / "lesson.py").read_text(encoding="utf-8")
    assert "# **问题。**" in first
    assert 'raise NotImplementedError("轮到你了")' in first
    CliRunner().invoke(lesson, ["2", "--notebook", "2.ipynb", "--language", "zh"])
    assert "张量" in (tmp_path / "2.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize("font", [True, False])
def test_without_a_chinese_font_labels_stay_as_they_are(font, monkeypatch):
    path = next(path for path in LESSONS if path.parent.name.startswith("06"))
    monkeypatch.setattr(chapters, "chinese_is_drawn", lambda: font)
    assert ("steps back" in chapters.in_language(path, "zh")) == (not font)


def test_a_segment_keeps_its_quotation_marks():
    assert Segment(0, 5, "text", "string", 'f"', '"').filled("文") == 'f"文"'


def blocks(page):
    """A page's blocks of code, and its lines of commands without what stands behind `#`."""
    parts = (ROOT / page).read_text(encoding="utf-8").split("```")[1::2]
    lines = [line for part in parts if part.startswith("bash") for line in part.splitlines()[1:]]
    return [part for part in parts if not part.startswith("bash")], [
        line.partition(" #")[0] for line in lines
    ]


def test_the_chinese_readme_has_the_same_programs_commands_and_figures():
    (programs, commands), (their_programs, their_commands) = blocks("README.md"), blocks("README.zh.md")
    assert programs == their_programs
    assert [command for command in commands if command not in their_commands] == []
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")]
    tables = [re.findall(r"^\|.*", page, flags=re.MULTILINE) for page in pages]
    english, chinese = [re.findall(r"\d+\.\d+", "\n".join(table)) for table in tables]
    assert len(english) > 5
    assert sorted(english) == sorted(chinese)
