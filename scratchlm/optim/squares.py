"""What came before Adam: a step divided by the root of the squared gradients so far."""

from typing import Any

from ..errors import check_number
from .optimizer import Optimizer, Parameters


class Adagrad(Optimizer):
    """s ← s + g²,  θ ← θ − α g / (√s + ε), g with λ θ added; α lr / (1 + (t − 1) lr_decay).

    The sum never falls, so that steps only get smaller. Source: Duchi, Hazan and Singer 2011.
    """

    buffer_names = ("square",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ):
        check_number("initial_accumulator_value", initial_accumulator_value, 0)
        super().__init__(params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        for square in self.buffers["square"]:
            square += initial_accumulator_value

    def check(self, group: dict[str, Any]) -> None:
        """lr_decay ≥ 0 and eps ≥ 0."""
        super().check(group)
        check_number("lr_decay", group["lr_decay"], 0)
        check_number("eps", group["eps"], 0)

    def update(
        self, parameters: list, gradients: list, buffers: dict[str, list], step: int, group: dict[str, Any]
    ) -> None:
        """The formula, parameter by parameter."""
        lr, sqrt = group["lr"] / (1 + (step - 1) * group["lr_decay"]), self.device.xp.sqrt
        for theta, grad, s in zip(parameters, gradients, buffers["square"], strict=True):
            g = grad + group["weight_decay"] * theta
            s += g * g
            theta -= lr * g / (sqrt(s) + group["eps"])


class RMSprop(Optimizer):
    """s ← α s + (1−α) g²,  θ ← θ − lr g / (√s + ε), g with λ θ added.

    `momentum` μ: v ← μ v + g / (√s + ε), θ ← θ − lr v. `centered`: s − m² for s, m ← α m + (1−α) g the mean.
    Source: Hinton's lecture 6 of 2012; centered, Graves 2013.
    """

    buffer_names = ("square", "mean", "velocity")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ):
        options = {"alpha": alpha, "eps": eps, "momentum": momentum, "centered": centered}
        super().__init__(params, lr=lr, weight_decay=weight_decay, **options)

    def check(self, group: dict[str, Any]) -> None:
        """0 ≤ alpha < 1, eps ≥ 0, 0 ≤ momentum < 1."""
        super().check(group)
        check_number("alpha", group["alpha"], 0, below=1)
        check_number("eps", group["eps"], 0)
        check_number("momentum", group["momentum"], 0, below=1)

    def update(
        self, parameters: list, gradients: list, buffers: dict[str, list], step: int, group: dict[str, Any]
    ) -> None:
        """The formula, parameter by parameter."""
        alpha, sqrt, three = group["alpha"], self.device.xp.sqrt, self.buffer_names
        for theta, grad, s, m, v in zip(parameters, gradients, *(buffers[n] for n in three), strict=True):
            g = grad + group["weight_decay"] * theta
            s += (1 - alpha) * (g * g - s)
            spread = s
            if group["centered"]:
                m += (1 - alpha) * (g - m)
                spread = s - m * m
            v *= group["momentum"]
            v += g / (sqrt(spread) + group["eps"])
            theta -= group["lr"] * v
