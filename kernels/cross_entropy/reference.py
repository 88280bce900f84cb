"""Cross-entropy of class indices [cross_entropy], alone and fused with the linear layer before it
[linear_cross_entropy].

A row whose target is `ignore_index` has loss 0 and gradient 0.
"""

import numpy as np

from ..grammar import kernel


@kernel(
    "cross_entropy",
    "logits (N, V), targets:int (N), ignore_index:number, smoothing:number",
    "losses (N), logsumexp (N)",
)
def cross_entropy_forward(logits, targets, ignore_index, smoothing=0.0):
    """ℓ_n = ln Σ_v e^(z_nv) − (1−ε) z_(n, target n) − ε/V Σ_v z_nv    [cross_entropy].

    ε `smoothing`: the target has probability 1−ε, and ε is spread evenly over all classes (Szegedy and others
    2016). Returns losses (N) and ln Σ_v e^(z_nv) (N), from which backward has softmax without a second sum.
    """
    largest = logits.max(axis=1)  # (N)
    log_total = np.log(np.exp(logits - largest[:, None]).sum(axis=1))  # (N)
    counted = targets != ignore_index  # (N)
    rows = np.arange(len(targets))
    wanted = (1 - smoothing) * logits[rows, np.where(counted, targets, 0)]
    if smoothing:
        wanted = wanted + smoothing * logits.mean(axis=1)
    losses = np.where(counted, (largest - wanted) + log_total, 0)  # a large maximum takes no digits away
    return losses.astype(logits.dtype), largest + log_total


@kernel(
    "cross_entropy",
    "logits (N, V), targets:int (N), logsumexp (N), grad_losses (N), ignore_index:number, smoothing:number",
    "grad_logits (N, V)",
)
def cross_entropy_backward(logits, targets, logsumexp, grad_losses, ignore_index, smoothing=0.0):
    """∂L/∂z_nv = (softmax(z_n)_v − (1−ε) [v = target n] − ε/V) ∂L/∂ℓ_n    [cross_entropy]."""
    V = logits.shape[1]
    grad_logits = np.exp(logits - logsumexp[:, None]) - logits.dtype.type(smoothing / V)  # (N, V)
    counted = np.flatnonzero(targets != ignore_index)
    grad_logits[counted, targets[counted]] -= 1 - smoothing
    grad_logits[targets == ignore_index] = 0  # whatever is in them: 0 times NaN is NaN
    return grad_logits * grad_losses[:, None]


@kernel(
    "linear_cross_entropy",
    "x (N, D), weight (V, D), bias (V), targets:int (N), ignore_index:number",
    "losses (N)",
)
def linear_cross_entropy_losses(x, weight, bias, targets, ignore_index):
    """Losses of z = x Wᵀ + b, without gradients    [linear_cross_entropy]."""
    return cross_entropy_forward(x @ weight.T + bias, targets, ignore_index)[0]


@kernel(
    "linear_cross_entropy",
    "x (N, D), weight (V, D), bias (V), targets:int (N), grad_losses (N), ignore_index:number",
    "losses (N), grad_x (N, D), grad_weight (V, D), grad_bias (V)",
)
def linear_cross_entropy(x, weight, bias, targets, grad_losses, ignore_index):
    """Losses of z = x Wᵀ + b, and gradients of x, W, b for given ∂L/∂ℓ    [linear_cross_entropy].

    With G = ∂L/∂z:  ∂L/∂x = G W,  ∂L/∂W = Gᵀ x,  ∂L/∂b = Σ_n G_n. Other kernel sets do the same for a few
    rows at a time and never hold all logits (N, V).
    """
    logits = x @ weight.T + bias  # (N, V)
    losses, logsumexp = cross_entropy_forward(logits, targets, ignore_index)
    grad_logits = cross_entropy_backward(logits, targets, logsumexp, grad_losses, ignore_index)
    return losses, grad_logits @ weight, grad_logits.T @ x, grad_logits.sum(axis=0)


def example(kernel, drawn, draw):
    """Backward takes ln Σ e^z from forward."""
    if kernel != "cross_entropy_backward":
        return {}
    inputs = (drawn[name] for name in ("logits", "targets", "ignore_index", "smoothing"))
    return {"logsumexp": cross_entropy_forward(*inputs)[1]}
