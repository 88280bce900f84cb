"""Sequence autoencoder: a sequence squeezed into one vector, and written again from that vector alone.

B batch, S source length, T target length, D embedding_dim, H hidden_size, Z code_size, V vocabulary.
"""

from typing import Any, NamedTuple

from .. import functions as F
from .. import nn
from ..device import Device, to_host
from ..errors import OptionError
from ..tensor import Tensor
from .language_model import head_loss


class State(NamedTuple):
    """Where the decoder is, and the code that it writes from."""

    h: Tensor  # (1, B, H)
    c: Tensor  # (1, B, H)
    code: Tensor  # (B, Z)


class SequenceAutoencoder(nn.Module):
    """code = W h_S of an LSTM over the source; another LSTM starts from the code and sees it at every step.

    All that the decoder knows of the source is the code of Z numbers: where it can write the source again,
    the code holds it. Source: Dai and Le 2015; the code at every step as in Cho and others 2014.

    Args:
        vocabulary: number of tokens V.
        embedding_dim, hidden_size, code_size: D, H, Z.
        dropout: probability before and after both LSTMs, while training.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_dim: int = 64,
        hidden_size: int = 256,
        code_size: int = 64,
        dropout: float = 0.0,
        device: "str | Device | None" = None,
    ):
        self.embedding = nn.Embedding(vocabulary, embedding_dim, device=device)
        self.encoder = nn.LSTM(embedding_dim, hidden_size, device=device)
        self.code = nn.Linear(hidden_size, code_size, device=device)
        self.initial = nn.Linear(code_size, hidden_size, device=device)
        self.decoder = nn.LSTM(embedding_dim + code_size, hidden_size, device=device)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, vocabulary, device=device)

    def read(self, source: Any) -> Tensor:
        """Sources (B, S) → the encoder's last output (B, H)."""
        ids = to_host(source).T  # (S, B)
        _, (h, _) = self.encoder(self.dropout(self.embedding(ids)))  # (1, B, H)
        return self.dropout(h[0])

    def encode_code(self, source: Any) -> Tensor:
        """Sources (B, S), all of one length → codes (B, Z)."""
        return self.code(self.read(source))

    def start(self, source: Any) -> State:
        """Read sources (B, S): the state that goes with the start token."""
        return self.start_from(self.encode_code(source))

    def start_from(self, code: Any) -> State:
        """The state of codes (B, Z), wherever they come from: h_0 by a linear layer, c_0 = 0."""
        if not isinstance(code, Tensor):  # a tensor may be part of a graph, and stays so
            code = Tensor(code, device=self.head.weight.device)
        h = self.initial(code).unsqueeze(0)  # (1, B, H)
        return State(h, Tensor(h.device.xp.zeros(h.shape, h.dtype), device=h.device), code)

    def select(self, state: State, rows: Any) -> State:
        """Rows (N) of a state: row n of the new one is row rows[n] of the old one."""
        return State(state.h[:, rows], state.c[:, rows], state.code[rows])

    def features(self, ids: Any, state: State | None) -> tuple[Tensor, State]:
        """Target tokens (B, T) → the decoder's outputs (T, B, H), and the new state.

        Raises:
            OptionError: there is no state: the code is missing.
        """
        if state is None:
            raise OptionError(
                f"{type(self).__name__} writes from a code: begin with state = model.start(source), or "
                "model.start_from(code)."
            )
        ids = to_host(ids).T  # (T, B)
        code = state.code.broadcast_to(len(ids), *state.code.shape)  # (T, B, Z)
        x = F.cat([self.dropout(self.embedding(ids)), code], axis=2)  # (T, B, D + Z)
        h, (h_last, c_last) = self.decoder(x, (state.h, state.c))
        return self.dropout(h), State(h_last, c_last, state.code)

    def forward(self, ids: Any, state: State | None = None) -> tuple[Tensor, State]:
        """Target tokens (B, T) → logits (B, T, V) of the next token, and the new state."""
        h, state = self.features(ids, state)
        return self.head(h).swapaxes(0, 1), state

    def loss(self, source: Any, inputs: Any, targets: Any) -> Tensor:
        """Mean cross-entropy in nats a counted token: source (B, S), inputs and targets (B, T).

        Targets of -100 do not count. The squared distance, `F.mse_loss`, would need numbers, not tokens.
        """
        h, _ = self.features(inputs, self.start(source))
        return head_loss(self.head, h, targets)
