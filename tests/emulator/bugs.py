"""Reads bugs.cu and more_bugs.cu: kernels with one fault each, the line marked by `//!`."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bug:
    name: str
    kind: str
    source: str
    options: dict[str, str]  # of the launch; or, orders, "any line", "not fast"; says

    @property
    def lines(self) -> list[int]:
        """The lines that are marked."""
        return [number for number, row in enumerate(self.source.splitlines(), 1) if "//!" in row]

    def number(self, name: str, default: float) -> float:
        """A number among the options."""
        return type(default)(self.options.get(name, default))


def _bug(text: str) -> Bug:
    heading, _, rest = text.partition("\n")
    kind, name = heading.split(": ", 1)
    options = re.match(r"(?://.*\n)*", rest)[0]
    source = rest[len(options) :].strip("\n") + "\n"
    pairs = (line[3:].partition(": ") for line in options.splitlines())
    return Bug(name, kind, source, {key: value for key, _, value in pairs})


def read_bugs() -> list[Bug]:
    """All of them."""
    texts = [
        Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("bugs.cu", "more_bugs.cu")
    ]
    return [_bug(part) for text in texts for part in text.split("// ==== ")[1:]]
