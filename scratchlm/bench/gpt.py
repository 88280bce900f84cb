"""GPT workloads: a training step, and generation with a cache; this engine's and PyTorch's."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .steps import PEERS, Step, Torch, least_bytes, training_step


@dataclass(frozen=True)
class GPTStep:
    """A GPT of L layers, H heads, D features, context T; batch B, AdamW, clipping."""

    name: str
    V: int
    L: int
    H: int
    D: int
    T: int
    B: int
    dropout: float = 0.0
    description: str = ""

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Random ids and targets (B, T)."""
        rng = np.random.default_rng(0)
        return rng.integers(0, self.V, (self.B, self.T)), rng.integers(0, self.V, (self.B, self.T))

    @property
    def product_flops(self) -> int:
        """Operations of the matrix products of one step; of attention's scores only the visible half."""
        N = self.B * self.T
        attention = 2 * self.D * self.T // 2  # scores and weighted values for each token
        return 3 * 2 * N * (self.L * (12 * self.D * self.D + attention) + self.D * self.V)

    @property
    def parameters(self) -> int:
        """Numbers in all weights and biases; the last layer is the embedding."""
        return (self.V + self.T) * self.D + self.L * (12 * self.D + 13) * self.D + 2 * self.D

    @property
    def least_bytes(self) -> int:
        """Of a step, activations left out."""
        return least_bytes(self.parameters)

    def ours(self, device: str = "cpu") -> Step:
        """This engine's step."""
        from .. import optim, set_default_device

        set_default_device(device)
        model = our_gpt(self)
        optimizer = optim.AdamW(model.parameters(), 1e-3)
        ids, targets = self.data()

        return training_step(
            optimizer,
            lambda: model.loss(ids, targets)[0],
            lambda: optim.clip_grad_norm_(optimizer.parameters, 1.0),
        )

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """PyTorch's step with its fused attention, its default AdamW or the fused one, eager or compiled."""
        import torch

        model = torch_gpt(self).to(peer.device)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=peer.fused or None)
        ids, targets = (torch.from_numpy(a) for a in self.data())

        def loss(ids: Any, targets: Any) -> Any:
            logits, _ = model(ids)
            return torch.nn.functional.cross_entropy(logits.reshape(-1, self.V), targets.reshape(-1))

        compiled = peer.compile(loss)
        return training_step(
            optimizer,
            lambda: compiled(ids.to(peer.device), targets.to(peer.device)),  # a batch comes from the host
            lambda: torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0),
        )


@dataclass(frozen=True)
class GPTGeneration:
    """Tokens drawn one by one, batch 1, from a GPT with cached keys and values."""

    name: str
    model: GPTStep
    tokens: int
    description: str = ""
    product_flops: int = 0
    least_bytes: int = 0

    def ours(self, device: str = "cpu") -> Step:
        """This engine's generation; the returned number is the last token."""
        from .. import set_default_device
        from ..generation import generate

        set_default_device(device)
        model = our_gpt(self.model)
        return lambda: float(list(generate(model, [0], self.tokens))[-1])

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """PyTorch's, where a full context is read again from its newer half, as ours does."""
        import torch

        model, T = torch_gpt(self.model).eval().to(peer.device), self.model.T

        @torch.inference_mode()
        def step() -> float:
            read, cache, ids = [0], None, torch.zeros(1, 1, dtype=torch.long, device=peer.device)
            for _ in range(self.tokens):
                if len(read) > T:
                    read, cache = read[-(T // 2) - 1 :], None
                    ids = torch.tensor([read], device=peer.device)
                logits, cache = model(ids, cache)
                ids = torch.multinomial(torch.softmax(logits[:, -1], -1), 1)
                read.append(int(ids))
            return float(read[-1])

        return step


def our_gpt(sizes: GPTStep) -> Any:
    """This engine's model."""
    from .. import models

    return models.GPTLanguageModel(sizes.V, sizes.T, sizes.D, sizes.L, sizes.H, sizes.dropout)


def torch_gpt(sizes: GPTStep) -> Any:
    """The same model in PyTorch."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            D = sizes.D
            self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
            self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
            self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))
            self.dropout = nn.Dropout(sizes.dropout)

        def forward(self, x: Any, cache: Any) -> Any:
            B, T, D = x.shape
            q, k, v = (
                part.view(B, T, sizes.H, D // sizes.H).transpose(1, 2)
                for part in self.qkv(self.norm1(x)).split(D, dim=2)
            )
            if cache is not None:
                k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
            x = x + self.dropout(self.out(y.transpose(1, 2).reshape(B, T, D)))
            return x + self.dropout(self.mlp(self.norm2(x))), (k, v)

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.position = nn.Embedding(sizes.V, sizes.D), nn.Embedding(sizes.T, sizes.D)
            self.blocks = nn.ModuleList(Block() for _ in range(sizes.L))
            self.norm, self.dropout = nn.LayerNorm(sizes.D), nn.Dropout(sizes.dropout)

        def forward(self, ids: Any, caches: Any = None) -> Any:
            past = caches[0][0].shape[2] if caches else 0
            x = self.dropout(self.embedding(ids) + self.position.weight[past : past + ids.shape[1]])
            seen = []
            for index, block in enumerate(self.blocks):
                x, cache = block(x, caches[index] if caches else None)
                seen.append(cache)
            return self.norm(x) @ self.embedding.weight.T, seen

    return GPT()
