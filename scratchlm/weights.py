"""Weights on disk, for programs of one's own; a run's folder has its own format (training/checkpoint.py)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .device import to_host
from .errors import CheckpointError, short
from .files import write_bytes


def save(state: Mapping[str, Any], path: "str | Path") -> None:
    """Write arrays by name, `model.state_dict()` say, as one safetensors file, whole or not at all.

    Raises:
        CheckpointError: there is something else than arrays of numbers by name, or no place for the file.
    """
    from safetensors.numpy import save

    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise CheckpointError("save takes arrays by name, such as model.state_dict(), then the path.")
    arrays = {}
    for name, value in state.items():
        array = np.asarray(None) if isinstance(value, Mapping) else to_host(getattr(value, "_data", value))
        if array.dtype.kind not in "fiub":
            what = f"{short(name)!r} is a {type(value).__name__}"
            raise CheckpointError(f"save takes arrays of numbers, {what}: give it a file of its own.")
        # safetensors writes memory as it lies: not what a transposed view shows.
        arrays[name] = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    write_bytes(Path(path), save(arrays))


def load(path: "str | Path", map_location: Any = None, weights_only: bool = True) -> dict[str, np.ndarray]:
    """Read a safetensors file, this library's or another's: arrays by name, for `load_state_dict`.

    They are NumPy's wherever the model is, and nothing but weights: `map_location` and `weights_only` are
    taken, and change nothing.

    Raises:
        CheckpointError: there is no such file, or it is no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (
        SafetensorError,
        OSError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:  # bfloat16 is no NumPy type
        raise CheckpointError(f"{path} is not read as a safetensors file: {short(error)}.") from None
