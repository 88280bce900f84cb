"""Layer normalisation over the rows of a matrix [layer_norm]; the parameters' gradients in two stages."""

from .launching import THREADS, WARP, array_module, launch, threads_for, whole

ROWS = 64  # rows that one block adds up into the parameters' gradients


def layer_norm_forward(x, weight, bias, eps):
    """y = γ ⊙ (x − μ) / √(σ² + ε) + β    [layer_norm]. Returns y (N, D), μ (N), 1/√(σ² + ε) (N)."""
    x, weight, bias = whole(x, weight, bias)
    xp = array_module(x)
    N, D = x.shape
    y, mean, scale = xp.empty_like(x), xp.empty(N, x.dtype), xp.empty(N, x.dtype)
    threads = threads_for(-(-D // 4))
    launch("norm", "layer_norm_forward", N, threads, x, weight, bias, y, mean, scale, float(eps), D)
    return y, mean, scale


def layer_norm_backward(grad_y, x, weight, mean, scale):
    """∂L/∂x = scale·(G − mean(G) − x̂ ⊙ mean(G ⊙ x̂)); ∂L/∂γ, ∂L/∂β are sums over rows    [layer_norm]."""
    grad_y, x, weight, mean, scale = whole(grad_y, x, weight, mean, scale)
    xp = array_module(x)
    N, D = x.shape
    grad_x, groups = xp.empty_like(x), -(-N // ROWS)
    threads = threads_for(-(-D // 4))
    launch("norm", "layer_norm_backward", N, threads, grad_y, x, weight, mean, scale, grad_x, D)
    parts = xp.empty((2, groups, D), x.dtype)
    launch(
        "norm", "layer_norm_parameters", groups * -(-D // WARP), THREADS,
        grad_y, x, mean, scale, parts[0], parts[1], N, D, ROWS,
    )  # fmt: skip
    return grad_x, parts[0].sum(axis=0), parts[1].sum(axis=0)
