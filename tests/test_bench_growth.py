"""`scratchlm growth`: exponents, what is started, table, picture."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from scratchlm.bench import growth


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_exponent_is_that_of_the_law(power):
    sizes = [64, 128, 256]
    assert growth.exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)
    noisy = [3 * size**power * factor for size, factor in zip(sizes, (0.9, 1.3, 0.9), strict=True)]
    assert growth.exponent(sizes, noisy) == pytest.approx(power)  # what is off in the middle turns no line


def test_a_cost_that_cannot_be_told_from_0_has_no_exponent():
    assert np.isnan(growth.exponent([4, 8, 16], [-0.3, 2, 4]))


@pytest.fixture
def started(monkeypatch):
    """Every process, in order; a step takes size² ms, for small sizes 16; memory is 10 MB and size MB."""
    seen = []

    def child(name, peer, steps, threads, device):
        seen.append((name, steps))
        assert (peer, device) == ("ours", "cpu")
        size = int(name.split(".")[2]) if "tiny" not in name else 0
        times = [max(size, 4) ** 2 / 1000] * 2 + [9.0]  # one step was disturbed
        return {"seconds": times, "memory": (10 + size) * 2**20}

    monkeypatch.setattr(growth, "run_child", child)
    monkeypatch.setattr("scratchlm.bench.processes.busy_processors", lambda: 0.0)
    return seen


def test_each_size_has_its_process_and_the_line_goes_through_the_upper_three(started):
    said = []
    lstm, gpt = growth.measure(["layers"], 3, 2, said.append)
    assert started[:4] == [("lstm.tiny", 1)] * 2 + [("gpt.tiny", 1)] * 2
    assert started[4:] == [(f"{m}.layers.{n}", 3) for m in ("lstm", "gpt") for n in (1, 2, 4, 8, 16)]
    assert [point.memory_mb for point in lstm.points] == [1, 2, 4, 8, 16]
    assert (gpt.time_exponent, gpt.memory_exponent) == (pytest.approx(2), pytest.approx(1))
    assert 0.8 < gpt.operations_exponent < 1  # embedding and last layer are there once
    assert said[:2] == [
        "First a tiny model of each kind, whose memory is taken off …",
        "1/10 lstm, layers 1: 16.00 ms, 1 MB",
    ]


@pytest.mark.parametrize(("name", "power"), [("gpt.hidden", 2), ("lstm.hidden", 2), ("gpt.vocabulary", 1)])
def test_operations_grow_as_the_reason_says(name, power):
    points = [growth.POINTS[f"{name}.{size}"] for size in growth.AXES[tuple(name.split("."))][0][-3:]]
    sizes = [1, 2, 4]
    found = growth.exponent(sizes, [point.product_flops for point in points])
    assert power - 0.45 < found <= power


@pytest.mark.parametrize("model", ["lstm", "gpt"])
def test_the_smallest_model_takes_a_step(model):
    assert np.isfinite(growth.POINTS[f"{model}.tiny"].ours("reference")())


def test_the_command_prints_exponents_and_draws_them(started, scratchlm, tmp_path, monkeypatch):
    drawn, plain = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *a, **b: drawn.append(figure) or plain(figure, *a, **b)
    )
    picture, file = tmp_path / "growth.png", tmp_path / "growth.json"
    code, out, said = scratchlm("growth", "time", "layers", "--picture", picture, "--json", file)
    assert (code, said) == (0, "")
    assert "gpt, layers" in out
    assert out.count(" 2.00 ") == 4
    found = json.loads(file.read_text(encoding="utf-8"))["growth"]
    assert [(each["model"], each["axis"]) for each in found] == [
        ("lstm", "time"), ("gpt", "time"), ("lstm", "layers"), ("gpt", "layers"),
    ]  # fmt: skip
    assert picture.read_bytes()[:4] == b"\x89PNG"
    upper, lower = drawn[0].axes[1], drawn[0].axes[3]  # layers: time above, memory below
    assert (upper.get_xscale(), upper.get_yscale()) == ("log", "log")
    expected = [(n, max(n, 4) ** 2) for n in (1, 2, 4, 8, 16)]
    np.testing.assert_allclose(upper.get_lines()[1].get_xydata(), expected)
    assert [text.get_text() for text in lower.get_legend().get_texts()] == [
        "lstm: exponent 1.00",
        "gpt: exponent 1.00",
    ]


def test_a_folder_that_there_is_not_is_told_before_anything_is_measured(started, scratchlm, tmp_path):
    code, _, said = scratchlm("growth", "time", "--picture", tmp_path / "none" / "growth.png")
    assert (code, started) == (2, [])
    assert "There is no folder" in said


def test_an_axis_that_there_is_not(scratchlm):
    code, out, said = scratchlm("growth", "layer")
    assert (code, out) == (2, "")
    assert "did you mean 'layers'" in said
