"""Losses as layers: what they compare is given to the call, how they count to the layer.

`reduction`: "mean", "sum", or "none" for the loss of each row or element.
"""

from typing import Any

from .. import functions as F
from ..tensor import Tensor
from .module import Module


class Loss(Module):
    """What the losses share: how single losses become one."""

    def __init__(self, reduction: str = "mean"):
        self.reduction = reduction


class Weighted(Loss):
    """Losses with a weight for each class or element, which moves with the model."""

    weight: Tensor | None

    def __init__(self, weight: Any = None, reduction: str = "mean"):
        super().__init__(reduction)
        self.register_buffer("weight", as_tensor(weight))


def as_tensor(weight: Any) -> Tensor | None:
    """Weights as a tensor; None stays None."""
    return weight if weight is None or isinstance(weight, Tensor) else Tensor(weight)


class CrossEntropyLoss(Weighted):
    """Cross-entropy of logits (N, V) and class indices (N), or probabilities (N, V)    [cross_entropy]."""

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Any) -> Tensor:
        """A scalar, or (N) for reduction 'none'."""
        options = self.ignore_index, self.reduction, self.label_smoothing
        return F.cross_entropy(logits, targets, self.weight, *options)


class NLLLoss(Weighted):
    """−ln p of the target for log-probabilities (N, V) and class indices (N)."""

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"):
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, log_p: Tensor, targets: Any) -> Tensor:
        """A scalar, or (N) for reduction 'none'."""
        return F.nll_loss(log_p, targets, self.weight, self.ignore_index, self.reduction)


class BCELoss(Weighted):
    """Cross-entropy of probabilities and targets from 0 to 1, element by element."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of one shape → a scalar."""
        return F.binary_cross_entropy(a, b, self.weight, self.reduction)


class BCEWithLogitsLoss(Weighted):
    """BCELoss of σ(a), without overflow; `pos_weight`: how often a target of 1 counts."""

    pos_weight: Tensor | None

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None):
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", as_tensor(pos_weight))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of one shape → a scalar."""
        return F.binary_cross_entropy_with_logits(a, b, self.weight, self.reduction, self.pos_weight)


class MSELoss(Loss):
    """Mean squared error    [mse]."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of one shape → a scalar."""
        return F.mse_loss(a, b, self.reduction)


class L1Loss(Loss):
    """Mean of |a − b|."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of one shape → a scalar."""
        return F.l1_loss(a, b, self.reduction)


class SmoothL1Loss(Loss):
    """(a − b)² / 2β where |a − b| < β, else |a − b| − β/2."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0):
        super().__init__(reduction)
        self.beta = beta

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of one shape → a scalar."""
        return F.smooth_l1_loss(a, b, self.reduction, self.beta)


class HuberLoss(Loss):
    """δ times SmoothL1Loss with β = δ."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        super().__init__(reduction)
        self.delta = delta

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of one shape → a scalar."""
        return F.huber_loss(a, b, self.reduction, self.delta)


class KLDivLoss(Loss):
    """b (ln b − a) of each element, a in logarithms, b not unless log_target; "batchmean": sum / rows."""

    def __init__(self, reduction: str = "mean", log_target: bool = False):
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of one shape → a scalar."""
        return F.kl_div(a, b, self.reduction, self.log_target)
