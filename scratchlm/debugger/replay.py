"""The proof of a recording: every formula computed again from what was kept, and compared bit for bit."""

import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..device import get_device, to_host, upload
from ..errors import OptionError
from ..tensor import Tensor
from .kept import Record, same_bits
from .tape import Tape

NOT_KEPT = 'not all arrays were kept (level "full", within the budget)'


@dataclass
class Verification:
    """How many of the formulas that ran to their end were computed again with the same bits; what was not."""

    verified: int
    of: int
    faults: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return not self.faults

    def __str__(self) -> str:
        return "\n".join([f"recording verified: {self.verified} of {self.of}", *self.faults])


def verify(tape: Tape) -> Verification:
    """Compute every record of a tape again; those that raised are left out."""
    faults = [f"{change}." for change in tape.changes]
    whole = [record for record in tape if not record.error]
    verified = unkept = 0
    for record in whole:
        fault = _fault(record)
        if fault == NOT_KEPT:
            unkept += 1
            continue
        verified += not fault
        faults += [f"record {record.number}, {record.name}: {fault.rstrip('.')}."] if fault else []
    if unkept:
        faults.append(f"{unkept} formulas: {NOT_KEPT}.")
    return Verification(verified, len(whole), faults)


def _fault(record: Record) -> str:
    kept = [*record.inputs, *record.outputs, *record.grad_outputs, *filter(None, record.grad_inputs)]
    if any(seen.array is None for seen in kept):
        return NOT_KEPT
    try:
        outputs, grads = again(record)
    except Exception as error:
        return f"computed again, it raises {type(error).__name__}: {error}"
    for what, found, seen in (
        ("output", outputs, record.outputs),
        ("the gradient of input", grads, record.grad_inputs),
    ):
        for k, (array, expected) in enumerate(zip(found, seen, strict=True)):
            if (array is None) != (expected is None):
                return f"{what} {k} is there in one computation alone"
            if expected is not None and not same_bits(expected.array, np.asarray(to_host(array))):
                return f"{what} {k} has other bits when computed again"
    return ""


def class_of(record: Record) -> Any:
    """The record's Function, as a class; of a file's, from scratchlm, what is imported, or this folder.

    Raises:
        OptionError: it is not to be found there.
    """
    if record.kind is not None:
        return record.kind
    module, _, name = record.made_by.partition(":")
    found: Any = sys.modules.get(module)
    if found is None and (module.startswith("scratchlm.") or _is_here(module)):
        found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise OptionError(
            f"The formula {name} of {module} cannot be found: open the recording in the folder of that file, "
            "where it is defined at the top (a program that was run itself is called __main__)."
        )
    return found


def _is_here(module: str) -> bool:
    """Whether a module is a file in the current folder; which it is then imported from."""
    here = Path.cwd()
    if not module.isidentifier() or not (here / f"{module}.py").is_file():
        return False
    if str(here) not in sys.path:
        sys.path.insert(0, str(here))
    return True


def function_of(record: Record, device: str | None = None) -> Any:
    """The record's Function, as it was before its forward ran; on another device, if one is named."""
    function = object.__new__(class_of(record))
    vars(function).update(record.options)
    where = get_device(device or record.device)
    function.device, function.xp, function.kernels = where, where.xp, where.formulas
    function.needs_grad = record.needs_grad
    return function


def again(
    record: Record, only: tuple[int, tuple[int, ...]] | None = None, device: str | None = None
) -> tuple[list[Any], list[Any]]:
    """Outputs, and gradients of the inputs where backward was recorded, from the stored arrays.

    With `only`, (output, place), the incoming gradient counts at that place alone and is 0 elsewhere.
    """
    function = function_of(record, device)

    def fresh(array: Any) -> Any:
        return upload(np.array(array, order="K"), function.device)

    arrays = [fresh(seen.array) for seen in record.inputs]
    function._given = tuple(arrays)
    function.inputs = tuple(Tensor._of(array, function.device) for array in arrays)
    result = function.forward(*arrays)
    outputs = [a for a in (result if isinstance(result, tuple) else (result,)) if hasattr(a, "shape")]
    outputs = [np.array(to_host(array), order="K") for array in outputs]  # backward may write into them
    if record.turn is None:
        return outputs, []
    function.output_specs = tuple((tuple(seen.shape), np.dtype(seen.dtype)) for seen in record.outputs)
    given = [seen.array for seen in record.grad_outputs]
    if only is not None:
        alone = np.zeros_like(given[only[0]])
        alone[only[1]] = given[only[0]][only[1]]
        given = [alone if k == only[0] else np.zeros_like(array) for k, array in enumerate(given)]
    grads = function.backward(*map(fresh, given))
    grads = grads if isinstance(grads, tuple) else (grads,)
    return outputs, [grad if hasattr(grad, "shape") else None for grad in grads]
