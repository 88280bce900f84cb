"""What is timed: something that can be called again and again, and returns a number to look at."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Step = Callable[[], float]
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Torch:
    """How the peer runs.

    Attributes:
        device: "cpu" or "cuda".
        fused: its fused Adam instead of the default one.
        compiled: forward and backward compiled by torch.compile.
    """

    device: str = "cpu"
    fused: bool = False
    compiled: bool = False

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, compiled where that is wanted."""
        import torch

        return torch.compile(function) if self.compiled else function


PEERS = {"torch": Torch(), "torch-fused": Torch(fused=True), "torch-compile": Torch(compiled=True)}


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


def least_bytes(parameters: int) -> int:
    """Bytes that Adam's step moves at least: parameters, gradients, both averages, read and written once.

    Activations are left out: how often they go through memory depends on the caches.
    """
    return 2 * 4 * FLOAT * parameters


def same_precision() -> None:
    """Let PyTorch round to TF32 exactly where CuPy does: by itself it does so in cuDNN's LSTM only."""
    import torch

    tf32 = os.environ.get("CUPY_TF32") == "1"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32


def waiting(peer: str, device: str) -> tuple[Callable[[], Any], Callable[[], int] | None]:
    """What waits until the device has done everything, and what tells the most memory that was taken there,
    in bytes (None on the host)."""
    if device == "cpu":
        return (lambda: None), None
    if peer == "ours":
        from ..device import get_device

        xp = get_device(device).xp
        return xp.cuda.Device().synchronize, xp.get_default_memory_pool().total_bytes
    import torch

    return torch.cuda.synchronize, torch.cuda.max_memory_reserved
