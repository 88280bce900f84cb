"""What is timed, by name: training steps of models of fixed sizes, single kernels, generation, tokenizers.

Each workload exists once for this engine and once for its peer, with the same data and the same initial
weights' distribution, float32.
"""

from typing import Any

from .gpt import GPTStep
from .lstm import LSTMStep
from .single import BPE, AdamAlone, Single
from .steps import Generation, Workload


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

    return [
        Single(
            "W5.cross_entropy",
            [(1120, 10000)],
            F.cross_entropy,
            torch_f("cross_entropy"),
            vocabulary=10000,
            description="softmax + cross-entropy (1120, 10000)",
        ),
        Single(
            "W5.layer_norm",
            [(2048, 384), (384,), (384,)],
            F.layer_norm,
            lambda x, w, b: torch_f("layer_norm")(x, (384,), w, b),
            description="layer norm (2048, 384)",
        ),
        Single(
            "W5.attention",
            [(8, 6, 256, 64)] * 3,
            lambda q, k, v: F.attention(q, k, v, causal=True),
            torch_f("scaled_dot_product_attention", is_causal=True),
            description="causal attention (8, 6, 256, 64)",
        ),
        AdamAlone("W5.adam", 2_000_000, description="Adam, 2 M parameters"),
        Single(
            "W5.embedding",
            [(10000, 128)],
            F.embedding,
            lambda w, i: torch_f("embedding")(i, w),
            vocabulary=10000,
            description="embedding 10000×128, 1120 ids",
        ),
        Single(
            "W5.lstm_cell",
            [(32, 1024), (32, 256)],
            lambda gates, c: Cell()(gates, c)[0],
            torch_gates,
            description="LSTM cell (32, 4·256)",
        ),
        Single(
            "W5.lstm_step",
            [*[(32, 256)] * 3, *[(1024, 256)] * 2, *[(1024,)] * 2],
            lambda *inputs: F.lstm_cell(*inputs)[0],
            torch_cell,
            description="LSTM cell with its products (32, 4·256)",
        ),
        Single("W5.gelu", [(768, 512)], F.gelu, torch_f("gelu"), description="GELU (768, 512)"),
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
    Generation("W6.lstm", W2, 500, description="500 characters from the LSTM of W2"),
    Generation("W6.gpt", W3, 500, description="500 tokens from the GPT of W3, cached"),
    BPE("W7.train", False, description="BPE: 1,024 merges on the default text, beside Hugging Face"),
    BPE("W7.encode", True, description="BPE: encoding the default text, beside Hugging Face"),
]
WORKLOADS = {workload.name: workload for workload in ALL}
ON_CPU = tuple(name for name in WORKLOADS if name != "A1")  # minutes a pair there
ON_CARD = tuple(name for name in WORKLOADS if not name.startswith("W7"))  # tokenizers use no card
