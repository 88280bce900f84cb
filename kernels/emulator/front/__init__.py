"""Reads the text of a .cu and makes C++ of it that a CPU compiler takes."""

from .preprocess import expand, place, unclosed
from .refused import refuse
from .source import Source, read

__all__ = ["Source", "expand", "place", "read", "refuse", "unclosed"]
