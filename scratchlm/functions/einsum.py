"""Sums of products by the names of axes: einsum."""

import string
from typing import Any

from ..errors import ShapeError, quote
from ..function import Array, Function
from ..tensor import Tensor
from .elementwise import sum_to


class Einsum(Function):
    """y = Σ Π of operands by the letters of their axes;  ∂L/∂operand is the same sum with ∂L/∂y in its place.

    "ij,jk->ik" is a matrix product. Letters of an operand that neither the result nor another operand has are
    summed: the gradient is repeated along them; a letter twice is a diagonal: the gradient lies on it.
    """

    float_inputs = None

    def __init__(self, operands: list[str], result: str):
        self.operands, self.result = operands, result

    def forward(self, *arrays: Array) -> Array:
        self.save(*arrays)
        try:
            return self.xp.einsum(f"{','.join(self.operands)}->{self.result}", *arrays)
        except ValueError as error:
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise ShapeError(f"einsum got shapes {shapes} for {','.join(self.operands)}: {error}.") from None

    def backward(self, grad_y: Array) -> tuple[Array, ...]:
        return tuple(self._gradient(k, grad_y) for k in range(len(self.operands)))

    def _gradient(self, k: int, grad_y: Array) -> Array:
        arrays, own = self.saved, self.operands[k]
        others = [
            (names, a) for i, (names, a) in enumerate(zip(self.operands, arrays, strict=True)) if i != k
        ]
        once = "".join(dict.fromkeys(own))  # each letter once
        known = [c for c in once if c in self.result or any(c in names for names, _ in others)]
        parts = ",".join([self.result, *(names for names, _ in others)])
        grad = self.xp.einsum(f"{parts}->{''.join(known)}", grad_y, *(a for _, a in others))
        lengths = {c: n for c, n in zip(own, arrays[k].shape, strict=True)}
        for axis, c in enumerate(once):  # lost letters come back
            if c not in known:
                grad = self.xp.expand_dims(grad, axis)
        grad = self.xp.broadcast_to(grad, [max(lengths[c], n) for c, n in zip(once, grad.shape, strict=True)])
        if once == own:
            return sum_to(grad, arrays[k].shape)
        result = self.xp.zeros(arrays[k].shape, grad.dtype)
        grid = self.xp.meshgrid(*(self.xp.arange(lengths[c]) for c in once), indexing="ij", sparse=True)
        result[tuple(grid[once.index(c)] for c in own)] = grad
        return result


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum of products by the names of axes: einsum("ij,jk->ik", a, b) is a @ b; "…" for all other axes.

    Raises:
        ShapeError: the equation does not fit the operands.
    """
    tensors = (
        list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    )
    left, arrow, result = equation.replace(" ", "").partition("->")
    names = left.split(",")
    if len(names) != len(tensors):
        raise ShapeError(f"einsum {quote(equation)} names {len(names)} operands, got {len(tensors)}.")
    free = [c for c in string.ascii_letters if c not in equation]
    most = max(
        [t.ndim - len(n.replace("...", "")) for n, t in zip(names, tensors, strict=True) if "..." in n] or [0]
    )
    rest = "".join(free[: max(most, 0)])
    for k, t in enumerate(tensors):
        extra = t.ndim - len(names[k].replace("...", ""))
        names[k] = names[k].replace("...", rest[len(rest) - extra :] if extra > 0 else "")
        if len(names[k]) != t.ndim:
            raise ShapeError(f"einsum {quote(equation)} does not fit operand {k} of shape {t.shape}.")
    every = "".join(names)
    if not arrow:
        result = "..." + "".join(sorted({c for c in every if every.count(c) == 1 and c not in rest}))
    result = result.replace("...", rest)
    if not set(result) <= set(every) or len(set(result)) < len(result):
        raise ShapeError(
            f"einsum {quote(equation)}: each letter of the result comes once, and from an operand."
        )
    return Einsum(names, result)(*tensors)
