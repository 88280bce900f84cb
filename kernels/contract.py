"""The one list of kernels that every device has to have.

Each row: name, formula id, arguments, results. An argument is `name (SHAPE)` for floats, `name:int (SHAPE)`
for integer ids, `name:number` for a plain number, `name:list` for a list of float arrays of any shapes; a
star (`gates* (…)`) marks what the kernel overwrites. `…` is any shape. Letters mean the same length
throughout one row:

    M rows, K terms, N columns of a product; otherwise:
    N rows (batch × time)   T time steps   B batch   D features   H hidden   V vocabulary, classes
    L layers   S keys, E features of values in attention   A units of additive attention
    (of heads side by side: H heads with D features each)

Floats are float32 or float64, results in the type of the arguments, and arrays may be non-contiguous.
Results are fresh arrays: a kernel never returns an argument or a view of one.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Argument:
    """One argument or result of a kernel."""

    name: str
    kind: str  # "float", "int", "number" or "list"
    shape: tuple[str, ...] | None  # letters; None for numbers and lists
    in_place: bool


@dataclass(frozen=True)
class Kernel:
    """One row of the contract."""

    name: str
    formula: str
    arguments: tuple[Argument, ...]
    results: tuple[Argument, ...]


def _parse(text: str) -> tuple[Argument, ...]:
    pattern = r"(\w+)(\*?)(?::(\w+))?(?: \(([^)]*)\))?(?:, |$)"
    found = re.findall(pattern, text)
    return tuple(
        Argument(
            name, kind or "float", tuple(shape.replace(" ", "").split(",")) if shape else None, star == "*"
        )
        for name, star, kind, shape in found
    )


def _kernel(name: str, formula: str, arguments: str, results: str) -> Kernel:
    return Kernel(name, formula, _parse(arguments), _parse(results))


CONTRACT: tuple[Kernel, ...] = (
    _kernel("matmul", "matmul", "a (M, K), b (K, N)", "y (M, N)"),
    _kernel("linear_forward", "linear", "x (M, K), weight (N, K), bias (N)", "y (M, N)"),
    _kernel(
        "linear_weight_backward",
        "linear",
        "grad_y (N, E), x (N, D)",
        "grad_weight (E, D), grad_bias (E)",
    ),
    _kernel("add", "add", "a (…), b (…)", "y (…)"),
    _kernel("tanh_forward", "tanh", "x (…)", "y (…)"),
    _kernel("tanh_backward", "tanh", "y (…), grad_y (…)", "grad_x (…)"),
    _kernel("sigmoid_forward", "sigmoid", "x (…)", "y (…)"),
    _kernel("sigmoid_backward", "sigmoid", "y (…), grad_y (…)", "grad_x (…)"),
    _kernel("relu_forward", "relu", "x (…)", "y (…)"),
    _kernel("relu_backward", "relu", "y (…), grad_y (…)", "grad_x (…)"),
    _kernel("gelu_forward", "gelu", "x (…), approximate:number", "y (…)"),
    _kernel("gelu_backward", "gelu", "x (…), grad_y (…), approximate:number", "grad_x (…)"),
    _kernel("softmax_forward", "softmax", "x (N, V)", "y (N, V)"),
    _kernel("softmax_backward", "softmax", "y (N, V), grad_y (N, V)", "grad_x (N, V)"),
    _kernel("log_softmax_forward", "log_softmax", "x (N, V)", "y (N, V)"),
    _kernel("log_softmax_backward", "log_softmax", "y (N, V), grad_y (N, V)", "grad_x (N, V)"),
    _kernel(
        "cross_entropy_forward",
        "cross_entropy",
        "logits (N, V), targets:int (N), ignore_index:number, smoothing:number",
        "losses (N), logsumexp (N)",
    ),
    _kernel(
        "cross_entropy_backward",
        "cross_entropy",
        "logits (N, V), targets:int (N), logsumexp (N), grad_losses (N), ignore_index:number, "
        "smoothing:number",
        "grad_logits (N, V)",
    ),
    _kernel(
        "linear_cross_entropy_losses",
        "linear_cross_entropy",
        "x (N, D), weight (V, D), bias (V), targets:int (N), ignore_index:number",
        "losses (N)",
    ),
    _kernel(
        "linear_cross_entropy",
        "linear_cross_entropy",
        "x (N, D), weight (V, D), bias (V), targets:int (N), grad_losses (N), ignore_index:number",
        "losses (N), grad_x (N, D), grad_weight (V, D), grad_bias (V)",
    ),
    _kernel("embedding_forward", "embedding", "weight (V, D), ids:int (N)", "y (N, D)"),
    _kernel(
        "embedding_backward",
        "embedding",
        "grad_y (N, D), ids:int (N), vocabulary:number",
        "grad_weight (V, D)",
    ),
    _kernel(
        "lstm_cell_forward",
        "lstm.cell",
        "gates* (B, 4H), c_before (B, H)",
        "h (B, H), c (B, H)",
    ),
    _kernel(
        "lstm_cell_backward",
        "lstm.cell",
        "grad_h (B, H), grad_c (B, H), gates (B, 4H), c_before (B, H), c (B, H)",
        "grad_gates (B, 4H), grad_c_before (B, H)",
    ),
    _kernel(
        "lstm_forward",
        "lstm.sequence",
        "gates* (T, B, 4H), h_before (B, H), c_before (B, H), weight_hh (4H, H)",
        "h (T, B, H), c (T, B, H)",
    ),
    _kernel(
        "lstm_backward",
        "lstm.sequence",
        "grad_h (T, B, H), grad_c_last (B, H), gates (T, B, 4H), c_before (B, H), c (T, B, H), "
        "weight_hh (4H, H)",
        "grad_gates (T, B, 4H), grad_h_before (B, H), grad_c_before (B, H)",
    ),
    _kernel(
        "gru_forward",
        "gru",
        "gates (T, B, 3H), h_before (B, H), weight_hh (3H, H), bias_hh (3H)",
        "h (T, B, H), saved (T, B, 4H)",
    ),
    _kernel(
        "gru_backward",
        "gru",
        "grad_h (T, B, H), saved (T, B, 4H), h_before (B, H), h (T, B, H), weight_hh (3H, H)",
        "grad_x_part (T, B, 3H), grad_h_part (T, B, 3H), grad_h_before (B, H)",
    ),
    _kernel(
        "layer_norm_forward",
        "layer_norm",
        "x (N, D), weight (D), bias (D), eps:number",
        "y (N, D), mean (N), scale (N)",
    ),
    _kernel(
        "layer_norm_backward",
        "layer_norm",
        "grad_y (N, D), x (N, D), weight (D), mean (N), scale (N)",
        "grad_x (N, D), grad_weight (D), grad_bias (D)",
    ),
    _kernel(
        "attention_forward",
        "attention",
        "q (N, T, D), k (N, S, D), v (N, S, E), lengths:int (N), causal:number",
        "y (N, T, E), logsumexp (N, T)",
    ),
    _kernel(
        "attention_backward",
        "attention",
        "grad_y (N, T, E), q (N, T, D), k (N, S, D), v (N, S, E), y (N, T, E), logsumexp (N, T), "
        "lengths:int (N), causal:number",
        "grad_q (N, T, D), grad_k (N, S, D), grad_v (N, S, E)",
    ),
    _kernel(
        "additive_attention_forward",
        "additive_attention",
        "query (N, T, A), keys (N, S, A), values (N, S, E), weight (A)",
        "y (N, T, E), p (N, T, S)",
    ),
    _kernel(
        "additive_attention_backward",
        "additive_attention",
        "grad_y (N, T, E), query (N, T, A), keys (N, S, A), values (N, S, E), weight (A), p (N, T, S)",
        "grad_query (N, T, A), grad_keys (N, S, A), grad_values (N, S, E), grad_weight (A)",
    ),
    _kernel(
        "attention_packed_forward",
        "attention",
        "qkv (B, T, 3, H, D), lengths:int (B), causal:number",
        "y (B, T, H, D), logsumexp (B, H, T)",
    ),
    _kernel(
        "attention_packed_backward",
        "attention",
        "grad_y (B, T, H, D), qkv (B, T, 3, H, D), y (B, T, H, D), logsumexp (B, H, T), lengths:int (B), "
        "causal:number",
        "grad_qkv (B, T, 3, H, D)",
    ),
    _kernel(
        "lstm_step",
        "lstm.step",
        "x (B, D), h_before (B, H), c_before (B, H), weight_ih (4H, D), weight_hh (4H, H), bias_ih (4H), "
        "bias_hh (4H)",
        "h (B, H), c (B, H)",
    ),
    _kernel(
        "transformer_step",
        "transformer.step",
        "x (B, D), keys (L, B, S, D), values (L, B, S, D), heads:number, eps:number, weights:list",
        "y (B, V), seen_keys (L, B, S+1, D), seen_values (L, B, S+1, D)",
    ),
    _kernel("dropout", "dropout", "x (…), p:number, seed:number, call:number", "y (…)"),
    _kernel("gradient_norm", "gradient_norm", "gradients:list", "norm:number"),
    _kernel(
        "sgd_step",
        "sgd",
        "parameters*:list, gradients:list, velocities*:list, lr:number, momentum:number, weight_decay:number",
        "",
    ),
    _kernel(
        "adam_step",
        "adam",
        "parameters*:list, gradients:list, means*:list, squares*:list, lr:number, beta1:number, "
        "beta2:number, eps:number, weight_decay:number, decoupled:number, step:number",
        "",
    ),
)
