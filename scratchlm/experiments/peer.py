"""PyTorch's loop over the steps of a GPT recipe, timed: `python -m … .peer RECIPE DATA CHANGES`.

The same text, batches, sizes, initial distribution, optimizer, schedule and clipping, two threads or as many
as ours; eager, with PyTorch's fused attention. Prints {"seconds": …, "loss": …}: the time of the steps, and
the validation loss over the whole held-out part at the end.
"""

import json
import math
import sys
import time


def main() -> None:
    """Train and print."""
    import torch
    from torch.nn.functional import cross_entropy

    from scratchlm.bench.gpt import GPTStep
    from scratchlm.kernels.cpu.threads import threads

    from ..text import IGNORE, RandomWindows, evaluation_windows
    from ..training import load_recipe, prepare_text
    from ..training.building import build_schedule

    recipe = load_recipe(sys.argv[1], json.loads(sys.argv[3]))
    recipe.data.paths = json.loads(sys.argv[2])
    text, m, t = prepare_text(recipe.data), recipe.model, recipe.training
    torch.set_num_threads(threads())
    torch.manual_seed(t.seed)
    V = text.tokenizer.vocab_size
    sizes = GPTStep("", V, m.embedding_dim, m.num_heads, m.num_layers, t.batch, t.length)
    model = sizes.torch_model()
    for name, p in model.named_parameters():
        if p.ndim >= 2:
            into_residual = name.endswith(("out.weight", "mlp.2.weight"))
            torch.nn.init.normal_(p, std=0.02 / math.sqrt(2 * m.num_layers) if into_residual else 0.02)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(p)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": t.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, t.lr, (0.9, t.beta2))
    schedule = build_schedule(t)
    batches = RandomWindows(text.training, t.batch, t.length, t.seed)
    started = time.perf_counter()
    for step in range(t.steps):
        inputs, targets = (torch.from_numpy(a).long() for a in next(batches))
        optimizer.zero_grad()
        loss = cross_entropy(model(inputs)[0].reshape(-1, V), targets.reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), t.clip or math.inf)
        for group in optimizer.param_groups:
            group["lr"] = t.lr * schedule(step + 1)
        optimizer.step()
        loss.item()
    seconds = time.perf_counter() - started
    total, count = 0.0, 0
    with torch.inference_mode():
        for window, wanted, _ in evaluation_windows(text.validation, 32, t.length):
            rows = torch.from_numpy(wanted).long().reshape(-1)
            logits = model(torch.from_numpy(window).long())[0].reshape(-1, V)
            total += cross_entropy(logits, rows, ignore_index=IGNORE, reduction="sum").item()
            count += int((wanted != IGNORE).sum())
    print(json.dumps({"seconds": round(seconds, 1), "loss": round(total / count, 4)}))


if __name__ == "__main__":
    main()
