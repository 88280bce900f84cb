"""One more token without a graph, in few kernels: what writes text asks for once, then calls for each token.

A reader is made of a model's weights as they lie in memory, and checks them once: what changes in place is
seen, an array put in another's place is not. It is None where a part of the model was replaced, so that only
`forward` knows what the model does; and it returns None where `forward` has to read (and to say what does not
fit). Dropout is off.

B batch, D embedding_dim, H hidden_size, L layers, V vocabulary, S tokens read so far.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchlm.kernels.token.reference import weight_shapes

from .. import nn
from ..device import to_host, upload
from ..tensor import Tensor

# Ids (B) and the state → array of scores (B, V) and the new state.
Reader = Callable[[Any, Any], tuple[Any, Any] | None]

PARTS_OF_A_BLOCK = (
    nn.TransformerBlock, nn.Attention, nn.Linear, nn.Linear, nn.Linear, nn.LayerNorm, nn.LayerNorm,
    nn.Dropout,
)  # fmt: skip


def lstm_reader(embedding: Any, lstm: Any, dropout: Any, head: Any) -> Reader | None:
    """One token through embedding, LSTM layers and a linear layer    [lstm.step]. State: h, c (L, B, H)."""
    if [type(part) for part in (embedding, lstm, dropout, head)] != [
        nn.Embedding, nn.LSTM, nn.Dropout, nn.Linear,
    ] or lstm.bidirectional or head.bias is None:  # fmt: skip
        return None
    table, device = embedding.weight.data, embedding.weight.device
    layers = [[weight.data for weight in lstm.weights(k, "")] for k in range(lstm.num_layers)]
    last = head.weight.data, head.bias.data
    L, H, V = lstm.num_layers, lstm.hidden_size, len(table)
    inputs = [table.shape[1], *[H] * (L - 1)]
    expected = [shape for D in inputs for shape in ((4 * H, D), (4 * H, H), (4 * H,), (4 * H,))]
    expected = [table.shape, *expected, (len(last[0]), H), last[0].shape[:1]]
    if not _alike([table, *(weight for weights in layers for weight in weights), *last], expected):
        return None

    def read(ids: Any, state: Any) -> tuple[Any, Any] | None:
        new, (h, c), shape = to_host(ids), state, (L, len(ids), H)
        if not _known(new, V) or not all(_fits(part, shape, table, device) for part in state):
            return None
        x = device.kernels.embedding_forward(table, upload(new, device))  # (B, D)
        new_h, new_c = device.xp.empty(shape, table.dtype), device.xp.empty(shape, table.dtype)
        for k, weights in enumerate(layers):
            new_h[k], new_c[k] = device.kernels.lstm_step(x, h.data[k], c.data[k], *weights)
            x = new_h[k]
        scores = device.kernels.linear_forward(x, *last)  # (B, V)
        return scores, (Tensor._of(new_h, device), Tensor._of(new_c, device))

    return read


def gpt_reader(model: Any) -> Reader | None:
    """One token through the blocks of a GPT    [transformer.step]. State: ids, keys, values (L, B, S, D)."""
    blocks: list[Any] = list(model.blocks)
    own = [nn.Embedding, nn.Embedding, nn.Dropout, nn.LayerNorm]
    if [type(part) for part in (model.embedding, model.position, model.dropout, model.norm)] != own:
        return None
    table, position = model.embedding.weight.data, model.position.weight.data
    weights: list[Any] = []
    for block in blocks:
        if (of_block := _weights(block)) is None:
            return None
        weights += of_block
    heads, eps = blocks[0].self_attn.num_heads, model.norm.eps
    if any((block.self_attn.num_heads, block.norm1.eps) != (heads, eps) for block in blocks):
        return None
    L, (V, D), E, device = len(blocks), table.shape, len(weights[9]), model.embedding.weight.device
    weights += [model.norm.weight.data, model.norm.bias.data, table]
    expected = [*weight_shapes(L, D, E, V), (model.context, D)]
    if D % heads or not _alike([*weights, position], expected):
        return None

    def read(ids: Any, state: Any) -> tuple[Any, Any] | None:
        new, (before, keys, values) = to_host(ids), state
        S, kept = before.shape[1], (L, len(ids), before.shape[1], D)
        fit = all(_fits(part, kept, table, device) for part in (keys, values))
        if model.context == S or not fit or len(before) != len(new) or not _known(new, V):
            return None
        x = device.kernels.embedding_forward(table, upload(new, device)) + position[S]  # (B, D)
        scores, *seen = device.kernels.transformer_step(x, keys.data, values.data, heads, eps, weights)
        keys, values = (Tensor._of(array, device) for array in seen)  # (L, B, S + 1, D)
        return scores, (np.concatenate([before, new[:, None]], axis=1), keys, values)

    return read


def _weights(block: Any) -> list[Any] | None:
    """A block's weights and biases in the kernel's order; None where a part of it was replaced."""
    attention, norm1, linear1 = block.self_attn, block.norm1, block.linear1
    out_proj, linear2, norm2 = attention.out_proj, block.linear2, block.norm2
    parts = (block, attention, out_proj, linear1, linear2, norm1, norm2, block.dropout)
    if tuple(map(type, parts)) != PARTS_OF_A_BLOCK or norm1.eps != norm2.eps:
        return None
    if not block.norm_first or block.activation != "gelu":  # the kernel knows no others
        return None
    weights = [
        norm1.weight, norm1.bias, attention.in_proj_weight, attention.in_proj_bias,
        out_proj.weight, out_proj.bias, norm2.weight, norm2.bias,
        linear1.weight, linear1.bias, linear2.weight, linear2.bias,
    ]  # fmt: skip
    return None if any(weight is None for weight in weights) else [weight.data for weight in weights]


def _alike(arrays: list[Any], shapes: list[Any]) -> bool:
    """Whether arrays have these shapes and one type: kernels trust them."""
    return [array.shape for array in arrays] == shapes and len({array.dtype for array in arrays}) == 1


def _fits(part: Tensor, shape: tuple[int, ...], like: Any, device: Any) -> bool:
    """Whether a part of the state has this shape, and type and device of the weights."""
    return part._data.shape == shape and part._data.dtype == like.dtype and part.device is device


def _known(ids: np.ndarray, vocabulary: int) -> bool:
    """Whether ids (B) are all tokens of the model."""
    return ids.ndim == 1 and ids.dtype.kind in "iu" and all(0 <= id < vocabulary for id in ids.tolist())
