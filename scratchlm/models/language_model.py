"""LSTM language model: embedding, LSTM layers, and a score for every token of the vocabulary.

B batch, T time, D embedding_dim, H hidden_size, L num_layers, V vocabulary.
"""

from typing import Any

from .. import functions as F
from .. import nn
from ..device import Device, to_host
from ..tensor import Tensor
from .token_readers import Reader, lstm_reader

State = tuple[Tensor, Tensor]


def head_loss(head: nn.Linear, h: Tensor, targets: Any, reduction: str = "mean") -> Tensor:
    """Cross-entropy of head(h), h (T, B, H), for targets (B, T): mean nats a counted token, or their sum."""
    T, B, H = h.shape
    rows = to_host(targets).T.reshape(T * B)
    return F.linear_cross_entropy(h.reshape(T * B, H), head.weight, head.bias, rows, reduction=reduction)


class LSTMLanguageModel(nn.Module):
    """P(token | all tokens before it), by a state that is carried from token to token.

    Args:
        vocabulary: number of tokens V.
        embedding_dim, hidden_size, num_layers: D, H, L.
        dropout: probability before, between and after the LSTM layers, while training.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_dim: int = 128,
        hidden_size: int = 256,
        num_layers: int = 1,
        dropout: float = 0.0,
        device: "str | Device | None" = None,
    ):
        self.embedding = nn.Embedding(vocabulary, embedding_dim, device=device)
        self.lstm = nn.LSTM(embedding_dim, hidden_size, num_layers, dropout=dropout, device=device)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, vocabulary, device=device)

    def features(self, ids: Any, state: State | None = None) -> tuple[Tensor, State]:
        """Token ids (B, T) → LSTM outputs (T, B, H) and the state after the last token.

        Time comes first from here on: transposing the ids costs nothing, transposing features would.
        """
        ids = to_host(ids).T  # (T, B)
        x = self.dropout(self.embedding(ids))  # (T, B, D)
        h, state = self.lstm(x, state)  # (T, B, H)
        return self.dropout(h), state

    def forward(self, ids: Any, state: State | None = None) -> tuple[Tensor, State]:
        """Token ids (B, T) → logits (B, T, V) of the next token, and the new state (each (L, B, H))."""
        h, state = self.features(ids, state)
        return self.head(h).swapaxes(0, 1), state

    def token_reader(self) -> Reader | None:
        """What reads one more token as `forward` does, in few kernels; None where a part was replaced."""
        own = LSTMLanguageModel.forward, LSTMLanguageModel.features
        if (type(self).forward, type(self).features) != own:
            return None
        return lstm_reader(self.embedding, self.lstm, self.dropout, self.head)

    def select(self, state: State, rows: Any) -> State:
        """Rows (N) of a state: row n of the new one is row rows[n] of the old one."""
        h, c = state
        return h[:, rows], c[:, rows]

    def loss(self, ids: Any, targets: Any, state: State | None = None) -> tuple[Tensor, State]:
        """Mean cross-entropy in nats a token for targets (B, T), and the new state.

        Targets of -100 do not count. Logits of all steps are never held at once (see LinearCrossEntropy).
        """
        h, state = self.features(ids, state)
        return head_loss(self.head, h, targets), state

    def encode(self, ids: Any) -> Tensor:
        """Token ids (B, T) → LSTM outputs (B, T, H), for a classifier to read."""
        return self.features(ids)[0].swapaxes(0, 1)
