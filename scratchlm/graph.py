"""The computation graph: in which order `backward` walks it, and what it hands on at each Function."""

from collections.abc import Sequence
from typing import Any


class Version:
    """How often the memory behind a tensor was changed in place; shared by all its views."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


def output_first(root: Any) -> Sequence[Any]:
    """Functions below `root`, each one before those that made its inputs (reverse topological order).

    Depth first with a stack of our own: by recursion, a chain of 1000 operations (an RNN over 200 characters)
    would end in Python's recursion limit.
    """
    order: list[Any] = []
    seen = {root}
    stack = [(root, iter(root.inputs))]
    while stack:
        function, inputs = stack[-1]
        for t in inputs:
            maker = t._function
            if maker is not None and maker not in seen:
                seen.add(maker)
                stack.append((maker, iter(maker.inputs)))
                break
        else:
            order.append(function)
            stack.pop()
    return order[::-1]


def run_function(function: Any, grads: dict[Any, list[Any]]) -> None:
    """Run one Function's backward and hand its gradients to the makers of its inputs."""
    grad_outputs = grads.pop(function)
    for index, watched in function.watched.items():
        if grad_outputs[index] is not None:
            watched._accumulate(grad_outputs[index], owned=False)
    results = function.run_backward(grad_outputs)
    for t, grad in zip(function.inputs, results, strict=True):
        if grad is None or not t.requires_grad:
            continue
        if grad.dtype != t.dtype:
            grad = grad.astype(t.dtype)  # beside a float64 operand, say
        maker = t._function
        if maker is None:
            # Kept without a copy only where it cannot be somebody else's: fresh memory, returned once.
            held = (*results, *grad_outputs, *function._saved, *vars(function).values())
            alias = sum(grad is other for other in held) > 1
            t._accumulate(grad, owned=grad.base is None and not alias)
        else:
            sums = grads.setdefault(maker, [None] * len(maker.output_specs))
            sums[t._index] = grad if sums[t._index] is None else sums[t._index] + grad
