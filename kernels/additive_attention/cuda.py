"""Additive attention without the (T, S, A) tanhs in memory [additive_attention]: a block a query or key."""

from ..cuda.launching import WARP, array_module, launch, threads_for, whole

FAMILY = "additive_attention"


def additive_attention_forward(query, keys, values, weight):
    """Y = P V, P = softmax_s(Σ_a w_a tanh(q_ta + k_sa))    [additive_attention]. Y (N, T, E), P (N, T, S)."""
    query, keys, values, weight = whole(query, keys, values, weight)
    xp = array_module(query)
    (N, T, A), (S, E) = query.shape, values.shape[1:]
    y, p = xp.empty((N, T, E), query.dtype), xp.empty((N, T, S), query.dtype)
    threads = threads_for(max(WARP * S, E))  # a warp for each key, a thread for each feature of y
    launch(FAMILY, f"{FAMILY}_forward", N * T, threads, query, keys, values, weight, y, p, T, S, A, E)
    return y, p


def additive_attention_backward(grad_y, query, keys, values, weight, p):
    """∂L/∂V = Pᵀ G,  ∂L/∂scores = P ⊙ (G Vᵀ − rowsum(G ⊙ Y)), and through tanh    [additive_attention]."""
    grad_y, query, keys, values, weight, p = whole(grad_y, query, keys, values, weight, p)
    xp = array_module(query)
    (N, T, A), (S, E) = query.shape, values.shape[1:]
    g, weight_part = xp.empty_like(p), xp.empty_like(query)
    grad_query, grad_keys, grad_values = xp.empty_like(query), xp.empty_like(keys), xp.empty_like(values)
    launch(FAMILY, f"{FAMILY}_grad_scores", N * T, threads_for(WARP * S), grad_y, values, p, g, T, S, E)
    launch(
        FAMILY, f"{FAMILY}_grad_query", N * T, threads_for(A),
        g, query, keys, weight, grad_query, weight_part, T, S, A,
    )  # fmt: skip
    launch(
        FAMILY, f"{FAMILY}_grad_keys", N * S, threads_for(max(A, E)),
        grad_y, g, p, query, keys, weight, grad_keys, grad_values, T, S, A, E,
    )  # fmt: skip
    return grad_query, grad_keys, grad_values, weight_part.sum(axis=(0, 1))
