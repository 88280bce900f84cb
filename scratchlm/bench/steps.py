"""What is timed: something that can be called again and again, and returns a number to look at."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

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


@dataclass(frozen=True)
class Workload(ABC):
    """One row of the table: its name on the command line, and what it is, in a few words."""

    name: str
    description: str = field(default="", kw_only=True)

    @property
    def product_flops(self) -> int:
        """Floating-point operations of its matrix products; 0 where they do not decide."""
        return 0

    @property
    def least_bytes(self) -> int:
        """Bytes that it cannot do without (see `steps.least_bytes`); 0 where nothing is trained."""
        return 0

    @abstractmethod
    def ours(self, device: str = "cpu") -> Step:
        """This engine's."""

    @abstractmethod
    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """The peer's."""


@dataclass(frozen=True)
class TrainingStep(Workload):
    """Forward, loss, backward, clip, optimizer: the same five calls in this engine and in PyTorch.

    V vocabulary, D embedding or features, H hidden or heads, L layers, B batch, T time.
    """

    V: int
    D: int
    H: int
    L: int
    B: int
    T: int

    optimizer: ClassVar[str]  # its class, in both
    clip: ClassVar[float]  # largest norm of the gradient

    @property
    @abstractmethod
    def parameters(self) -> int:
        """Numbers in all weights and biases."""

    @property
    def context(self) -> float:
        """Tokens that can be read before the state has to be made again."""
        return math.inf

    @property
    def least_bytes(self) -> int:
        """Of a step, activations left out."""
        return least_bytes(self.parameters)

    @abstractmethod
    def our_model(self) -> Any:
        """This engine's model, with `loss(ids, targets)`."""

    @abstractmethod
    def torch_model(self) -> Any:
        """The same model in PyTorch: of ids and a state, the logits and the new state."""

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Random ids and targets (B, T)."""
        rng = np.random.default_rng(0)
        return rng.integers(0, self.V, (self.B, self.T)), rng.integers(0, self.V, (self.B, self.T))

    def torch_data(self) -> tuple[np.ndarray, np.ndarray]:
        """The same in the order of axes in which PyTorch's model reads them."""
        return self.data()

    def ours(self, device: str = "cpu") -> Step:
        """This engine's step."""
        from .. import optim, set_default_device

        set_default_device(device)
        model = self.our_model()
        optimizer = getattr(optim, self.optimizer)(list(model.parameters()), 1e-3)
        ids, targets = self.data()

        def step() -> float:
            optimizer.zero_grad()
            loss, _ = model.loss(ids, targets)
            loss.backward()
            optim.clip_grad_norm_(optimizer.parameters, self.clip)
            optimizer.step()
            return float(loss.item())

        return step

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """PyTorch's step with its default optimizer or the fused one, eager or compiled."""
        import torch

        model = self.torch_model().to(peer.device)
        make = getattr(torch.optim, self.optimizer)
        optimizer = make(model.parameters(), 1e-3, fused=peer.fused or None)
        ids, targets = (torch.from_numpy(a) for a in self.torch_data())

        def loss_of(ids: Any, targets: Any) -> Any:
            logits, _ = model(ids)
            return torch.nn.functional.cross_entropy(logits.reshape(-1, self.V), targets.reshape(-1))

        compiled = peer.compile(loss_of)

        def step() -> float:
            optimizer.zero_grad()
            loss = compiled(ids.to(peer.device), targets.to(peer.device))  # a batch comes from the host
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.clip)
            optimizer.step()
            return float(loss.item())

        return step


@dataclass(frozen=True)
class Generation(Workload):
    """Tokens drawn one by one, batch 1, from the model of a training workload, with its state kept."""

    model: TrainingStep
    tokens: int

    def ours(self, device: str = "cpu") -> Step:
        """This engine's generation; the returned number is the last token."""
        from .. import set_default_device
        from ..generation import generate

        set_default_device(device)
        model = self.model.our_model()
        return lambda: float(list(generate(model, [0], self.tokens))[-1])

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """The loop that one writes in PyTorch; a full context is read again from its newer half, as ours."""
        import torch

        model, context = self.model.torch_model().eval().to(peer.device), self.model.context

        @torch.inference_mode()
        def step() -> float:
            ids, state = torch.zeros(1, 1, dtype=torch.long, device=peer.device), None
            read = [ids]
            for _ in range(self.tokens):
                if len(read) > context:
                    read, state = read[-int(context // 2) - 1 :], None
                    ids = torch.cat(read, 1)
                logits, state = model(ids, state)
                ids = torch.multinomial(torch.softmax(logits.reshape(-1, self.model.V)[-1:], -1), 1)
                read.append(ids)
            return float(ids)

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
