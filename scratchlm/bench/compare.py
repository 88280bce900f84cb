"""Peers in turn, each in a fresh process, and the ratio pair by pair: drift of the machine hits both."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import OptionError, did_you_mean
from .steps import PEERS
from .workloads import ON_CARD, ON_CPU, WORKLOADS


@dataclass
class Result:
    """One workload, this engine against a peer; a ratio above 1 means ahead (memory: below 1)."""

    name: str
    peer: str
    device: str
    milliseconds: float  # ours, median over all steps
    peer_milliseconds: float
    ratio: float  # median over the pairs
    ratio_low: float  # smallest and largest of the pairs
    ratio_high: float
    memory_mb: float  # of the process on the cpu, of the card there
    peer_memory_mb: float
    memory_ratio: float
    first_step_seconds: float
    peer_first_step_seconds: float
    gflops_per_second: float  # of the matrix products alone
    pairs: int
    threads: int
    load_before: float  # other work on the machine, in busy processors


def choose(names: Sequence[str], device: str = "cpu") -> list[str]:
    """Whole names of workloads: "W5" stands for all that begin with "W5."; none for all that fit the device.

    Raises:
        OptionError: there is no such workload.
    """
    chosen = []
    for name in names or (ON_CPU if device == "cpu" else ON_CARD):
        found = [known for known in WORKLOADS if known == name or known.startswith(f"{name}.")]
        if not found:
            near = did_you_mean(name, WORKLOADS)
            raise OptionError(f"Unknown workload '{name}'{near}: {', '.join(WORKLOADS)}.")
        chosen += found
    return chosen


def peers_of(peer: str, device: str) -> tuple[str, ...]:
    """Who runs: on a card, "torch" stands for PyTorch eager and PyTorch compiled.

    Raises:
        OptionError: unknown peer.
    """
    if peer not in PEERS:
        raise OptionError(f"Unknown peer '{peer}'{did_you_mean(peer, PEERS)}: {', '.join(PEERS)}.")
    return ("torch", "torch-compile") if (peer, device) == ("torch", "cuda") else (peer,)


def compare(
    name: str,
    peer: str,
    pairs: int,
    steps: int,
    threads: int,
    say: Callable[[str], Any] = print,
    device: str = "cpu",
) -> list[Result]:
    """Run `pairs` times one process of ours and one of each peer's, `steps` steps each; a result a peer.

    Raises:
        OptionError: unknown peer, or the peer is not installed.
    """
    peers = peers_of(peer, device)
    load = busy_processors()
    runs: dict[str, list[dict[str, Any]]] = {who: [] for who in ("ours", *peers)}
    for number in range(pairs):
        for who, done in runs.items():
            done.append(_child(name, who, steps, threads, device))
        times = ", ".join(f"{who} {_ms(done[-1]):.2f} ms" for who, done in runs.items())
        say(f"{name} pair {number + 1}/{pairs}: {times}")
    about = {"name": name, "pairs": pairs, "threads": threads, "device": device, "load_before": load}
    return [_result(runs["ours"], runs[who], peer=who, **about) for who in peers]


def _result(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], **about: Any) -> Result:
    ratios = sorted(_ms(b) / _ms(a) for a, b in zip(ours, theirs, strict=True))
    milliseconds = statistics.median(map(_ms, ours))
    memory, peer_memory = (statistics.median(r["memory"] for r in runs) / 2**20 for runs in (ours, theirs))
    return Result(
        milliseconds=milliseconds,
        peer_milliseconds=statistics.median(map(_ms, theirs)),
        ratio=statistics.median(ratios),
        ratio_low=ratios[0],
        ratio_high=ratios[-1],
        memory_mb=memory,
        peer_memory_mb=peer_memory,
        memory_ratio=memory / peer_memory if peer_memory else 0.0,
        first_step_seconds=statistics.median(r["first"] for r in ours),
        peer_first_step_seconds=statistics.median(r["first"] for r in theirs),
        gflops_per_second=WORKLOADS[about["name"]].product_flops / milliseconds / 1e6,
        **about,
    )


def busy_processors(seconds: float = 0.5) -> float:
    """How many processors other programs keep busy while this one sleeps; 0 where Linux does not tell.

    The load average would not do: it still holds what the pairs before have caused.
    """

    def times() -> tuple[int, int]:
        with open("/proc/stat") as file:
            numbers = [int(number) for number in file.readline().split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]  # all ticks; idle and waiting for a disk

    try:
        before = times()
        time.sleep(seconds)
        after = times()
    except OSError:
        return 0.0
    every, idle = after[0] - before[0], after[1] - before[1]
    return (os.cpu_count() or 1) * (1 - idle / every) if every else 0.0


def _ms(run: dict[str, Any]) -> float:
    return statistics.median(run["seconds"]) * 1000


def _command(name: str, peer: str, steps: int, threads: int, device: str) -> list[str]:
    """-P: a checkout in the current folder must not hide the installed package."""
    child = [sys.executable, "-P", "-m", "scratchlm.bench.child"]
    return [*child, name, peer, str(steps), str(threads), device]


def _child(name: str, peer: str, steps: int, threads: int, device: str) -> dict[str, Any]:
    done = subprocess.run(_command(name, peer, steps, threads, device), capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        hint = "; install it with pip install torch" if "No module named 'torch'" in last else ""
        raise OptionError(f"{peer} could not run {name}: {last}{hint}.")
    return json.loads(done.stdout.splitlines()[-1])


def as_json(results: list[Result], bounds: Any = None) -> str:
    """All results as one JSON object; on a card with what its kernels reach of its bounds."""
    card = {"card": asdict(bounds)} if bounds else {}
    return json.dumps({"workloads": [asdict(result) for result in results], **card}, indent=1)
