"""A training step of an LSTM language model; this engine's and PyTorch's."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .steps import TrainingStep


@dataclass(frozen=True)
class LSTMStep(TrainingStep):
    """Embedding, LSTM, optionally Linear + ReLU, Linear, cross-entropy at every step, Adam."""

    middle: int = 0  # features of a Linear + ReLU before the last layer; 0: none

    optimizer = "Adam"
    clip = 5.0

    @property
    def product_flops(self) -> int:
        """Floating-point operations of the matrix products of one step: forward, and twice that backward."""
        N, gates, last = self.B * self.T, 4 * self.H, self.middle or self.H
        layers = sum(gates * ((self.D if k == 0 else self.H) + self.H) for k in range(self.L))
        return 3 * 2 * N * (layers + self.H * self.middle + last * self.V)

    @property
    def parameters(self) -> int:
        """Numbers in all weights and biases."""
        gates, last = 4 * self.H, self.middle or self.H
        layers = sum(gates * ((self.D if k == 0 else self.H) + self.H + 2) for k in range(self.L))
        return self.V * self.D + layers + (self.H + 1) * self.middle + (last + 1) * self.V

    def our_model(self) -> Any:
        """This engine's model."""
        from .. import functions as F
        from .. import models, nn

        class WithMiddle(models.LSTMLanguageModel):
            middle: nn.Linear

            def features(self, ids: Any, state: Any = None) -> Any:
                h, state = super().features(ids, state)
                return F.relu(self.middle(h)), state

        if not self.middle:
            return models.LSTMLanguageModel(self.V, self.D, self.H, self.L)
        model = WithMiddle(self.V, self.D, self.H, self.L)
        model.middle, model.head = nn.Linear(self.H, self.middle), nn.Linear(self.middle, self.V)
        return model

    def torch_model(self) -> Any:
        """The same in PyTorch; time comes first, as its LSTM wants it."""
        from torch import nn

        sizes = self

        class LSTM(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding = nn.Embedding(sizes.V, sizes.D)
                self.lstm = nn.LSTM(sizes.D, sizes.H, sizes.L)
                middle = [nn.Linear(sizes.H, sizes.middle), nn.ReLU()] if sizes.middle else []
                self.head = nn.Sequential(*middle, nn.Linear(sizes.middle or sizes.H, sizes.V))

            def forward(self, ids: Any, state: Any = None) -> Any:
                h, state = self.lstm(self.embedding(ids), state)
                return self.head(h.flatten(0, 1)), state

        return LSTM()

    def torch_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Ids and targets (T, B)."""
        ids, targets = self.data()
        return np.ascontiguousarray(ids.T), np.ascontiguousarray(targets.T)
