"""Fonts for text in pictures: found by what they can draw, since each system has others."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

DEFAULT = "DejaVu Sans"  # matplotlib's own: most alphabets, no Chinese


def drawable(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Texts as the fonts of this machine can draw them, and the fonts' families, to be tried in this order.

    A text with a character that no font has is written as its code points, U+66F9.
    """
    from matplotlib.font_manager import findfont, findSystemFonts, fontManager

    missing = set("".join(texts)) - {"\n"}
    missing -= _drawn(findfont(DEFAULT), missing)
    families = [DEFAULT]
    if missing:  # fonts are opened for it, some of which have tens of thousands of characters
        listed = {entry.fname for entry in fontManager.ttflist}  # matplotlib keeps it, and sees no new font
        for path in set(findSystemFonts()) - listed:
            _listed(path)
        found = {entry.name: _drawn(entry.fname, missing) for entry in fontManager.ttflist}
        while best := max(found, key=lambda name: (len(found[name] & missing), "Sans" in name), default=""):
            if not found[best] & missing:
                break
            families.append(best)
            missing -= found[best]
    spelt = [" ".join(f"U+{ord(c):X}" for c in text) if missing & set(text) else text for text in texts]
    return spelt, families


def _listed(path: str) -> None:
    from matplotlib.font_manager import fontManager

    with suppress(OSError, RuntimeError):  # a file that FreeType cannot read
        fontManager.addfont(path)


def _drawn(path: str | Path, characters: set[str]) -> set[str]:
    """Those characters that a font file has outlines for."""
    from matplotlib.font_manager import get_font

    try:
        font = get_font(path)
    except (OSError, RuntimeError):  # a file that FreeType cannot read
        return set()
    # Not coloured bitmaps, which matplotlib does not draw, nor what has a box for all, also for what is no
    # character.
    if not font.scalable or font.get_char_index(0x1FFFF):
        return set()
    return {c for c in characters if font.get_char_index(ord(c))}
