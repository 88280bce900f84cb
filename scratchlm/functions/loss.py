"""Cross-entropy of class indices, alone and fused with a linear layer; of probabilities; with class weights.

Shapes: N rows (batch and time end to end), V classes, D features.
"""

import math
from numbers import Real
from typing import Any

from ..errors import DtypeError, NumberError, OptionError, ShapeError, TokenError, quote
from ..function import Array, Function, tensor_of
from ..tensor import Tensor
from .distances import REDUCTIONS, reduced
from .elementwise import where
from .matmul import linear
from .softmax import log_softmax


class ClassLoss(Function):
    """Shared by both losses: checks the targets, and turns losses (N) into their mean or sum."""

    def __init__(self, ignore_index: int = -100, reduction: str = "mean"):
        if reduction not in REDUCTIONS:
            raise OptionError(f"reduction is {quote(reduction)}, expected one of {', '.join(REDUCTIONS)}.")
        self.ignore_index = ignore_index
        self.reduction = reduction

    def check(self, targets: Array, rows: int, classes: int) -> tuple[Array, Any]:
        """Return which rows count (N) and how many, after checking that each target is a class or
        `ignore_index`."""
        if targets.dtype.kind not in "iu":
            raise DtypeError(f"{self.name} takes class indices (integers) as targets, got {targets.dtype}.")
        if targets.shape != (rows,):
            raise ShapeError(
                f"{self.name} got targets of shape {targets.shape} for logits with {rows} rows: "
                f"one index for each row is expected, shape ({rows},)."
            )
        if classes == 0:
            raise ShapeError(f"{self.name} needs at least one class, the logits have none.")
        seen = self.seen(-1, targets)
        counted = seen != self.ignore_index
        wrong = counted & ((seen < 0) | (seen >= classes))
        if wrong.any():
            raise TokenError(
                f"{self.name} got target {int(seen[wrong][0])}, but there are {classes} classes "
                f"(0 to {classes - 1}): has the last layer as many outputs as the vocabulary has tokens?"
            )
        if self.reduction == "mean" and not counted.any():
            raise NumberError(f"{self.name} has no mean: every target is ignore_index={self.ignore_index}.")
        return (counted if seen is targets else targets != self.ignore_index), counted.sum()

    def weights(self, counted: Array, number: Any, dtype: Any) -> Array:
        """∂(reduced loss)/∂ℓ_n for each row (N): 1/number for the mean, 1 for the sum."""
        weights = counted.astype(dtype)
        return weights / number.astype(dtype) if self.reduction == "mean" else weights

    def mean_or_sum(self, losses: Array, number: Any) -> Array:
        """Summed in float64: a mean of 100 000 losses keeps its digits."""
        total = losses.sum(dtype="float64")
        return (total / number if self.reduction == "mean" else total).astype(losses.dtype)


class CrossEntropy(ClassLoss):
    """ℓ_n = ln Σ_v e^(z_nv) − (1−ε) z_(n, target n) − ε/V Σ_v z_nv    [cross_entropy].

    ∂ℓ_n/∂z_nv = softmax(z_n)_v − (1−ε) [v = target n] − ε/V. Without label smoothing, ε = 0.

    Logits z (N, V), targets (N); the mean (or sum) over rows whose target is not `ignore_index`.
    """

    float_inputs = 1

    def __init__(self, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0):
        super().__init__(ignore_index, reduction)
        check_smoothing(label_smoothing)
        self.smoothing = label_smoothing

    def forward(self, logits: Array, targets: Array) -> Array:
        if logits.ndim != 2:
            raise ShapeError(
                f"{self.name} takes logits (N, V), got {logits.shape}: put batch and time end to end "
                "with reshape(-1, V)."
            )
        counted, number = self.check(targets, *logits.shape)
        options = self.ignore_index, self.smoothing
        losses, logsumexp = self.kernels.cross_entropy_forward(logits, targets, *options)
        self.save(logits, targets, logsumexp, self.weights(counted, number, logits.dtype))
        return losses if self.reduction == "none" else self.mean_or_sum(losses, number)

    def backward(self, grad_loss: Array) -> tuple[Array, None]:
        logits, targets, logsumexp, weights = self.saved
        grad_losses = grad_loss * weights  # (N)
        inputs = logits, targets, logsumexp, grad_losses
        grad_logits = self.kernels.cross_entropy_backward(*inputs, self.ignore_index, self.smoothing)
        return grad_logits, None


class LinearCrossEntropy(ClassLoss):
    """Cross-entropy of z = x Wᵀ + b, without ever holding all logits (N, V)    [linear_cross_entropy].

    x (N, D), W (V, D), b (V), targets (N). The loss is one number, so its gradients are known up to a factor
    as soon as the logits of some rows are: forward computes them on the way (three products instead of
    four), backward multiplies by ∂L/∂loss.
    """

    float_inputs = 3

    def __init__(self, ignore_index: int = -100, reduction: str = "mean"):
        super().__init__(ignore_index, reduction)
        if reduction == "none":
            raise OptionError("linear_cross_entropy gives a mean or sum: use linear() and cross_entropy().")

    def forward(self, x: Array, weight: Array, bias: Array, targets: Array) -> Array:
        if x.ndim != 2 or weight.ndim != 2 or x.shape[1] != weight.shape[1] or bias.shape != weight.shape[:1]:
            raise ShapeError(
                f"{self.name} takes x (N, D), weight (V, D), bias (V), got {x.shape}, {weight.shape}, "
                f"{bias.shape}."
            )
        counted, number = self.check(targets, x.shape[0], weight.shape[0])
        if any(self.needs_grad):
            inputs = x, weight, bias, targets, self.weights(counted, number, x.dtype)
            losses, *gradients = self.kernels.linear_cross_entropy(*inputs, self.ignore_index)
            self.save(*gradients)
        else:
            losses = self.kernels.linear_cross_entropy_losses(x, weight, bias, targets, self.ignore_index)
        return self.mean_or_sum(losses, number)

    def backward(self, grad_loss: Array) -> tuple[Array | None, ...]:
        if not self.device.on_card and grad_loss == 1:  # to ask a card takes longer than to multiply there
            return (*self.saved, None)
        return (*(g * grad_loss for g in self.saved), None)


def cross_entropy(
    logits: Tensor,
    targets: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Mean, sum or each (none) of −ln softmax(logits)[target]: logits (N, V), targets (N) integers.

    With label_smoothing ε, the target has probability 1 − ε and all classes share ε. Logits may also be (V),
    or (N, V, …) with targets (N, …); float targets of the logits' shape are probabilities. `weight` (V): how
    much each class counts, also in the mean.

    Raises:
        TokenError: a target is neither a class nor `ignore_index`.
        ShapeError, DtypeError: shapes or types do not fit.
        OptionError: reduction or label_smoothing out of range.
        NumberError: a mean over no row at all.
    """
    logits = tensor_of(logits, "cross_entropy")
    if logits.ndim == 2 and weight is None:
        kind = getattr(targets, "dtype", None)
        if kind is None or kind.kind != "f" or targets.shape != logits.shape:
            return CrossEntropy(ignore_index, reduction, label_smoothing)(logits, targets)
    targets = targets if isinstance(targets, Tensor) else Tensor(targets, device=logits.device)
    if targets.dtype.kind == "f" and targets.shape == logits.shape:
        return _of_probabilities(logits, targets, reduction, label_smoothing, weight)
    rows, flat = _rows(logits, targets)
    if weight is None:
        losses = CrossEntropy(ignore_index, reduction, label_smoothing)(rows, flat)
    else:
        CrossEntropy(ignore_index, "sum", label_smoothing)(rows.detach(), flat)  # refuses what does not fit
        losses = _of_log_p(log_softmax(rows), flat, weight, ignore_index, reduction, label_smoothing)
    return losses.reshape(*targets.shape) if reduction == "none" else losses


def _rows(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (N, V), (V) or (N, V, …) and targets (N), () or (N, …) → (M, V) and (M)."""
    if scores.ndim == 0 or targets.shape != scores.shape[:1] * (scores.ndim > 1) + scores.shape[2:]:
        raise ShapeError(
            f"CrossEntropy takes logits (N, V), (V) or (N, V, …) and targets (N), () or (N, …), got "
            f"{scores.shape} and {targets.shape}: put batch and time end to end with reshape(-1, V)."
        )
    rows = scores.movedim(1, -1) if scores.ndim > 2 else scores
    return rows.reshape(-1, rows.shape[-1]), targets.reshape(-1)


def check_smoothing(share: Any) -> None:
    """Refuse a share of all classes that is none."""
    number = isinstance(share, Real)
    if not number or not 0 <= share <= 1:
        raise OptionError(f"label_smoothing is {quote(share)}, expected 0 ≤ ε ≤ 1.")


def _of_classes(weight: Any, scores: Tensor, V: int) -> Tensor:
    """A weight for each of V classes."""
    weight = weight if isinstance(weight, Tensor) else Tensor(weight, device=scores.device)
    if weight.shape != (V,):
        raise ShapeError(f"The loss takes a weight for each of {V} classes, got {weight.shape}.")
    return weight


def _of_log_p(
    log_p: Tensor, targets: Tensor, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Tensor:
    """−w_(target n) log_p_(n, target n), or its sum, or the sum divided by that of the weights."""
    kept = targets != ignore_index
    classes = where(kept, targets, 0)
    weight = _of_classes(weight, log_p, log_p.shape[1])
    own = where(kept, weight[classes], 0.0)  # (N)
    losses = -own * log_p[log_p.device.xp.arange(len(log_p)), classes]
    if label_smoothing:
        even = -where(kept, (log_p * weight).sum(-1), 0.0) / log_p.shape[1]
        losses = (1 - label_smoothing) * losses + label_smoothing * even
    if reduction == "mean":
        return losses.sum() / own.sum()
    return losses.sum() if reduction == "sum" else losses


def _of_probabilities(
    logits: Tensor, targets: Tensor, reduction: str, label_smoothing: float, weight: Any
) -> Tensor:
    """−Σ_v p_v ln softmax(z)_v for each row; the mean is over rows."""
    check_smoothing(label_smoothing)
    axis = min(1, logits.ndim - 1)
    p = (1 - label_smoothing) * targets + label_smoothing / logits.shape[axis]
    if weight is not None:
        weight = _of_classes(weight, logits, logits.shape[axis])
        p = p * weight.reshape(-1, *[1] * (logits.ndim - axis - 1))
    return reduced(-(p * log_softmax(logits, axis)).sum(axis), reduction)


def nll_loss(
    log_p: Tensor, targets: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """−log_p of the target of each row: `cross_entropy` without its softmax.

    Raises:
        as cross_entropy.
    """
    log_p = tensor_of(log_p, "nll_loss")
    targets = targets if isinstance(targets, Tensor) else Tensor(targets, device=log_p.device)
    rows, flat = _rows(log_p, targets)
    CrossEntropy(ignore_index, reduction)(rows.detach(), flat)  # refuses what does not fit
    if weight is None:
        weight = log_p.device.xp.ones(rows.shape[1], rows.dtype)
    losses = _of_log_p(rows, flat, weight, ignore_index, reduction, 0.0)
    return losses.reshape(*targets.shape) if reduction == "none" else losses


def cross_entropy_composed(
    logits: Tensor,
    targets: Any,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The same out of primitive operations."""
    xp, targets = logits.device.xp, targets if isinstance(targets, Tensor) else Tensor(targets)
    kept = targets.data != ignore_index  # (N)
    log_p = log_softmax(logits)  # (N, V)
    wanted = log_p[xp.arange(len(kept)), xp.where(kept, targets.data, 0)]  # (N)
    smooth = (1 - label_smoothing) * wanted + label_smoothing * log_p.mean(axis=1)
    losses = where(kept, -smooth, 0.0)
    if reduction == "none":
        return losses
    return losses.sum() / (int(kept.sum()) if reduction == "mean" else 1)


def linear_cross_entropy(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Any,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of x Wᵀ + b: x (N, D), weight (V, D), bias (V), targets (N). Errors as cross_entropy."""
    if bias is None:
        bias = Tensor(weight.device.xp.zeros(weight.shape[0], weight.dtype), device=weight.device)
    return LinearCrossEntropy(ignore_index, reduction)(x, weight, bias, targets)


def linear_cross_entropy_composed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Any,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """The same as two layers."""
    return cross_entropy(linear(x, weight, bias), targets, None, ignore_index, reduction)


def perplexity(loss: float) -> float:
    """e^loss for a mean loss in nats a token: among how many equally likely tokens the model hesitates."""
    return math.exp(min(loss, 700.0))  # e^710 overflows float64
