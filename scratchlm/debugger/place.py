"""Where a formula runs: in which layer, at which line of the user's, with which tensors by name."""

import linecache
import sysconfig
import weakref
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ..nn.module import Module

PACKAGE = str(Path(__file__).parents[1])
OTHERS = tuple(f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib", "stdlib", "scripts"))
ENGINE = (f"{PACKAGE}/", str(Path(PACKAGE).parent / "kernels") + "/")
MODELS = (f"{PACKAGE}/models/", f"{PACKAGE}/training/")  # where there is no line of a user's
LESSONS = f"{PACKAGE}/lessons/"  # of an installed scratchlm: a user's programs


Names = tuple[dict[int, str], bool]
KINDS: dict[CodeType, tuple[bool, bool, bool]] = {}


class Places:
    """Reads a call's frames, from the formula outward."""

    def __init__(self) -> None:
        self._names: weakref.WeakKeyDictionary[Module, Names] = weakref.WeakKeyDictionary()

    def of(self, frame: FrameType | None, tensors: tuple[Any, ...]) -> tuple[str, str, list[str]]:
        """The layer's path, the user's line, and a name for each tensor that has one ("" for the others)."""
        layers: list[Module] = []
        user = model = None
        while frame is not None:
            code = frame.f_code
            of_layer, users, models = KINDS.get(code) or _kind(code, frame)
            if of_layer:  # only then its variables, which take microseconds
                owner = frame.f_locals.get("self")
                if isinstance(owner, Module) and (not layers or layers[-1] is not owner):
                    layers.append(owner)
            if user is None and users:
                user = frame
            if model is None and models:
                model = frame
            frame = frame.f_back
        names, alone = self._below(layers[-1]) if layers else ({}, False)
        path = names.get(id(layers[0]), type(layers[0]).__name__) if layers else ""
        named = ["" if t._function is not None else names.get(id(t)) for t in tensors]
        if user is not None and (alone or None in named):  # names of the user's variables
            variables = user.f_locals
            own = next((k for k, v in variables.items() if v is layers[-1]), "") if alone else ""
            for k, (tensor, name) in enumerate(zip(tensors, named, strict=True)):
                if name is None:
                    named[k] = next((v for v, one in variables.items() if one is tensor), "")
                elif name and own:  # of a layer that stands alone
                    named[k] = f"{own}.{name}"
        return path, line_of(user or model), [name or "" for name in named]

    def _below(self, root: Module) -> Names:
        """Names of layers and parameters, "encoder.weight", by id; whether there is no layer inside."""
        if (found := self._names.get(root)) is None:
            names = {id(part): name for name, part in (*root.named_modules(), *root.named_parameters())}
            found = self._names[root] = names, not any("." in name for name in names.values())
        return found


def _kind(code: CodeType, frame: FrameType) -> tuple[bool, bool, bool]:
    """Of a function: may it be a layer's method? is it a user's? a model's or the trainer's?"""
    users = is_users(code.co_filename)
    has_self = bool(code.co_argcount) and code.co_varnames[0] == "self"
    of_layer = has_self and (users or isinstance(frame.f_locals.get("self"), Module))
    KINDS[code] = of_layer, users, code.co_filename.startswith(MODELS)
    return KINDS[code]


def is_users(filename: str) -> bool:
    """Whether a file is none of the engine's own."""
    if filename.startswith(ENGINE):
        return filename.startswith(LESSONS)
    return not filename.startswith("<frozen") and not str(Path(filename).resolve()).startswith(OTHERS)


def line_of(frame: FrameType | None) -> str:
    """ "train.py:12: loss = …" of the line that a frame is at."""
    if frame is None:
        return ""
    return _line(frame.f_code.co_filename, frame.f_lineno)


@cache
def _line(file: str, number: int) -> str:
    text = linecache.getline(file, number).strip()
    return f"{Path(file).name}:{number}: {text}" if text else f"{Path(file).name}:{number}"
