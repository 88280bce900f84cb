"""Module: a part of a model that has parameters. Names and state dict as in PyTorch."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from ..device import Device, get_device, to_host
from ..errors import CheckpointError, did_you_mean
from ..modes import evaluated, no_grad
from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that a Module trains."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, device: "str | Device | None" = None):
        super().__init__(data, requires_grad, device)


class Module:
    """Base of all layers and models: attributes that are Parameters or Modules are found by name.

    Subclasses define `forward`; calling the module calls it.
    """

    _training = True

    @property
    def training(self) -> bool:
        """Whether dropout is on: `train()` or `eval()` says; off while this thread evaluates the module."""
        return self._training and self not in evaluated()

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = mode

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`."""
        return self.forward(*args, **kwargs)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """Direct parts with their names."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def modules(self) -> Iterator["Module"]:
        """This module and all parts, depth first."""
        yield self
        for _, child in self.children():
            yield from child.modules()

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names such as `lstm.weight_ih_l0`; a shared one comes once."""
        seen: set[int] = set()
        for name, parameter in self._walk(prefix):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def _walk(self, prefix: str) -> Iterator[tuple[str, Parameter]]:
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield prefix + name, value
            elif isinstance(value, Module):
                yield from value._walk(f"{prefix}{name}.")

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def count_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.size for parameter in self.parameters())

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode: bool = True) -> Self:
        """Switch dropout on (or off)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch dropout off."""
        return self.train(False)

    def to(self, device: "str | Device") -> Self:
        """Move all parameters to a device. They stay the same objects: shared ones stay shared, and an
        optimizer that was made before still trains them. Gradients are forgotten."""
        target = get_device(device)
        for parameter in self.parameters():
            if parameter.device is not target:
                parameter.device, parameter.grad = target, None
                parameter.data = parameter.data  # as an array of that device
        return self

    def state_dict(self) -> dict[str, np.ndarray]:
        """Name → NumPy array of every parameter. The arrays are the parameters' own memory, except from a
        card: copy what must stay."""
        return {name: parameter.numpy() for name, parameter in self._walk("")}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy arrays (NumPy, or anything NumPy reads, such as PyTorch's tensors) into the parameters.

        Nothing is changed unless everything fits.

        Raises:
            CheckpointError: a name is missing or unknown (where strict), or a shape differs.
        """
        own = dict(self._walk(""))
        if strict and (missing := own.keys() - state.keys()):
            name = min(missing)
            raise CheckpointError(
                f"The weights lack '{name}'{did_you_mean(name, state)}: they belong to another model."
            )
        if strict and (unknown := state.keys() - own.keys()):
            name = min(unknown)
            raise CheckpointError(
                f"The weights have '{name}', which this model has not{did_you_mean(name, own)}."
            )
        arrays = {name: to_host(state[name]) for name in own if name in state}
        for name, array in arrays.items():
            if array.shape != own[name].shape:
                raise CheckpointError(
                    f"'{name}' has shape {array.shape} in the weights and {own[name].shape} in the model."
                )
        with no_grad():
            for name, array in arrays.items():
                own[name].copy_(array)

    def __repr__(self) -> str:
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.children()]
        head = f"{type(self).__name__}({self.extra_repr()}"
        return head + ("\n" + "\n".join(lines) + "\n)" if lines else ")")

    def extra_repr(self) -> str:
        """The options shown in `repr`."""
        return ""


class Sequential(Module):
    """Modules one after the other; each gets the output of the one before."""

    def __init__(self, *modules: Module):
        for index, module in enumerate(modules):
            setattr(self, str(index), module)

    def forward(self, x: Any) -> Any:
        """Apply all in order."""
        for _, module in self.children():
            x = module(x)
        return x

    def __getitem__(self, index: int) -> Module:
        return list(self.children())[index][1]

    def __len__(self) -> int:
        return sum(1 for _ in self.children())
