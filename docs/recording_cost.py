"""What recording costs: a step of training with each level, beside the same step without.

`python docs/recording_cost.py [DEVICE]`; best of twelve each, in turns. Where PyTorch and TorchLens are
installed, the same model in PyTorch, forward and backward, plain and traced with activations and gradients.
"""

import sys
import warnings
from importlib.util import find_spec
from time import perf_counter

import numpy as np

import scratchlm as sl
from scratchlm import models, optim
from scratchlm.bench.workloads import W2, W3
from scratchlm.debugger import record
from scratchlm.debugger.tape import LEVELS

MODELS = {
    "GPT 4×128, context 64": lambda: models.GPTLanguageModel(65, 64, 128, num_heads=4, num_layers=4),
    "LSTM 2×128": lambda: models.LSTMLanguageModel(65, 64, 128, num_layers=2),
}
PEERS = {"GPT 4×128, context 64": W3, "LSTM 2×256": W2}


def ours(device: str) -> None:
    """A row for each model."""
    sl.set_default_device(device)
    print(f"| model, 12×64 tokens, `{device}` | without | {' | '.join(LEVELS)} |")
    print("|---" * (2 + len(LEVELS)) + "|")
    for name, make in MODELS.items():
        sl.manual_seed(0)
        model, ids = make(), np.random.default_rng(0).integers(0, 65, (12, 64))
        optimizer = optim.Adam(model.parameters())

        def step(model=model, optimizer=optimizer, ids=ids):
            loss, _ = model.loss(ids, ids)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        best = dict.fromkeys([None, *LEVELS], np.inf)
        for _ in range(12):
            for level in best:
                began = perf_counter()
                if level is None:
                    step()
                else:
                    with record(level, quiet=True):
                        step()
                best[level] = min(best[level], perf_counter() - began)
        rest = " | ".join(f"{best[level] / best[None]:.2f}" for level in LEVELS)
        print(f"| {name} | {1000 * best[None]:.1f} ms | {rest} |")


def beside_torchlens(device: str) -> None:
    """Forward and backward of the same model: how many times as long when all is recorded, here and there."""
    missing = [name for name in ("torch", "torchlens") if find_spec(name) is None]
    if missing:
        print(f"\nTorchLens: SKIPPED, not installed: {', '.join(missing)}")
        return
    import torch
    import torchlens

    warnings.filterwarnings("ignore")
    print(f"\n| forward and backward, `{device}` | full | PyTorch, TorchLens {torchlens.__version__} |")
    print("|---|---|---|")
    options = torchlens.options.CaptureOptions(save_grads=True)
    for name, work in PEERS.items():
        model, theirs = work.our_model(), work.torch_model()
        ids, targets = work.data()
        (x, t) = (torch.tensor(part) for part in work.torch_data())

        class Loss(torch.nn.Module):
            def __init__(self, body):
                super().__init__()
                self.body = body

            def forward(self, ids, targets):
                scores = self.body(ids)[0]
                return torch.nn.functional.cross_entropy(
                    scores.reshape(-1, scores.shape[-1]), targets.reshape(-1)
                )

        loss = Loss(theirs)

        def plain(model=model, ids=ids, targets=targets):
            model.loss(ids, targets)[0].backward()

        def recorded(plain=plain):
            with record(quiet=True):
                plain()

        def traced(loss=loss, x=x, t=t):
            trace = torchlens.trace(loss, [x, t], capture=options)
            trace.backward(trace[trace.output_layers[0]].out)

        ways = {
            "plain": plain,
            "recorded": recorded,
            "torch": lambda loss=loss, x=x, t=t: loss(x, t).backward(),
        }
        best = dict.fromkeys([*ways, "traced"], np.inf)
        for _ in range(4):
            for way, run in [*ways.items(), ("traced", traced)]:
                began = perf_counter()
                run()
                best[way] = min(best[way], perf_counter() - began)
        print(
            f"| {name} | {best['recorded'] / best['plain']:.2f} (of {1000 * best['plain']:.1f} ms) | "
            f"{best['traced'] / best['torch']:.1f} (of {1000 * best['torch']:.1f} ms) |"
        )


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    ours(chosen)
    beside_torchlens(chosen)
