"""What a run leaves on disk, each file whole or absent.

    recipe.toml               the whole recipe
    tokenizer.json            readable by the Hugging Face library
    weights.safetensors       the best weights so far, under PyTorch's names
    checkpoint.safetensors    everything to go on from: weights, optimizer, random numbers, step
    metrics.jsonl             one line for each measurement
    loss.png                  its picture

Arrays are kept as safetensors, whose header also carries our state as JSON, so that weights and state can
never be of different steps. A SHA-256 over the arrays finds damage that leaves the header readable.
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

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = {
        "scratchlm_format": FORMAT,
        "scratchlm_version": __version__,
        "sha256": _digest(whole),
        "state": json.dumps(state),
    }
    write_bytes(path, save(whole, header))


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
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}): use another run, or train again into a new folder."
        ) from None
    if "scratchlm_format" not in header:
        raise CheckpointError(f"{path} was not written by scratchlm: load_state_dict() reads it.")
    if header["scratchlm_format"] != FORMAT:
        raise CheckpointError(
            f"{path} is of format {header['scratchlm_format']} "
            f"(scratchlm {header.get('scratchlm_version')}), this is scratchlm {__version__} with format "
            f"{FORMAT}: use that version, or train again."
        )
    if header.get("sha256") != _digest(arrays):
        raise CheckpointError(f"{path} is damaged (its checksum differs): use another run, or train again.")
    return arrays, json.loads(header["state"])


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def nested(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose name starts with `prefix.`, without it."""
    start = prefix + "."
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
