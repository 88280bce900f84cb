"""One optimizer step over all parameters [sgd, adam], and the length of the gradient [gradient_norm]."""

import math

from ..grammar import kernel


@kernel("gradient_norm", "gradients:list", "norm:number")
def gradient_norm(gradients):
    """‖g‖ = √ Σ g², over all parameters together, summed in float64    [gradient_norm]."""
    return math.sqrt(sum(float((g.astype("float64") ** 2).sum()) for g in gradients))


@kernel(
    "sgd",
    "parameters*:list, gradients:list, velocities*:list, lr:number, momentum:number, weight_decay:number",
    "",
)
def sgd_step(parameters, gradients, velocities, lr, momentum, weight_decay):
    """v ← μ v + (g + λ θ),  θ ← θ − α v    [sgd]. All in place; v starts at 0.

    α lr, μ momentum, λ weight decay. Source: Sutskever and others 2013, in PyTorch's form.
    """
    for theta, g, v in zip(parameters, gradients, velocities, strict=True):
        v *= momentum
        v += g + weight_decay * theta
        theta -= lr * v


@kernel(
    "adam",
    "parameters*:list, gradients:list, means*:list, squares*:list, lr:number, beta1:number, "
    "beta2:number, eps:number, weight_decay:number, decoupled:number, step:number",
    "",
)
def adam_step(parameters, gradients, means, squares, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """m ← β₁ m + (1−β₁) g,  s ← β₂ s + (1−β₂) g²,  θ ← θ − α m̂ / (√ŝ + ε)    [adam]. All in place.

    m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ) correct the start from 0 at step t = 1, 2, …. Weight decay λ:
    decoupled (AdamW) θ ← θ − α λ θ first, else (Adam) g ← g + λ θ. Source: Kingma and Ba 2015; Loshchilov
    and Hutter 2019.
    """
    correction1, correction2 = 1 - beta1**step, 1 - beta2**step
    for theta, g, m, s in zip(parameters, gradients, means, squares, strict=True):
        if weight_decay and decoupled:
            theta *= 1 - lr * weight_decay
        elif weight_decay:
            g = g + weight_decay * theta
        m *= beta1
        m += (1 - beta1) * g
        s *= beta2
        s += (1 - beta2) * g * g
        theta -= lr / correction1 * m / ((s / correction2) ** 0.5 + eps)


def example(kernel, drawn, draw):
    """Means of squares are not negative."""
    return {"squares": [abs(a) for a in drawn["squares"]]} if kernel == "adam_step" else {}
