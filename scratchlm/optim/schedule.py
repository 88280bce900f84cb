"""Learning-rate schedules: functions from the step (1, 2, …) to a factor on the learning rate."""

import math
from collections.abc import Callable

from ..errors import OptionError

Schedule = Callable[[int], float]


def constant(warmup: int = 0) -> Schedule:
    """1, after a linear rise over `warmup` steps."""
    if warmup < 0:
        raise OptionError(f"A schedule needs warmup ≥ 0 steps, got {warmup}.")
    return lambda step: min(1.0, step / warmup) if warmup else 1.0


def step_decay(every: int, factor: float = 0.5, warmup: int = 0, start: int = 0) -> Schedule:
    """Multiplied by `factor` after `start` steps (0: after `every`), and again after every `every` more.

    factor^(1 + ⌊(step − 1 − start)/every⌋) from step start + 1 on, 1 before.
    """
    if every < 1 or not 0 < factor < math.inf:
        raise OptionError(
            f"A step schedule needs every ≥ 1 and a factor above 0, such as 0.5: got {every} and {factor}."
        )
    rise, first = constant(warmup), start or every
    return lambda step: rise(step) * factor ** max(0, 1 + (step - 1 - first) // every)


def cosine(total: int, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Half a cosine from 1 at the first step after `warmup` steps of linear rise, down towards `floor`.

    floor + (1 − floor) · (1 + cos(π · (step − 1 − warmup) / (total − warmup))) / 2. The floor itself comes
    after step `total`: with a floor of 0, a step there would train nothing. Source: Loshchilov and Hutter
    2017, without restarts.
    """
    if not 0 <= warmup < total or not 0 <= floor <= 1:
        raise OptionError(
            f"A cosine schedule needs 0 ≤ warmup < total steps and a floor from 0 to 1: got {warmup}, "
            f"{total} and {floor}."
        )

    def factor(step: int) -> float:
        if step <= warmup:
            return step / warmup
        progress = min(1.0, (step - 1 - warmup) / (total - warmup))
        return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2

    return factor
