"""What single kernels reach of what the card can do, measured in the same run.

A kernel takes at least bytes / (bytes a second of a copy on the card) and at least operations / (operations
a second of a large cuBLAS product); its share is the larger of the two over the time it takes. Times
are of events on the card around calls that wait in its queue behind a product, so that Python's own time for
a call, some 20 µs, is not among them.

N rows, D features, V vocabulary, B batch, T context, H heads, P parameters.
"""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..device import Device, get_device, upload
from .steps import FLOAT

CALLS = 20  # timed together: few enough for the card's queue, which holds about a thousand launches


@dataclass(frozen=True)
class Sizes:
    """Those of A1 (GPT 6×384, context 256, batch 64), and W1's vocabulary."""

    B: int = 64
    T: int = 256
    D: int = 384
    H: int = 6
    V: int = 10000
    words: int = 1120  # rows of W1: 32×35
    P: int = 10_700_000
    copy: int = 1 << 28  # numbers: 1 GB
    product: int = 8192  # rows and columns


@dataclass(frozen=True)
class Share:
    """One kernel: what it has to move and compute, how long it takes, and what share of the bound that is."""

    kernel: str
    shape: str
    bytes: int
    operations: int
    milliseconds: float
    bound_milliseconds: float

    @property
    def share(self) -> float:
        """1 is as fast as the card can be."""
        return self.bound_milliseconds / self.milliseconds


@dataclass(frozen=True)
class Bounds:
    """The card, its two bounds as measured, and each kernel's share of them."""

    card: str
    gigabytes_per_second: float
    teraflops: float
    tf32: bool
    shares: list[Share] = field(default_factory=list)


def measure(sizes: Sizes | None = None) -> Bounds:
    """Measure both bounds, then every kernel.

    Raises:
        DeviceError: there is no card.
    """
    from scratchlm.kernels.cuda.card import describe

    device, sizes = get_device("cuda"), sizes or Sizes()
    xp = device.xp
    rate, flops = limits(xp, sizes)
    busy = occupied(xp, sizes.product)
    shares = []
    for kernel, shape, lengths, moved, operations in rows(sizes):
        call = prepared(device, kernel, lengths)
        bound = max(moved / rate, operations / flops) * 1e3
        shares.append(Share(kernel, shape, moved, operations, timed(xp, call, busy), bound))
    return Bounds(describe(xp), rate / 1e9, flops / 1e12, os.environ.get("CUPY_TF32") == "1", shares)


def limits(xp: Any, sizes: Sizes) -> tuple[float, float]:
    """Bytes a second of a copy, operations a second of a large product."""
    rate, busy = bandwidth(xp, sizes.copy), occupied(xp, sizes.product)
    return rate, 2 * sizes.product**3 / (timed(xp, busy, busy) / 1e3)


def occupied(xp: Any, side: int) -> Callable[[], Any]:
    """A product of (side, side) matrices, which keeps the card busy while calls queue behind it."""
    a = xp.ones((side, side), np.float32)
    return lambda: xp.matmul(a, a)


def bandwidth(xp: Any, numbers: int) -> float:
    """Bytes a second that a copy on the card reads and writes."""
    source, copy = xp.ones(numbers, np.float32), xp.empty(numbers, np.float32)
    return 2 * source.nbytes / (timed(xp, lambda: xp.copyto(copy, source), lambda: None) / 1e3)


def prepared(device: Device, kernel: str, lengths: dict[str, Any]) -> Callable[[], Any]:
    """A call of a kernel on arguments of these lengths that are on the card."""
    from scratchlm.kernels.contract import CONTRACT
    from scratchlm.kernels.examples import Example

    def there(argument: Any) -> Any:
        if isinstance(argument, list):
            return [there(part) for part in argument]
        return upload(argument, device) if isinstance(argument, np.ndarray) else argument

    (row,) = (row for row in CONTRACT if row.name == kernel)
    arguments = Example(lengths).arguments(row) | {
        "lengths": np.full(lengths.get("B", 1), lengths.get("T", 1))
    }
    copied = [there(arguments[argument.name]) for argument in row.arguments]
    return functools.partial(getattr(device.kernels, kernel), *copied)


def timed(xp: Any, call: Callable[[], Any], busy: Callable[[], Any]) -> float:
    """Milliseconds of a call on the card: the mean of CALLS calls, after three that compile and warm up."""
    for _ in range(3):
        call()
    begin, end = xp.cuda.Event(), xp.cuda.Event()
    busy()
    begin.record()
    for _ in range(CALLS):
        call()
    end.record()
    end.synchronize()
    return xp.cuda.get_elapsed_time(begin, end) / CALLS


def rows(s: Sizes) -> list[tuple[str, str, dict[str, Any], int, int]]:
    """Kernel, shape, lengths of its letters, and the bytes and operations that it cannot do without."""
    N, wide, features = s.B * s.T, 4 * s.D, s.D // s.H
    qkv = {"B": s.B, "T": s.T, "H": s.H, "D": features}
    # 2 operations each, for the half of the scores that is visible
    products = s.B * s.H * s.T * s.T * features
    logits, matrix, middle = FLOAT * s.words * s.V, FLOAT * N * s.D, FLOAT * N * wide
    table, parameters = FLOAT * s.V * s.D, FLOAT * (s.P // s.D) * s.D
    classes, rows_of, every = {"N": s.words, "V": s.V}, {"N": N, "D": s.D}, {"list": [(s.D, s.P // s.D)]}
    ids = f"({s.V}, {s.D}), {N} ids"
    heads = f"{(s.B, s.T, 3, s.H, features)}, causal"
    return [
        ("softmax_forward", f"{(s.words, s.V)}", classes, 2 * logits, 0),
        ("cross_entropy_forward", f"{(s.words, s.V)}", classes, logits, 0),
        (
            "linear_cross_entropy", f"{(s.words, s.V)}, D = {s.D}",
            classes | {"D": s.D}, 2 * table, 6 * s.words * s.V * s.D,
        ),
        ("layer_norm_forward", f"{(N, s.D)}", rows_of, 2 * matrix, 0),
        ("layer_norm_backward", f"{(N, s.D)}", rows_of, 3 * matrix, 0),
        ("gelu_forward", f"{(N, wide)}", {"…": (N, wide)}, 2 * middle, 0),
        ("gelu_backward", f"{(N, wide)}", {"…": (N, wide)}, 3 * middle, 0),
        ("dropout", f"{(N, s.D)}", {"…": (N, s.D)}, 2 * matrix, 0),
        ("embedding_forward", ids, rows_of | {"V": s.V}, 2 * matrix, 0),
        ("embedding_backward", ids, rows_of | {"V": s.V}, matrix + table, 0),
        ("attention_packed_forward", heads, qkv, 4 * matrix, 2 * products),
        ("attention_packed_backward", heads, qkv, 8 * matrix, 5 * products),
        ("lstm_cell_forward", f"gates {(N, wide)}", {"B": N, "H": s.D}, 2 * middle + 3 * matrix, 0),
        ("adam_step", f"{s.P:,} parameters", every, 7 * parameters, 0),
        ("gradient_norm", f"{s.P:,} parameters", every, parameters, 0),
    ]  # fmt: skip
