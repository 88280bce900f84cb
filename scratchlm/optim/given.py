"""The parameters that an optimizer is given, in groups, and what it refuses."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import DtypeError, OptionError
from ..nn.utils.clipping import as_parameters
from ..tensor import Tensor

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


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
