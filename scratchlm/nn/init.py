"""Initial values in place, drawn from the engine's own generator (`manual_seed`); each returns its tensor.

fan_in and fan_out: to how many inputs and outputs a number of the weight (out, in, …) belongs.
"""

import math
from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError, quote, refuse_words, unknown
from ..modes import no_grad
from ..random import random_state
from ..tensor import Tensor

GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


def _fill(tensor: Tensor, numbers: Any) -> Tensor:
    with no_grad():
        return tensor.copy_(numbers)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """From U(a, b)."""
    refuse_words("uniform_", a, b)
    return _fill(tensor, random_state.generator.uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """From N(mean, std²)."""
    refuse_words("normal_", mean, std)
    if std < 0:
        raise OptionError(f"normal_ takes a deviation from 0 on, got {std}.")
    return _fill(tensor, random_state.generator.normal(mean, std, tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much the weights before a nonlinearity are larger, so that signals keep their size.

    param: leaky_relu's slope, 0.01 for None.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise OptionError(
            f"nonlinearity is {quote(nonlinearity)}, expected one of leaky_relu, {', '.join(GAINS)}."
        )
    return GAINS[nonlinearity]


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(f"Fans need a weight of two axes or more, (out, in), got shape {tensor.shape}.")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """From U(−a, a), a = gain √(6 / (fan_in + fan_out)). Source: Glorot and Bengio 2010."""
    a = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -a, a)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """From N(0, σ²), σ = gain √(2 / (fan_in + fan_out)). Source: Glorot and Bengio 2010."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """gain / √fan. Source: He and others 2015."""
    if mode not in ("fan_in", "fan_out"):
        raise OptionError(f"mode is {quote(mode)}, expected fan_in or fan_out.")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """From U(−b, b), b = gain √(3 / fan); a: the slope of leaky_relu."""
    b = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -b, b)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """From N(0, σ²), σ = gain / √fan; a: the slope of leaky_relu."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Rows (or columns, if fewer) at right angles and of length gain. Source: Saxe and others 2014."""
    _fans(tensor)
    rows = tensor.shape[0]
    drawn = random_state.generator.standard_normal((rows, tensor.data.size // rows))
    q, r = np.linalg.qr(drawn.T if len(drawn) < drawn.shape[1] else drawn)
    q = gain * q * np.sign(np.diag(r))  # every orthogonal matrix is then as likely as any other
    return _fill(tensor, (q.T if len(drawn) < drawn.shape[1] else q).reshape(tensor.shape))


def __getattr__(name: str) -> Any:
    """For names that there are not."""
    if name.startswith("__"):
        raise AttributeError(name)  # protocols that somebody asks for
    raise unknown("scratchlm.nn.init", name, globals())
