"""What recording costs: a step of training with each level, beside the same step without.

`python docs/recording_cost.py [DEVICE]`; best of seven each, in turns.
"""

import sys
from time import perf_counter

import numpy as np

import scratchlm as sl
from scratchlm import models, optim
from scratchlm.debugger import record
from scratchlm.debugger.tape import LEVELS

MODELS = {
    "GPT 4×128, context 64": lambda: models.GPTLanguageModel(65, 64, 128, num_heads=4, num_layers=4),
    "LSTM 2×128": lambda: models.LSTMLanguageModel(65, 64, 128, num_layers=2),
}


def main() -> None:
    """A row for each model."""
    device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
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
        for _ in range(8):
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


if __name__ == "__main__":
    main()
