"""What single kernels reach of what the card can do, measured in the same run.

A kernel takes at least bytes / (bytes a second of a copy on the card) and at least operations / (operations
a second of a large cuBLAS product); its share is the larger of the two over the time it takes. Times
are of events on the card around calls that wait in its queue behind a product, so that Python's own time for
a call, some 20 µs, is not among them.

N rows, D features, V vocabulary, B batch, T context, H heads, P parameters.
"""

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
    for kernel, shape, arguments, moved, operations in rows(sizes):
        call = prepared(device, kernel, arguments())
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


def prepared(device: Device, kernel: str, arguments: tuple[Any, ...]) -> Callable[[], Any]:
    """A call of a kernel on arguments that are on the card."""

    def there(argument: Any) -> Any:
        if isinstance(argument, list):
            return [there(part) for part in argument]
        return upload(argument, device) if isinstance(argument, np.ndarray) else argument

    function, copied = getattr(device.kernels, kernel), [there(argument) for argument in arguments]
    return lambda: function(*copied)


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


def rows(s: Sizes) -> list[tuple[str, str, Callable[[], tuple[Any, ...]], int, int]]:
    """Kernel, shape, what makes its arguments, bytes and operations that it cannot do without."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    def ids(n: int) -> np.ndarray:
        return rng.integers(0, s.V, n)

    N, wide, features = s.B * s.T, 4 * s.D, s.D // s.H
    qkv = s.B, s.T, 3, s.H, features
    products = (
        s.B * s.H * s.T * s.T * features
    )  # 2 operations each, for the half of the scores that is visible
    whole = np.full(s.B, s.T)

    def packed() -> tuple[Any, ...]:
        heads = s.B, s.T, s.H, features
        return normal(*heads), normal(*qkv), normal(*heads), abs(normal(s.B, s.H, s.T)) + 9, whole, True

    def adam() -> tuple[Any, ...]:
        lists = [[normal(s.D, s.P // s.D)] for _ in range(3)]
        return (*lists, [abs(normal(s.D, s.P // s.D))], 1e-3, 0.9, 0.999, 1e-8, 0.1, True, 1)

    def fused() -> tuple[Any, ...]:
        weights = np.full(s.words, 1 / s.words, np.float32)
        return normal(s.words, s.D), normal(s.V, s.D), normal(s.V), ids(s.words), weights, -100

    logits, matrix, middle = (s.words, s.V), (N, s.D), (N, wide)
    size = {shape: FLOAT * shape[0] * shape[1] for shape in (logits, matrix, middle)}
    table = FLOAT * s.V * s.D
    parameters = FLOAT * (s.P // s.D) * s.D
    return [
        ("softmax_forward", f"{logits}", lambda: (normal(*logits),), 2 * size[logits], 0),
        (
            "cross_entropy_forward", f"{logits}",
            lambda: (normal(*logits), ids(s.words), -100, 0.0), size[logits], 0,
        ),
        (
            "linear_cross_entropy", f"{logits}, D = {s.D}", fused, 2 * table, 6 * s.words * s.V * s.D,
        ),
        (
            "layer_norm_forward", f"{matrix}",
            lambda: (normal(*matrix), normal(s.D), normal(s.D), 1e-5), 2 * size[matrix], 0,
        ),
        (
            "layer_norm_backward", f"{matrix}",
            lambda: (normal(*matrix), normal(*matrix), normal(s.D), normal(N), abs(normal(N)) + 1),
            3 * size[matrix], 0,
        ),
        ("gelu_forward", f"{middle}", lambda: (normal(*middle), False), 2 * size[middle], 0),
        (
            "gelu_backward", f"{middle}",
            lambda: (normal(*middle), normal(*middle), False), 3 * size[middle], 0,
        ),
        ("dropout", f"{matrix}", lambda: (normal(*matrix), 0.2, 0, 0), 2 * size[matrix], 0),
        (
            "embedding_forward", f"({s.V}, {s.D}), {N} ids",
            lambda: (normal(s.V, s.D), ids(N)), 2 * size[matrix], 0,
        ),
        (
            "embedding_backward", f"({s.V}, {s.D}), {N} ids",
            lambda: (normal(*matrix), ids(N), s.V), size[matrix] + table, 0,
        ),
        (
            "attention_packed_forward", f"{qkv}, causal",
            lambda: (normal(*qkv), whole, True), 4 * size[matrix], 2 * products,
        ),
        ("attention_packed_backward", f"{qkv}, causal", packed, 8 * size[matrix], 5 * products),
        (
            "lstm_cell_forward", f"gates {middle}",
            lambda: (normal(*middle), normal(*matrix)), 2 * size[middle] + 3 * size[matrix], 0,
        ),
        ("adam_step", f"{s.P:,} parameters", adam, 7 * parameters, 0),
        ("gradient_norm", f"{s.P:,} parameters", lambda: ([normal(s.D, s.P // s.D)],), parameters, 0),
    ]  # fmt: skip
