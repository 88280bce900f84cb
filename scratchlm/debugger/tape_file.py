"""A recording as one file: the arrays as safetensors, the rest as JSON in its header. No pickle."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ..device import Device, get_device
from ..errors import CheckpointError, short
from ..files import write_bytes
from .kept import Record, Seen
from .tape import Tape

FORMAT = 1
OF_ARRAYS = {"inputs", "saved", "outputs", "grad_outputs", "grad_inputs"}


def write(tape: Tape, path: "str | Path") -> None:
    """Write a tape, whole or not at all.

    Raises:
        CheckpointError: the file cannot be written.
    """
    from safetensors.numpy import save

    arrays: dict[str, np.ndarray] = {}
    names: dict[int, str] = {}

    def keep(array: np.ndarray) -> dict[str, Any]:
        axes = sorted(range(array.ndim), key=lambda k: -array.strides[k])  # how it lies in memory
        if id(array) not in names:
            names[id(array)] = str(len(names))
            arrays[names[id(array)]] = np.asarray(array.transpose(axes), order="C")
        return {"array": names[id(array)], "axes": axes}

    def plain(value: Any) -> Any:
        if isinstance(value, Seen | Record):
            return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.name != "kind"}
        if isinstance(value, np.ndarray):
            return keep(value)
        if isinstance(value, list):
            return [plain(part) for part in value]
        if isinstance(value, tuple):
            return {"tuple": [plain(part) for part in value]}
        if isinstance(value, dict):
            return {"dict": {k: plain(v) for k, v in value.items()}}
        if isinstance(value, slice):
            return {"slice": [plain(part) for part in (value.start, value.stop, value.step)]}
        if isinstance(value, np.generic):
            return value.item()
        if value is None or isinstance(value, str | int | float | bool):
            return value
        return {"special": _special(value)}

    head = {
        "format": FORMAT, "level": tape.level, "bytes": tape.bytes, "changes": tape.changes,
        "spent": tape.spent, "elapsed": tape.elapsed, "records": [plain(record) for record in tape],
    }  # fmt: skip
    write_bytes(Path(path), save(arrays, {"scratchlm": json.dumps(head)}))


def _special(value: Any) -> str:
    """What stands in JSON for an option that is no number, text or list of them."""
    if value is ...:
        return "..."
    if isinstance(value, Device):
        return f"device {value.name}"
    if value is np:
        return "numpy"
    try:
        return f"dtype {np.dtype(value)}"
    except TypeError:
        return f"unknown {type(value).__name__}"


def _from_special(text: str) -> Any:
    kind, _, name = text.partition(" ")
    if kind == "...":
        return ...
    if kind == "numpy":
        return np
    return get_device(name) if kind == "device" else np.dtype(name) if kind == "dtype" else text


def read(path: "str | Path") -> Tape:
    """Read a tape that `Tape.save` wrote, in another process or of another version.

    Raises:
        CheckpointError: there is no such file, or it is no recording, or one of a later format.
    """
    from safetensors import SafetensorError, safe_open

    arrays: dict[str, np.ndarray] = {}
    try:
        with safe_open(str(path), "np") as file:
            head = json.loads((file.metadata() or {})["scratchlm"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
        if head["format"] > FORMAT:
            raise CheckpointError(f"{path} was recorded by a later scratchlm: install that one to read it.")
        tape = Tape(head["level"])
        tape.bytes, tape.changes = head["bytes"], head["changes"]
        tape.spent, tape.elapsed = head["spent"], head["elapsed"]
        tape.records = [_record(found, arrays) for found in head["records"]]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not read as a recording: {short(error)}.") from None
    return tape


def _record(found: dict[str, Any], arrays: dict[str, np.ndarray]) -> Record:
    def seen(kept: dict[str, Any] | None) -> Any:
        return kept and Seen(**{name: _value(value, arrays) for name, value in kept.items()})

    values: dict[str, Any] = {
        name: [seen(kept) for kept in value] if name in OF_ARRAYS else _value(value, arrays)
        for name, value in found.items()
    }
    return Record(**values)


def _value(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_value(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]].transpose(np.argsort(value["axes"]).tolist())
    if "tuple" in value:
        return tuple(_value(part, arrays) for part in value["tuple"])
    if "dict" in value:
        return {k: _value(v, arrays) for k, v in value["dict"].items()}
    if "slice" in value:
        return slice(*[_value(part, arrays) for part in value["slice"]])
    return _from_special(value["special"]) if "special" in value else value
