"""What is timed, by name: training steps of models of fixed sizes, single kernels, generation, tokenizers.

V vocabulary, D embedding or features, H hidden or heads, L layers, B batch, T time. Each workload exists once
for this engine and once for its peer, with the same data and the same initial weights' distribution, float32.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .gpt import GPTGeneration, GPTStep
from .single import BPE, AdamAlone, Single, normal
from .steps import PEERS, Step, Torch, least_bytes, training_step


class Workload(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str:
        """Its name on the command line."""

    @property
    def description(self) -> str:
        """What it is, in a few words."""

    @property
    def product_flops(self) -> int:
        """Floating-point operations of its matrix products; 0 where they do not decide."""

    @property
    def least_bytes(self) -> int:
        """Bytes that it cannot do without (see `steps.least_bytes`); 0 where nothing is trained."""

    def ours(self, device: str = "cpu") -> Step:
        """This engine's."""

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """The peer's."""


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
    description: str = ""

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

    @property
    def parameters(self) -> int:
        """Numbers in all weights and biases."""
        gates, last = 4 * self.H, self.middle or self.H
        layers = sum(gates * ((self.D if k == 0 else self.H) + self.H + 2) for k in range(self.L))
        return self.V * self.D + layers + (self.H + 1) * self.middle + (last + 1) * self.V

    @property
    def least_bytes(self) -> int:
        """Of a step, activations left out."""
        return least_bytes(self.parameters)

    def ours(self, device: str = "cpu") -> Step:
        """This engine's step."""
        from .. import functions as F
        from .. import nn, optim, set_default_device

        set_default_device(device)
        embedding, lstm = nn.Embedding(self.V, self.D), nn.LSTM(self.D, self.H, self.L)
        middle = nn.Linear(self.H, self.middle) if self.middle else None
        head = nn.Linear(self.middle or self.H, self.V)
        modules = [embedding, lstm, head] + ([middle] if middle else [])
        optimizer = optim.Adam([p for module in modules for p in module.parameters()], 1e-3)
        ids, targets = self.data()
        ids, targets = ids.T, targets.T.reshape(-1)

        def loss() -> Any:
            h, _ = lstm(embedding(ids))  # (T, B, H)
            h = h.reshape(self.T * self.B, self.H)
            if middle:
                h = F.relu(middle(h))
            return F.linear_cross_entropy(h, head.weight, head.bias, targets)

        return training_step(optimizer, loss, lambda: optim.clip_grad_norm_(optimizer.parameters, 5.0))

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """PyTorch's step with its default Adam (or the fused one), eager or compiled."""
        import torch
        from torch import nn

        embedding, lstm = nn.Embedding(self.V, self.D), nn.LSTM(self.D, self.H, self.L)
        middle = nn.Linear(self.H, self.middle) if self.middle else None
        head = nn.Linear(self.middle or self.H, self.V)
        modules = nn.ModuleList([embedding, lstm, head] + ([middle] if middle else [])).to(peer.device)
        optimizer = torch.optim.Adam(modules.parameters(), 1e-3, fused=peer.fused or None)
        ids, targets = (torch.from_numpy(a).T.contiguous() for a in self.data())
        targets = targets.reshape(-1)

        def loss(ids: Any, targets: Any) -> Any:
            h, _ = lstm(embedding(ids))
            h = h.reshape(self.T * self.B, self.H)
            if middle:
                h = torch.relu(middle(h))
            return nn.functional.cross_entropy(head(h), targets)

        compiled = peer.compile(loss)
        return training_step(
            optimizer,
            lambda: compiled(ids.to(peer.device), targets.to(peer.device)),  # a batch comes from the host
            lambda: nn.utils.clip_grad_norm_(modules.parameters(), 5.0),
        )


@dataclass(frozen=True)
class LSTMGeneration:
    """Characters drawn one by one, batch 1, from the LSTM of a training workload."""

    name: str
    model: LSTMStep
    tokens: int
    description: str = ""
    product_flops: int = 0
    least_bytes: int = 0

    def ours(self, device: str = "cpu") -> Step:
        """This engine's generation; the returned number is the last token."""
        from .. import models, set_default_device
        from ..generation import generate

        set_default_device(device)
        m = self.model
        model = models.LSTMLanguageModel(m.V, m.D, m.H, m.L)
        return lambda: float(list(generate(model, [0], self.tokens))[-1])

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """The loop that one writes in PyTorch."""
        import torch
        from torch import nn

        m = self.model
        parts = nn.ModuleList([nn.Embedding(m.V, m.D), nn.LSTM(m.D, m.H, m.L), nn.Linear(m.H, m.V)])
        embedding, lstm, head = parts.to(peer.device)

        @torch.inference_mode()
        def step() -> float:
            state, ids = None, torch.zeros(1, 1, dtype=torch.long, device=peer.device)
            for _ in range(self.tokens):
                h, state = lstm(embedding(ids), state)
                ids = torch.multinomial(torch.softmax(head(h[-1]), -1), 1)
            return float(ids)

        return step


def kernels() -> list[Workload]:
    """W5: single kernels at the sizes of the models above."""
    from .. import Function
    from .. import functions as F

    def torch_f(name: str, *args: Any, **options: Any) -> Any:
        def call(*inputs: Any) -> Any:
            import torch

            return getattr(torch.nn.functional, name)(*inputs, *args, **options)

        return call

    def torch_cell(*inputs: Any) -> Any:
        import torch

        x, h, c, *weights = inputs
        return torch.lstm_cell(x, (h, c), *weights)[0]

    def heads() -> tuple[Any, ...]:
        return tuple(normal(8, 6, 256, 64) for _ in range(3))

    class Cell(Function):
        """The kernels of one LSTM step alone, without its products."""

        def forward(self, gates: Any, c_before: Any) -> Any:
            gates = gates.copy()  # the kernel writes into them what backward needs
            h, c = self.kernels.lstm_cell_forward(gates, c_before)
            self.save(gates, c_before, c)
            return h, c

        def backward(self, grad_h: Any, grad_c: Any) -> Any:
            gates, c_before, c = self.saved
            return self.kernels.lstm_cell_backward(grad_h, grad_c, gates, c_before, c)

    def torch_gates(gates: Any, c: Any) -> Any:
        i, f, g, o = gates.chunk(4, 1)
        return o.sigmoid() * (f.sigmoid() * c + i.sigmoid() * g.tanh()).tanh()

    def cell() -> tuple[Any, ...]:
        shapes = (32, 256), (32, 256), (32, 256), (1024, 256), (1024, 256), (1024,), (1024,)
        return tuple(normal(*shape) for shape in shapes)

    def ids() -> np.ndarray:
        return np.random.default_rng(1).integers(0, 10000, 1120)

    return [
        Single(
            "W5.cross_entropy",
            lambda: (normal(1120, 10000), ids()),
            F.cross_entropy,
            torch_f("cross_entropy"),
            "softmax + cross-entropy (1120, 10000)",
        ),
        Single(
            "W5.layer_norm",
            lambda: (normal(2048, 384), normal(384), normal(384)),
            F.layer_norm,
            lambda x, w, b: torch_f("layer_norm")(x, (384,), w, b),
            "layer norm (2048, 384)",
        ),
        Single(
            "W5.attention",
            heads,
            lambda q, k, v: F.attention(q, k, v, causal=True),
            torch_f("scaled_dot_product_attention", is_causal=True),
            "causal attention (8, 6, 256, 64)",
        ),
        AdamAlone("W5.adam", 2_000_000, "Adam, 2 M parameters"),
        Single(
            "W5.embedding",
            lambda: (normal(10000, 128), ids()),
            F.embedding,
            lambda w, i: torch_f("embedding")(i, w),
            "embedding 10000×128, 1120 ids",
        ),
        Single(
            "W5.lstm_cell",
            lambda: (normal(32, 1024), normal(32, 256)),
            lambda gates, c: Cell()(gates, c)[0],
            torch_gates,
            "LSTM cell (32, 4·256)",
        ),
        Single(
            "W5.lstm_step",
            cell,
            lambda *inputs: F.lstm_cell(*inputs)[0],
            torch_cell,
            "LSTM cell with its products (32, 4·256)",
        ),
        Single("W5.gelu", lambda: (normal(768, 512),), F.gelu, torch_f("gelu"), "GELU (768, 512)"),
    ]


W1 = LSTMStep("W1", V=10000, D=128, H=128, L=2, B=32, T=35, middle=128, description="words, LSTM 2×128")
W2 = LSTMStep("W2", V=65, D=128, H=256, L=2, B=32, T=64, description="characters, LSTM 2×256")
W3 = GPTStep("W3", V=65, L=4, H=4, D=128, T=64, B=12, description="GPT 4×128, context 64")
W4 = GPTStep("W4", V=65, L=6, H=6, D=384, T=256, B=8, description="GPT 6×384, context 256")
A1 = GPTStep(
    "A1", V=65, L=6, H=6, D=384, T=256, B=64, dropout=0.2, description="A1: W4, batch 64, dropout 0.2"
)
ALL: list[Workload] = [
    W1,
    W2,
    W3,
    W4,
    A1,
    *kernels(),
    LSTMGeneration("W6.lstm", W2, 500, "500 characters from the LSTM of W2"),
    GPTGeneration("W6.gpt", W3, 500, "500 tokens from the GPT of W3, cached"),
    BPE("W7.train", False, "BPE: 1,024 merges on the default text, beside Hugging Face"),
    BPE("W7.encode", True, "BPE: encoding the default text, beside Hugging Face"),
]
WORKLOADS = {workload.name: workload for workload in ALL}
ON_CPU = tuple(name for name in WORKLOADS if name != "A1")  # minutes a pair there
ON_CARD = tuple(name for name in WORKLOADS if not name.startswith("W7"))  # tokenizers use no card
