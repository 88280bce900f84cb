"""Where a run stands: what its checkpoint keeps beside arrays."""

from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from .evaluation import Evaluation

Count = Annotated[int, Meta(ge=0)]


@dataclass
class Pending:
    """What has come since the last line of metrics."""

    losses: float = 0.0  # their sum
    steps: Count = 0
    seconds: float = 0.0
    tokens: Count = 0


@dataclass
class Standing:
    """The values in a checkpoint; `Trainer.save` says what each is."""

    steps_done: Count
    seconds: float
    best: Evaluation | None
    best_step: Count
    without_gain: Count
    pending: Pending
    random: dict[str, Any]
    batches: dict[str, Count]
    text: str
    recipe: dict[str, dict[str, Any]]
