"""What goes into a kernel, checked where it enters a device's set: compiled code trusts what it gets.

An array one number too short would be read and written beyond its end. The check of each kernel is written
out as Python text, from its line of the contract: a loop over the arguments would cost 3 µs a call, the text
costs about 0.5.
"""

import inspect
import re
import string
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from scratchlm.kernels.token.reference import weight_shapes

from .errors import DtypeError, OptionError, ShapeError, TokenError

FLOATS = np.dtype(np.float32), np.dtype(np.float64)
DIGITS, LETTERS = string.digits, string.ascii_uppercase
UNSIGNED = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}  # by bytes
# Integers that lead to a place in memory.
PLACES = {
    "ids": "ids from 0 to V − 1",
    "targets": "targets from 0 to V − 1, or ignore_index",
    "lengths": "lengths from 1 to the number of keys",
}


def checked(kernels: Any, contract: Sequence[Any], on_card: bool) -> SimpleNamespace:
    """A device's kernels, each with the check of its arguments before it.

    On a card, ids are not looked at, which would wait for all work before: who takes them there has looked.

    Raises (when a kernel is called):
        DtypeError: something is no array, or of another type.
        ShapeError: shapes that do not fit together.
        TokenError: an id outside its table, or a length beyond the keys.
        OptionError: an array that is read-only where the kernel writes, or heads that do not divide D.
    """
    found = {row.name: _with_check(row, getattr(kernels, row.name), on_card) for row in contract}
    return SimpleNamespace(**found)


def _with_check(row: Any, run: Callable, on_card: bool) -> Callable:
    known = {"row": row, "run": run, "on_card": on_card, "FLOATS": FLOATS, "refuse": refuse}
    for condition in (alike, batches_fit, below, classes, weights_fit):
        known[condition.__name__] = condition
    exec(compile(check_of(row, on_card), f"<check of {row.name}>", "exec"), known)
    found, parameters = known[row.name], inspect.signature(run).parameters
    defaults = [parameters[a.name].default for a in row.arguments]
    found.__defaults__ = tuple(value for value in defaults if value is not inspect.Parameter.empty)
    found.__doc__, found.__wrapped__ = run.__doc__, run
    return found


def check_of(row: Any, on_card: bool) -> str:
    """The text of a kernel with its check."""
    arrays = [a for a in row.arguments if a.kind in ("float", "int")]
    first, *floats = [a.name for a in arrays if a.kind == "float"] or [""]
    ints, lists = ([a.name for a in row.arguments if a.kind == kind] for kind in ("int", "list"))
    names = ", ".join(a.name for a in row.arguments)
    lines, conditions = _lengths(arrays)
    if first:
        conditions += [f"{first}.dtype in FLOATS", *(f"{name}.dtype is {first}.dtype" for name in floats)]
    batches = [a.name for a in arrays if len(a.shape) > 1 and a.shape[0] == "…"]
    if batches:
        flat = " == ".join(f"{name}.ndim" for name in batches)
        conditions.append(f"({flat} == 2 or batches_fit({', '.join(batches)}))")
    conditions += [f"{name}.dtype.kind in 'iu' and {name}.dtype.isnative" for name in ints]
    if not on_card:  # CuPy knows no read-only arrays
        conditions += [f"{a.name}.flags.writeable" for a in arrays if a.in_place]
        conditions += [_within(name, names) for name in ints]
    if "vocabulary" in names:
        lines.append("V = vocabulary")
    if "heads" in names:
        conditions += ["heads > 0", "D % heads == 0", "weights_fit(weights, L, D, x.dtype)"]
    elif lists:
        conditions.append(f"alike({', '.join(lists)})")
        starred = [a.name for a in row.arguments if a.kind == "list" and a.in_place and not on_card]
        conditions += [f"all([a.flags.writeable for a in {name}])" for name in starred]
    body = [*lines, f"fits = {' and '.join(conditions)}"]
    return "\n".join(
        [
            f"def {row.name}({names}):",
            "    try:",
            *(f"        {line}" for line in body),
            "    except (AttributeError, TypeError, ValueError):",
            "        fits = False",
            "    if not fits:",
            f"        refuse(row, on_card, {names})",
            f"    return run({names})",
        ]
    )


def _within(name: str, names: str) -> str:
    """The condition that integers lead to a place inside an array."""
    if name == "lengths":
        return f"below(lengths, {'T' if 'qkv' in names else 'S'} + 1) and lengths.all()"
    return "classes(targets, V, ignore_index)" if name == "targets" else f"below({name}, V)"


def _lengths(arrays: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Lines that give each letter its length where it is first met, and conditions on all other axes."""
    lines, conditions, known = [], [], set()
    for a in arrays:
        if a.shape == ("…",):
            if a is not arrays[0]:
                conditions.append(f"{a.name}.shape == {arrays[0].name}.shape")
            continue
        names = ["*_"] if a.shape[0] == "…" else []
        for axis, part in enumerate(a.shape):
            if part == "…":
                continue
            if part in known or not part.isalpha():
                names.append(f"{a.name}{axis}")
                conditions.append(f"{names[-1]} == " + re.sub(r"(\d)([A-Z])", r"\1 * \2", part))
            else:
                known.add(part)
                names.append(part)
        lines.append(f"{', '.join(names)}, = {a.name}.shape")
    return lines, conditions


# ---------------------------------------------------------------- conditions that are more than a comparison
def below(ids: np.ndarray, count: int) -> bool:
    """Whether all ids are from 0 to count − 1: a negative one is a huge one without its sign."""
    return not ids.size or np.maximum.reduce(ids.view(UNSIGNED[ids.itemsize]), axis=None) < count


def classes(targets: np.ndarray, count: int, ignore_index: int) -> bool:
    """Whether all targets are classes or `ignore_index`."""
    return below(targets, count) or below(targets[targets != ignore_index], count)


def alike(*lists: Sequence[Any]) -> bool:
    """Whether lists are equally long, and arrays at one place in them of one shape and one type of float."""
    for row in zip(*lists, strict=True):
        shape, dtype = row[0].shape, row[0].dtype
        if dtype not in FLOATS or any([a.shape != shape or a.dtype != dtype for a in row]):
            return False
    return True


def batches_fit(*stacks: Any) -> bool:
    """Whether the axes before those of a matrix broadcast."""
    np.broadcast_shapes(*(a.shape[:-2] for a in stacks))  # a ValueError where they do not
    return True


def weights_fit(weights: Sequence[Any], L: int, D: int, dtype: Any) -> bool:
    """Whether these are the weights of L blocks of a Transformer with D features."""
    E, V = weights[9].size, weights[-1].size // max(D, 1)
    shapes = [a.shape for a in weights]
    return shapes == weight_shapes(L, D, E, V) and all([a.dtype == dtype for a in weights])


# ---------------------------------------------------------------- what was wrong, in a sentence
def refuse(row: Any, on_card: bool, *values: Any) -> None:
    """Say what does not fit in a call of a kernel; return where everything does, at a second look."""
    arrays, lists, numbers = [], [], {}
    for a, value in zip(row.arguments, values, strict=True):
        if a.kind == "number":
            numbers[a.name] = value
        elif a.kind == "list" and isinstance(value, (list, tuple)):
            lists.append((a, value))
            for part in value:
                _refuse_array(row, a, part)
        else:
            arrays.append((a, value))
            _refuse_array(row, a, value)
    types = {str(value.dtype) for a, value in arrays if a.kind == "float"}
    if len(types) > 1:
        raise DtypeError(f"{row.name} takes floats of one type, got {' and '.join(sorted(types))}.")
    lengths = {"V": numbers["vocabulary"]} if "vocabulary" in numbers else {}
    if not _shapes_fit(arrays, lengths):
        expected = ", ".join(f"{a.name} ({', '.join(a.shape)})" for a, _ in arrays)
        got = ", ".join(str(value.shape) for _, value in arrays)
        raise ShapeError(f"{row.name} takes {expected}, a letter for a length: got {got}.")
    if "heads" in numbers:
        _refuse_weights(row, numbers["heads"], lists[0][1], lengths, arrays[0][1].dtype)
    elif lists:
        _refuse_lists(row, lists)
    for a, value in arrays:
        if a.kind == "int" and not on_card and not _inside(a.name, value, lengths, numbers):
            raise TokenError(f"{row.name} takes {PLACES[a.name]}: got {value.min()} to {value.max()}.")


def _refuse_array(row: Any, argument: Any, array: Any) -> None:
    """What is no array, of another type, or cannot be written to."""
    what = f"{row.name} got {argument.name}"
    dtype = getattr(array, "dtype", None)
    if not hasattr(array, "shape") or not isinstance(dtype, np.dtype):
        raise DtypeError(f"{what} as {type(array).__name__}: a kernel takes arrays of its device.")
    if argument.kind == "int" and not (dtype.kind in "iu" and dtype.isnative):
        raise DtypeError(f"{what} of {dtype}: integers are expected.")
    if argument.kind != "int" and dtype not in FLOATS:
        raise DtypeError(f"{what} of {dtype}: float32 or float64 is expected.")
    if argument.in_place and not getattr(array.flags, "writeable", True):
        raise OptionError(f"{what} read-only, but changes it in place: pass a copy.")


def _shapes_fit(arrays: Sequence[Any], lengths: dict[str, Any]) -> bool:
    """Whether all shapes fit together; notes the length of each letter."""
    products = []
    batches = [array.shape[:-2] for a, array in arrays if len(a.shape) > 1 and a.shape[0] == "…"]
    try:
        np.broadcast_shapes(*batches)
    except ValueError:
        return False
    for a, array in arrays:
        if a.shape == ("…",):
            products.append((array.shape, arrays[0][1].shape))
            continue
        letters = [part for part in a.shape if part != "…"]
        inner = array.shape[-len(letters) :]
        if len(inner) != len(letters) or (a.shape[0] != "…" and array.ndim != len(letters)):
            return False
        for part, n in zip(letters, inner, strict=True):
            if part.isalpha():
                products.append((n, lengths.setdefault(part, n)))
            else:
                products.append((n, part))
    for n, part in products:
        if isinstance(part, str):  # "4H", or "3"
            part = int(part.rstrip(LETTERS)) * lengths.get(part.lstrip(DIGITS), 1)
        if n != part:
            return False
    return True


def _refuse_lists(row: Any, lists: Sequence[Any]) -> None:
    names = ", ".join(a.name for a, _ in lists)
    if len({len(arrays) for _, arrays in lists}) > 1:
        raise ShapeError(
            f"{row.name} takes as many arrays in each of {names}: got "
            f"{', '.join(str(len(arrays)) for _, arrays in lists)}."
        )
    for k, place in enumerate(zip(*(arrays for _, arrays in lists), strict=True)):
        if len({(array.shape, str(array.dtype)) for array in place}) > 1:
            got = ", ".join(f"{array.shape} {array.dtype}" for array in place)
            raise ShapeError(f"{row.name} takes arrays of one shape and type in {names}; number {k}: {got}.")


def _refuse_weights(row: Any, heads: Any, weights: Any, lengths: dict[str, Any], dtype: Any) -> None:
    L, D = lengths["L"], lengths["D"]
    if not isinstance(heads, int) or heads < 1 or D % heads:
        raise OptionError(f"{row.name} takes heads that divide D = {D}, got {heads!r}.")
    if len(weights) != 12 * L + 3 or not weights_fit(weights, L, D, dtype):
        raise ShapeError(f"{row.name} got weights that do not fit {L} blocks of {D} features in {dtype}.")


def _inside(name: str, ids: np.ndarray, lengths: dict[str, Any], numbers: dict[str, Any]) -> bool:
    if name == "lengths":
        return below(ids, 1 + lengths.get("S", lengths["T"])) and bool(ids.all())
    if name == "targets":
        return classes(ids, lengths["V"], numbers["ignore_index"])
    return below(ids, lengths["V"])
