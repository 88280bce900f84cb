"""How the cost of a training step grows with one size of a model while the others stay as they are.

cost ≈ constant · size^exponent, a straight line on log–log axes. The exponent is that of the upper three
sizes: below them, what costs the same at any size (Python, handing work to threads) holds it down. Beside it
stands the exponent of the step's counted operations: what time's would be if all of them took equally long.
"""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .gpt import GPTStep
from .lstm import LSTMStep
from .processes import busy_processors, run_child

FITTED = 3  # of the largest sizes
LEAST = 0.5  # ms or MB
COSTS = ("milliseconds", "memory_mb", "product_flops")  # of a Point
LSTM: Any = LSTMStep("lstm", V=1000, D=128, H=128, L=1, B=16, T=32)
GPT: Any = GPTStep("gpt", V=1000, L=1, H=4, D=128, T=64, B=8)
# The sizes along each axis, which field of the model they are, and why cost grows as it does.
LENGTHS, LAYERS = (64, 128, 256, 512, 1024), (1, 2, 4, 8, 16)
WORDS, HIDDEN = (1000, 2000, 4000, 8000, 16000), (64, 128, 256, 512, 1024)
AXES = {
    ("lstm", "time"): (LENGTHS, "T", "One step after the other, all alike; the state has one size."),
    ("gpt", "time"): (LENGTHS, "T", "Products with weights go with T, attention with T²: each looks at all."),
    ("lstm", "vocabulary"): (
        WORDS,
        "V",
        "The last layer scores each word for each token; the LSTM does not.",
    ),
    ("gpt", "vocabulary"): (WORDS, "V", "The last layer scores each word for each token; blocks do not."),
    ("lstm", "hidden"): (HIDDEN, "H", "W_hh has 4 H² weights; W_ih, last layer, gates and states go with H."),
    ("gpt", "hidden"): (HIDDEN, "D", "A block has 12 D² weights; norms, GELU and the last layer go with D."),
    ("lstm", "layers"): (LAYERS, "L", "Each layer costs as much; embedding and last layer are there once."),
    ("gpt", "layers"): (LAYERS, "L", "Each block costs as much; embedding and last layer are there once."),
}
NAMES = tuple(dict.fromkeys(axis for _, axis in AXES))
POINTS: dict[str, Any] = {  # workloads
    f"{model}.{axis}.{size}": replace(LSTM if model == "lstm" else GPT, **{field: size})
    for (model, axis), (sizes, field, _) in AXES.items()
    for size in sizes
} | {"lstm.tiny": replace(LSTM, V=2, D=1, H=1, B=1, T=1), "gpt.tiny": replace(GPT, V=2, H=1, D=1, B=1, T=1)}


@dataclass(frozen=True)
class Point:
    """One size: milliseconds of a step (median), memory beyond that of a tiny model, counted operations."""

    size: int
    milliseconds: float
    memory_mb: float
    product_flops: int


@dataclass(frozen=True)
class Growth:
    """One model along one axis, and the exponents of its upper three sizes."""

    model: str
    axis: str
    points: list[Point]
    time_exponent: float
    memory_exponent: float
    operations_exponent: float
    reason: str


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Slope of ln cost over ln size by least squares: 1 for a cost in proportion, 2 for its square.

    NaN where a cost (ms, MB) is below what can be told from 0: memory is a difference of two processes.

    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    if min(costs) < LEAST:
        return float("nan")
    x, y = np.log(sizes), np.log(costs)
    x = x - x.mean()
    return float(x @ y / (x @ x))


def measure(
    axes: Sequence[str] = NAMES, steps: int = 5, threads: int = 2, say: Callable[[str], None] = print
) -> list[Growth]:
    """Time a training step at every size of these axes, each in a fresh process.

    Arguments:
        steps: that are timed at each size, after a first one that is not.

    Raises:
        OptionError: a process failed.
    """
    found, alone, done = [], {}, 0
    every = sum(len(sizes) for (_, axis), (sizes, _, _) in AXES.items() if axis in axes)
    say("First a tiny model of each kind, whose memory is taken off …")
    for model in ("lstm", "gpt"):
        for _ in range(2):  # the first may have to compile kernels, which takes memory of its own
            alone[model] = run_child(f"{model}.tiny", "ours", 1, threads, "cpu")["memory"]
    for (model, axis), (sizes, _, reason) in AXES.items():
        if axis not in axes:
            continue
        points = []
        for size in sizes:
            name = f"{model}.{axis}.{size}"
            run = run_child(name, "ours", steps, threads, "cpu")
            milliseconds = statistics.median(run["seconds"]) * 1000
            memory = (run["memory"] - alone[model]) / 2**20
            points.append(Point(size, milliseconds, memory, POINTS[name].product_flops))
            done += 1
            say(f"{done}/{every} {model}, {axis} {size}: {milliseconds:.2f} ms, {memory:.0f} MB")
        time, memory, operations = (
            exponent(sizes[-FITTED:], [getattr(point, cost) for point in points[-FITTED:]]) for cost in COSTS
        )
        found.append(Growth(model, axis, points, time, memory, operations, reason))
    return found


def as_json(found: list[Growth], threads: int) -> str:
    """All points and exponents as one JSON object."""
    about = {"threads": threads, "load_after": busy_processors()}
    return json.dumps(about | {"growth": [asdict(growth) for growth in found]}, indent=1)
