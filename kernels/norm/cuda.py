"""Layer normalisation over the rows of a matrix [layer_norm]; the parameters' gradients in two stages."""

from ..cuda.launching import THREADS, WARP, array_module, launch, threads_for, whole

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


# ---------------------------------------------------------------- earlier versions, slower, to learn from
def layer_norm_forward_1(x, weight, bias, eps):
    """A thread a row    [layer_norm]."""
    return _layer_norm_forward(1, x, weight, bias, eps)


def layer_norm_forward_2(x, weight, bias, eps):
    """A block a row, number by number    [layer_norm]."""
    return _layer_norm_forward(2, x, weight, bias, eps)


def _layer_norm_forward(version, x, weight, bias, eps):
    x, weight, bias = whole(x, weight, bias)
    xp = array_module(x)
    N, D = x.shape
    y, mean, scale = xp.empty_like(x), xp.empty(N, x.dtype), xp.empty(N, x.dtype)
    threads = threads_for(N if version == 1 else D)
    blocks, sizes = (-(-N // threads), (N, D)) if version == 1 else (N, (D,))
    kernel = f"layer_norm_forward_{version}"
    launch("norm", kernel, blocks, threads, x, weight, bias, y, mean, scale, float(eps), *sizes)
    return y, mean, scale


def layer_norm_backward_1(grad_y, x, weight, mean, scale):
    """A thread a row, then a thread a column    [layer_norm]."""
    grad_y, x, weight, mean, scale = whole(grad_y, x, weight, mean, scale)
    xp = array_module(x)
    N, D = x.shape
    grad_x, grad_weight, grad_bias = xp.empty_like(x), xp.empty(D, x.dtype), xp.empty(D, x.dtype)
    rows, columns = threads_for(N), threads_for(D)
    inputs = grad_y, x, weight, mean, scale
    launch("norm", "layer_norm_backward_1", -(-N // rows), rows, *inputs, grad_x, N, D)
    launch(
        "norm", "layer_norm_parameters_1", -(-D // columns), columns,
        grad_y, x, mean, scale, grad_weight, grad_bias, N, D,
    )  # fmt: skip
    return grad_x, grad_weight, grad_bias
