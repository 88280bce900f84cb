"""The walk back through the computation graph.

`loss.backward()` calls `walk_back`, which calls each Function's `backward`, output first: all of it is here.
"""

import sys
from collections.abc import Sequence
from typing import Any

from .errors import GraphError, NumberError
from .modes import looks_for_anomalies, taping


class Version:
    """How often the memory behind a tensor was changed in place, and whether a recorded operation has read
    it; shared by all its views."""

    __slots__ = ("count", "read")

    def __init__(self) -> None:
        self.count, self.read = 0, False


def output_first(root: Any) -> Sequence[Any]:
    """Functions below `root`, each one before those that made its inputs (reverse topological order).

    Depth first with a stack of our own: by recursion, a chain of 1000 operations (an RNN over 300 characters)
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


def walk_back(root: Any, index: int, grad: Any, retain_graph: bool) -> None:
    """Back-propagation from output `index` of the Function `root`, whose gradient is `grad`.

    Every leaf that requires a gradient gets it added to its `.grad`.
    """
    # sums[f][i]: sum so far of ∂L/∂(output i of f). A Function runs only when all users of its outputs have
    # run, so that the sum is complete: hence the order, output first.
    sums: dict[Any, list[Any]] = {root: [None] * len(root.output_specs)}
    sums[root][index] = grad
    tape = taping()
    for function in output_first(root):
        grad_outputs = _complete(function, sums.pop(function))
        grads = function.backward(*grad_outputs) if tape is None else tape.backward(function, grad_outputs)
        grads = grads if isinstance(grads, tuple) else (grads,)
        _check(function, grads)
        for k, t in enumerate(function.inputs):
            if grads[k] is not None and t.requires_grad:
                _hand_on(grads, k, t, sums)
        if not retain_graph:
            function.free()
    if tape is not None:
        tape.went_backward()


def _complete(function: Any, grad_outputs: list[Any]) -> list[Any]:
    """The gradients of all outputs: zeros for those that nobody used."""
    if function.freed:
        raise GraphError(
            f"backward() came a second time through {function.name}, whose saved arrays are freed: "
            "call backward(retain_graph=True) the first time, or compute the loss again (in an RNN, "
            "detach() the state that is carried from batch to batch)."
        )
    for index, watched in function.watched.items():
        if grad_outputs[index] is not None:
            watched._accumulate(grad_outputs[index], owned=False)
    for index, grad in enumerate(grad_outputs):
        if grad is None:
            shape, dtype = function.output_specs[index]
            grad_outputs[index] = function.xp.zeros(shape, dtype)
    return grad_outputs


def _check(function: Any, grads: tuple[Any, ...]) -> None:
    """What a `backward` returned: one gradient for each input, of the input's shape, or None."""
    inputs = function.inputs
    if len(grads) != len(inputs):
        raise GraphError(
            f"{function.name}.backward returned {len(grads)} gradients for {len(inputs)} inputs: "
            "return one for each, None where an input has none."
        )
    for index, (grad, t) in enumerate(zip(grads, inputs, strict=True)):
        shape = t._data.shape
        if grad is None or (hasattr(grad, "shape") and (grad.shape == shape or not t.requires_grad)):
            continue
        if not hasattr(grad, "shape"):
            raise GraphError(
                f"{function.name}.backward returned a {type(grad).__name__} for input {index}: return an "
                f"array of shape {shape}, or None."
            )
        raise GraphError(
            f"{function.name}.backward returned a gradient of shape {grad.shape} for input {index} "
            f"of shape {shape}: the two must be equal."
        )
    if looks_for_anomalies():
        check_finite(function, [grad for grad in grads if grad is not None], "backward")


def _hand_on(grads: tuple[Any, ...], index: int, t: Any, sums: dict[Any, list[Any]]) -> None:
    """Give a gradient to the leaf `t`, or add it up for the Function that made `t`."""
    owned, grad, maker = _is_ours(grads, index), grads[index], t._function
    if grad.dtype != t._data.dtype:
        grad = grad.astype(t.dtype)  # beside a float64 operand, say
    if maker is None:
        t._accumulate(grad, owned)
        return
    of_maker = sums.setdefault(maker, [None] * len(maker.output_specs))
    so_far = of_maker[t._index]
    of_maker[t._index] = grad if so_far is None else t.device.kernels.add(so_far, grad)


def _is_ours(grads: tuple[Any, ...], index: int) -> bool:
    """Whether nobody else knows a gradient, so that a leaf may keep it without a copy.

    It is then known to the tuple and to the call of getrefcount alone: 2. So may a view be that is all of an
    array which it alone knows (a reshaped product, say), its base known to the view, a name and the call: 3.
    """
    if sys.getrefcount(grads[index]) > 2:
        return False
    grad, base = grads[index], grads[index].base
    return base is None or (
        getattr(base, "base", base) is None  # an array of its own, not a file's memory
        and base.nbytes == grad.nbytes
        and grad.flags.c_contiguous
        and getattr(grad.flags, "writeable", True)  # NumPy's einsum gives views that are not
        and sys.getrefcount(base) <= 3
    )


def check_finite(function: Any, arrays: Sequence[Any], where: str) -> None:
    """Raise NumberError for the first array with a NaN or infinity."""
    for index, array in enumerate(arrays):
        finite = function.xp.isfinite(array) if array.dtype.kind == "f" else None
        if finite is not None and not finite.all():
            raise NumberError(
                f"{function.name}.{where} made {int((~finite).sum())} NaN or infinite value(s) in its result "
                f"{index} of shape {array.shape}: look at its inputs, and lower the learning rate or clip "
                "gradients."
            )


def forget(parameter: Any, set_to_none: bool) -> None:
    """Leave a tensor without a gradient; or where there is one, 0 in it."""
    if set_to_none or parameter.grad is None:
        parameter.grad = None
    else:
        parameter.grad.zero_()
