"""What a run leaves on disk, each file whole or absent.

    recipe.toml               the whole recipe
    tokenizer.json            readable by the Hugging Face library
    weights.safetensors       the best weights so far, under PyTorch's names
    checkpoint.safetensors    everything to go on from: weights, optimizer, random numbers, step
    metrics.jsonl             one line for each measurement
    loss.png                  its picture

Arrays are kept as safetensors, whose header also carries our state as JSON, so that weights and state can
never be of different steps. A SHA-256 over all of it finds damage that leaves the file readable.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..errors import CheckpointError
from ..files import write_bytes

FORMAT = "1"  # raised when an older scratchlm could not read the file


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
    """Write named arrays and JSON values as one safetensors file.

    Raises:
        CheckpointError: it cannot be written; what was there stays.
    """
    from safetensors.numpy import save

    # safetensors writes memory as it lies: not what a transposed view shows.
    whole = {name: np.asarray(a, a.dtype.newbyteorder("="), order="C") for name, a in arrays.items()}
    about = {"format": FORMAT, "version": __version__, "state": state}
    about["sha256"] = _digest(whole, about)
    # One entry only: safetensors writes several in any order, and equal runs should give equal files.
    write_bytes(path, save(whole, {"scratchlm": json.dumps(about)}))


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save_arrays` wrote: arrays by name, and the state.

    Raises:
        CheckpointError: the file is missing, damaged, or of a format that this version does not know.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise CheckpointError(f"There is no {path.name} in {path.parent}: was the run saved there?")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if "scratchlm" not in header:
            raise CheckpointError(f"{path} was not written by scratchlm: use load_state_dict for it.")
        about = json.loads(header["scratchlm"])
        digest, version = about.pop("sha256"), about["format"]
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}): use another run, or train again into a new folder."
        ) from None
    if version != FORMAT:
        raise CheckpointError(
            f"{path} is of format {version} (scratchlm {about.get('version')}), this is scratchlm "
            f"{__version__} with format {FORMAT}: use that version, or train again."
        )
    if digest != _digest(arrays, about):
        raise CheckpointError(f"{path} is damaged (its checksum differs): use another run, or train again.")
    return arrays, about["state"]


def _digest(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(about).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def nested(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose name starts with `prefix.`, without it."""
    start = prefix + "."
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
