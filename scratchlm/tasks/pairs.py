"""Pairs of a user's own, from files: an input and the output, or the label, that is wanted for it.

A .tsv file has one pair a line, input and output with one tab between them; nothing is quoted or escaped.
Its first line is a header if it reads "input", tab, "output" or "label" (in any case), else it is a pair. A
.jsonl file has one JSON object a line: {"input": "…", "output": "…"} or {"input": "…", "label": "…"}; other
keys are ignored, a label may be a whole number, and only here can a text have more than one line. Both are
UTF-8, and empty lines are skipped. Characters are cleaned as those of a text (`one_form`).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..text import how_to_convert, one_form
from .examples import Example, TaskData, split_examples

OUTPUTS = ("output", "label")


def load_pairs(paths: Sequence[str], metric: str, share: float = 0.1, seed: int = 0) -> TaskData:
    """The pairs of .tsv and .jsonl files as a task, `share` of them held out for validation and for the test.

    Which part a pair is in depends on its input alone, so that no input is in two parts and a new line moves
    no other. Of several outputs for the same input the first one counts.

    Raises:
        DataError: a file cannot be read or a line is no pair, with the line's number; or there are too few.
    """
    rows = [example for path in paths for example in _read(Path(path))]
    first: dict[str, Example] = {}
    for example in rows:
        first.setdefault(example.source, example)
    files, again = ", ".join(Path(path).name for path in paths), len(rows) - len(first)
    repeated = f", {again:,} of them left out: their input stood there before" if again else ""
    return TaskData(
        Path(paths[0]).stem,
        f"the pairs of {files}",
        f"{files} ({len(rows):,} pairs{repeated})",
        *split_examples(first.values(), seed, share=share),
        metric=metric,
    )


def _read(path: Path) -> list[Example]:
    reader = {".tsv": _tab_separated, ".jsonl": _json}.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path} holds no pairs: this kind of model learns from a file .tsv or .jsonl.")
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise DataError(f"Cannot read the pairs {path}: {error.strerror}.") from None
    rows = []
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            text = line.decode().removesuffix("\r")
            pair = reader(text, number) if text.strip() else None
            if pair and not all(map(str.strip, pair)):
                raise ValueError("the output is empty" if pair[0].strip() else "the input is empty")
        except UnicodeDecodeError as error:
            byte = f"byte {error.start + 1} (0x{line[error.start]:02X})"
            advice = how_to_convert(content)
            raise DataError(f"{path}, line {number}: {byte} is no UTF-8: {advice}.") from None
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}.") from None
        rows += [Example(*map(one_form, pair))] if pair else []
    if not rows:
        raise DataError(f"{path} has no pairs: write an input, a tab and an output on each line.")
    return rows


def _tab_separated(line: str, number: int) -> tuple[str, str] | None:
    columns = line.split("\t")
    if len(columns) != 2:
        raise ValueError(f"{len(columns)} column(s), expected 2: an input, a tab, an output")
    if number == 1 and columns[0].lower() == "input" and columns[1].lower() in OUTPUTS:
        return None
    return columns[0], columns[1]


def _json(line: str, number: int) -> tuple[str, str]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"broken JSON ({error})") from None
    if not isinstance(row, dict):
        raise ValueError('expected an object such as {"input": "…", "output": "…"}')
    if "input" not in row or len(found := [key for key in OUTPUTS if key in row]) != 1:
        raise ValueError(
            f'expected the keys "input" and either "output" or "label", got {", ".join(row) or "none"}'
        )
    return _text(row, "input"), _text(row, found[0])


def _text(row: dict[str, Any], key: str) -> str:
    value = row[key]
    if key == "label" and type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f'"{key}" is {json.dumps(value)[:40]}, expected a text in quotes')
    return value
