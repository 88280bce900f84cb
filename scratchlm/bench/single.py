"""Single kernels, forward and backward, on arrays of fixed sizes; and the tokenizer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..device import to_host
from .steps import FLOAT, PEERS, Step, Torch, Workload, least_bytes

IDS = 1120  # as many as a batch of W1 has tokens
RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    """Random float32 numbers."""
    return RNG.standard_normal(shape, dtype=np.float32)


@dataclass(frozen=True)
class Single(Workload):
    """A function with its gradient: `mine` on tensors of ours, `theirs` on PyTorch's.

    Inputs are random numbers of these shapes, then, for a vocabulary, token ids. They are made when they are
    needed: they must not weigh on the memory of other workloads.
    """

    shapes: Sequence[tuple[int, ...]]
    mine: Callable[..., Any]
    theirs: Callable[..., Any]
    vocabulary: int = 0

    def inputs(self) -> list[np.ndarray]:
        """The same for both."""
        ids = [np.random.default_rng(1).integers(0, self.vocabulary, IDS)] if self.vocabulary else []
        return [*(normal(*shape) for shape in self.shapes), *ids]

    def ours(self, device: str = "cpu") -> Step:
        """Forward, sum, backward."""
        from .. import Tensor, set_default_device

        set_default_device(device)
        tensors = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in self.inputs()]
        ones = Tensor(np.ones(self.mine(*tensors).shape, np.float32))

        def step() -> float:
            for t in tensors:
                t.grad = None
            y = self.mine(*tensors)
            y.backward(ones)
            return float(to_host(y.data[(0,) * y.ndim]))

        return step

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """The same in PyTorch."""
        import torch

        theirs = peer.compile(self.theirs)
        moved = [torch.from_numpy(a).to(peer.device) for a in self.inputs()]
        tensors = [t.requires_grad_(t.is_floating_point()) for t in moved]
        ones = torch.ones(self.theirs(*tensors).shape, device=peer.device)

        def step() -> float:
            for t in tensors:
                t.grad = None
            y = theirs(*tensors)
            y.backward(ones)
            return float(y.detach().flatten()[0])

        return step


@dataclass(frozen=True)
class AdamAlone(Workload):
    """One Adam step over n parameters in arrays of a GPT's shapes."""

    n: int

    @property
    def least_bytes(self) -> int:
        """Gradients are only read here."""
        return least_bytes(self.n) - FLOAT * self.n

    def shapes(self) -> list[tuple[int, ...]]:
        """Square matrices of 512, and a rest."""
        whole = self.n // 512**2
        return [(512, 512)] * whole + [(self.n - whole * 512**2,)]

    def ours(self, device: str = "cpu") -> Step:
        """This engine's kernel."""
        from .. import Tensor, optim, set_default_device
        from ..nn import Parameter

        set_default_device(device)
        parameters = [Parameter(normal(*shape)) for shape in self.shapes()]
        for p in parameters:
            p.grad = Tensor(normal(*p.shape))
        optimizer = optim.Adam(parameters)

        def step() -> float:
            optimizer.step()
            return float(to_host(parameters[0].data[0, 0]))

        return step

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """PyTorch's default Adam, or its fused one."""
        import torch

        drawn = [torch.from_numpy(normal(*shape)).to(peer.device) for shape in self.shapes()]
        parameters = [torch.nn.Parameter(array) for array in drawn]
        for p in parameters:
            p.grad = torch.from_numpy(normal(*p.shape)).to(peer.device)
        optimizer = torch.optim.Adam(parameters, fused=peer.fused or None)
        update = peer.compile(optimizer.step)

        def step() -> float:
            update()
            return float(parameters[0].detach().flatten()[0])

        return step


@dataclass(frozen=True)
class BPE(Workload):
    """Byte-level BPE on the default text: 1,024 merges learned, or the text encoded (with a fresh cache)."""

    encode: bool

    def ours(self, device: str = "cpu") -> Step:
        """This engine's tokenizer."""
        from ..text import BPETokenizer, default_corpus

        text = default_corpus().text
        if not self.encode:
            return lambda: float(BPETokenizer.train(text, 1280).vocab_size)
        merges = BPETokenizer.train(text, 1280).merges
        return lambda: float(len(BPETokenizer(merges).encode(text)))

    def torch(self, peer: Torch = PEERS["torch"]) -> Step:
        """The Hugging Face library's; PyTorch has none."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        from ..text import default_corpus

        text = default_corpus().text
        lines = text.splitlines(keepends=True)

        def train() -> Any:
            tokenizer = Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tokenizer.decoder = decoders.ByteLevel()
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            trainer = trainers.BpeTrainer(vocab_size=1280, initial_alphabet=alphabet, show_progress=False)
            tokenizer.train_from_iterator(lines, trainer)
            return tokenizer

        if not self.encode:
            return lambda: float(train().get_vocab_size())
        state = train().to_str()
        return lambda: float(len(Tokenizer.from_str(state).encode(text).ids))
