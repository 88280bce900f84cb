"""Modules that hold others: one after the other, by number, by name."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import OptionError, quote
from .module import Module, Parameter


def checked(who: str, part: Any) -> Module:
    """The part, if it is a Module; else say what to write for it.

    Raises:
        OptionError: it is a class, a function, a list or something else.
    """
    if isinstance(part, Module):
        return part
    if isinstance(part, type) and issubclass(part, Module):
        got, instead = f"the class {part.__name__}", f"make one, nn.{part.__name__}(…)"
    elif callable(part):
        word = getattr(part, "__name__", "function")
        layers = {layer.__name__.lower(): layer.__name__ for layer in _layers()}
        layer = layers.get(word.replace("_", "").lower())
        got = f"the function {word}"
        instead = f"write nn.{layer}()" if layer else "call it in the forward of a Module of your own"
    elif isinstance(part, list | tuple):
        got, instead = f"a {type(part).__name__}", f"write {who}(*layers), or put it into a Sequential"
    else:
        got, instead = quote(part), "pass layers such as nn.Linear(…)"
    raise OptionError(f"{who} takes modules, got {got}: {instead}.")


def _layers(kind: type[Module] = Module) -> Iterator[type[Module]]:
    """All classes of layers here."""
    for below in kind.__subclasses__():
        if below.__module__.startswith(str(__package__)):
            yield below
            yield from _layers(below)


class Listed(Module):
    """What Sequential, ModuleList and ParameterList share: parts in order, found by their place."""

    def check(self, part: Any) -> Any:
        """The part, if it may stand here."""
        return checked(type(self).__name__, part)

    def append(self, part: Any) -> "Listed":
        """Add one at the end."""
        setattr(self, str(len(self)), self.check(part))
        return self

    def extend(self, parts: Iterable[Any]) -> "Listed":
        """Add several at the end."""
        if not isinstance(parts, Iterable):
            raise OptionError(f"{type(self).__name__} takes several parts, in a list, got {quote(parts)}.")
        for part in parts:
            self.append(part)
        return self

    def _parts(self) -> dict[str, Any]:
        return {name: part for name, part in vars(self).items() if isinstance(part, Module | Parameter)}

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._parts().values()))

    def __len__(self) -> int:
        return len(self._parts())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)._of(list(self)[index])
        return list(self)[index]

    def __setitem__(self, index: int, part: Any) -> None:
        setattr(self, list(self._parts())[index], self.check(part))

    @classmethod
    def _of(cls, parts: list[Any]) -> "Listed":
        return cls().extend(parts)


class Sequential(Listed):
    """Modules one after the other, each on the output of the one before; a dict of them gives them names."""

    def __init__(self, *modules: Any):
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, self.check(module))
        else:
            self.extend(modules)

    def forward(self, x: Any) -> Any:
        """Apply all in order."""
        for module in self.children():
            x = module(x)
        return x


class ModuleList(Listed):
    """A list of modules whose parameters are found: `self.layers = nn.ModuleList(Linear(…) for …)`."""

    def __init__(self, modules: Iterable[Module] = ()):
        self.extend(modules)


class ParameterList(Listed):
    """A list of parameters that are found; a tensor becomes one."""

    def __init__(self, parameters: Iterable[Any] = ()):
        self.extend(parameters)

    def check(self, part: Any) -> Parameter:
        """The parameter, made of the tensor where it is none."""
        return part if isinstance(part, Parameter) else Parameter(part)


class ModuleDict(Module):
    """Modules by name whose parameters are found: `self.heads = nn.ModuleDict({"start": Linear(…), …})`."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()):
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Set several."""
        for name, module in dict(modules).items():
            self[name] = module

    def keys(self) -> Iterable[str]:
        """The names, in order."""
        return dict(self.named_children()).keys()

    def values(self) -> Iterable[Module]:
        """The modules, in order."""
        return dict(self.named_children()).values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names with their modules, in order."""
        return dict(self.named_children()).items()

    def __setitem__(self, name: str, module: Module) -> None:
        checked("ModuleDict", module)
        if name in self:
            setattr(self, name, module)
        else:
            self.add_module(name, module)

    def __getitem__(self, name: str) -> Module:
        return dict(self.named_children())[name]

    def __delitem__(self, name: str) -> None:
        delattr(self, name)

    def __contains__(self, name: str) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(dict(self.named_children()))
