"""Losses between two tensors of one shape: squared and absolute errors, probabilities, distributions."""

from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError, quote
from ..function import Array, Function
from ..tensor import Tensor
from .activation import softplus
from .elementwise import floating, log, operands, where

REDUCTIONS = ("mean", "sum", "none")


class MeanSquaredError(Function):
    """L = 1/n Σ (a − b)²;  ∂L/∂a = 2/n (a − b) ∂L/∂L = −∂L/∂b    [mse]; F2 with n the number of elements."""

    def forward(self, a: Array, b: Array) -> Array:
        if a.shape != b.shape:
            raise ShapeError(f"mse_loss compares equal shapes, got {a.shape} and {b.shape}.")
        difference = a - b
        self.save(difference)
        return (difference * difference).mean()

    def backward(self, grad_loss: Array) -> tuple[Array, Array]:
        (difference,) = self.saved
        grad_a = (2 / difference.size) * difference * grad_loss
        return grad_a, -grad_a


class GaussianKL(Function):
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − ln σ² − 1), element by element    [gaussian_kl].

    The input is ln σ², which may be any number;  ∂KL/∂μ = μ, ∂KL/∂ln σ² = ½ (σ² − 1). Source: Kingma and
    Welling 2014, appendix B. KL is the Kullback–Leibler divergence, in nats.
    """

    def forward(self, mean: Array, log_variance: Array) -> Array:
        if mean.shape != log_variance.shape:
            raise ShapeError(f"gaussian_kl takes equal shapes, got {mean.shape}, {log_variance.shape}.")
        variance = self.xp.exp(log_variance)
        self.save(mean, variance)
        return (mean * mean + variance - log_variance - 1) / 2

    def backward(self, grad_kl: Array) -> tuple[Array, Array]:
        mean, variance = self.saved
        return mean * grad_kl, (variance - 1) / 2 * grad_kl


class BinaryCrossEntropy(Function):
    """ℓ = −b ln a − (1 − b) ln(1 − a), logarithms not below −100;  ∂ℓ/∂a = (a − b) / (a (1 − a)),
    ∂ℓ/∂b = ln(1 − a) − ln a.

    The divisor is not below 10⁻¹², as in PyTorch: where a is 0 or 1, the gradient stays a number.
    """

    def forward(self, a: Array, b: Array) -> Array:
        with np.errstate(divide="ignore"):
            log_a = self.xp.maximum(self.xp.log(a), -100)
            log_rest = self.xp.maximum(self.xp.log(1 - a), -100)
        self.save(a, b, log_a, log_rest)
        return -(b * log_a + (1 - b) * log_rest)

    def backward(self, grad_losses: Array) -> tuple[Array, Array]:
        a, b, log_a, log_rest = self.saved
        grad_a = (a - b) / self.xp.maximum(a * (1 - a), 1e-12) * grad_losses
        return grad_a, (log_rest - log_a) * grad_losses


def mse_loss(a: Tensor, b: Tensor, reduction: str = "mean") -> Tensor:
    """Mean squared error over all elements; or their sum, or each."""
    a, b = _pair("mse_loss", a, b)  # as floats: squares of int8 overflow at 12
    if reduction == "mean":
        return MeanSquaredError()(a, b)
    return reduced((a - b) ** 2, reduction)


def mse_loss_composed(a: Tensor, b: Tensor) -> Tensor:
    """The same out of primitive operations."""
    return ((a - b) ** 2).mean()


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) of each element, in nats: sum over the last axis for a vector's."""
    return GaussianKL()(mean, log_variance)


def gaussian_kl_composed(mean: Tensor, log_variance: Tensor) -> Tensor:
    """The same out of primitive operations."""
    return (mean**2 + log_variance.exp() - log_variance - 1.0) / 2


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The mean or sum of losses, or each."""
    if reduction not in REDUCTIONS:
        raise OptionError(f"reduction is {quote(reduction)}, expected one of {', '.join(REDUCTIONS)}.")
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def _pair(name: str, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    a, b = operands(a, b)
    if a.shape != b.shape:
        raise ShapeError(f"{name} compares equal shapes, got {a.shape} and {b.shape}.")
    return floating(a), floating(b)


def l1_loss(a: Tensor, b: Tensor, reduction: str = "mean") -> Tensor:
    """Mean of |a − b|."""
    a, b = _pair("l1_loss", a, b)
    return reduced((a - b).abs(), reduction)


def smooth_l1_loss(a: Tensor, b: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Mean of (a − b)² / 2β where |a − b| < β, else of |a − b| − β/2."""
    a, b = _pair("smooth_l1_loss", a, b)
    error = (a - b).abs()
    return reduced(where(error < beta, error * error / (2 * beta or 1), error - beta / 2), reduction)


def huber_loss(a: Tensor, b: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """δ times `smooth_l1_loss` with β = δ. Source: Huber 1964."""
    return delta * smooth_l1_loss(a, b, reduction, delta)


def binary_cross_entropy(a: Tensor, b: Tensor, weight: Any = None, reduction: str = "mean") -> Tensor:
    """Mean of −b ln a − (1 − b) ln(1 − a): probabilities a, targets b; logarithms not below −100."""
    a, b = _pair("binary_cross_entropy", a, b)
    if a.data.size and not ((a.data >= 0) & (a.data <= 1)).all():
        raise OptionError(
            "binary_cross_entropy takes probabilities from 0 to 1: use …_with_logits for scores."
        )
    losses = BinaryCrossEntropy()(a, b)
    return reduced(losses if weight is None else losses * weight, reduction)


def binary_cross_entropy_composed(a: Tensor, b: Tensor) -> Tensor:
    """The same out of primitive operations, for probabilities that are neither 0 nor 1."""
    return -(b * log(a) + (1.0 - b) * log(1.0 - a)).mean()


def binary_cross_entropy_with_logits(
    a: Tensor, b: Tensor, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """The same of σ(a), without overflow: mean of (1 − b) a + ln(1 + e⁻ᵃ).

    `pos_weight`: how often a target of 1 counts.
    """
    a, b = _pair("binary_cross_entropy_with_logits", a, b)
    of_log = 1.0 if pos_weight is None else 1 + (pos_weight - 1) * b
    losses = (1 - b) * a + of_log * softplus(-a)
    return reduced(losses if weight is None else losses * weight, reduction)


def kl_div(a: Tensor, b: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """b (ln b − a) of each element: a in logarithms, b not unless `log_target`; "batchmean": sum / rows.

    Source: PyTorch, whose "mean" divides by the number of elements, not of distributions.
    """
    a, b = _pair("kl_div", a, b)
    p, log_p = (b.exp(), b) if log_target else (b, log(where(b > 0, b, 1.0)))
    losses = p * (log_p - a)
    if reduction == "batchmean":
        return losses.sum() / len(a)
    return reduced(losses, reduction)
