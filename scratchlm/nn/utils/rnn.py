"""Sequences of several lengths in one tensor."""

from collections.abc import Sequence
from typing import Any

from ... import functions as F
from ...errors import ShapeError, UnknownName
from ...function import tensor_of
from ...tensor import Tensor


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0
) -> Tensor:
    """Sequences (T_b, …) of several lengths in one tensor (T, B, …), filled at their ends."""
    if not sequences:
        raise ShapeError("pad_sequence takes at least one sequence, got none.")
    sequences = [tensor_of(s, "pad_sequence") for s in sequences]
    T = max(len(s) for s in sequences)
    ends = [F.pad(s, (0, 0) * (s.ndim - 1) + (0, T - len(s)), value=padding_value) for s in sequences]
    return F.stack(ends, 0 if batch_first else 1)


def __getattr__(name: str) -> Any:
    """PyTorch packs sequences; here layers take their lengths."""
    if name.startswith("__"):
        raise AttributeError(name)  # protocols that somebody asks for
    raise UnknownName(
        f"scratchlm.nn.utils.rnn has no '{name}': pad the sequences with pad_sequence, and give their "
        "lengths to the layer, lstm(x, lengths=lengths)."
    )
