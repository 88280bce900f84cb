"""Five listings from teaching material, L0 to L4: each corrected, and as printed where that fails.

B batch, T time, V vocabulary. Layers and sizes are the listings'; softmax is part of the loss.
"""

from typing import Any

import numpy as np

from .. import functions as F
from .. import nn
from ..device import Device, to_host
from ..errors import ShapeError, TokenError
from ..tensor import Tensor
from .language_model import LSTMLanguageModel

Where = str | Device | None


def every_step(logits: Tensor, targets: Any) -> Tensor:
    """Mean cross-entropy in nats of logits (B, T, V) and targets (B, T), -100 not counted."""
    rows = to_host(targets).reshape(-1)
    return F.cross_entropy(logits.reshape(len(rows), -1), rows)


class L0(nn.Module):
    """L0: the next token of a window, by two LSTM layers and two dense ones. Nothing is wrong with it.

    The first LSTM passes on all its steps, the second only its last one: a window of T tokens teaches one
    prediction, where a language model makes T.
    """

    def __init__(self, vocabulary: int = 10000, features: int = 128, device: Where = None):
        self.embedding = nn.Embedding(vocabulary, features, device=device)
        self.lstm1 = nn.LSTM(features, features, batch_first=True, device=device)
        self.lstm2 = nn.LSTM(features, features, batch_first=True, device=device)
        self.dense1 = nn.Linear(features, features, device=device)
        self.dense2 = nn.Linear(features, vocabulary, device=device)

    def forward(self, ids: Any) -> Tensor:
        """Windows (B, T) → logits (B, V) of the token after each."""
        every, _ = self.lstm1(self.embedding(ids))  # (B, T, features)
        _, (last, _) = self.lstm2(every)  # (1, B, features)
        return self.dense2(self.dense1(last[0]).relu())

    def loss(self, ids: Any, targets: Any) -> Tensor:
        """Mean cross-entropy in nats, for the tokens (B) after the windows."""
        return F.cross_entropy(self(ids), targets)


class L1(nn.Module):
    """L1: a sequence classifier. Nothing is wrong with it, but it is no language model.

    The listing's letters: D tokens, H features of embedding and LSTM, C classes.
    """

    def __init__(self, vocabulary: int = 100, hidden: int = 50, classes: int = 10, device: Where = None):
        self.embedding = nn.Embedding(vocabulary, hidden, device=device)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, device=device)
        self.dense = nn.Linear(hidden, classes, device=device)

    def forward(self, ids: Any) -> Tensor:
        """Sequences (B, T) → logits (B, C)."""
        _, (last, _) = self.lstm(self.embedding(ids))  # (1, B, H)
        return self.dense(last[0])

    def loss(self, ids: Any, classes: Any) -> Tensor:
        """Mean cross-entropy in nats, for classes (B)."""
        return F.cross_entropy(self(ids), classes)


class L2(LSTMLanguageModel):
    """L2: Embedding → LSTM → Dense(V), token in, token out: the language model of this package, one layer.

    The prose calls it an autoencoder and a sequence-to-sequence model; it has neither a code nor a source:
    see SequenceAutoencoder and EncoderDecoder. The listing keeps the LSTM's last step only; here every step
    predicts its next token, the last one as there. It names no sizes.
    """

    def __init__(
        self,
        vocabulary: int = 10000,
        embedding_dim: int = 128,
        lstm_units: int = 128,
        device: Where = None,
    ):
        super().__init__(vocabulary, embedding_dim, lstm_units, device=device)


class L3AsPrinted(nn.Module):
    """L3 as printed: an embedding and two stacks of LSTM layers, whose 128 outputs stand for 10000 tokens.

    Wrong: there is no layer from 128 features to V tokens, so a target from 128 on has no score; and the
    LSTM, which takes (time, batch), gets (batch, time), so its state runs on from one text to the next.
    """

    batch_first = False

    def __init__(
        self,
        vocabulary: int = 10000,
        features: int = 128,
        hidden: int = 256,
        num_layers: int = 3,
        device: Where = None,
    ):
        first = self.batch_first
        self.embedding = nn.Embedding(vocabulary, features, device=device)
        self.encoder = nn.LSTM(features, hidden, num_layers, batch_first=first, device=device)
        self.decoder = nn.LSTM(hidden, features, num_layers, batch_first=first, device=device)

    def forward(self, ids: Any) -> Tensor:
        """Texts (B, T) → the decoder's outputs (B, T, features), which the listing takes for logits."""
        x, _ = self.encoder(self.embedding(ids))
        x, _ = self.decoder(x)
        return x

    def loss(self, ids: Any, targets: Any) -> Tensor:
        """Mean cross-entropy in nats a step, for targets (B, T).

        Raises:
            TokenError: a target has no score, because the outputs are fewer than the tokens.
        """
        logits = self(ids)
        try:
            return every_step(logits, targets)
        except TokenError as error:
            raise TokenError(
                f"Listing L3 scores {logits.shape[-1]} tokens, as many as its last LSTM has features, and a "
                f"target is beyond them: add a last layer Linear({logits.shape[-1]}, vocabulary), as L3 has."
            ) from error


class L3(L3AsPrinted):
    """L3 corrected: a last layer Linear(128, V), and each text read along its own time.

    With the input as target it learns to copy, step by step; with the next tokens, to predict them.
    """

    batch_first = True

    def __init__(
        self,
        vocabulary: int = 10000,
        features: int = 128,
        hidden: int = 256,
        num_layers: int = 3,
        device: Where = None,
    ):
        super().__init__(vocabulary, features, hidden, num_layers, device)
        self.head = nn.Linear(features, vocabulary, device=device)

    def forward(self, ids: Any) -> Tensor:
        """Texts (B, T) → logits (B, T, V)."""
        return self.head(super().forward(ids))

    def loss(self, ids: Any, targets: Any) -> Tensor:
        """Mean cross-entropy in nats a counted token, for targets (B, T)."""
        return every_step(self(ids), targets)


class L4AsPrinted(nn.Module):
    """L4 as printed: an LSTM's last step, and an LSTM that is to write a sequence from it.

    Wrong: the second LSTM gets one vector where it takes a sequence, so nothing runs; and with a unit for
    each of 10000 tokens it has `weights_of_lstm(256, 10000)` = 410,320,000 weights, 1.6 GB before the first
    gradient: hence the smaller default here. The prose calls it a variational autoencoder, but nothing is
    drawn: see TextVAE.
    """

    def __init__(self, vocabulary: int = 10000, features: int = 256, units: int = 256, device: Where = None):
        self.embedding = nn.Embedding(vocabulary, features, device=device)
        self.encoder = nn.LSTM(features, features, batch_first=True, device=device)
        self.decoder = nn.LSTM(features, units, batch_first=True, device=device)
        self.dense = nn.Linear(units, vocabulary, device=device)

    def encode_code(self, source: Any) -> Tensor:
        """Sources (B, S) → codes (B, features): the encoder's last step."""
        _, (last, _) = self.encoder(self.embedding(source))  # (1, B, features)
        return last[0]

    def forward(self, source: Any) -> Tensor:
        """Sources (B, S): an error, because the code (B, features) has no time axis.

        Raises:
            ShapeError: always.
        """
        code = self.encode_code(source)
        try:
            every, _ = self.decoder(code)
        except ShapeError as error:
            V = self.dense.weight.shape[0]
            raise ShapeError(
                f"Listing L4's decoder gets the code {code.shape}, which has no time axis: repeat it over "
                f"time, as L4 does. And with as many units as tokens, {V:,}, as printed, it would have "
                f"{weights_of_lstm(code.shape[1], V):,} weights: choose fewer units."
            ) from error
        return self.dense(every)

    def loss(self, source: Any, targets: Any) -> Tensor:
        """Mean cross-entropy in nats a counted token, for targets (B, T).

        Raises:
            ShapeError: always, as `forward`.
        """
        return every_step(self(source), targets)


class L4(L4AsPrinted):
    """L4 corrected: the code is repeated over time, and the decoder has as many units as one chooses.

    Each step of the target gets the same code and no token: the decoder counts its steps by its state alone.
    """

    def forward(self, source: Any, steps: int | None = None) -> Tensor:
        """Sources (B, S) → logits (B, T, V) of T = `steps` tokens, S for None."""
        code = self.encode_code(source)  # (B, features)
        B, features = code.shape
        T = np.shape(source)[1] if steps is None else steps
        repeated = code.reshape(B, 1, features).broadcast_to(B, T, features)
        every, _ = self.decoder(repeated)  # (B, T, units)
        return self.dense(every)

    def loss(self, source: Any, targets: Any) -> Tensor:
        """Mean cross-entropy in nats a counted token, for targets (B, T), which may be the source itself."""
        return every_step(self(source, np.shape(targets)[1]), targets)


def weights_of_lstm(D: int, H: int) -> int:
    """Number of weights of an LSTM layer from D features to H units: 4·H·(D + H + 2), without building it.

    Two biases as in PyTorch; Keras has one, 4·H·(D + H + 1): 410,280,000 for L4.

        >>> weights_of_lstm(256, 10000)
        410320000
    """
    return 4 * H * (D + H + 2)
