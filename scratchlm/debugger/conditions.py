"""What `until` waits for, as tests of a record."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import OptionError
from .kept import Record
from .questions import is_finite

SATURATED = 0.99  # a gate beyond this, or below 1 − this, passes hardly any gradient


def condition(given: str) -> Callable[[Record], bool]:
    """What `until` waits for."""
    number = re.fullmatch(r"norm\s*([<>]?)\s*(\d[\d.]*(?:[eE][+-]?\d+)?)", given)
    if given.split(" ")[0] == "norm" and not number:
        raise OptionError("until norm takes a number: until norm > 10, or until norm < 1e-6.")
    if number and number[1] == "<":  # of gradients: what is 0 from the beginning is no news
        return lambda r: any(0 < norm_of(seen) < float(number[2]) for seen in filter(None, r.grad_inputs))
    if number:
        return lambda r: any(norm_of(seen) > float(number[2]) for seen in _kept(r))
    if given == "nan":
        return lambda r: any(not is_finite(seen) for seen in _kept(r))
    if given == "broadcast":
        return lambda r: len({s.shape for s in r.inputs}) > 1 and r.name in ("Add", "Sub", "Mul", "Div")
    if given == "saturated":
        return _saturated
    if not given:
        raise OptionError(
            "until takes a condition: nan, norm > 10, broadcast, saturated, a formula, a parameter."
        )
    return lambda r: (
        given in (r.formula, r.name, r.module, f"{r.module}.{r.name}")
        or any(s.source == given for s in r.inputs)
    )


def _kept(record: Record) -> list[Any]:
    return [*record.inputs, *record.outputs, *filter(None, (*record.grad_outputs, *record.grad_inputs))]


def norm_of(seen: Any) -> float:
    """√Σ x², as far as the level tells."""
    if seen.array is None:
        return seen.norm or 0.0
    return float(np.linalg.norm(seen.array.astype(np.float64))) if seen.array.dtype.kind == "f" else 0.0


def _saturated(record: Record) -> bool:
    if record.name in ("LSTM", "LSTMCell"):
        gates = next(
            (
                s.array
                for s in record.saved
                if s
                and s.shape[-1:] == (4 * record.inputs[1].shape[-1],)
                and s.array is not None
                and len(s.shape) == len(record.inputs[0].shape)
            ),
            None,
        )
        if gates is None:
            return False
        i, f, _, o = np.split(gates, 4, axis=-1)
        y = np.concatenate([i, f, o], axis=-1)
        return bool(((y > SATURATED) | (y < 1 - SATURATED)).mean() > 0.5)
    if record.name not in ("Sigmoid", "Tanh") or record.outputs[0].array is None:
        return False
    y = record.outputs[0].array
    flat = np.abs(y) > SATURATED
    return bool((flat | (y < 1 - SATURATED) if record.name == "Sigmoid" else flat).mean() > 0.5)
