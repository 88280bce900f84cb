"""What optimizers and clipping are given: parameters, groups of them, numbers; and what they refuse."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import DtypeError, OptionError, quote
from ..nn.module import Module
from ..tensor import Tensor

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


def as_parameters(parameters: Any, who: str) -> list[Tensor]:
    """Tensors out of a tensor or several; refuses everything else by its type."""
    if isinstance(parameters, Tensor):
        return [parameters]
    if isinstance(parameters, Module):
        raise OptionError(
            f"{who} takes parameters, got {type(parameters).__name__} itself: pass its .parameters()."
        )
    found = list(parameters) if isinstance(parameters, Iterable) else [parameters]
    for p in found:
        if not isinstance(p, Tensor):
            raise OptionError(f"{who} takes tensors, got {type(p).__name__}: pass model.parameters().")
    return found


def groups_of(parameters: Any, options: dict[str, Any], who: str) -> list[dict[str, Any]]:
    """PyTorch's parameter groups, each with all options."""
    if isinstance(parameters, Tensor):
        raise OptionError(f"{who} takes several parameters, got one tensor: write [tensor].")
    several = list(parameters) if isinstance(parameters, Iterable) else parameters
    given = several if isinstance(several, list) and any(isinstance(g, dict) for g in several) else None
    groups = []
    for group in given or [{"params": several}]:
        known = {"params", *options}
        if not isinstance(group, dict) or not {"params"} <= group.keys() <= known:
            names = sorted(group) if isinstance(group, dict) else type(group).__name__
            raise OptionError(f"A group has params, and may have {', '.join(options)}: got {names}.")
        groups.append(options | group | {"params": as_parameters(group["params"], who)})
    every = [p for group in groups for p in group["params"]]
    if not every:
        raise OptionError("The optimizer got no parameters: pass model.parameters().")
    if len({id(p) for p in every}) < len(every):
        raise OptionError("The optimizer got a parameter twice, and would step it twice: name each once.")
    for k, p in enumerate(every):
        if not p.is_leaf:
            raise OptionError(f"Parameter {k} of the optimizer is no leaf: pass what it was made of.")
        if p.dtype not in (np.float32, np.float64):
            raise DtypeError(f"Parameter {k} of the optimizer is {p.dtype}: float32 or float64 is expected.")
        if not p.device.on_card and not p.data.flags.writeable:
            raise OptionError(f"Parameter {k} of the optimizer is read-only: make the tensor of a copy.")
    return groups


def check_number(name: str, value: Any, least: float, below: float = math.inf, finite: bool = True) -> None:
    """Refuse an option that is no number, or out of range.

    Raises:
        OptionError: with the name, the value and the range.
    """
    number = isinstance(value, (int, float, np.number))
    if not number or not least <= value or not (value < below or (value == below and not finite)):
        limit = f" and below {below:g}" if below < math.inf else ""
        raise OptionError(f"{name} is {quote(value)}, expected a number from {least:g} on{limit}.")
