"""Derivatives by differences, to hold `backward` to."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError, NumberError
from ..modes import no_grad
from ..tensor import Tensor


def numerical_gradient(function: Callable[[], float], array: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """∂f/∂x_e ≈ (f(x + h e) − f(x − h e)) / 2h for every element of `array`, which f reads anew each time.

    Truncation costs h² f'''/6, rounding ε f / h: in float64, h = 10⁻⁶ leaves about ten digits.
    """
    gradient = np.zeros(array.shape, array.dtype)
    for index in np.ndindex(array.shape):
        kept = array[index].item()
        array[index] = kept + h
        above = function()
        array[index] = kept - h
        below = function()
        array[index] = kept
        gradient[index] = (above - below) / (2 * h)
    return gradient


def gradcheck(
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    h: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> float:
    """Compare `backward` of `function(*inputs)` with differences; return the largest difference.

    A tensor-valued function (or one with several results) is made a number by a sum with fixed random
    weights, so that each output element has a part of its own in what is checked.

    Raises:
        DtypeError: an input that requires a gradient is not float64.
        NumberError: a gradient differs by more than atol + rtol · |difference quotient|; names the input
            and the element.
    """
    checked = [t for t in inputs if t.requires_grad]
    if any(t.dtype != np.float64 for t in checked):
        raise DtypeError("gradcheck needs float64 inputs: in float32 the differences drown in rounding.")
    rng = np.random.default_rng(0)
    weights: list[np.ndarray] = []

    def total() -> Tensor:
        results = function(*inputs)
        results = results if isinstance(results, tuple) else (results,)
        if not weights:
            weights.extend(rng.uniform(0.5, 1.5, r.shape) * rng.choice([-1, 1], r.shape) for r in results)
        parts = [(r * Tensor(w, device=r.device)).sum() for r, w in zip(results, weights, strict=True)]
        return sum(parts[1:], parts[0])

    for t in checked:
        t.grad = None
    total().backward()

    def value() -> float:
        with no_grad():
            return float(total().item())

    worst = 0.0
    for number, t in enumerate(inputs):
        if not t.requires_grad:
            continue
        expected = numerical_gradient(value, t.data, h)
        found = np.zeros_like(expected) if t.grad is None else t.grad.numpy()
        difference = np.abs(found - expected)
        worst = max(worst, float(difference.max(initial=0.0)))
        wrong = difference > atol + rtol * np.abs(expected)
        if wrong.any() or np.isnan(difference).any():
            index = tuple(int(i) for i in np.unravel_index(np.argmax(difference), difference.shape))
            raise NumberError(
                f"The gradient of input {number} is wrong at element {index}: backward gives "
                f"{found[index]:.8g}, differences give {expected[index]:.8g} "
                f"({int(wrong.sum())} of {wrong.size} elements are off)."
            )
    return worst
