"""Benchmarks: every workload runs, ratios are of pairs, the file has the promised form."""

import json
import math
import subprocess
import sys
from types import SimpleNamespace

import pytest

import scratchlm as sl
from scratchlm.bench import compare, processes
from scratchlm.bench.machine import Machine
from scratchlm.bench.workloads import WORKLOADS
from scratchlm.errors import OptionError


def test_a_child_process_does_not_find_the_checkout_it_is_started_in(monkeypatch):
    seen = []

    def run(command, **_):
        seen.extend(command)
        return SimpleNamespace(returncode=0, stdout='{"seconds": [1]}\n', stderr="")

    monkeypatch.setattr(processes.subprocess, "run", run)
    assert processes.run_child("W1", "ours", 20, 2, "cpu") == {"seconds": [1]}
    assert seen[0] == sys.executable
    assert "-P" in seen[: seen.index("-m")]
    assert seen[seen.index("-m") + 1 :] == ["scratchlm.bench.child", "W1", "ours", "20", "2", "cpu"]


@pytest.mark.parametrize(
    "name", [name for name in WORKLOADS if name not in ("W1", "W4", "A1", "W6.lstm", "W6.gpt")]
)
def test_a_workload_runs(name):
    with sl.use_device("cpu"):
        assert math.isfinite(WORKLOADS[name].ours()())


@pytest.mark.parametrize("name", ["W2", "W3"])
def test_a_training_workload_learns_like_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    sl.manual_seed(0)
    torch.manual_seed(0)
    with sl.use_device("cpu"):
        mine, theirs = WORKLOADS[name].ours(), WORKLOADS[name].torch()
        losses = [(mine(), theirs()) for _ in range(2)]
    assert losses[0][0] > losses[1][0]
    assert losses[0][1] > losses[1][1]


def took(milliseconds, first=1.0):
    return {"seconds": [milliseconds / 1000] * 3, "first": first, "memory": 2**20, "loss": 1.0}


def test_ratios_are_taken_pair_by_pair(monkeypatch):
    """The machine is twice as slow in the second pair: the ratio must not see it."""
    speeds = iter([10, 20, 20, 40, 10, 20])  # ours, torch, ours, torch, …
    monkeypatch.setattr(compare, "run_child", lambda *_: took(next(speeds)))
    monkeypatch.setattr(compare, "busy_processors", lambda: 0.0)
    bound = Machine("cpu", 2, 1024, gflops_per_second=2000.0, copy_gigabytes_per_second=20.0)
    (result,) = compare.compare("W1", ["torch"], 3, 3, threads=2, say=lambda text: None, bound=bound)
    assert result.ratio == result.ratio_low == result.ratio_high == pytest.approx(2)
    assert result.milliseconds == pytest.approx(10)
    assert result.gflops_per_second == pytest.approx(WORKLOADS["W1"].product_flops / 0.010 / 1e9)
    assert result.share_of_bound == pytest.approx(result.gflops_per_second / 2000)
    assert result.cold_first_step_seconds is None
    written = json.loads(compare.as_json([result], bound))
    assert written["machine"]["gflops_per_second"] == 2000
    assert written["workloads"][0]["name"] == "W1"
    assert written["workloads"][0]["ratio"] == pytest.approx(2)


def test_a_family_of_workloads_has_one_name():
    assert compare.choose(["W5"]) == [name for name in WORKLOADS if name.startswith("W5.")]
    assert compare.choose([]) == [name for name in WORKLOADS if name != "A1"]
    assert "A1" in compare.choose([], "cuda")
    assert "W7.train" not in compare.choose([], "cuda")
    with pytest.raises(OptionError, match="Unknown workload 'W55'"):
        compare.choose(["W55"])
    with pytest.raises(OptionError, match=r"Unknown peer 'trch' \(did you mean 'torch'"):
        compare.peers_of(["trch"], "cpu")


def test_products_are_counted():
    assert WORKLOADS["W1"].product_flops == 6 * 1120 * (2 * 512 * 256 + 128 * 128 + 128 * 10000)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how busy the processors are")
def test_other_work_on_the_machine_is_seen():
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        assert processes.busy_processors() > 0.4
    finally:
        spin.kill()
        spin.wait()
