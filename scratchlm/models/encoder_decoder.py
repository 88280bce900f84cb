"""Encoder-decoder: one LSTM reads a source, another writes the target, with or without attention.

B batch, S source length, T target length, D embedding_dim, H hidden_size, L num_layers, V vocabulary.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .. import functions as F
from .. import nn
from ..device import Device, to_host
from ..errors import OptionError
from ..modes import no_grad
from ..nn.layers import checked_lengths, uniform
from ..nn.recurrent import turned
from ..tensor import Tensor
from .language_model import head_loss

TINY = 1e-8  # keeps the logarithm of P finite where float32 has rounded it to 0
ATTENTIONS = ("none", "additive", "multiplicative")


class State(NamedTuple):
    """Where the decoder is, and what it knows of the source."""

    h: Tensor  # (L, B, H)
    c: Tensor  # (L, B, H)
    memory: tuple[Tensor, Tensor] | None  # for attention: keys and values, each (B, S, H)
    context: Tensor | None  # the encoder's last output (B, H), for feed_context
    copies: tuple[Tensor, Tensor] | None = None  # for copy: keys (B, S, H) and the source's tokens (B, S, V)
    lengths: np.ndarray | None = None  # how many tokens of each source count (B); all for None


class EncoderDecoder(nn.Module):
    """P(target token | source, target tokens before it); sources of one length, or with `lengths`.

    The decoder starts from the encoder's last state of every layer (Sutskever and others 2014). With
    attention, its outputs h_t of all steps look at the encoder's outputs m_s at once, after the LSTM as in
    Luong and others 2015: y_t = tanh(W [Σ_s p_ts m_s ; h_t]), p_t = softmax of the scores over s.

    Args:
        vocabulary: number of tokens V, of source and target together: they share one embedding.
        embedding_dim, hidden_size, num_layers: D, H, L.
        attention: "none"; "additive", score = w · tanh(A h_t + K m_s) (Bahdanau and others 2015);
            "multiplicative", score = h_t · K m_s (Luong's "general").
        reverse_source: read the source backwards, so that its beginning is near the target's (Sutskever).
        feed_context: give the encoder's last output to the decoder and to the last layer at every step
            (Cho and others 2014), not only at the start.
        copy: write a token of the vocabulary or copy one of the source, as See and others 2017 mix them:
            P(v) = g softmax(head)_v + (1 − g) Σ_{s: source_s = v} p_ts, g = σ(w · y_t). What is copied need
            not be learned by heart.
        dropout: probability before, between and after the LSTM layers, while training.

    Raises:
        OptionError: attention is none of the three, or it is none and tokens are to be copied; or
            two directions cannot share an odd hidden_size.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_dim: int = 64,
        hidden_size: int = 256,
        num_layers: int = 1,
        attention: str = "multiplicative",
        reverse_source: bool = False,
        feed_context: bool = False,
        copy: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: "str | Device | None" = None,
    ):
        if attention not in ATTENTIONS:
            raise OptionError(f"attention is {attention!r}, expected one of {', '.join(ATTENTIONS)}.")
        if copy and attention == "none":
            raise OptionError("What is copied is found by attention: choose one, or set copy=False.")
        if bidirectional and hidden_size % 2:
            raise OptionError(f"hidden_size is {hidden_size}, but two directions share it: make it even.")
        self.attention = attention
        self.copy = copy
        self.reverse_source = reverse_source
        self.feed_context = feed_context
        D, H = embedding_dim, hidden_size
        extra = H if feed_context else 0
        self.embedding = nn.Embedding(vocabulary, D, device=device)
        width = H // 2 if bidirectional else H  # of each direction
        self.encoder = nn.LSTM(
            D, width, num_layers, dropout=dropout, bidirectional=bidirectional, device=device
        )
        self.decoder = nn.LSTM(D + extra, H, num_layers, dropout=dropout, device=device)
        self.dropout = nn.Dropout(dropout)
        if attention != "none":
            self.key = nn.Linear(H, H, bias=False, device=device)
            self.combine = nn.Linear(2 * H, H, device=device)
        if attention == "additive":
            self.query = nn.Linear(H, H, bias=False, device=device)
            self.score = uniform(H**-0.5, (H,), device)
        if copy:
            self.copy_key = nn.Linear(H, H + extra, bias=False, device=device)
            self.gate = nn.Linear(H + extra, 1, device=device)
        self.head = nn.Linear(H + extra, vocabulary, device=device)

    def start(self, source: Any, lengths: Any = None) -> State:
        """Read sources (B, S): the state that goes with the start token.

        lengths (B): how many tokens of each source count, S for None; what stands beyond says nothing.
        """
        ids = to_host(source).T  # (S, B)
        if lengths is not None:
            lengths = checked_lengths(lengths, ids.shape[1], len(ids), "EncoderDecoder")
        x = self.dropout(self.embedding(turned(ids, lengths) if self.reverse_source else ids))  # (S, B, D)
        outputs, ends = self.encoder(x, None, lengths)  # (S, B, H)
        h, c = map(self._side_by_side, ends)  # (L, B, H)
        context = h[-1] if self.feed_context else None  # (B, H)
        if self.attention == "none":
            return State(h, c, None, context)
        values = turned(outputs, lengths) if self.reverse_source else outputs  # in the source's order again
        values = self.dropout(values).swapaxes(0, 1)  # (B, S, H)
        keys = self.key(values)
        if self.attention == "multiplicative":
            keys = keys * math.sqrt(keys.shape[-1])  # the kernel divides by √H, Luong's score does not
        copies = (self.copy_key(values), self._one_hot(ids)) if self.copy else None
        return State(h, c, (keys, values), context, copies, lengths)

    def _side_by_side(self, ends: Tensor) -> Tensor:
        """A part of the encoder's last state, (L·directions, B, ·) → (L, B, H)."""
        if not self.encoder.bidirectional:
            return ends
        pairs = ends.reshape(self.encoder.num_layers, 2, *ends.shape[1:])  # (L, 2, B, H/2)
        return F.cat([pairs[:, 0], pairs[:, 1]], axis=2)

    def _one_hot(self, ids: np.ndarray) -> Tensor:
        """Source tokens (S, B) → (B, S, V), 1 where the token stands: values that attention can add up."""
        weight = self.head.weight
        tokens = Tensor(weight.device.xp.arange(len(weight)), device=weight.device)
        return (Tensor(ids.T[:, :, None], device=weight.device) == tokens).astype(weight.dtype)

    def select(self, state: State, rows: Any) -> State:
        """Rows (N) of a state: row n of the new one is row rows[n] of the old one."""
        memory = None if state.memory is None else (state.memory[0][rows], state.memory[1][rows])
        context = None if state.context is None else state.context[rows]
        copies = None if state.copies is None else (state.copies[0][rows], state.copies[1][rows])
        lengths = None if state.lengths is None else state.lengths[to_host(rows)]
        return State(state.h[:, rows], state.c[:, rows], memory, context, copies, lengths)

    def step(self, ids: Any, state: State | None) -> tuple[Tensor, State]:
        """Target tokens (B, T) → the decoder LSTM's outputs (T, B, H), before attention, and the new state.

        Raises:
            OptionError: there is no state: the source is missing.
        """
        if state is None:
            raise OptionError("EncoderDecoder writes about a source: begin with state = model.start(source).")
        ids = to_host(ids).T  # (T, B)
        x = self.dropout(self.embedding(ids))  # (T, B, D)
        if state.context is not None:
            x = F.cat([x, state.context.broadcast_to(len(ids), *state.context.shape)], axis=2)
        h, (h_last, c_last) = self.decoder(x, (state.h, state.c))
        return h, state._replace(h=h_last, c=c_last)

    def features(self, ids: Any, state: State | None) -> tuple[Tensor, State]:
        """Target tokens (B, T) → what the last layer reads (T, B, H, or 2H with feed_context), new state."""
        h, state = self.step(ids, state)
        if state.memory is not None:
            query, (keys, values) = h.swapaxes(0, 1), state.memory  # (B, T, H)
            if self.attention == "additive":
                seen = F.additive_attention(self.query(query), keys, values, self.score, state.lengths)
            else:
                seen = F.attention(query, keys, values, state.lengths)
            h = self.combine(F.cat([seen.swapaxes(0, 1), h], axis=2)).tanh()
        h = self.dropout(h)
        if state.context is not None:
            h = F.cat([h, state.context.broadcast_to(len(h), *state.context.shape)], axis=2)
        return h, state

    def scores(self, h: Tensor, state: State) -> Tensor:
        """What `features` gives (T, B, ·) → logits (B, T, V), ln P itself where tokens are copied."""
        logits, h = self.head(h).swapaxes(0, 1), h.swapaxes(0, 1)
        if state.copies is None:
            return logits
        copied, g = (
            F.attention(h, *state.copies, state.lengths),
            self.gate(h).sigmoid(),
        )  # (B, T, V), (B, T, 1)
        return (g * logits.softmax() + (1 - g) * copied + TINY).log()

    def forward(self, ids: Any, state: State | None = None) -> tuple[Tensor, State]:
        """Target tokens (B, T) → logits (B, T, V) of the next token, and the new state."""
        h, state = self.features(ids, state)
        return self.scores(h, state), state

    def loss(
        self, source: Any, inputs: Any, targets: Any, teacher_forcing: bool = True, lengths: Any = None
    ) -> Tensor:
        """Mean cross-entropy in nats a counted token: source (B, S), inputs and targets (B, T).

        `lengths` as for `start`. Targets of -100 do not count. Without teacher forcing, only the first inputs
        are read; the others are the model's own most likely tokens, fed back one by one as in generation.
        """
        state = self.start(source, lengths)
        if teacher_forcing:
            return self._mean_loss(self.features(inputs, state)[0], state, targets)
        ids, outputs = np.asarray(inputs)[:, :1], []
        for _ in range(np.shape(inputs)[1]):
            h, state = self.features(ids, state)  # (1, B, ·)
            outputs.append(h)
            with no_grad():  # argmax has no derivative
                ids = self.scores(h, state).data[:, 0].argmax(axis=1)[:, None]  # (B, 1)
        return self._mean_loss(F.cat(outputs), state, targets)

    def _mean_loss(self, h: Tensor, state: State, targets: Any) -> Tensor:
        if state.copies is None:
            return head_loss(self.head, h, targets)  # all logits are never held at once
        rows = self.scores(h, state).reshape(-1, len(self.head.weight))
        return F.cross_entropy(rows, to_host(targets).reshape(-1))

    def weights(self, source: Any, inputs: Any, lengths: Any = None) -> np.ndarray:
        """How much each step looks at each source token, (B, T, S), rows sum to 1: for pictures.

        Raises:
            OptionError: the model has no attention.
        """
        with no_grad(), nn.evaluating(self):
            h, state = self.step(inputs, self.start(source, lengths))
            if state.memory is None:
                raise OptionError("This EncoderDecoder has no attention: build it with attention='additive'.")
            query, keys = h.swapaxes(0, 1), state.memory[0]  # (B, T, H), (B, S, H)
            if self.attention == "additive":
                return F.additive_attention_weights(
                    self.query(query), keys, self.score, state.lengths
                ).numpy()
            return F.attention_weights(query, keys, state.lengths).numpy()
