"""What a run says when a step goes wrong: the formula, the batch, and a recording to step through."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ..debugger.questions import broken
from ..debugger.tape import Tape, record
from ..debugger.watch import Watch, standing_at
from ..errors import NumberError
from ..random import random_state

if TYPE_CHECKING:
    from .trainer import Trainer

BUDGET = 1 << 28  # bytes of a step's recording


def recorded(run: "Trainer", batch: Any) -> Tape:
    """The step once more, recorded."""
    with record(budget=BUDGET, quiet=True) as tape, suppress(Exception):
        run.job.loss(batch, run.state, run.steps_done)[0].backward()
    return tape


def not_finite(run: "Trainer", what: str, batch: Any) -> NumberError:
    """The error for a loss or gradient that is not finite; `pdb.pm()` stands at the formula that made it."""
    tape = recorded(run, batch)
    found = broken(tape)
    where = found[0] if found else ""
    if any(not np.isfinite(part.numpy()).all() for part in run.state or ()):
        where = "it came with the state that is carried from batch to batch"
    kept = run.folder / f"step-{run.steps_done + 1}.tape"
    tape.save(kept)
    saved = (run.folder / "checkpoint.safetensors").exists()
    error = NumberError(
        f"{what} at step {run.steps_done + 1}{f' ({where})' if where else ''}: lower training.lr (now "
        f"{run.recipe.training.lr:g})"
        + ("." if run.recipe.training.clip else " or set training.clip.")
        + f" `scratchlm step {kept}` shows the step."
        + (f" The last checkpoint in {run.folder} is not touched." if saved else "")
    )
    return error.with_traceback(standing_at(*found[1:]) if found else None)


def watched(
    run: "Trainer",
    watch: Watch,
    tape: Tape | None,
    norm: float,
    loss: float,
    batch: Any,
    before: dict[str, Any],
) -> None:
    """Look into a step, before it changes the parameters.

    Args:
        tape: the step's recording, if it was recorded.
        norm, loss: of its gradient, and its loss.
        before: the state of the random numbers when it began.

    Raises:
        NumberError: something goes wrong in it.
    """
    found = None
    if watch.is_exploded(norm, loss):
        random_state.load_state_dict(before)
        found = watch.exploded(recorded(run, batch), norm, loss)
    elif tape is not None:
        found = watch.look(tape)
    if found is not None:
        kept = run.folder / f"step-{run.steps_done + 1}.tape"
        found.tape.save(kept)
        said = f"Stopped at step {run.steps_done + 1}, batch {_shown(batch)}: {found.sentence}."
        now = f"training.lr is {run.recipe.training.lr:g}"
        error = NumberError(f"{said} {now}. `scratchlm step {kept}` shows the step.")
        raise error.with_traceback(standing_at(found.record, found.backward))


def _shown(batch: Any) -> str:
    """The first array of a batch in a few words: "(12, 64) [5 3 9 …]"."""
    parts = batch if isinstance(batch, tuple | list) else getattr(batch, "__dict__", {"": batch}).values()
    array = next((np.asarray(part) for part in parts if hasattr(part, "shape")), np.zeros(0))
    return f"{array.shape} [{' '.join(map(str, array.reshape(-1)[:6]))} …]"
