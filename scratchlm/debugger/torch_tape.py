"""A recording of a PyTorch model, to hold one of ours against.

    with record_torch(theirs) as tape:
        theirs.loss(ids).backward()
    tape.save("theirs.tape")  # scratchlm step mine.py --do "diff theirs.tape"

Each layer that has none inside becomes a record, under its path and its formula's name here; `diff` matches
them with ours by both.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .kept import Record, Seen
from .tape import Tape

NAMES = {"CrossEntropyLoss": "CrossEntropy", "MSELoss": "MeanSquaredError"}  # where they are called otherwise
RECURRENT = ("LSTM", "GRU")  # whose last states have an axis of layers, of length 1


@contextmanager
def record_torch(model: Any) -> Iterator[Tape]:
    """Record what each layer of a torch.nn.Module makes, and the gradients of its inputs."""
    tape, calls, handles = Tape(), Counter[tuple[str, str]](), []

    def hooks(path: str, name: str) -> tuple[Any, Any]:
        waiting: list[Record] = []  # backward comes through the last call first

        def forward(_: Any, inputs: Any, output: Any) -> None:
            call = calls[path, name]
            calls[path, name] += 1
            record = Record(len(tape), name, "", path, call, "", "torch", f"torch:{name}", {}, (True,))
            record.inputs = [_seen(x) for x in _flat(inputs)]
            outputs = [_seen(y) for y in _flat(output)]
            if name in RECURRENT:
                outputs[1:] = [_without_layers(seen) for seen in outputs[1:]]
            record.outputs = outputs
            tape.records.append(record)
            waiting.append(record)

        def backward(_: Any, grad_inputs: Any, __: Any) -> None:
            record = waiting.pop()
            record.turn, tape._backward = tape._backward, tape._backward + 1
            record.grad_inputs = [None if grad is None else _seen(grad) for grad in grad_inputs]

        return forward, backward

    for path, part in model.named_modules():
        if not list(part.children()):
            kind = type(part).__name__
            forward, backward = hooks(path, NAMES.get(kind, kind))
            handles.append(part.register_forward_hook(forward))
            if kind != "Embedding":  # whose ids have no gradient
                handles.append(part.register_full_backward_hook(backward))
    try:
        yield tape
    finally:
        for handle in handles:
            handle.remove()


def _flat(value: Any) -> list[Any]:
    """The tensors of a layer's inputs or outputs."""
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in _flat(part)]
    return [value] if hasattr(value, "requires_grad") else []


def _seen(tensor: Any) -> Seen:
    array = np.array(tensor.detach().cpu().numpy())
    return Seen(array.shape, str(array.dtype), "", array=array)


def _without_layers(seen: Seen) -> Seen:
    return Seen(seen.shape[1:], seen.dtype, "", array=seen.array[0]) if seen.shape[:1] == (1,) else seen
