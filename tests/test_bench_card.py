"""`scratchlm bench --device cuda`, as far as it goes without a card: on the stand-in for CuPy."""

import json
import math

import pytest

from scratchlm.bench import card, compare, machine
from scratchlm.bench.gpt import GPTStep
from scratchlm.bench.lstm import LSTMStep
from scratchlm.bench.single import AdamAlone, Single
from scratchlm.bench.steps import PEERS, Torch, waiting
from scratchlm.kernels.contract import CONTRACT

from . import fake_cupy

SMALL = card.Sizes(B=1, T=4, D=8, H=2, V=11, words=3, P=64, copy=64, product=8)
TINY = [
    LSTMStep("lstm", V=11, D=4, H=4, L=1, B=2, T=3, middle=4),
    GPTStep("gpt", V=11, L=1, H=2, D=4, T=5, B=2, dropout=0.2),
    AdamAlone("adam", 512**2 + 10),
    Single("tanh", [(2, 3)], lambda x: x.tanh(), lambda x: x.tanh()),
]


@pytest.fixture
def cupy(monkeypatch):
    return fake_cupy.install(monkeypatch)


def test_without_a_card_nothing_is_timed(monkeypatch, scratchlm):
    fake_cupy.install(monkeypatch, driver=0)
    monkeypatch.setattr(compare, "run_child", lambda *_: pytest.fail("a process was started"))
    code, out, said = scratchlm("bench", "--device", "cuda", "--against", "torch")
    assert (code, out) == (2, "")
    assert said.startswith("scratchlm: SKIPPED, nothing was timed: Device 'cuda' finds no NVIDIA driver")


@pytest.mark.parametrize("workload", TINY, ids=lambda workload: workload.name)
def test_a_workload_runs_on_the_card(workload, cupy):
    assert math.isfinite(workload.ours("cuda")())
    wait, memory = waiting("ours", "cuda")
    wait()
    assert memory() == 3 << 30


@pytest.mark.parametrize("workload", TINY, ids=lambda workload: workload.name)
def test_the_peer_is_compiled_where_that_is_wanted(workload, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda function: compiled.append(function) or function)
    assert math.isfinite(workload.torch()())
    assert not compiled
    assert math.isfinite(workload.torch(Torch(compiled=True))())
    assert len(compiled) == 1


def test_every_child_is_told_the_device_and_its_peer(cupy, monkeypatch, scratchlm, tmp_path):
    started = []

    def child(*arguments):
        started.append(arguments)
        return {"seconds": [0.001 * len(arguments[1])], "first": 1.0, "memory": 2**20, "loss": 1.0}

    monkeypatch.setattr(compare, "run_child", child)
    monkeypatch.setattr(machine, "machine", lambda *_: machine.Machine("cuda", 2, 8, 100.0, 10.0))
    monkeypatch.setattr(compare, "busy_processors", lambda: 0.0)
    monkeypatch.setattr(card, "Sizes", lambda: SMALL)
    file = tmp_path / "found.json"
    code, out, said = scratchlm(
        "bench", "A1", "W5.gelu", "--against", "torch", "--device", "cuda", "--pairs", 1, "--json", file
    )
    assert (code, said) == (0, "")
    peers = "ours", "torch", "torch-compile"
    assert started == [(name, peer, 20, 2, "cuda") for name in ("A1", "W5.gelu") for peer in peers]
    found = json.loads(file.read_text(encoding="utf-8"))
    rows = [(r["name"], r["peer"], r["device"], round(r["ratio"], 6)) for r in found["workloads"]]
    assert rows[:2] == [("A1", "torch", "cuda", 1.25), ("A1", "torch-compile", "cuda", 3.25)]
    assert found["card"]["card"].startswith("Imagined card, sm_90")
    assert "share 1 is that bound" in out


def test_kernels_are_held_to_the_bounds_of_the_same_run(cupy):
    found = card.measure(SMALL)
    assert {share.kernel for share in found.shares} <= {row.name for row in CONTRACT}
    by_name = {share.kernel: share for share in found.shares}
    gelu = by_name["gelu_forward"]
    assert gelu.bytes == 2 * 4 * (1 * 4) * (4 * 8)  # each of B·T × 4D numbers is read and written
    assert gelu.bound_milliseconds == pytest.approx(gelu.bytes / found.gigabytes_per_second / 1e6)
    product = by_name["linear_cross_entropy"]
    assert product.operations == 3 * 2 * 3 * 8 * 11
    assert product.bound_milliseconds == pytest.approx(
        max(product.operations / found.teraflops / 1e9, product.bytes / found.gigabytes_per_second / 1e6)
    )
    assert all(share.share == share.bound_milliseconds / share.milliseconds > 0 for share in found.shares)


def test_the_machine_is_the_card_there(cupy, monkeypatch):
    monkeypatch.setattr(card, "Sizes", lambda: SMALL)
    found = machine.measure(2, "cuda")
    assert (found.device, found.product) == ("cuda", 8)
    assert found.gflops_per_second > 0
    assert found.copy_gigabytes_per_second > 0


def test_what_the_bounds_are_made_of_takes_no_copy_from_the_card(cupy):
    before = fake_cupy.bus["down"]
    card.measure(SMALL)
    opening = 1  # the sum by which the card is tried out
    assert fake_cupy.bus["down"] - before <= opening


def test_peers():
    assert compare.peers_of(["torch"], "cuda") == ("torch", "torch-compile")
    assert compare.peers_of(["torch", "torch-compile", "torch"], "cuda") == ("torch", "torch-compile")
    assert compare.peers_of(["torch", "torch-fused"], "cpu") == ("torch", "torch-fused")
    assert PEERS["torch-fused"].fused
