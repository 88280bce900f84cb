"""What a translation keeps of its text: formulas, ids, code, links, numbers, the places of f-strings."""

import re
from collections import Counter

KEPT = {
    "formula": r"\$\$?[^$]+\$\$?",
    "id": r"(?<![\w`$)])\[[a-z_.]+\](?!\()|\b[FLPT]\d\b",
    "code": r"`[^`]+`",
    "link": r"\]\(([^)]+)\)",
    "place": r"\{[^{}]*\}",
    "number": r"\d+(?:[.,]\d+)*",
}


def drift(text: str, translation: str) -> list[str]:
    """What stands in the one and not in the other, a sentence each; nothing where they agree.

    >>> drift("After $t$ steps, 3 of 4", "$t$ 步之后，4 个中的 3 个")
    []
    >>> drift("After $t$ steps", "$T$ 步之后")
    ['formula $t$ is missing', 'formula $T$ is not in the text']
    """
    found = []
    for kind, pattern in KEPT.items():
        a, b = (Counter(_plain(m) for m in re.findall(pattern, part)) for part in (text, translation))
        found += [f"{kind} {what} is missing" for what in a - b]
        found += [f"{kind} {what} is not in the text" for what in b - a]
        text, translation = (re.sub(pattern, " ", part) for part in (text, translation))
    return found


def _plain(part: str) -> str:
    """Without what may be translated in a formula."""
    return re.sub(r"\\text\{[^}]*\}", r"\\text{}", part)
