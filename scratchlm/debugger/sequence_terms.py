"""Elements of recurrent layers and of attention, with their numbers put in."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .written import SHOWN, Index, Terms, at, factor, number


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _lstm_h(a: dict[str, Any], i: Index, _: Any) -> Terms:
    """h_t and the cell behind it; c before it is computed from the first step on, by the h that are there."""
    t, b, j = i
    H = a["weight_hh"].shape[1]
    rows = [k * H + j for k in range(4)]
    c = before = float(a["c0"][b, j])
    gates: list[float] = []
    for s in range(t + 1):
        h = a["h"][s - 1, b] if s else a["h0"][b]
        z = a["weight_ih"][rows] @ a["x"][s, b] + a["bias_ih"][rows]
        z = z + a["weight_hh"][rows] @ h + a["bias_hh"][rows]
        gates = [math.tanh(x) if k == 2 else _sigmoid(x) for k, x in enumerate(map(float, z))]
        before, c = c, gates[1] * c + gates[0] * gates[2]
    return _lstm_terms(i, gates, before, c, a, (t, b), ("h", (t - 1, b)) if t else ("h0", (b,)), rows)


def _lstm_cell_h(a: dict[str, Any], i: Index, _: Any) -> Terms:
    b, j = i
    H = a["weight_hh"].shape[1]
    rows = [k * H + j for k in range(4)]
    z = a["weight_ih"][rows] @ a["x"][b] + a["bias_ih"][rows]
    z = z + a["weight_hh"][rows] @ a["h"][b] + a["bias_hh"][rows]
    gates = [math.tanh(x) if k == 2 else _sigmoid(x) for k, x in enumerate(map(float, z))]
    before = float(a["c"][b, j])
    c = gates[1] * before + gates[0] * gates[2]
    return _lstm_terms(i, gates, before, c, a, (b,), ("h", (b,)), rows)


def _lstm_terms(
    i: Index,
    gates: list[float],
    before: float,
    c: float,
    a: dict[str, Any],
    place: Index,
    h: Any,
    rows: list[int],
) -> Terms:
    """o·tanh(f·c_before + i·g); x, the state before and the four rows of the weights light up."""
    g_i, g_f, g_g, g_o = gates
    cells: dict[str, list[Index]] = {
        "x": [(*place, d) for d in range(a["x"].shape[-1])],
        h[0]: [(*h[1], k) for k in range(a["weight_hh"].shape[1])],
        "weight_ih": [(r, d) for r in rows for d in range(a["weight_ih"].shape[1])],
        "weight_hh": [(r, k) for r in rows for k in range(a["weight_hh"].shape[1])],
    }
    letters = "o·tanh(f·c_before + i·g), gates σ or tanh of W_ih x + b_ih + W_hh h_before + b_hh"
    inside = f"{number(g_f)}·{factor(before)} + {number(g_i)}·{factor(g_g)}"
    return Terms(f"{at('h', i)} = {letters}", f"{number(g_o)}·tanh({inside})", g_o * math.tanh(c), cells)


def _attention_y(a: dict[str, Any], i: Index, options: Any) -> Terms:
    n, t, e = i
    T, S = a["q"].shape[1], a["k"].shape[1]
    seen = min(int(a["lengths"][n]), t + 1 + S - T if options["causal"] else S)
    cells: dict[str, list[Index]] = {
        "q": [(n, t, d) for d in range(a["q"].shape[2])],
        "k": [(n, s, d) for s in range(seen) for d in range(a["k"].shape[2])],
        "v": [(n, s, e) for s in range(seen)],
    }
    return _attended(i, a["q"][n, t], a["k"][n, :seen], a["v"][n, :seen, e], cells, f"v[{n}, s, {e}]")


def _self_attention_y(a: dict[str, Any], i: Index, options: Any) -> Terms:
    b, t, d = i
    D = a["y"].shape[2]
    size = D // options["heads"]
    own = list(range(d // size * size, d // size * size + size))  # this head's features
    seen = min(int(a["lengths"][b]), t + 1 if options["causal"] else a["qkv"].shape[1])
    rows = a["qkv"][b, :seen]
    cells: dict[str, list[Index]] = {
        "qkv": [
            *((b, t, k) for k in own),
            *((b, s, D + k) for s in range(seen) for k in own),
            *((b, s, 2 * D + d) for s in range(seen)),
        ]
    }
    letters = f"qkv[{b}, s, {2 * D + d}]"
    keys = rows[:, [D + k for k in own]]
    return _attended(i, a["qkv"][b, t, own], keys, rows[:, 2 * D + d], cells, letters)


def _attended(i: Index, q: Any, keys: Any, values: Any, cells: Any, name: str) -> Terms:
    """Σ_s P_s v_s with P = softmax(q·k_s / √D)."""
    scores = keys.astype(float) @ q.astype(float) / math.sqrt(len(q))
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    texts = [f"{number(p)}·{factor(v)}" for p, v in zip(weights, values, strict=True)]
    shown = texts if len(texts) <= SHOWN else [*texts[:SHOWN], f"… ({len(texts)} terms)"]
    letters = f"{at('y', i)} = Σ_s P_s·{name}, P = softmax over s of q·k_s/√{len(q)}"
    return Terms(letters, " + ".join(shown), float(weights @ values.astype(float)), cells)


SEQUENCES: dict[str, dict[str, Callable[..., Terms]]] = {
    "LSTM": {"h": _lstm_h},
    "LSTMCell": {"h_new": _lstm_cell_h},
    "Attention": {"y": _attention_y},
    "SelfAttention": {"y": _self_attention_y},
}
