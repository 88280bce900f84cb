"""Sentences and patterns that tasks are made of: text files in the folder data, cut by [headings]."""

from importlib import resources


def sections(name: str) -> dict[str, str]:
    """Heading → the lines below it, without empty ones at both ends."""
    text = (resources.files("scratchlm") / "tasks" / "data" / name).read_text(encoding="utf-8")
    parts = (part.partition("]\n") for part in text.removeprefix("[").split("\n["))
    return {heading: lines.strip("\n") for heading, _, lines in parts}
