"""What is timed: one training step (forward, loss, backward, clip, optimizer) of models of fixed sizes.

V vocabulary, D embedding, H hidden, L layers, B batch, T time. Each workload exists once for this engine and
once for PyTorch, with the same data, the same initial weights' distribution, float32.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Step = Callable[[], float]  # makes one training step, returns the loss


@dataclass(frozen=True)
class LSTMStep:
    """Embedding, LSTM, optionally Linear + ReLU, Linear, cross-entropy at every step, Adam."""

    name: str
    V: int
    D: int
    H: int
    L: int
    B: int
    T: int
    middle: int = 0  # features of a Linear + ReLU before the last layer; 0: none

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Random ids and targets (B, T)."""
        rng = np.random.default_rng(0)
        return rng.integers(0, self.V, (self.B, self.T)), rng.integers(0, self.V, (self.B, self.T))

    @property
    def product_flops(self) -> int:
        """Floating-point operations of the matrix products of one step: forward, and twice that backward."""
        N, gates, last = self.B * self.T, 4 * self.H, self.middle or self.H
        layers = sum(gates * ((self.D if k == 0 else self.H) + self.H) for k in range(self.L))
        return 3 * 2 * N * (layers + self.H * self.middle + last * self.V)

    def ours(self) -> Step:
        """This engine's step."""
        from .. import functions as F
        from .. import nn, optim, set_default_device

        set_default_device("cpu")
        embedding, lstm = nn.Embedding(self.V, self.D), nn.LSTM(self.D, self.H, self.L)
        middle = nn.Linear(self.H, self.middle) if self.middle else None
        head = nn.Linear(self.middle or self.H, self.V)
        modules = [embedding, lstm, head] + ([middle] if middle else [])
        optimizer = optim.Adam([p for module in modules for p in module.parameters()], 1e-3)
        ids, targets = self.data()
        ids, targets = ids.T, targets.T.reshape(-1)

        def step() -> float:
            optimizer.zero_grad()
            h, _ = lstm(embedding(ids))  # (T, B, H)
            h = h.reshape(self.T * self.B, self.H)
            if middle:
                h = F.relu(middle(h))
            loss = F.linear_cross_entropy(h, head.weight, head.bias, targets)
            loss.backward()
            optim.clip_grad_norm_(optimizer.parameters, 5.0)
            optimizer.step()
            return float(loss.item())

        return step

    def torch(self, fused: bool = False) -> Step:
        """PyTorch's step, eager, with its default Adam (or the fused one)."""
        import torch
        from torch import nn

        embedding, lstm = nn.Embedding(self.V, self.D), nn.LSTM(self.D, self.H, self.L)
        middle = nn.Linear(self.H, self.middle) if self.middle else None
        head = nn.Linear(self.middle or self.H, self.V)
        modules = nn.ModuleList([embedding, lstm, head] + ([middle] if middle else []))
        optimizer = torch.optim.Adam(modules.parameters(), 1e-3, fused=fused or None)
        ids, targets = (torch.from_numpy(a).T.contiguous() for a in self.data())
        targets = targets.reshape(-1)

        def step() -> float:
            optimizer.zero_grad()
            h, _ = lstm(embedding(ids))
            h = h.reshape(self.T * self.B, self.H)
            if middle:
                h = torch.relu(middle(h))
            loss = nn.functional.cross_entropy(head(h), targets)
            loss.backward()
            nn.utils.clip_grad_norm_(modules.parameters(), 5.0)
            optimizer.step()
            return float(loss.item())

        return step


WORKLOADS = {
    w.name: w
    for w in (
        LSTMStep("W1", V=10000, D=128, H=128, L=2, B=32, T=35, middle=128),
        LSTMStep("W2", V=65, D=128, H=256, L=2, B=32, T=64),
    )
}
