"""Where a formula runs: in which layer, at which line of the user's, with which tensors by name."""

import linecache
import sysconfig
import weakref
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ..nn.module import Module

PACKAGE = str(Path(__file__).parents[1])
OTHERS = tuple(f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib", "stdlib", "scripts"))
ENGINE = (f"{PACKAGE}/", str(Path(PACKAGE).parent / "kernels") + "/")
MODELS = (f"{PACKAGE}/models/", f"{PACKAGE}/training/")  # where there is no line of a user's
LESSONS = f"{PACKAGE}/lessons/"  # of an installed scratchlm: a user's programs


class Places:
    """Reads a call's frames, from the formula outward."""

    def __init__(self) -> None:
        # Names below each outermost layer: of layers and of parameters, by id.
        self._kinds: dict[CodeType, tuple[bool, bool, bool]] = {}
        self._names: weakref.WeakKeyDictionary[Module, dict[int, str]] = weakref.WeakKeyDictionary()

    def of(self, frame: FrameType | None, tensors: tuple[Any, ...]) -> tuple[str, str, list[str]]:
        """The layer's path, the user's line, and a name for each tensor that has one ("" for the others)."""
        layers: list[Module] = []
        user = model = None
        while frame is not None:
            code = frame.f_code
            of_layer, users, models = self._kinds.get(code) or self._kind(code, frame)
            if of_layer:  # only then its variables, which take microseconds
                owner = frame.f_locals.get("self")
                if isinstance(owner, Module) and (not layers or layers[-1] is not owner):
                    layers.append(owner)
            if user is None and users:
                user = frame
            if model is None and models:
                model = frame
            frame = frame.f_back
        names = self._below(layers[-1]) if layers else {}
        path = names.get(id(layers[0]), type(layers[0]).__name__) if layers else ""
        variables = user.f_locals if user is not None else {}
        alone = layers and not any("." in name for name in names.values())
        own = next((k for k, v in variables.items() if alone and v is layers[-1]), "")
        named = [self._name(t, names, own, variables) for t in tensors]
        return path, line_of(user or model), named

    def _kind(self, code: CodeType, frame: FrameType) -> tuple[bool, bool, bool]:
        """Of a function: a layer's method? a user's? a model's or the trainer's?"""
        has_self = bool(code.co_argcount) and code.co_varnames[0] == "self"
        of_layer = has_self and isinstance(frame.f_locals.get("self"), Module)
        found = of_layer, is_users(code.co_filename), code.co_filename.startswith(MODELS)
        self._kinds[code] = found
        return found

    def _below(self, root: Module) -> dict[int, str]:
        if (found := self._names.get(root)) is None:
            named = [*root.named_modules(), *root.named_parameters()]
            found = self._names[root] = {id(part): name for name, part in named}
        return found

    def _name(self, tensor: Any, names: dict[int, str], own: str, variables: dict[str, Any]) -> str:
        """ "encoder.weight"; of a layer that stands alone, `own`, "layer.weight"; a variable's name."""
        if tensor._function is not None:
            return ""
        if name := names.get(id(tensor)):
            return f"{own}.{name}" if own and "." not in name else name
        return next((k for k, v in variables.items() if v is tensor), "")


def is_users(filename: str) -> bool:
    """Whether a file is none of the engine's own."""
    if filename.startswith(ENGINE):
        return filename.startswith(LESSONS)
    return not filename.startswith("<frozen") and not str(Path(filename).resolve()).startswith(OTHERS)


def line_of(frame: FrameType | None) -> str:
    """ "train.py:12: loss = …" of the line that a frame is at."""
    if frame is None:
        return ""
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number, frame.f_globals).strip()
    return f"{Path(file).name}:{number}: {text}" if text else f"{Path(file).name}:{number}"
