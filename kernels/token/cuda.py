"""One token through the layers of a model, for text written token by token [lstm.step, transformer.step].

Out of the other kernels: on a card a token waits for launches, not for memory.
"""

from ..activation.cuda import gelu_forward
from ..attention.cuda import attention_forward
from ..cuda.launching import array_module
from ..lstm.cuda import lstm_cell_forward
from ..matmul.cuda import linear_forward, matmul
from ..norm.cuda import layer_norm_forward


def lstm_step(x, h_before, c_before, weight_ih, weight_hh, bias_ih, bias_hh):
    """One layer: gates = x W_ihᵀ + b_ih + h W_hhᵀ + b_hh, then the cell    [lstm.step]."""
    gates = linear_forward(x, weight_ih, bias_ih)
    gates += linear_forward(h_before, weight_hh, bias_hh)
    return lstm_cell_forward(gates, c_before)


def transformer_step(x, keys, values, heads, eps, weights):
    """x + attention(norm x), then x + MLP(norm x) in each layer; scores norm(x) Tᵀ    [transformer.step]."""
    xp, seen = array_module(x), []
    for layer in range(len(keys)):
        w = weights[12 * layer : 12 * (layer + 1)]
        normed, _, _ = layer_norm_forward(x, w[0], w[1], eps)
        q, k, v = xp.split(linear_forward(normed, w[2], w[3]), 3, axis=1)  # each (B, D)
        grown = ((keys[layer], k), (values[layer], v))
        seen.append([xp.concatenate([earlier, own[:, None]], axis=1) for earlier, own in grown])
        x = x + linear_forward(_attend(xp, q, *seen[-1], heads), w[4], w[5])
        normed, _, _ = layer_norm_forward(x, w[6], w[7], eps)
        hidden = gelu_forward(linear_forward(normed, w[8], w[9]), False)  # (B, E)
        x = x + linear_forward(hidden, w[10], w[11])
    gain, offset, table = weights[-3:]
    normed, _, _ = layer_norm_forward(x, gain, offset, eps)
    return matmul(normed, table.T), *(xp.stack(parts) for parts in zip(*seen, strict=True))


def _attend(xp, q, keys, values, heads):
    """What queries (B, D) get from keys and values (B, S + 1, D)."""
    B, D = q.shape
    q, k, v = (
        a.reshape(B, -1, heads, D // heads).swapaxes(1, 2).reshape(B * heads, -1, D // heads)
        for a in (q, keys, values)
    )  # (BH, 1, D/H), (BH, S + 1, D/H) twice
    y, _ = attention_forward(q, k, v, xp.full(B * heads, k.shape[1], "int32"), False)
    return y.reshape(B, D)
