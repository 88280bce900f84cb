"""Dropout: training with parts switched off at random."""

from ..errors import OptionError, refuse_words
from ..function import Array, Function
from ..random import random_state
from ..tensor import Tensor


class Dropout(Function):
    """y_e = 0 with probability p, else x_e / (1 − p);  ∂L/∂x by the same mask    [dropout].

    The mask is a function of (seed, call) and is drawn again in backward, not stored.
    """

    float_inputs = 1

    def __init__(self, p: float, seed: int, call: int):
        self.p, self.seed, self.call = p, seed, call

    def forward(self, x: Array) -> Array:
        return self.kernels.dropout(x, self.p, self.seed, self.call)

    def backward(self, grad_y: Array) -> Array:
        return self.kernels.dropout(grad_y, self.p, self.seed, self.call)


def check_probability(p: float) -> None:
    """Refuse what is no probability."""
    refuse_words("dropout", p)
    if not 0 <= p <= 1:
        raise OptionError(f"Dropout probability is {p}, expected 0 ≤ p ≤ 1.")


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero each element with probability p and scale the others by 1/(1−p); nothing when not training.

    Raises:
        OptionError: p is not in [0, 1].
    """
    check_probability(p)
    if not training or p == 0:
        return x
    if p == 1:
        return 0.0 * x
    seed, call = random_state.next_call()
    return Dropout(p, seed, call)(x)


def dropout_composed(x: Tensor, mask: Array, p: float) -> Tensor:
    """The same out of primitive operations, for a mask of 0 and 1 that is already drawn."""
    return x * Tensor(mask, device=x.device) * (1 / (1 - p))
