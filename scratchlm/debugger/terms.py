"""A formula with this step's numbers put in: one element of a result or gradient, and what it is made of.

y[0, 2] = Σ_k x[0, k]·weight[2, k] + bias[2]
        = 0.5·1.2 + 0.1·(−0.3) + 0.05
        = 0.62
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import OptionError, quote
from .kept import Record
from .questions import arrays_of
from .sequence_terms import SEQUENCES
from .written import SHOWN, Index, Terms, at, factor, number


def explained(record: Record, name: str, index: Index) -> Terms:
    """One element of an array of a record, of a formula whose terms are known here.

    Raises:
        OptionError: there is no such array or element, it was not kept, or nothing is known of its terms.
    """
    arrays = arrays_of(record)
    if name not in arrays:
        raise OptionError(f"{record.name} has no {quote(name)}: it has {', '.join(arrays)}.")
    shape = arrays[name].shape
    if len(index) != len(shape) or not all(-n <= i < n for i, n in zip(index, shape, strict=True)):
        raise OptionError(f"{name} has shape {shape}: give one whole number for each axis.")
    index = tuple(i % n for i, n in zip(index, shape, strict=True))
    known = FAMILIES.get(record.name, {})
    if name not in known:
        has = f"it has those of {', '.join(known)}" if known else "it knows none of this formula"
        raise OptionError(f"The stepper cannot put numbers into {record.name}'s {name}: {has}.")
    if any(seen.array is None for seen in arrays.values() if seen.dtype[0] in "fi"):
        raise OptionError('Not all arrays of this formula were kept (level "full", within the budget).')
    numbers = {key: seen.array for key, seen in arrays.items()}
    return known[name](numbers, index, record.options)


# A product is a list of (array, index); a sum is a list of products.
Products = list[list[tuple[str, Index]]]


def _sum(
    arrays: dict[str, Any], left: str, letters: str, products: Products, rest: Products | None = None
) -> Terms:
    """Σ of products, and what is added to it once."""
    rest = rest or []
    cells: dict[str, list[Index]] = {}
    values: list[float] = []
    texts: list[str] = []
    for product in [*products, *rest]:
        numbers = [arrays[name][index] for name, index in product]
        for name, index in product:
            cells.setdefault(name, []).append(index)
        values.append(math.prod(map(float, numbers)))
        first = factor(numbers[0]) if texts else number(numbers[0])
        texts.append("·".join([first, *map(factor, numbers[1:])]))
    shown = texts[:SHOWN]
    if len(products) > SHOWN:
        shown += [f"… ({len(products)} terms)", *texts[len(products) :]]
    else:
        shown = texts
    return Terms(f"{left} = {letters}", " + ".join(shown) or "0", math.fsum(values), cells)


def _rows(array: Any) -> Iterator[Index]:
    """Indices of all axes but the last."""
    return np.ndindex(array.shape[:-1])


# ------------------------------------------------------------------ products of matrices
def _linear_y(a: dict[str, Any], i: Index, _: Any) -> Terms:
    *n, e = i
    bias: Products = [[("bias", (e,))]] if "bias" in a else []
    letters = f"Σ_k {at('x', (*n, 'k'))}·weight[{e}, k]" + (f" + bias[{e}]" if bias else "")
    products: Products = [[("x", (*n, k)), ("weight", (e, k))] for k in range(a["weight"].shape[1])]
    return _sum(a, at("y", i), letters, products, bias)


def _linear_x(a: dict[str, Any], i: Index, _: Any) -> Terms:
    *n, d = i
    products: Products = [[("grad_y", (*n, e)), ("weight", (e, d))] for e in range(len(a["weight"]))]
    return _sum(a, at("grad_x", i), f"Σ_e {at('grad_y', (*n, 'e'))}·weight[e, {d}]", products)


def _linear_weight(a: dict[str, Any], i: Index, _: Any) -> Terms:
    e, d = i
    products: Products = [[("grad_y", (*n, e)), ("x", (*n, d))] for n in _rows(a["x"])]
    return _sum(a, at("grad_weight", i), f"Σ_n grad_y[n, {e}]·x[n, {d}]", products)


def _linear_bias(a: dict[str, Any], i: Index, _: Any) -> Terms:
    products: Products = [[("grad_y", (*n, i[0]))] for n in _rows(a["grad_y"])]
    return _sum(a, at("grad_bias", i), f"Σ_n grad_y[n, {i[0]}]", products)


def _matmul_y(a: dict[str, Any], i: Index, _: Any) -> Terms:
    *n, m, e = _square(a, i)
    products: Products = [[("a", (*n, m, k)), ("b", (*n, k, e))] for k in range(a["a"].shape[-1])]
    return _sum(a, at("y", i), f"Σ_k {at('a', (*n, m, 'k'))}·{at('b', (*n, 'k', e))}", products)


def _matmul_a(a: dict[str, Any], i: Index, _: Any) -> Terms:
    *n, m, k = _square(a, i)
    products: Products = [[("grad_y", (*n, m, e)), ("b", (*n, k, e))] for e in range(a["b"].shape[-1])]
    return _sum(a, at("grad_a", i), f"Σ_e {at('grad_y', (*n, m, 'e'))}·{at('b', (*n, k, 'e'))}", products)


def _matmul_b(a: dict[str, Any], i: Index, _: Any) -> Terms:
    *n, k, e = _square(a, i)
    products: Products = [[("a", (*n, m, k)), ("grad_y", (*n, m, e))] for m in range(a["a"].shape[-2])]
    return _sum(a, at("grad_b", i), f"Σ_m {at('a', (*n, 'm', k))}·{at('grad_y', (*n, 'm', e))}", products)


def _square(a: dict[str, Any], index: Index) -> Index:
    if a["a"].ndim < 2 or a["a"].ndim != a["b"].ndim or a["a"].shape[:-2] != a["b"].shape[:-2]:
        raise OptionError("The stepper puts numbers into products of matrices with equal leading axes alone.")
    return index


# ------------------------------------------------------------------ rows of a table
def _embedding_y(a: dict[str, Any], i: Index, _: Any) -> Terms:
    *n, d = i
    token = int(a["ids"][tuple(n)])
    made = _sum(a, at("y", i), f"{at('weight', (at('ids', tuple(n)), d))}", [[("weight", (token, d))]])
    made.cells["ids"] = [tuple(n)]
    return made


def _embedding_weight(a: dict[str, Any], i: Index, _: Any) -> Terms:
    token, d = i
    places = [tuple(map(int, n)) for n in np.argwhere(a["ids"] == token)]
    products: Products = [[("grad_y", (*n, d))] for n in places]
    made = _sum(a, at("grad_weight", i), f"Σ grad_y[n, {d}], all n with ids[n] = {token}", products)
    made.cells["ids"] = places
    return made


# ------------------------------------------------------------------ softmax and what is made of it
def _along(options: dict[str, Any], array: Any, index: Index) -> list[Index]:
    axis = options["axis"] % array.ndim
    return [(*index[:axis], v, *index[axis + 1 :]) for v in range(array.shape[axis])]


def _v(name: str, index: Index, options: dict[str, Any], array: Any) -> str:
    """`x[0, v, 2]`, with v along the axis."""
    axis = options["axis"] % array.ndim
    return at(name, (*index[:axis], "v", *index[axis + 1 :]))


def _softmax_y(a: dict[str, Any], i: Index, options: Any) -> Terms:
    row = _along(options, a["x"], i)
    m = max(float(a["x"][v]) for v in row)
    above, below = math.exp(a["x"][i] - m), math.fsum(math.exp(a["x"][v] - m) for v in row)
    letters = f"e^({at('x', i)} − m) / Σ_v e^({_v('x', i, options, a['x'])} − m), m = {number(m)} the largest"
    return Terms(f"{at('y', i)} = {letters}", f"{number(above)} / {number(below)}", above / below, {"x": row})


def _softmax_x(a: dict[str, Any], i: Index, options: Any) -> Terms:
    row = _along(options, a["x"], i)
    mean = math.fsum(float(a["grad_y"][v]) * float(a["y"][v]) for v in row)
    value = float(a["y"][i]) * (float(a["grad_y"][i]) - mean)
    letters = f"{at('y', i)}·({at('grad_y', i)} − Σ_v grad_y_v·y_v)"
    numbers = f"{number(a['y'][i])}·({number(a['grad_y'][i])} − {factor(mean)})"
    return Terms(f"{at('grad_x', i)} = {letters}", numbers, value, {"y": row, "grad_y": row})


def _log_softmax_y(a: dict[str, Any], i: Index, options: Any) -> Terms:
    row = _along(options, a["x"], i)
    m = max(float(a["x"][v]) for v in row)
    log_sum = m + math.log(math.fsum(math.exp(a["x"][v] - m) for v in row))
    letters = f"{at('x', i)} − ln Σ_v e^(x_v)"
    numbers = f"{number(a['x'][i])} − {factor(log_sum)}"
    return Terms(f"{at('y', i)} = {letters}", numbers, float(a["x"][i]) - log_sum, {"x": row})


def _cross_entropy_loss(a: dict[str, Any], i: Index, options: Any) -> Terms:
    """−ln p of the targets: their mean, their sum, or of one row."""
    counted = [n for n, target in enumerate(a["targets"]) if target != options["ignore_index"]]
    if options["reduction"] == "none":
        counted = [n for n in counted if n == i[0]]
    smooth, losses = options["smoothing"], []
    for n in counted:
        row = a["logits"][n].astype(float)
        log_p = row - row.max() - math.log(np.exp(row - row.max()).sum())
        losses.append(-(1 - smooth) * log_p[int(a["targets"][n])] - smooth * log_p.mean())
    share = len(counted) if options["reduction"] == "mean" else 1
    texts = [number(loss) for loss in losses[:SHOWN]] + (
        [f"… ({len(losses)} rows)"] if len(losses) > SHOWN else []
    )
    letters = "Σ_n −ln softmax(logits[n])[targets[n]]" + (" / N" if share > 1 else "")
    cells: dict[str, list[Index]] = {"logits": [(n, int(a["targets"][n])) for n in counted]}
    sum_ = " + ".join(texts) or "0"
    numbers = f"({sum_}) / {share}" if share > 1 else sum_
    return Terms(f"{at('loss', i)} = {letters}", numbers, math.fsum(losses) / max(share, 1), cells)


def _cross_entropy_logits(a: dict[str, Any], i: Index, options: Any) -> Terms:
    n, v = i
    row, target = a["logits"][n].astype(float), int(a["targets"][n])
    p = math.exp(row[v] - row.max()) / math.fsum(np.exp(row - row.max()))
    counted = a["targets"] != options["ignore_index"]
    share = 1 / counted.sum() if options["reduction"] == "mean" else 1.0
    upstream = float(a["grad_loss"][n] if options["reduction"] == "none" else a["grad_loss"]) * share
    hit = (1 - options["smoothing"]) * (target == v) + options["smoothing"] / len(row)
    value = upstream * (p - hit) if counted[n] else 0.0
    letters = f"(softmax(logits[{n}])_{v} − [targets[{n}] = {v}]) · grad_loss / N"
    cells: dict[str, list[Index]] = {"logits": [(n, w) for w in range(len(row))], "targets": [(n,)]}
    numbers = (
        f"({number(p)} − {number(hit)})·{factor(upstream)}" if counted[n] else "0: this row does not count"
    )
    return Terms(f"{at('grad_logits', i)} = {letters}", numbers, value, cells)


# ------------------------------------------------------------------ rows with mean 0 and variance 1
def _layer_norm_y(a: dict[str, Any], i: Index, options: Any) -> Terms:
    *n, d = i
    row = a["x"][tuple(n)].astype(float)
    mean, s = row.mean(), math.sqrt(row.var() + options["eps"])
    weight, bias = float(a["weight"][d]), float(a["bias"][d])
    letters = f"weight[{d}]·({at('x', i)} − μ)/√(σ² + ε) + bias[{d}], μ and σ² of {at('x', tuple(n))}"
    numbers = f"{number(weight)}·({number(row[d])} − {factor(mean)})/{number(s)} + {factor(bias)}"
    cells: dict[str, list[Index]] = {
        "x": [(*n, k) for k in range(len(row))],
        "weight": [(d,)],
        "bias": [(d,)],
    }
    return Terms(f"{at('y', i)} = {letters}", numbers, weight * (row[d] - mean) / s + bias, cells)


# ------------------------------------------------------------------ element by element
def _operand(a: dict[str, Any], name: str, index: Index) -> Index:
    """Where an operand that is repeated along axes has its number for an element."""
    shape = a[name].shape
    return tuple(0 if n == 1 else i for n, i in zip(shape, index[len(index) - len(shape) :], strict=True))


def _of_two(sign: str, compute: Callable[[float, float], float]) -> Callable[..., Terms]:
    def terms(a: dict[str, Any], i: Index, _: Any) -> Terms:
        left, right = _operand(a, "a", i), _operand(a, "b", i)
        x, y = float(a["a"][left]), float(a["b"][right])
        letters = f"{at('y', i)} = {at('a', left)} {sign} {at('b', right)}"
        return Terms(letters, f"{number(x)} {sign} {factor(y)}", compute(x, y), {"a": [left], "b": [right]})

    return terms


def _of_one(text: str, compute: Callable[[float], float]) -> Callable[..., Terms]:
    def terms(a: dict[str, Any], i: Index, _: Any) -> Terms:
        x = float(a["x"][i])
        letters = f"{at('y', i)} = {text.format(at('x', i))}"
        return Terms(letters, text.format(number(x)), compute(x), {"x": [i]})

    return terms


def _slope(text: str, compute: Callable[[float], float]) -> Callable[..., Terms]:
    """grad_x of a bend, from y."""

    def terms(a: dict[str, Any], i: Index, _: Any) -> Terms:
        y, g = float(a["y"][i]), float(a["grad_y"][i])
        letters = f"{at('grad_x', i)} = {at('grad_y', i)}·{text.format(at('y', i))}"
        cells = {"y": [i], "grad_y": [i]}
        return Terms(letters, f"{number(g)}·{text.format(number(y))}", g * compute(y), cells)

    return terms


FAMILIES: dict[str, dict[str, Callable[..., Terms]]] = {
    "Linear": {
        "y": _linear_y,
        "grad_x": _linear_x,
        "grad_weight": _linear_weight,
        "grad_bias": _linear_bias,
    },
    "MatMul": {"y": _matmul_y, "grad_a": _matmul_a, "grad_b": _matmul_b},
    "Embedding": {"y": _embedding_y, "grad_weight": _embedding_weight},
    "Softmax": {"y": _softmax_y, "grad_x": _softmax_x},
    "LogSoftmax": {"y": _log_softmax_y},
    "CrossEntropy": {"loss": _cross_entropy_loss, "grad_logits": _cross_entropy_logits},
    "LayerNorm": {"y": _layer_norm_y},
    **SEQUENCES,
    "Add": {"y": _of_two("+", lambda x, y: x + y)},
    "Subtract": {"y": _of_two("−", lambda x, y: x - y)},
    "Multiply": {"y": _of_two("·", lambda x, y: x * y)},
    "Divide": {"y": _of_two("/", lambda x, y: x / y)},
    "Tanh": {"y": _of_one("tanh({})", math.tanh), "grad_x": _slope("(1 − {}²)", lambda y: 1 - y * y)},
    "Sigmoid": {
        "y": _of_one("σ({})", lambda x: 1 / (1 + math.exp(-x))),
        "grad_x": _slope("{0}·(1 − {0})", lambda y: y * (1 - y)),
    },
    "ReLU": {
        "y": _of_one("max({}, 0)", lambda x: max(x, 0.0)),
        "grad_x": _slope("[{} > 0]", lambda y: float(y > 0)),
    },
    "Exp": {"y": _of_one("e^({})", math.exp), "grad_x": _slope("{}", lambda y: y)},
    "Log": {"y": _of_one("ln {}", math.log)},
}
