"""A recorded formula beside others that compute the same: its composed twin, and PyTorch where there is one.

A gradient can agree with differences of its own forward and both be wrong: two gates exchanged in forward and
in backward, say. These two know nothing of our kernels.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from .. import functions as F
from ..tensor import Tensor
from .kept import Record
from .questions import arrays_of, map_of, rounded

Options = dict[str, Any]


def _loss(o: Options) -> Options:
    kept = {key: o[key] for key in ("ignore_index", "reduction")}
    return kept | ({"label_smoothing": o["smoothing"]} if "smoothing" in o else {})


TWINS: dict[str, Callable[[list[Any], Options], Any]] = {
    "Tanh": lambda x, o: F.tanh_composed(*x),
    "Sigmoid": lambda x, o: F.sigmoid_composed(*x),
    "ReLU": lambda x, o: F.relu_composed(*x),
    "GELU": lambda x, o: F.gelu_composed(x[0]) if o["tanh"] else None,
    "Softmax": lambda x, o: F.softmax_composed(x[0], o["axis"]),
    "LogSoftmax": lambda x, o: F.log_softmax_composed(x[0], o["axis"]),
    "CrossEntropy": lambda x, o: F.cross_entropy_composed(*x, **_loss(o)),
    "LinearCrossEntropy": lambda x, o: F.linear_cross_entropy_composed(*x, **_loss(o)),
    "Linear": lambda x, o: F.linear_composed(*x),
    "Embedding": lambda x, o: F.embedding_composed(*x),
    "LayerNorm": lambda x, o: F.layer_norm_composed(x[0], x[1], x[2], o["eps"]),
    "LSTMCell": lambda x, o: F.lstm_cell_composed(*x),
    "LSTM": lambda x, o: F.lstm_composed(*x),
    "GRU": lambda x, o: F.gru_composed(*x),
    "Attention": lambda x, o: F.attention_composed(x[0], x[1], x[2], x[3], o["causal"]),
    "SelfAttention": lambda x, o: F.self_attention_composed(x[0], o["heads"], x[1], o["causal"]),
    "AdditiveAttention": lambda x, o: F.additive_attention_composed(*x),
    "GaussianKL": lambda x, o: F.gaussian_kl_composed(*x),
    "MeanSquaredError": lambda x, o: F.mse_loss_composed(*x),
    "BinaryCrossEntropy": lambda x, o: -(x[1] * F.log(x[0]) + (1.0 - x[1]) * F.log(1.0 - x[0])),
}


def _torch() -> dict[str, Callable[[list[Any], Options], Any]]:
    """PyTorch's own, of its tensors."""
    import torch
    from torch.nn import functional as P

    def attention(q: Any, k: Any, v: Any, lengths: Any, o: Options) -> Any:
        T, S = q.shape[-2], k.shape[-2]
        seen = torch.arange(S) < lengths.reshape(-1, *[1] * (q.ndim - 1))
        if o["causal"]:
            seen = seen & (torch.arange(S) <= torch.arange(T)[:, None] + S - T)
        return P.scaled_dot_product_attention(q, k, v, seen)

    def own(x: list[Any], o: Options) -> Any:
        B, T, D = x[0].shape
        q, k, v = x[0].reshape(B, T, 3, o["heads"], D // (3 * o["heads"])).permute(2, 0, 3, 1, 4)
        return attention(q, k, v, x[1], o).permute(0, 2, 1, 3).reshape(B, T, D // 3)

    def lstm(x: list[Any], o: Options) -> Any:
        state = x[1][None], x[2][None]
        y, h, c = torch._VF.lstm(x[0], state, x[3:], True, 1, 0.0, False, False, False)  # type: ignore[attr-defined]
        return y, h[0], c[0]

    def gru(x: list[Any], o: Options) -> Any:
        y, h = torch._VF.gru(x[0], x[1][None], x[2:], True, 1, 0.0, False, False, False)  # type: ignore[attr-defined]
        return y, h[0]

    return {
        "Tanh": lambda x, o: x[0].tanh(),
        "Sigmoid": lambda x, o: x[0].sigmoid(),
        "ReLU": lambda x, o: x[0].relu(),
        "GELU": lambda x, o: P.gelu(x[0], approximate="tanh" if o["tanh"] else "none"),
        "Softmax": lambda x, o: x[0].softmax(o["axis"]),
        "LogSoftmax": lambda x, o: x[0].log_softmax(o["axis"]),
        "CrossEntropy": lambda x, o: P.cross_entropy(x[0], x[1].long(), **_loss(o)),
        "LinearCrossEntropy": lambda x, o: P.cross_entropy(P.linear(*x[:3]), x[3].long(), **_loss(o)),
        "Linear": lambda x, o: P.linear(*x),
        "MatMul": lambda x, o: x[0] @ x[1],
        "Embedding": lambda x, o: P.embedding(x[1].long(), x[0]),
        "LayerNorm": lambda x, o: P.layer_norm(x[0], x[0].shape[-1:], x[1], x[2], o["eps"]),
        "LSTMCell": lambda x, o: torch.lstm_cell(x[0], (x[1], x[2]), *x[3:]),
        "LSTM": lstm,
        "GRU": gru,
        "Attention": lambda x, o: attention(x[0], x[1], x[2], x[3], o),
        "SelfAttention": own,
        "MeanSquaredError": lambda x, o: P.mse_loss(x[0], x[1]),
        "BinaryCrossEntropy": lambda x, o: P.binary_cross_entropy(x[0], x[1], reduction="none"),
    }


def beside(record: Record) -> list[str]:
    """A line for each peer of the formula: how far its outputs and gradients are from the recorded ones.

    In float64; numbers of a float32 formula agree where they are within 10⁻³ of the largest.
    """
    lines = []
    twin = TWINS.get(record.name)
    if twin is not None and (found := _of_twin(record, twin)) is not None:
        lines.append(_told(record, "its composed twin", *found))
    if find_spec("torch") is None:
        return [*lines, "beside PyTorch: SKIPPED, torch is not installed"]
    if (peer := _torch().get(record.name)) is not None:
        import torch

        lines.append(_told(record, f"PyTorch {torch.__version__}", *_of_torch(record, peer)))
    return lines


def _inputs(record: Record) -> list[np.ndarray]:
    arrays = [seen.array for seen in record.inputs]
    return [array.astype(np.float64) if array.dtype.kind == "f" else array for array in arrays]


def _list(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


def _of_twin(record: Record, twin: Any) -> tuple[list[Any], list[Any]] | None:
    inputs = [
        Tensor(x, requires_grad=True, device="reference") if x.dtype.kind == "f" else x
        for x in _inputs(record)
    ]
    found = twin(inputs, record.options)
    if found is None:
        return None
    outputs = _list(found)
    weights = [Tensor(seen.array.astype(np.float64), device="reference") for seen in record.grad_outputs]
    if weights:
        parts = [(y * w).sum() for y, w in zip(outputs, weights, strict=False)]
        sum(parts[1:], parts[0]).backward()
    grads = [x.grad.numpy() if isinstance(x, Tensor) and x.grad is not None else None for x in inputs]
    return [y.numpy() for y in outputs], grads


def _of_torch(record: Record, peer: Any) -> tuple[list[Any], list[Any]]:
    import torch

    inputs = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in _inputs(record)]
    outputs = _list(peer(inputs, record.options))
    weights = [torch.tensor(seen.array.astype(np.float64)) for seen in record.grad_outputs]
    if weights:
        sum((y * w).sum() for y, w in zip(outputs, weights, strict=False)).backward()
    return [y.detach().numpy() for y in outputs], [None if x.grad is None else x.grad.numpy() for x in inputs]


def _told(record: Record, peer: str, outputs: list[Any], grads: list[Any]) -> str:
    named = {id(seen): name for name, seen in reversed(arrays_of(record).items())}
    summed = rounded(record)
    worst, own = 0.0, [*record.outputs, *record.grad_inputs]
    theirs = [*outputs, *[None] * (len(record.outputs) - len(outputs)), *grads]
    for seen, other in zip(own, theirs, strict=False):
        if seen is None or other is None or seen.array is None or seen.array.shape != other.shape:
            continue
        share = 1e-3 if seen.array.dtype == np.float32 else 1e-7
        largest = max(float(np.abs(other).max(initial=0.0)), summed / share) or 1.0
        with np.errstate(invalid="ignore"):
            apart = np.abs(seen.array - other) / largest
        if not (apart <= share).all():
            name, where = named.get(id(seen), "an array"), map_of(~(apart <= share))
            return f"beside {peer}: WRONG, {name} differs by {apart.max():.1e} of the largest{where}"
        worst = max(worst, float(apart.max(initial=0.0)))
    return f"beside {peer}: right, at most {worst:.1e} of the largest apart"
