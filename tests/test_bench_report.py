"""What `scratchlm bench` makes of its runs: a row a peer, first steps without a cache, picture, table."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from scratchlm.bench import compare, machine, picture, processes, table
from scratchlm.bench.workloads import W1, W3, WORKLOADS, LSTMStep
from scratchlm.errors import CheckpointError, DataError, OptionError

BOUND = machine.Machine("cpu", 2, 1024, gflops_per_second=2000.0, copy_gigabytes_per_second=20.0)
SPEED = {"ours": 10, "torch": 20, "torch-fused": 15}  # milliseconds, the first time; then 1.5 times it
MEMORY = {"ours": 1, "torch": 4, "torch-fused": 2}  # MB
PNG = b"\x89PNG"


@pytest.fixture
def started(monkeypatch):
    """What would have been started, in order."""
    seen = []

    def child(name, peer, steps, threads, device, cold=False):
        seen.append((peer, "cold") if cold else peer)
        first = 8.0 if cold else SPEED[peer] / 10
        slower = 1.5 if peer != "ours" and seen.count(peer) > 1 else 1
        seconds = [SPEED[peer] * slower / 1000]
        return {"seconds": seconds, "first": first, "memory": MEMORY[peer] * 2**20, "loss": 1.0}

    monkeypatch.setattr(compare, "run_child", child)
    monkeypatch.setattr(compare, "busy_processors", lambda: 0.0)
    monkeypatch.setattr(machine, "machine", lambda *_: BOUND)
    return seen


def test_all_peers_run_in_turn(started, scratchlm, tmp_path):
    file, drawn = tmp_path / "found.json", tmp_path / "found.png"
    peers = "--against", "torch", "--against", "torch-fused"
    files = "--json", file, "--picture", drawn
    code, out, said = scratchlm("bench", "W1", *peers, "--pairs", 2, "--cold", *files)
    assert (code, said) == (0, "")
    assert started == ["ours", "torch", "torch-fused"] * 2 + [("ours", "cold")]
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["machine"] == asdict(BOUND)
    rows = [(r["peer"], round(r["ratio"], 6), r["cold_first_step_ratio"]) for r in found["workloads"]]
    assert rows == [("torch", 2.5, 2.0 / 8), ("torch-fused", 1.875, 1.5 / 8)]
    one = found["workloads"][0]
    assert (one["ratio_low"], one["ratio_high"]) == (pytest.approx(2), pytest.approx(3))
    assert (one["memory_ratio"], one["first_step_ratio"]) == (0.25, 2.0)
    assert found["workloads"][0]["share_of_bound"] == pytest.approx(W1.product_flops / 0.010 / 2000e9)
    assert "torch-fused" in out
    assert "cold 8.00 s" in out
    assert "does 2,000 GFLOP/s, a copy moves 20 GB/s" in " ".join(out.split())
    assert drawn.read_bytes()[:4] == PNG
    lines = table.rows(file.read_text(encoding="utf-8"))
    assert table.rows(*[file.read_text(encoding="utf-8")] * 2) == lines  # a row a workload
    assert lines == [
        "| what | ours | beside torch | beside torch-fused | memory | first step |",
        "|---|---|---|---|---|---|",
        "| W1: words, LSTM 2×128 | 10.00 ms, 52 % of the bound | 2.50× (2.00 to 3.00) | 1.88× (1.50 to 2.25) "
        "| 1 MB, 0.25× torch's | 1.0 s, cold 8.0 s |",
    ]


def test_without_pytorch_ours_is_timed_alone(started, scratchlm, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    file = tmp_path / "found.json"
    code, out, err = scratchlm("bench", "W1", "--pairs", 2, "--json", file)
    assert (code, err) == (0, "")
    assert set(started) == {"ours"}
    assert "PyTorch is not installed (pip install torch): there is no peer, ours is timed alone." in out
    assert "W1 process 2/2: ours 10.00 ms" in out
    assert "ahead" not in out
    assert "nan" not in out
    (row,) = json.loads(file.read_text(encoding="utf-8"))["workloads"]
    assert (row["peer"], row["ratio"], row["milliseconds"]) == ("", None, 10)
    alone = table.rows(file.read_text(encoding="utf-8"))
    assert alone[0] == "| what | ours | memory | first step |"
    assert " ms, " in alone[2]
    assert "None" not in alone[2]
    assert scratchlm("bench", "W1", "--picture", tmp_path / "a.png")[0] == 2


def test_a_cold_start_has_a_cache_of_its_own_that_is_deleted(monkeypatch):
    seen = {}

    def run(command, env, **_):
        seen.update(env)
        assert list(Path(env["SCRATCHLM_CACHE"]).iterdir()) == []
        return type("Done", (), {"returncode": 0, "stdout": '{"first": 1}', "stderr": ""})

    monkeypatch.setattr(processes.subprocess, "run", run)
    processes.run_child("W1", "ours", 1, 2, "cpu", cold=True)
    assert not Path(seen["SCRATCHLM_CACHE"]).exists()


def test_a_failed_process_is_told_in_one_sentence(monkeypatch):
    done = type("Done", (), {"returncode": 1, "stderr": "…\nModuleNotFoundError: No module named 'torch'"})
    monkeypatch.setattr(processes.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(OptionError, match=r"torch could not run W1: .*install it with pip install torch\.$"):
        processes.run_child("W1", "torch", 1, 2, "cpu")


def test_the_machine_is_measured():
    found = machine.measure(1, "cpu", side=64, copied=1 << 16)
    assert 0.01 < found.gflops_per_second < 1e5
    assert 0.01 < found.copy_gigabytes_per_second < 1e5
    assert found.product == 64


def test_parameters_are_those_of_the_models(monkeypatch):
    from scratchlm import models, optim

    for sizes in (W3, replace(W3, L=1, D=8, T=4, H=2)):
        model = models.GPTLanguageModel(sizes.V, sizes.T, sizes.D, sizes.L, sizes.H)
        assert sizes.parameters == model.count_parameters()
    counted, adam = [], optim.Adam

    def counting(parameters, lr):
        counted.append(sum(p.size for p in parameters))
        return adam(parameters, lr)

    monkeypatch.setattr(optim, "Adam", counting)
    every = [LSTMStep("", V=7, D=3, H=5, L=2, B=1, T=2, middle=middle) for middle in (0, 4)]
    for sizes in every:
        sizes.ours("reference")
    assert counted == [sizes.parameters for sizes in every]
    assert every[0].least_bytes == 2 * 4 * 4 * counted[0]
    assert WORKLOADS["W5.adam"].least_bytes == 7 * 4 * 2_000_000  # as in card.py


def test_a_table_is_made_of_what_bench_writes_alone(monkeypatch, capsys, tmp_path):
    with pytest.raises(DataError, match="This is not what `scratchlm bench --json FILE`"):
        table.rows('{"workloads": [{"name": "W1"}]}')
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    monkeypatch.setattr(table.sys, "argv", ["table", str(tmp_path / "broken.json")])
    with pytest.raises(SystemExit):
        table.main()
    assert capsys.readouterr().err.startswith("scratchlm: This is not what")


def test_bars_begin_at_1_and_lines_are_the_pairs(started, tmp_path, monkeypatch):
    drawn, plain = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *a, **b: drawn.append(figure) or plain(figure, *a, **b)
    )
    results = compare.compare("W1", ["torch"], 2, 1, 2, lambda text: None)
    picture.draw_ratios(results, tmp_path / "ratios.png")
    (axes,) = drawn[0].axes
    (bar,) = axes.patches
    assert (bar.get_x(), bar.get_width()) == (1, pytest.approx(1.5))
    (line,) = [segment for lines in axes.containers[1].lines[2] for segment in lines.get_segments()]
    np.testing.assert_allclose(line[:, 0], [2, 3])


def test_a_picture_that_cannot_be_written_is_told(started, tmp_path):
    results = compare.compare("W1", ["torch"], 1, 1, 2, lambda text: None)
    with pytest.raises(CheckpointError, match="Cannot write"):
        picture.draw_ratios(results, tmp_path / "no" / "folder.png")
