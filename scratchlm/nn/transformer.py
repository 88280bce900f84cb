"""PyTorch's attention and Transformer layers, by its calls, parameter names and defaults.

The models here are built of `Attention` and `TransformerBlock`, which keep keys and values for text that is
written token by token. B batch, T queries, S keys, D embed_dim; time is the first axis where batch_first is
False, as by PyTorch's default.
"""

import copy
import math
from typing import Any

from .. import functions as F
from ..device import Device
from ..errors import ShapeError
from ..function import tensor_of
from ..tensor import Tensor
from .attention import Attention, checked_activation
from .containers import ModuleList
from .layers import Dropout, LayerNorm, Linear, whole
from .module import Module


class MultiheadAttention(Attention):
    """Attention with H heads by PyTorch's call: query, key, value → output and weights    [attention]."""

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        device: "str | Device | None" = None,
    ):
        super().__init__(embed_dim, num_heads, dropout, bias, device)
        self.batch_first = batch_first

    def forward(  # type: ignore[override]
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """query (T, B, D), key and value (S, B, D), or batch first → output as query, weights (B, T, S).

        Args:
            key_padding_mask: (B, S), True where a key does not count, or numbers added to the scores.
            attn_mask: (T, S) or (B·H, T, S), likewise.
            average_attn_weights: the mean over heads; without it, weights are (B, H, T, S).
            is_causal: PyTorch's hint that attn_mask is the causal one: it has to be given, too.
        """
        query, key, value = (tensor_of(x, "MultiheadAttention") for x in (query, key, value))
        if is_causal and attn_mask is None:
            raise ShapeError("is_causal is a hint beside attn_mask: give the mask, too.")
        shapes = [x.shape for x in (query, key, value)]
        batch = 0 if self.batch_first else 1
        together = {len(shape) for shape in shapes} == {3} and shapes[1][:2] == shapes[2][:2]
        if not together or shapes[0][batch] != shapes[1][batch]:
            raise ShapeError(f"MultiheadAttention takes query, key, value of three axes, got {shapes}.")
        if not self.batch_first:
            query, key, value = (x.swapaxes(0, 1) for x in (query, key, value))
        D = query.shape[-1]
        q, k, v = (self._project(x, slice(i * D, i * D + D)) for i, x in enumerate((query, key, value)))
        q, k, v = self._heads(q), self._heads(k), self._heads(v)  # (B, H, ·, D/H)
        mask = self._mask(q, k.shape[2], None, False, attn_mask, key_padding_mask)
        p, weights = self.dropout if self.training else 0.0, None
        if need_weights:
            scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
            weights = F.softmax(scores if mask is None else scores + mask)  # (B, H, T, S)
            y = F.dropout(weights, p) @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            y = F.scaled_dot_product_attention(q, k, v, mask, p)
        y = self.out_proj(y.permute(0, 2, 1, 3).reshape(*query.shape))
        return (y if self.batch_first else y.swapaxes(0, 1)), weights


class Layer(Module):
    """What encoder and decoder layers share: the MLP and the way around each part."""

    parts: int  # 2 for attention and MLP, 3 with attention to an encoder between them
    norm1: LayerNorm
    norm2: LayerNorm
    norm3: LayerNorm

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: "str | Device | None" = None,
    ):
        options = {"dropout": dropout, "bias": bias, "batch_first": batch_first, "device": device}
        self.self_attn = MultiheadAttention(d_model, nhead, **options)  # type: ignore[arg-type]
        if self.parts == 3:
            self.multihead_attn = MultiheadAttention(d_model, nhead, **options)  # type: ignore[arg-type]
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, device=device)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, device=device)
        for k in range(1, self.parts + 1):
            setattr(self, f"norm{k}", LayerNorm(d_model, layer_norm_eps, bias=bias, device=device))
        self.dropout = Dropout(dropout)
        self.activation, self.norm_first = checked_activation(activation), norm_first

    def around(self, x: Tensor, norm: Module, part: Any) -> Tensor:
        """x + part(norm x), or norm(x + part x)."""
        if self.norm_first:
            return x + self.dropout(part(norm(x)))
        return norm(x + self.dropout(part(x)))

    def mlp(self, x: Tensor) -> Tensor:
        """Wider, a bend, narrower."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(Layer):
    """Self-attention and an MLP, each with a way around it. Source: Vaswani and others 2017."""

    parts = 2

    def forward(
        self, src: Tensor, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Tensor:
        """src (T, B, D), or batch first → the same shape; masks as for MultiheadAttention."""

        def attention(x: Tensor) -> Tensor:
            return self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]

        return self.around(self.around(src, self.norm1, attention), self.norm2, self.mlp)


class TransformerDecoderLayer(Layer):
    """Self-attention, attention to the encoder's output, an MLP."""

    parts = 3

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
    ) -> Tensor:
        """tgt (T, B, D), memory (S, B, D), or batch first → the shape of tgt."""

        def own(x: Tensor) -> Tensor:
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def other(x: Tensor) -> Tensor:
            return self.multihead_attn(x, memory, memory, memory_key_padding_mask, False, memory_mask)[0]

        x = self.around(self.around(tgt, self.norm1, own), self.norm2, other)
        return self.around(x, self.norm3, self.mlp)


class Stack(Module):
    """Copies of a layer, one after the other, and a last norm where one is given."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None = None):
        layers = whole("num_layers", num_layers)
        self.layers = ModuleList([copy.deepcopy(layer) for _ in range(layers)])
        self.norm = norm

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        """x, and what each layer takes besides."""
        for layer in self.layers:
            x = layer(x, *args, **options)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(Stack):
    """Copies of a TransformerEncoderLayer."""

    def forward(  # type: ignore[override]
        self, src: Tensor, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Tensor:
        """src (T, B, D), or batch first → the same shape; masks for every layer."""
        return super().forward(src, mask, src_key_padding_mask, is_causal)


class TransformerDecoder(Stack):
    """Copies of a TransformerDecoderLayer, with its arguments."""


class Transformer(Module):
    """Encoder and decoder, each with a last norm; src → memory, tgt and memory → output."""

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        **options: Any,
    ):
        sizes = d_model, nhead, dim_feedforward, dropout
        norm = {"eps": options.get("layer_norm_eps", 1e-5), "bias": options.get("bias", True)}
        layers = TransformerEncoderLayer(*sizes, **options), TransformerDecoderLayer(*sizes, **options)
        self.encoder = TransformerEncoder(layers[0], num_encoder_layers, LayerNorm(d_model, **norm))
        self.decoder = TransformerDecoder(layers[1], num_decoder_layers, LayerNorm(d_model, **norm))

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
    ) -> Tensor:
        """src (S, B, D), tgt (T, B, D), or batch first → the shape of tgt."""
        memory = self.encoder(src, src_mask, src_key_padding_mask)
        padding = tgt_key_padding_mask, memory_key_padding_mask
        return self.decoder(tgt, memory, tgt_mask, memory_mask, *padding)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: "str | Device | None" = None) -> Tensor:
        """(T, T): 0 where a query may look, −∞ at later keys."""
        sz = whole("sz", sz)
        return Tensor([[0.0 if s <= t else -math.inf for s in range(sz)] for t in range(sz)], device=device)
