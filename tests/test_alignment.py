"""Text in pictures: with whatever font of this machine can draw it."""

import pytest

from scratchlm.experiments.overfitting import Outcome, draw
from scratchlm.fonts import DEFAULT, drawable
from scratchlm.runs.alignment import _shown
from scratchlm.training.metrics import plot

from .test_training import Trainer, recipe, text


def test_labels():
    assert [_shown(token) for token in (" a", "\n", "")] == ["␣a", "⏎", "·"]
    assert drawable(["␣a", "⏎", "·", "é"]) == (["␣a", "⏎", "·", "é"], [DEFAULT])


@pytest.fixture
def font(tmp_path):
    """Makes a font of some name that has some characters and is installed until the test is over."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib.font_manager import fontManager

    before = list(fontManager.ttflist)

    def make(name, characters):
        glyphs = [".notdef", *(f"uni{ord(c):X}" for c in characters)]
        pen = TTGlyphPen(None)
        for k, point in enumerate([(0, 0), (0, 700), (500, 700)]):
            (pen.lineTo if k else pen.moveTo)(point)
        pen.closePath()
        builder = FontBuilder(1000)
        builder.setupGlyphOrder(glyphs)
        builder.setupCharacterMap({ord(c): f"uni{ord(c):X}" for c in characters})
        builder.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
        builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (600, 0)))
        builder.setupHorizontalHeader(ascent=800, descent=-200)
        builder.setupNameTable({"familyName": name, "styleName": "Regular"})
        builder.setupOS2()
        builder.setupPost()
        builder.save(tmp_path / f"{name}.ttf")
        fontManager.addfont(tmp_path / f"{name}.ttf")

    yield make
    fontManager.ttflist = before


def test_the_fonts_that_draw_most_of_what_is_missing(font):
    assert drawable(["\U0010ab17a"]) == (["U+10AB17 U+61"], [DEFAULT])  # for private use
    font("A hand of mine", "曹\U0010ab17")
    font("Another one", "曹操\U0010ab18")
    font("Neither", "孟")
    texts, families = drawable(["曹操", "\U0010ab17\U0010ab18", "\U0010ab19 a"])
    assert texts == ["曹操", "\U0010ab17\U0010ab18", "U+10AB19 U+20 U+61"]
    assert set(families[1:]) >= {"A hand of mine", "Another one"}
    assert "Neither" not in families


@pytest.fixture
def drawn(monkeypatch):
    """What is saved as a picture."""
    from matplotlib.figure import Figure

    found, plain = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda f, *a, **b: found.append(f) or plain(f, *a, **b))
    return found


def test_a_file_that_is_no_font_is_passed_over(font, tmp_path, drawn, recwarn):
    font("A hand of mine", "\U0010ab17")
    (tmp_path / "A hand of mine.ttf").write_bytes(b"no font")
    lines = [{"step": k, "loss": 2.0, "validation_loss": 2.0 + k} for k in range(5)]
    plot(lines, tmp_path / "loss.png", "\U0010ab17", "token")
    assert drawn[0].axes[0].get_title() == "U+10AB17"
    assert [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)] == []


@pytest.mark.parametrize(
    ("kind", "unit"), [("lstm", "token"), ("l0", "window"), ("vae", "sentence"), ("bert", "token")]
)
def test_the_loss_is_drawn_per_what_the_job_counts(kind, unit, tmp_path, drawn):
    prose = ". ".join(text(seed, 8).strip() for seed in range(60)) + "."
    (tmp_path / "text.txt").write_text(prose, encoding="utf-8")
    chosen = recipe(tmp_path / "text.txt", model__kind=kind, model__dropout=0.0, training__steps=2)
    chosen.training.length = 60
    trainer = Trainer(chosen, tmp_path / kind)
    trainer.run()
    trainer.plot()
    assert drawn[0].axes[0].get_ylabel() == f"loss (nats per {unit})"


def test_remedies_are_drawn_per_what_the_job_counts(tmp_path, drawn):
    draw([Outcome("none", [(1, 2.0)], [(1, 2.0)], 5)], tmp_path / "a.png", "title", "example")
    assert drawn[0].get_supylabel() == "loss (nats per example)"
