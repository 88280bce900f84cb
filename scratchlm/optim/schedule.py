"""Learning-rate schedules: functions from the step (1, 2, …) to a factor on the learning rate."""

import math
from collections.abc import Callable

from ..errors import OptionError

Schedule = Callable[[int], float]


def constant(warmup: int = 0) -> Schedule:
    """1, after a linear rise over `warmup` steps."""
    return lambda step: min(1.0, step / warmup) if warmup else 1.0


def step_decay(every: int, factor: float = 0.5, warmup: int = 0, start: int = 0) -> Schedule:
    """Multiplied by `factor` after `start` steps (0: after `every`), and again after every `every` more.

    factor^(1 + ⌊(step − 1 − start)/every⌋) from step start + 1 on, 1 before.
    """
    if every < 1:
        raise OptionError(f"A step schedule needs every ≥ 1, got {every}.")
    rise, first = constant(warmup), start or every
    return lambda step: rise(step) * factor ** max(0, 1 + (step - 1 - first) // every)


def cosine(total: int, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Half a cosine from 1 down to `floor` at step `total`, after a linear rise over `warmup` steps.

    floor + (1 − floor) · (1 + cos(π · progress)) / 2. Source: Loshchilov and Hutter 2017, without restarts.
    """
    if not 0 <= warmup < total:
        raise OptionError(f"A cosine schedule needs 0 ≤ warmup < total steps, got {warmup} and {total}.")

    def factor(step: int) -> float:
        if step <= warmup:
            return step / warmup
        progress = min(1.0, (step - warmup) / (total - warmup))
        return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2

    return factor
