"""What is timed: something that can be called again and again, and returns a number to look at."""

from collections.abc import Callable
from typing import Any

Step = Callable[[], float]


def training_step(optimizer: Any, loss_of_batch: Callable[[], Any], clip: Callable[[], Any]) -> Step:
    """Forward, loss, backward, clip, optimizer: the same five calls in this engine and in PyTorch."""

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of_batch()
        loss.backward()
        clip()
        optimizer.step()
        return float(loss.item())

    return step
