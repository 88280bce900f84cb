"""Learning-rate schedules as objects with PyTorch's names: `scheduler.step()` after each `optimizer.step()`.

Each sets a group's learning rate to a function of how often `step` was called, n = 0, 1, 2, …, and of the
rate α₀ that the group had at first. The functions in schedule.py do without an object:
`optimizer.lr = α₀ * schedule(step)`.
"""

import math
from collections.abc import Callable
from typing import Any

from ..errors import OptionError, check_number, unknown
from .optimizer import Optimizer


class LRScheduler:
    """Shared by all: α of each group is `rate(α₀, n)`."""

    def __init__(self, optimizer: Optimizer):
        if not isinstance(optimizer, Optimizer):
            raise OptionError(f"{type(self).__name__} takes an optimizer, got {type(optimizer).__name__}.")
        self.optimizer = optimizer
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.last_epoch = 0  # n
        self._set()

    def rate(self, base: float, n: int) -> float:
        """The learning rate after n steps."""
        raise NotImplementedError

    def step(self) -> None:
        """One step further."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _set(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base, self.last_epoch)
            check_number("lr", group["lr"], 0)


class LambdaLR(LRScheduler):
    """α = α₀ f(n)."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]):
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, base: float, n: int) -> float:
        """α₀ f(n)."""
        return base * self.lr_lambda(n)


class StepLR(LRScheduler):
    """α = α₀ γ^⌊n / step_size⌋."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        check_number("step_size", step_size, 1)
        check_number("gamma", gamma, 0)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, base: float, n: int) -> float:
        """α₀ γ^⌊n / step_size⌋."""
        return base * self.gamma ** (n // self.step_size)


class ExponentialLR(LRScheduler):
    """α = α₀ γⁿ."""

    def __init__(self, optimizer: Optimizer, gamma: float):
        check_number("gamma", gamma, 0)
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base: float, n: int) -> float:
        """α₀ γⁿ."""
        return base * self.gamma**n


class CosineAnnealingLR(LRScheduler):
    """α = α_min + (α₀ − α_min) (1 + cos(π n / T_max)) / 2. Source: Loshchilov and Hutter 2017."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        check_number("T_max", T_max, 1)
        check_number("eta_min", eta_min, 0)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, base: float, n: int) -> float:
        """Half a cosine from α₀ at n = 0 to α_min at n = T_max."""
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * n / self.T_max)) / 2


def __getattr__(name: str) -> Any:
    """For names that there are not."""
    if name.startswith("__"):
        raise AttributeError(name)  # protocols that somebody asks for
    raise unknown("scratchlm.optim.lr_scheduler", name, globals())
