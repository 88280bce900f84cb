"""Module: a part of a model that has parameters. Names and state dict as in PyTorch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from ..autograd import forget
from ..device import Device, get_device
from ..errors import CheckpointError, GraphError, OptionError, did_you_mean, quote, unknown
from ..modes import evaluated, no_grad
from ..tensor import Tensor
from .loading import numbers


class Parameter(Tensor):
    """A tensor that a Module trains."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, device: "str | Device | None" = None):
        super().__init__(data, requires_grad, device)


def _once(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """What comes under several names, under the first alone."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def _inside(value: Any) -> Iterator["Module | Parameter"]:
    """The layers and parameters in a plain list, tuple, set or dict, however deep."""
    if isinstance(value, list | tuple | set | dict):
        for part in value.values() if isinstance(value, dict) else value:
            if isinstance(part, Module | Parameter):
                yield part
            else:
                yield from _inside(part)


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
        raise GraphError(f"{type(self).__name__} has no forward(self, …): define it, with this name.")

    def __getattr__(self, name: str) -> Any:
        """For names that there are not."""
        if name.startswith("__"):
            raise AttributeError(name)  # protocols that somebody asks for
        raise unknown(type(self).__name__, name, [*vars(self), *dir(type(self))])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`."""
        return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        self._refuse_lost(name, value)
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise OptionError(
                f"{type(self).__name__}.{name} is a parameter, and a {type(value).__name__} in its place "
                "would not be trained: wrap it in nn.Parameter."
            )
        super().__setattr__(name, value)

    def _refuse_lost(self, name: str, value: Any) -> None:
        """Refuse layers in a plain list or dict alone: nobody would find, train, save or move them."""
        if (lost := next((part for part in _inside(value) if not self._has(part)), None)) is not None:
            keeper = "ModuleDict" if isinstance(value, dict) else "ModuleList"
            keeper = "ParameterList" if isinstance(lost, Parameter) else keeper
            raise OptionError(
                f"{type(self).__name__}.{name} is a {type(value).__name__} with a {type(lost).__name__} "
                f"in it, which would be neither trained nor saved: put it into nn.{keeper}(…)."
            )

    def _has(self, part: "Module | Parameter") -> bool:
        """Whether a layer or parameter has a name somewhere below this module."""
        return any(part is found for module in self.modules() for found in (module, *vars(module).values()))

    # ---------------------------------------------------------------- parts by name
    def add_module(self, name: str, module: "Module | None") -> None:
        """Set a part by its name, which may be any word without a dot."""
        self._register(name, module, Module)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Set a parameter by its name."""
        self._register(name, parameter, Parameter)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Set a tensor that is not trained but belongs to the model: `to` moves it, and where it is
        persistent, it is in the state dict."""
        self._register(name, tensor, Tensor)
        vars(self).setdefault("_buffers", {})[name] = persistent

    def _register(self, name: str, value: Any, kind: type) -> None:
        if not isinstance(name, str) or not name or "." in name or hasattr(self, name):
            raise OptionError(
                f"{type(self).__name__} cannot name a part {quote(name)}: take a word without dots that it "
                "has not yet."
            )
        if not isinstance(value, kind | None):
            raise OptionError(f"'{name}' is a {type(value).__name__}, expected a {kind.__name__} or None.")
        setattr(self, name, value)

    def children(self) -> Iterator["Module"]:
        """Direct parts."""
        return (child for _, child in self.named_children())

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """Direct parts with their names."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def modules(self) -> Iterator["Module"]:
        """This module and all parts, depth first, each once."""
        return (module for _, module in self.named_modules())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module and all parts with dotted names, depth first; a shared one comes once."""
        return _once(
            (name.removesuffix("."), module) for name, module in self._places(f"{prefix}." if prefix else "")
        )

    def _places(self, prefix: str) -> Iterator[tuple[str, "Module"]]:
        """Every module with the beginning of its parameters' names; a shared one at each place."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child._places(f"{prefix}{name}.")

    def apply(self, function: Callable[["Module"], Any]) -> Self:
        """Call the function with every part, then with this module: to set initial weights, say."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # ---------------------------------------------------------------- parameters
    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names such as `lstm.weight_ih_l0`; a shared one comes once."""
        return _once(self._parameters(f"{prefix}." if prefix else ""))

    def _parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters, a shared one under each of its names."""
        for place, module in self._places(prefix):
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield place + name, value
                else:
                    module._refuse_lost(name, value)  # what was appended after the list was set

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names; a shared one comes once."""
        return _once(self._some_buffers(f"{prefix}." if prefix else ""))

    def buffers(self) -> Iterator[Tensor]:
        """All buffers, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def _some_buffers(self, prefix: str = "", saved_only: bool = False) -> Iterator[tuple[str, Tensor]]:
        for place, module in self._places(prefix):
            for name, persistent in vars(module).get("_buffers", {}).items():
                tensor = getattr(module, name, None)
                if tensor is not None and (persistent or not saved_only):
                    yield place + name, tensor

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def count_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.size for parameter in self.parameters())

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; or let them be 0, with set_to_none=False."""
        for parameter in self.parameters():
            forget(parameter, set_to_none)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train all parameters, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch dropout on (or off)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch dropout off."""
        return self.train(False)

    def to(self, device: "str | Device") -> Self:
        """Move all parameters and buffers to a device. They stay the same objects: shared ones stay shared,
        and an optimizer that was made before still trains them. Gradients are forgotten."""
        target = get_device(device)
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.device is not target:
                tensor.device, tensor.grad = target, None
                tensor.data = tensor.data  # as an array of that device
        return self

    def cpu(self) -> Self:
        """From a GPU to the device `cpu`; where NumPy reads the arrays, it stays where it is."""
        on_card = any(tensor.device.on_card for tensor in self.parameters())
        return self.to("cpu") if on_card else self

    def _saved(self) -> dict[str, Tensor]:
        """Everything that a state dict has, by name."""
        return {**dict(self._parameters()), **dict(self._some_buffers(saved_only=True))}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Name → NumPy array of every parameter and persistent buffer.

        The arrays are the tensors' own memory, except from a card, and of a transposed tensor, which is
        written out row by row, as files of weights have it: copy what must stay.
        """
        return {name: np.asarray(tensor.numpy(), order="C") for name, tensor in self._saved().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy arrays (NumPy, or anything NumPy reads, such as PyTorch's tensors) into the parameters.

        Nothing is changed unless everything fits.

        Raises:
            CheckpointError: a name is missing or unknown (where strict), a shape differs, or numbers are
                none that the parameter can hold.
        """
        if not isinstance(state, Mapping):
            raise CheckpointError(
                f"load_state_dict takes arrays by name, got {quote(state)}: load(path) reads a file."
            )
        own = self._saved()
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
        arrays = {name: numbers(name, state[name], own[name]) for name in own if name in state}
        with no_grad():
            for name, array in arrays.items():
                own[name].copy_(array)

    def __repr__(self) -> str:
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        head = f"{type(self).__name__}({self.extra_repr()}"
        return head + ("\n" + "\n".join(lines) + "\n)" if lines else ")")

    def extra_repr(self) -> str:
        """The options shown in `repr`."""
        return ""
