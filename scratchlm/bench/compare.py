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
from .workloads import WORKLOADS

PEERS = ("torch", "torch-fused")


@dataclass
class Result:
    """One workload, this engine against a peer; a ratio above 1 means ahead (memory: below 1)."""

    name: str
    peer: str
    milliseconds: float  # ours, median over all steps
    peer_milliseconds: float
    ratio: float  # median over the pairs
    ratio_low: float  # smallest and largest of the pairs
    ratio_high: float
    memory_mb: float
    peer_memory_mb: float
    memory_ratio: float
    first_step_seconds: float
    peer_first_step_seconds: float
    gflops_per_second: float  # of the matrix products alone
    pairs: int
    threads: int
    load_before: float  # other work on the machine, in busy processors


def choose(names: Sequence[str]) -> list[str]:
    """Whole names of workloads: "W5" stands for all that begin with "W5."; none stands for all.

    Raises:
        OptionError: there is no such workload.
    """
    chosen = []
    for name in names or WORKLOADS:
        found = [known for known in WORKLOADS if known == name or known.startswith(f"{name}.")]
        if not found:
            near = did_you_mean(name, WORKLOADS)
            raise OptionError(f"Unknown workload '{name}'{near}: {', '.join(WORKLOADS)}.")
        chosen += found
    return chosen


def compare(
    name: str, peer: str, pairs: int, steps: int, threads: int, say: Callable[[str], Any] = print
) -> Result:
    """Run `pairs` times one process of ours and one of the peer's, `steps` steps each.

    Raises:
        OptionError: unknown peer, or the peer is not installed.
    """
    if peer not in PEERS:
        raise OptionError(f"Unknown peer '{peer}'{did_you_mean(peer, PEERS)}: {', '.join(PEERS)}.")
    load = busy_processors()
    ours, theirs = [], []
    for number in range(pairs):
        ours.append(_child(name, "ours", steps, threads))
        theirs.append(_child(name, peer, steps, threads))
        say(f"{name} pair {number + 1}/{pairs}: {_ms(ours[-1]):.1f} ms, {peer} {_ms(theirs[-1]):.1f} ms")
    ratios = sorted(_ms(b) / _ms(a) for a, b in zip(ours, theirs, strict=True))
    milliseconds = statistics.median(map(_ms, ours))
    memory, peer_memory = (statistics.median(r["memory"] for r in runs) / 2**20 for runs in (ours, theirs))
    return Result(
        name=name,
        peer=peer,
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
        gflops_per_second=WORKLOADS[name].product_flops / milliseconds / 1e6,
        pairs=pairs,
        threads=threads,
        load_before=load,
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


def _command(name: str, peer: str, steps: int, threads: int) -> list[str]:
    """-P: a checkout in the current folder must not hide the installed package."""
    child = [sys.executable, "-P", "-m", "scratchlm.bench.child"]
    return [*child, name, peer, str(steps), str(threads)]


def _child(name: str, peer: str, steps: int, threads: int) -> dict[str, Any]:
    done = subprocess.run(_command(name, peer, steps, threads), capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        hint = "; install it with pip install torch" if "No module named 'torch'" in last else ""
        raise OptionError(f"{peer} could not run {name}: {last}{hint}.")
    return json.loads(done.stdout.splitlines()[-1])


def as_json(results: list[Result]) -> str:
    """All results as one JSON object."""
    return json.dumps({"workloads": [asdict(result) for result in results]}, indent=1)
