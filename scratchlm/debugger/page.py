"""A recording as one page: opens from its file, without a network; forward, backward, numbers, terms.

Arrays are stored as deflated float32, leading axes put end to end; the browser unpacks those of the formula
that it shows.
"""

import base64
import inspect
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_text
from .graph import folds
from .kept import Record, Seen
from .questions import arrays_of
from .replay import class_of
from .tape import Tape

LARGEST = 1 << 18  # elements of an array that go into the page

# What lights up for the element (i, j) of an array whose leading axes are put end to end: factors as
# name[row, column], ":" for all; "id" the id at i. `?`: where ids are i. Sums are also written out.
RULES: dict[str, dict[str, tuple[str, str]]] = {
    "Linear": {
        "y": ("y = Σ_k x·weight + bias", "x[i,:] weight[j,:] + bias[0,j]"),
        "grad_x": ("Σ_e grad_y·weight", "grad_y[i,:] weight[:,j]"),
        "grad_weight": ("Σ_n grad_y·x", "grad_y[:,i] x[:,j]"),
        "grad_bias": ("Σ_n grad_y", "grad_y[:,j]"),
    },
    "MatMul": {
        "y": ("Σ_k a·b", "a[i,:] b[:,j]"),
        "grad_a": ("Σ_e grad_y·b", "grad_y[i,:] b[j,:]"),
        "grad_b": ("Σ_m a·grad_y", "a[:,i] grad_y[:,j]"),
    },
    "Embedding": {
        "y": ("weight[ids]", "weight[id,j]"),
        "grad_weight": ("Σ grad_y where ids = i", "grad_y[:,j]?"),
    },
    "Softmax": {
        "y": ("e^x / Σ e^x of the row", "x[i,:]~"),
        "grad_x": ("y·(grad_y − Σ grad_y·y)", "y[i,:] grad_y[i,:]~"),
    },
    "LogSoftmax": {
        "y": ("x − ln Σ e^x of the row", "x[i,:]~"),
        "grad_x": ("grad_y − e^y·Σ grad_y", "y[i,:] grad_y[i,:]~"),
    },
    "CrossEntropy": {"grad_logits": ("(softmax − [target])·grad_loss / N", "logits[i,:]~")},
    "LayerNorm": {"y": ("weight·(x − μ)/√(σ² + ε) + bias", "x[i,:]~")},
}


def write(tape: Tape, path: "str | Path", language: str = "en") -> None:
    """Write the page.

    Raises:
        CheckpointError: the file cannot be written.
    """
    arrays: dict[int, tuple[str, str]] = {}  # id of an array → its name, what is stored

    def described(name: str, seen: Seen) -> dict[str, Any]:
        found: dict[str, Any] = {"name": name, "shape": list(seen.shape), "source": seen.source}
        array = seen.array
        if array is None or not 0 < array.size <= LARGEST:
            return found
        if id(array) not in arrays:
            packed = zlib.compress(np.ascontiguousarray(array, np.float32).tobytes(), 9)
            arrays[id(array)] = str(len(arrays)), base64.b64encode(packed).decode()
        finite = array[np.isfinite(array)]
        columns = array.shape[-1] if array.ndim else 1
        return found | {
            "key": arrays[id(array)][0], "columns": columns, "rows": array.size // columns,
            "largest": float(np.abs(finite).max(initial=0.0)),
        }  # fmt: skip

    def row(record: Record) -> dict[str, Any]:
        named = arrays_of(record)
        return {
            "number": record.number, "name": record.name, "formula": record.formula, "module": record.module,
            "call": record.call, "line": record.line, "turn": record.turn, "error": record.error,
            "arrays": [described(k, seen) for k, seen in named.items() if not k.startswith("saved")],
            "rules": _flat(record),
            "settings": ", ".join(f"{k} = {v}" for k, v in record.options.items() if _is_plain(v)),
            "options": {k: v for k, v in record.options.items() if k in ("heads", "causal")},
        }  # fmt: skip

    data = {
        "language": language,
        "records": [row(record) for record in tape],
        "formulas": {record.name: inspect.cleandoc(class_of(record).__doc__ or "") for record in tape},
        "folds": [vars(fold) | {"length": fold.length} for fold in folds(tape)],
        "rules": {name: {k: _rule(*rule) for k, rule in rules.items()} for name, rules in RULES.items()},
        "arrays": dict(arrays.values()),
    }
    page = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    packed = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")  # no text ends the script
    title = f"{len(tape)} formulas"
    write_text(Path(path), page.replace("TITLE", title).replace("/*DATA*/null", packed))


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _flat(record: Record) -> bool:
    """Whether its rules hold with leading axes end to end: not for batches of matrices and other axes."""
    axis, axes = record.options.get("axis", -1), len(record.outputs[0].shape) if record.outputs else 0
    matrices = record.name != "MatMul" or all(len(seen.shape) == 2 for seen in record.inputs)
    return matrices and axis in (-1, axes - 1)


def _rule(letters: str, pattern: str) -> dict[str, Any]:
    """`x[i,:] weight[j,:] + bias[0,j]` as what the page computes with."""
    products = []
    for product in pattern.rstrip("~").split(" + "):
        factors = []
        for factor in product.split(" "):
            name, _, place = factor.rstrip("?").removesuffix("]").partition("[")
            row, _, column = place.partition(",")
            factors.append({"name": name, "row": row, "column": column, "where": factor.endswith("?")})
        products.append(factors)
    found = {"letters": letters, "products": products, "sum": not pattern.endswith("~")}
    return found | ({"ids": True} if "[id," in pattern else {})
