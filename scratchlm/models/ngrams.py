"""Runs of tokens beside tokens: what an LSTM reads when the spelling of a few letters decides.

B batch, T time, D embedding_dim, H hidden_size, V vocabulary, G buckets.
"""

from typing import Any

import numpy as np

from .. import nn
from ..device import Device
from ..tensor import Tensor

_MIX = np.uint64(6364136223846793005)  # odd, spreads low bits upwards (Knuth's MMIX)


class NGramLSTM(nn.Module):
    """An LSTM that reads at each token its features and those of the runs that end with it; for a classifier.

    x_t = E_(w_t) + Σ_(n = 2 … longest) R_(hash(w_(t−n+1) … w_t)). The runs share a table of G rows, found by
    hashing, as in fastText (Joulin and others 2017). Rows of R start from 0: a run that training never saw
    says nothing, unless it shares its row with another (names in 20 languages have 116,000 runs of 2 to 4
    characters, 34,000 of them three times or more).

    Args:
        vocabulary: number of tokens V.
        embedding_dim, hidden_size, num_layers: D, H, layers of the LSTM.
        dropout: probability before, between and after the LSTM layers, while training.
        longest: tokens of the longest run.
        buckets: G.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_dim: int = 64,
        hidden_size: int = 192,
        num_layers: int = 1,
        dropout: float = 0.0,
        longest: int = 4,
        buckets: int = 16_384,
        device: "str | Device | None" = None,
    ):
        self.longest = longest
        self.embedding = nn.Embedding(vocabulary, embedding_dim, device=device)
        self.runs = nn.Embedding(buckets, embedding_dim, device=device)
        self.runs.weight.data[:] = 0
        self.lstm = nn.LSTM(embedding_dim, hidden_size, num_layers, dropout=dropout, device=device)
        self.dropout = nn.Dropout(dropout)

    def encode(self, ids: Any) -> Tensor:
        """Token ids (B, T) → LSTM outputs (B, T, H)."""
        tokens = np.asarray(ids).T  # (T, B): time comes first for the LSTM
        x = self.embedding(tokens)  # (T, B, D)
        for places in run_places(tokens, self.longest, len(self.runs.weight)):
            x = x + self.runs(places)
        h, _ = self.lstm(self.dropout(x))  # (T, B, H)
        return self.dropout(h).swapaxes(0, 1)


def run_places(tokens: np.ndarray, longest: int, buckets: int) -> list[np.ndarray]:
    """Tokens (T, B) → rows of a table for the runs of 2, 3 … `longest` tokens that end at each place: (T, B).

    Before the first token stands a mark, so a run at the beginning differs from the same one elsewhere. Equal
    runs have equal rows, in every process and on every machine; different ones seldom.

        >>> run_places(np.array([[5], [6], [5], [6]]), 2, 1000)[0].T.tolist()
        [[399, 192, 717, 192]]
    """
    code = tokens.astype(np.uint64) + np.uint64(2)  # 1 is the mark
    run, places = code, []
    for _ in range(2, longest + 1):
        before = np.ones_like(run)
        before[1:] = run[:-1]
        run = before * _MIX + code  # modulo 2⁶⁴
        places.append(((run * _MIX >> np.uint64(32)) % np.uint64(buckets)).astype(np.int64))
    return places
