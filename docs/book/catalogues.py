"""Brings each lesson's catalogue, `zh.po`, up to its text: `python docs/book/catalogues.py`.

A text that has changed keeps the nearest old translation, marked fuzzy: somebody has to look at it. What is
no longer in the lesson goes. Prints how many entries wait for a translator.
"""

import difflib
import sys
from pathlib import Path

import polib

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from scratchlm.chinese import segments  # noqa: E402

HEADER = {"Language": "zh_CN", "MIME-Version": "1.0", "Content-Type": "text/plain; charset=utf-8"}


def brought_up(source: str, old: polib.POFile) -> polib.POFile:
    """A catalogue of the lesson's texts in their order, with the translations that there are."""
    known = {entry.msgid: entry for entry in old if not entry.obsolete and entry.msgstr}
    texts = {segment.text: segment.kind for segment in segments(source)}
    gone = [text for text in known if text not in texts]
    new = polib.POFile(wrapwidth=100)
    new.metadata = HEADER
    for text, kind in texts.items():
        entry = polib.POEntry(msgid=text, comment=kind)
        if text in known:
            entry.msgstr, entry.flags = known[text].msgstr, known[text].flags
        elif near := difflib.get_close_matches(text, gone, 1, 0.7):
            entry.msgstr, entry.flags = known[near[0]].msgstr, ["fuzzy"]
        new.append(entry)
    return new


def main() -> None:
    """Every catalogue."""
    waiting = 0
    for lesson in [*sorted((ROOT / "lessons").glob("*/lesson.py")), ROOT / "docs/book/items/lesson.py"]:
        path = lesson.with_name("zh.po")
        old = polib.pofile(str(path)) if path.is_file() else polib.POFile()
        new = brought_up(lesson.read_text(encoding="utf-8"), old)
        new.save(str(path))
        open_ = [entry for entry in new if not entry.translated()]
        waiting += len(open_)
        if open_:
            print(f"{path.relative_to(ROOT)}: {len(open_)} of {len(new)} entries without a translation")
    print(f"{waiting} entries wait for a translation")


if __name__ == "__main__":
    main()
