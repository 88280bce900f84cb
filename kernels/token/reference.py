"""One token through the layers of a model, for text that is written token by token: no sequence, no graph.

What the layers' own formulas say, for the newest token alone [lstm.step, transformer.step]. B batch,
D features, H hidden units, L layers, S earlier tokens, E hidden features of a Transformer block, V
vocabulary.
"""

from types import SimpleNamespace

import numpy as np

from ..activation.reference import gelu_forward
from ..attention.reference import attention_forward
from ..grammar import kernel
from ..lstm.reference import lstm_cell_forward
from ..matmul.reference import linear_forward, matmul
from ..norm.reference import layer_norm_forward

# What a block of a Transformer is made of.
PARTS = SimpleNamespace(
    norm=layer_norm_forward,
    linear=linear_forward,
    attention=attention_forward,
    gelu=gelu_forward,
    matmul=matmul,
)


@kernel(
    "lstm.step",
    "x (B, D), h_before (B, H), c_before (B, H), weight_ih (4H, D), weight_hh (4H, H), "
    "bias_ih (4H), bias_hh (4H)",
    "h (B, H), c (B, H)",
)
def lstm_step(x, h_before, c_before, weight_ih, weight_hh, bias_ih, bias_hh):
    """One layer: gates = x W_ihᵀ + b_ih + h W_hhᵀ + b_hh, then the cell: h, c (B, H)    [lstm.step]."""
    gates = linear_forward(x, weight_ih, bias_ih) + linear_forward(h_before, weight_hh, bias_hh)  # (B, 4H)
    return lstm_cell_forward(gates, c_before)


@kernel(
    "transformer.step",
    "x (B, D), keys (L, B, S, D), values (L, B, S, D), heads:number, eps:number, weights:list",
    "y (B, V), seen_keys (L, B, S+1, D), seen_values (L, B, S+1, D)",
    L=(1, 4),
    B=(1, 4),
    S=(1, 4),
    D=(2, 37),
)
def transformer_step(x, keys, values, heads, eps, weights, xp=np, of=PARTS):
    """x + attention(norm x), then x + MLP(norm x) in each layer; scores norm(x) Tᵀ    [transformer.step].

    For one token x (B, D), that sees itself and the S earlier ones, whose keys and values (L, B, S, D) were
    kept; heads lie side by side in D. `weights`: of each layer in turn weight and bias of norm1, in_proj
    (3D, D), out_proj (D, D), norm2, linear1 (E, D), linear2 (D, E); then of the last norm, and the table T
    (V, D). Returns scores (B, V), and keys and values (L, B, S + 1, D) with the token's own.

    Another set gives its array module `xp`, and its kernels `of` which a block is made.
    """
    seen = []
    for layer in range(len(keys)):
        w = weights[12 * layer : 12 * (layer + 1)]
        normed, _, _ = of.norm(x, w[0], w[1], eps)
        q, k, v = xp.split(of.linear(normed, w[2], w[3]), 3, axis=1)  # each (B, D)
        grown = ((keys[layer], k), (values[layer], v))
        seen.append([xp.concatenate([earlier, own[:, None]], axis=1) for earlier, own in grown])
        heard = _attend(q, *seen[-1], heads, xp, of)
        x = x + of.linear(heard, w[4], w[5])
        normed, _, _ = of.norm(x, w[6], w[7], eps)
        hidden = of.gelu(of.linear(normed, w[8], w[9]), False)  # (B, E)
        x = x + of.linear(hidden, w[10], w[11])
    gain, offset, table = weights[-3:]
    normed, _, _ = of.norm(x, gain, offset, eps)
    return of.matmul(normed, table.T), *(xp.stack(parts) for parts in zip(*seen, strict=True))


def _attend(q, keys, values, heads, xp, of):
    """What queries (B, D) get from keys and values (B, S + 1, D)."""
    B, D = q.shape
    q, k, v = (
        a.reshape(B, -1, heads, D // heads).swapaxes(1, 2).reshape(B * heads, -1, D // heads)
        for a in (q, keys, values)
    )  # (BH, 1, D/H), (BH, S + 1, D/H) twice
    y, _ = of.attention(q, k, v, xp.full(B * heads, k.shape[1]), False)
    return y.reshape(B, D)


def weight_shapes(L, D, E, V):
    """Shapes of the weights of `transformer_step`, in its order."""
    block = [(D,), (D,), (3 * D, D), (3 * D,), (D, D), (D,), (D,), (D,), (E, D), (E,), (D, E), (D,)]
    return [*block * L, (D,), (D,), (V, D)]


def example(kernel, drawn, draw):
    """Weights of L blocks of a Transformer and what follows, and into how many heads the features fall."""
    if kernel != "transformer_step":
        return {}
    L, D, E, V = len(drawn["keys"]), drawn["x"].shape[1], draw.length("E"), draw.length("V")
    shapes = weight_shapes(L, D, E, V)
    return {
        "heads": draw.one_of("heads", [h for h in (1, 2, 3, 4) if D % h == 0]),
        "weights": [draw.floats(shape, min(1, draw.scale) * shape[-1] ** -0.5) for shape in shapes],
    }
