"""Layer normalisation over the rows of a matrix [layer_norm]."""

import numpy as np

from ..grammar import kernel


@kernel(
    "layer_norm",
    "x (N, D), weight (D), bias (D), eps:number",
    "y (N, D), mean (N), scale (N)",
    D=(2, 37),
)
def layer_norm_forward(x, weight, bias, eps):
    """y = γ ⊙ (x − μ) / √(σ² + ε) + β with mean μ and variance σ² of each row    [layer_norm].

    Returns y (N, D) and, for backward, μ (N) and 1/√(σ² + ε) (N). Source: Ba, Kiros, Hinton 2016.
    """
    mean = x.mean(axis=1)  # (N)
    scale = 1 / np.sqrt(x.var(axis=1) + x.dtype.type(eps))  # (N)
    return (x - mean[:, None]) * scale[:, None] * weight + bias, mean, scale


@kernel(
    "layer_norm",
    "grad_y (N, D), x (N, D), weight (D), mean (N), scale (N)",
    "grad_x (N, D), grad_weight (D), grad_bias (D)",
    D=(2, 37),
)
def layer_norm_backward(grad_y, x, weight, mean, scale):
    """∂L/∂x = scale·(G − mean(G) − x̂ ⊙ mean(G ⊙ x̂))    [layer_norm].

    x̂ = (x − μ)·scale and G = γ ⊙ ∂L/∂y; the means are over a row. ∂L/∂γ = Σ_n ∂L/∂y ⊙ x̂,  ∂L/∂β = Σ_n ∂L/∂y.
    """
    normed = (x - mean[:, None]) * scale[:, None]  # x̂ (N, D)
    g = grad_y * weight
    inner = g - g.mean(axis=1, keepdims=True) - normed * (g * normed).mean(axis=1, keepdims=True)
    return inner * scale[:, None], (grad_y * normed).sum(axis=0), grad_y.sum(axis=0)


def example(kernel, drawn, draw):
    """Backward takes μ and 1/√(σ² + ε) from forward."""
    if kernel != "layer_norm_backward":
        return {}
    _, mean, scale = layer_norm_forward(drawn["x"], drawn["weight"], drawn["weight"], 1e-5)
    return {"mean": mean, "scale": scale}
