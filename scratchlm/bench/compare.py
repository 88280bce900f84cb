"""Peers in turn, each in a fresh process, and the ratio pair by pair: drift of the machine hits both."""

import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import OptionError, did_you_mean
from .machine import Machine
from .processes import busy_processors, run_child
from .steps import PEERS
from .workloads import ON_CARD, ON_CPU, WORKLOADS


@dataclass
class Result:
    """One workload, this engine against a peer; a ratio above 1 means ahead (memory: below 1).

    Where ours ran alone, `peer` is empty and what would be the peer's is NaN (null in JSON).
    """

    name: str
    description: str
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
    first_step_ratio: float
    cold_first_step_seconds: float | None  # ours without compiled kernels; None: not asked for
    cold_first_step_ratio: float | None  # the peer's first step over that
    product_flops: int  # floating-point operations of a step's matrix products; 0: they do not decide
    gflops_per_second: float  # of them alone
    share_of_bound: float | None  # that, over the machine's own product; None: no products or no bound
    least_bytes: int  # of parameters, gradients and averages (activations left out); 0: none of them
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


def peers_of(names: Sequence[str], device: str) -> tuple[str, ...]:
    """Who runs, each once: on a card, "torch" stands for PyTorch eager and PyTorch compiled.

    Raises:
        OptionError: unknown peer.
    """
    found: list[str] = []
    for name in names:
        if name not in PEERS:
            raise OptionError(f"Unknown peer '{name}'{did_you_mean(name, PEERS)}: {', '.join(PEERS)}.")
        found += ("torch", "torch-compile") if (name, device) == ("torch", "cuda") else (name,)
    return tuple(dict.fromkeys(found))


def compare(
    name: str,
    peers: Sequence[str],
    pairs: int,
    steps: int,
    threads: int,
    say: Callable[[str], Any] = print,
    device: str = "cpu",
    bound: Machine | None = None,
    cold: bool = False,
) -> list[Result]:
    """Run `pairs` times one process of ours and one of each peer's, `steps` steps each; a result a peer.

    Args:
        peers: as `peers_of` gives them; none: ours alone.
        bound: the machine's own product, of which ours reach a share.
        cold: also start ours once without compiled kernels.

    Raises:
        OptionError: a peer is not installed.
    """
    load = busy_processors()
    runs: dict[str, list[dict[str, Any]]] = {who: [] for who in ("ours", *peers)}
    processes = f"{pairs} {'pairs of processes' if peers else 'processes'}"
    say(f"{name}: {WORKLOADS[name].description}; {processes}, {steps} steps each …")
    for number in range(pairs):
        for who, done in runs.items():
            done.append(run_child(name, who, steps, threads, device))
        times = ", ".join(f"{who} {_ms(done[-1]):.2f} ms" for who, done in runs.items())
        say(f"{name} {'pair' if peers else 'process'} {number + 1}/{pairs}: {times}")
    compiling = None
    if cold:
        compiling = run_child(name, "ours", 1, threads, device, cold=True)["first"]
        say(f"{name} without compiled kernels: first step after {compiling:.2f} s")
    about = {"name": name, "pairs": pairs, "threads": threads, "device": device, "load_before": load}
    runs[""] = [{"seconds": [math.nan], "memory": math.nan, "first": math.nan}] * pairs
    return [_result(runs["ours"], runs[who], compiling, bound, peer=who, **about) for who in peers or ("",)]


def _result(
    ours: list[dict[str, Any]],
    theirs: list[dict[str, Any]],
    cold: float | None,
    bound: Machine | None,
    **about: Any,
) -> Result:
    workload = WORKLOADS[about["name"]]
    ratios = sorted(_ms(b) / _ms(a) for a, b in zip(ours, theirs, strict=True))
    milliseconds = statistics.median(map(_ms, ours))
    memory, peer_memory = (statistics.median(r["memory"] for r in runs) / 2**20 for runs in (ours, theirs))
    first, peer_first = (statistics.median(r["first"] for r in runs) for runs in (ours, theirs))
    gflops = workload.product_flops / milliseconds / 1e6
    return Result(
        description=workload.description,
        milliseconds=milliseconds,
        peer_milliseconds=statistics.median(map(_ms, theirs)),
        ratio=statistics.median(ratios),
        ratio_low=ratios[0],
        ratio_high=ratios[-1],
        memory_mb=memory,
        peer_memory_mb=peer_memory,
        memory_ratio=memory / peer_memory if peer_memory else 0.0,
        first_step_seconds=first,
        peer_first_step_seconds=peer_first,
        first_step_ratio=peer_first / first,
        cold_first_step_seconds=cold,
        cold_first_step_ratio=peer_first / cold if cold else None,
        product_flops=workload.product_flops,
        gflops_per_second=gflops,
        share_of_bound=gflops / bound.gflops_per_second if gflops and bound else None,
        least_bytes=workload.least_bytes,
        **about,
    )


def _ms(run: dict[str, Any]) -> float:
    return statistics.median(run["seconds"]) * 1000


def as_json(results: list[Result], bound: Machine, card: Any = None) -> str:
    """The machine and all results as one JSON object; on a card with what its kernels reach of its bounds."""
    found = {"machine": asdict(bound), "workloads": [_row(result) for result in results]}
    return json.dumps(found | ({"card": asdict(card)} if card else {}), indent=1)


def _row(result: Result) -> dict[str, Any]:
    return {key: None if value != value else value for key, value in asdict(result).items()}
