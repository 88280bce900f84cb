"""The computation graph: in which order `backward` walks it, and what it hands on at each Function."""

import sys
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
    for index, t in enumerate(function.inputs):
        grad = results[index]
        if grad is None or not t.requires_grad:
            continue
        # Kept without a copy only where nobody else can reach it: memory of its own, or all of an array that
        # it alone still knows (reshaped), known to the tuple `results`, to the name `grad` and to the call of
        # getrefcount alone.
        base = grad.base
        whole = base is None or (
            getattr(base, "base", base) is None  # an array of its own, not a file's memory
            and base.nbytes == grad.nbytes
            and grad.flags.c_contiguous
            and sys.getrefcount(base) <= 3
        )
        owned = whole and sys.getrefcount(grad) <= 3
        if grad.dtype != t.dtype:
            grad = grad.astype(t.dtype)  # beside a float64 operand, say
        maker = t._function
        if maker is None:
            t._accumulate(grad, owned)
        else:
            sums = grads.setdefault(maker, [None] * len(maker.output_specs))
            sum_so_far = sums[t._index]
            sums[t._index] = grad if sum_so_far is None else t.device.kernels.add(sum_so_far, grad)
