"""The labels of an alignment's picture."""

from scratchlm.runs.alignment import _shown


def test_labels_that_a_font_can_draw():
    assert [_shown(token, False) for token in (" a", "\n", "", "曹操")] == ["␣a", "⏎", "·", "U+66F9 U+64CD"]
    assert _shown("曹操", True) == "曹操"
