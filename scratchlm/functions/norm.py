"""Layer normalisation: each row with mean 0 and variance 1, then stretched and shifted by learned numbers.

RMS normalisation: each row with mean square 1, then stretched.
"""

import math

import numpy as np

from ..errors import ShapeError
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import floating


class LayerNorm(Function):
    """y = γ ⊙ x̂ + β with x̂ = (x − μ) / √(σ² + ε)    [layer_norm].

    μ and σ² over the last axis: x (…, D), γ and β (D). With G = γ ⊙ ∂L/∂y:
    ∂L/∂x = (G − mean(G) − x̂ ⊙ mean(G ⊙ x̂)) / √(σ² + ε), ∂L/∂γ = Σ ∂L/∂y ⊙ x̂, ∂L/∂β = Σ ∂L/∂y.
    """

    float_inputs = None

    def __init__(self, eps: float = 1e-5):
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        if x.ndim == 0 or weight.shape != x.shape[-1:] or bias.shape != x.shape[-1:]:
            raise ShapeError(
                f"layer_norm got an input of shape {x.shape}, weight {weight.shape} and bias {bias.shape}: "
                "weight and bias must have one number for each feature of the last axis."
            )
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # (N, D)
        y, mean, scale = self.kernels.layer_norm_forward(rows, weight, bias, self.eps)
        self.save(rows, weight, mean, scale)
        return y.reshape(x.shape)

    def backward(self, grad_y: Array) -> tuple[Array, Array, Array]:
        rows, weight, mean, scale = self.saved
        grad_rows = grad_y.reshape(rows.shape)
        grad_x, *others = self.kernels.layer_norm_backward(grad_rows, rows, weight, mean, scale)
        return (grad_x.reshape(grad_y.shape), *others)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """Normalise the last axis: x (…, D), weight and bias (D)."""
    return LayerNorm(eps)(x, weight, bias)


def layer_norm_composed(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """The same out of primitive operations."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / ((centred**2).mean(-1, keepdims=True) + eps).sqrt() * weight + bias


def rms_norm(x: Tensor, weight: Tensor, eps: float | None = None) -> Tensor:
    """x / √(mean x² + ε) over the last axis, times weight (D); ε is the type's precision for None.

    Source: Zhang and Sennrich 2019.
    """
    x = floating(x)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    return x / ((x**2).mean(-1, keepdims=True) + eps).sqrt() * weight
