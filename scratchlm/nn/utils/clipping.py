"""Gradients made smaller before a step."""

from collections.abc import Iterable
from typing import Any

from ...device import to_host
from ...errors import OptionError, check_number
from ...tensor import Tensor
from ..module import Module


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


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients by c / (‖g‖ + 10⁻⁶) where ‖g‖ > c = max_norm; return ‖g‖ before [gradient_norm].

    ‖g‖ is the length of all gradients taken as one vector. Source: Pascanu, Mikolov and Bengio 2013; the 10⁻⁶
    is PyTorch's. Where ‖g‖ is not finite nothing is scaled: the caller sees it in the returned number. On a
    card that number costs one wait for all of backward; to scale without looking would cost a pass over all
    gradients.
    """
    check_number("max_norm", max_norm, 0, finite=False)
    gradients = _gradients(parameters)
    if not gradients:
        return 0.0
    norm = float(to_host(gradients[0].device.kernels.gradient_norm([g.data for g in gradients])))
    if max_norm < norm < float("inf"):
        for g in gradients:
            g.data *= max_norm / (norm + 1e-6)
    return norm


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Cut each element of all gradients to the range from −clip_value to clip_value."""
    check_number("clip_value", clip_value, 0, finite=False)
    for g in _gradients(parameters):
        g.data = g.device.xp.clip(g.data, -clip_value, clip_value)


def _gradients(parameters: Any) -> list[Tensor]:
    return [p.grad for p in as_parameters(parameters, "Clipping") if p.grad is not None]
