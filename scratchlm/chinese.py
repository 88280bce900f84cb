"""A lesson in another language: what is read in its file, and the file with other words in their place.

The words come from a catalogue beside the lesson, the gettext file `zh.po`. Its entries are paragraphs,
headings, list items and rows of the text cells, comments, docstrings, and the texts that are printed, drawn
or said by a check. A text of code is taken as it is written there, with its `{…}` and `\\n`.
"""

import ast
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from .errors import DataError

SAYING = {"print", "check", "check_close", "check_shape", "tried"}
DRAWING = {
    "set_title",
    "set_xlabel",
    "set_ylabel",
    "suptitle",
    "text",
    "annotate",
    "legend",
    "set_xticklabels",
}
LABELS = {"title", "xlabel", "ylabel", "label", "labels", "suptitle"}
MARKERS = re.compile(r"# ?(--- solution|breakpoint here$|fmt:|noqa|type:|%%)")
LITERAL = re.compile(
    r"""#[^\n]*|(?<!\w)(?P<prefix>[rbfuRBFU]{0,2})(?P<quote>\"{3}|'{3}|"|')(?P<body>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""",
    re.DOTALL,
)
ITEM = re.compile(r"(\#{1,6}|[-*]|\d{1,2}\.) +")


@dataclass
class Segment:
    """A place of the file, `start` to `end`: `text`, which is translated, between `before` and `after`.

    kind: "text" (of a text cell), "comment", "string", or "label" (drawn, or a name that may be drawn).
    """

    start: int
    end: int
    text: str
    kind: str
    before: str = ""
    after: str = ""

    def filled(self, text: str) -> str:
        """What stands in the file with another text."""
        return wrapped(self.before, text) if self.kind == "text" else self.before + text + self.after


def segments(source: str) -> list[Segment]:
    """Everything of a lesson that has words, in the file's order."""
    marks = [m.start() for m in re.finditer(r"^# %%", source, flags=re.MULTILINE)] + [len(source)]
    spoken = _spoken(source)
    found: list[Segment] = []
    for start, end in pairwise(marks):
        body = source.index("\n", start) + 1
        text = source.startswith("# %% [markdown]", start)
        found += _text(source, body, end) if text else _code(source, body, end, spoken)
    return found


def translated(source: str, words: Mapping[str, str], labels: bool = True) -> str:
    """The lesson with `words` (text → translation) in place; `labels` False leaves what may be drawn."""
    for segment in reversed(segments(source)):
        if (text := words.get(segment.text)) and (labels or segment.kind != "label"):
            source = source[: segment.start] + segment.filled(text) + source[segment.end :]
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    if words and imports:
        source = re.sub(r"^# exercise (\d+\.\d+): ", r"# 练习 \1：", source, flags=re.MULTILINE)
        source = source.replace("breakpoint here", "在此设断点")
        lines = source.split("\n")
        lines.insert(
            imports[-1].end_lineno or 0, 'import scratchlm.lesson\n\nscratchlm.lesson.language = "zh"'
        )
        source = "\n".join(lines)
    return source


def catalogue(path: Path) -> dict[str, str]:
    """Text → translation, of a gettext file's finished entries; nothing where there is no file."""
    if not path.is_file():
        return {}
    try:
        import polib
    except ImportError:
        raise DataError("Reading a translation takes the package polib: pip install polib") from None
    return {entry.msgid: entry.msgstr for entry in polib.pofile(str(path)) if entry.translated()}


def _text(source: str, start: int, end: int) -> Iterator[Segment]:
    """Paragraphs, headings, list items and rows of tables of one text cell."""
    pieces: list[list[tuple[int, int, str]]] = []  # lines: from, to, text
    place, alone, fenced = start, True, False  # alone: the next line begins a piece
    for line in source[start:end].splitlines(keepends=True):
        text = line.removeprefix("#").strip()
        here = (place, place + len(line.rstrip("\n")), text)
        place += len(line)
        fence = text.startswith("```")
        fenced ^= fence
        single = text.startswith(("|", "#", "Formulas: ", "Time: "))
        if not text or fence or fenced:
            alone = True
        elif alone or single or (ITEM.match(text) and ITEM.match(pieces[-1][0][2])):
            pieces.append([here])
            alone = single
        else:
            pieces[-1].append(here)
    for lines in pieces:
        joined = " ".join(text for *_, text in lines)
        opening = match[0] if (match := ITEM.match(joined)) else ""
        if _has_words(re.sub(r"\$\$?[^$]*\$\$?|`[^`]*`", "", joined)) or r"\text" in joined:
            yield Segment(lines[0][0], lines[-1][1], joined[len(opening) :], "text", opening)


def _code(source: str, start: int, end: int, spoken: dict[int, tuple[int, str]]) -> Iterator[Segment]:
    """Comments and texts of one code cell; `spoken`: where a text begins → where it ends, and its kind."""
    place = start
    while match := LITERAL.search(source, place, end):
        place = match.end()
        begin = match.start()
        if match["quote"]:
            if begin in spoken:
                place, kind = spoken[begin]
                if segment := _string(source, begin, place, kind):
                    yield segment
            continue
        if MARKERS.match(match[0]):
            continue
        line = source.rfind("\n", 0, begin) + 1
        indent = source[line:begin]
        lines = [match[0][1:].strip()]
        if not indent.strip():  # comments of several lines are one text
            more = re.compile(rf"\n{indent}# (?!--- |%%)(.*)")
            while after := more.match(source, place, end):
                lines.append(after[1].strip())
                place = after.end()
        if len(re.findall(r"[a-z]{3,}", " ".join(lines))) >= 2:
            yield Segment(begin, place, " ".join(lines), "comment", "# ")


def _string(source: str, start: int, end: int, kind: str) -> Segment | None:
    """A text of code, of one literal or several beside each other, as one."""
    parts = [m for m in LITERAL.finditer(source, start, end) if m["quote"]]
    prefix = "".join(sorted({m["prefix"].lower() for m in parts}))
    if prefix not in ("", "f", "r") or (len({m["quote"] for m in parts}) > 1):
        return None
    bodies = [
        m["body"] if prefix == "" or m["prefix"] else m["body"].replace("{", "{{").replace("}", "}}")
        for m in parts
    ]
    text, quote = "".join(bodies), parts[0]["quote"]
    shown = re.sub(r"\{[^{}]*\}|\\.", " ", text) if prefix == "f" else text
    if not _has_words(shown):
        return None
    inner = text.strip("\n ") if len(quote) == 3 else text
    left, _, right = text.partition(inner)
    return Segment(start, end, inner, kind, prefix + quote + left, right + quote)


def _has_words(text: str) -> bool:
    return re.search(r"[A-Za-z]{3,}", text) is not None


def _spoken(source: str) -> dict[int, tuple[int, str]]:
    """Where a text begins in the file → where it ends, "string" or "label"; names of two words are labels."""
    tree, starts = ast.parse(source), [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = source.splitlines()

    def place(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    found: dict[int, tuple[int, str]] = {}

    def mark(node: ast.AST | None, kind: str) -> None:
        match node:
            case ast.JoinedStr() | ast.Constant(value=str()):
                begin = place(node.lineno, node.col_offset)
                found.setdefault(begin, (place(node.end_lineno or 0, node.end_col_offset or 0), kind))
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
                mark(left, kind)
                mark(right, kind)
            case ast.IfExp(body=body, orelse=other):
                mark(body, kind)
                mark(other, kind)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                for element in elements:
                    mark(element, kind)
            case ast.Call(func=ast.Attribute(value=value, attr="format" | "join")):
                mark(value, kind)
            case ast.Starred(value=value):
                mark(value, kind)

    inside = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    inside -= {id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}
    inside |= {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "loc"
    }
    nodes = [node for node in ast.walk(tree) if id(node) not in inside]
    for node in nodes:
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            for argument in node.args:
                if name in SAYING | DRAWING:
                    mark(argument, "string" if name in SAYING else "label")
            for keyword in node.keywords:
                if name in SAYING or keyword.arg in LABELS:
                    mark(keyword.value, "string" if name in SAYING else "label")
        elif isinstance(node, ast.Assert):
            mark(node.msg, "string")
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                mark(argument, "string")
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            mark(node.body[0].value, "string")  # type: ignore[attr-defined]
    for node in nodes:
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        ):
            text = ast.get_source_segment(source, node) or ""
            if re.search(r"[A-Za-z]{2,}[,:]? [A-Za-z]{2,}", re.sub(r"\{[^{}]*\}", "", text)):
                mark(node, "label")
    return found


def wrapped(opening: str, text: str, width: int = 100) -> str:
    """A paragraph of a text cell, its lines broken behind Chinese punctuation and at spaces.

    >>> print(wrapped("- ", "一个数，另一个数。", 14))
    # - 一个数，
    #   另一个数。
    """
    if opening.startswith(("#", "|")) or text.startswith("|"):
        return f"# {opening}{text}"
    end = r"[，。；：！？]*(?:\*{1,2}(?=\s|$))?\s*"  # a closing ** stays beside what it closes
    units = re.findall(rf"(?:\$\$?[^$]*\$\$?|`[^`]*`|[^\s$`，。；：！？])+{end}|\S\s*", text)
    lines, line = [], f"# {opening}"
    for unit in units:
        if line.strip("# ") and _columns(line + unit.rstrip()) > width and not ITEM.match(unit):
            lines.append(line.rstrip())
            line = "# " + " " * len(opening)
        line += unit
    return "\n".join([*lines, line.rstrip()])


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
