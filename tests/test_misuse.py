"""Wrong shapes, types, axes and devices: each answered by one sentence that names the thing."""

import re

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm.debugger import gradcheck
from scratchlm.errors import DeviceError, DtypeError, NumberError, ShapeError, TokenError

from .tolerance import rounding

X, IDS = np.ones((2, 3), np.float32), np.array([0, 1])
LSTM_SHAPES = {
    "x": (5, 2, 3),
    "h": (2, 4),
    "c": (2, 4),
    "weight_ih": (16, 3),
    "weight_hh": (16, 4),
    "bias_ih": (16,),
    "bias_hh": (16,),
}
GRU_SHAPES = {
    "x": (5, 2, 3),
    "h": (2, 4),
    "weight_ih": (12, 3),
    "weight_hh": (12, 4),
    "bias_ih": (12,),
    "bias_hh": (12,),
}


def lstm(function=F.lstm, **changes):
    return function(*(sl.tensor(np.ones(shape)) for shape in (LSTM_SHAPES | changes).values()))


def cell(**changes):
    return lstm(F.lstm_cell, **({"x": (2, 3)} | changes))


def gru(**changes):
    return F.gru(*(sl.tensor(np.ones(shape)) for shape in (GRU_SHAPES | changes).values()))


MISUSE = {
    "add": (lambda x: x + sl.tensor([1.0, 2.0]), ShapeError, r"Add got shapes \(2, 3\) and \(2,\)"),
    "where": (lambda x: F.where(x > 0, x, sl.tensor([1.0, 2.0])), ShapeError, r"Where .*\(2,\)"),
    "text": (lambda x: x + "a", DtypeError, "holds numbers"),
    "ragged": (lambda x: sl.tensor([[1.0], [1.0, 2.0]]), ShapeError, "equal lengths"),
    "matmul": (lambda x: x @ x, ShapeError, r"matmul got shapes \(2, 3\) and \(2, 3\)"),
    "matmul number": (lambda x: x @ 2.0, ShapeError, "matmul got shapes"),
    "matmul batch": (
        lambda x: sl.tensor(np.ones((2, 2, 3))) @ sl.tensor(np.ones((3, 3, 2))),
        ShapeError,
        "batch axes",
    ),
    "linear": (
        lambda x: F.linear(x, sl.tensor(np.ones((4, 2), np.float32))),
        ShapeError,
        r"Linear .*\(2, 3\)",
    ),
    "linear vector": (lambda x: F.linear(x, sl.tensor([1.0, 2.0, 3.0])), ShapeError, r"weight .*\(3,\)"),
    "sum": (lambda x: x.sum(5), ShapeError, "Sum over axis 5"),
    "mean": (lambda x: x.mean((0, -3)), ShapeError, "Mean over axis -3"),
    "max": (lambda x: x.max(axis=2), ShapeError, "Max over axis 2"),
    "max of nothing": (lambda x: x[:0].max(), ShapeError, "at least one element"),
    "reshape": (lambda x: x.reshape(4, 2), ShapeError, r"reshape .*\(4, 2\) out of \(2, 3\)"),
    "permute": (lambda x: x.permute(0, 0), ShapeError, r"axes \(0, 0\)"),
    "transpose by an order": (lambda x: x.transpose(0, 1, 2), ShapeError, "two axes, got 3: .* permute"),
    "transpose by nothing": (lambda x: x.transpose(), ShapeError, r"two axes, got 0: .*\.T"),
    "broadcast_to": (lambda x: x.broadcast_to(3, 3), ShapeError, r"broadcast_to .*\(3, 3\)"),
    "squeeze": (lambda x: x.squeeze(0), ShapeError, "squeeze needs length 1 on axis 0"),
    "squeeze axis": (lambda x: x.squeeze(7), ShapeError, "squeeze along axis 7"),
    "unsqueeze axis": (lambda x: x.unsqueeze(7), ShapeError, "unsqueeze at axis 7"),
    "index": (lambda x: x[5], ShapeError, r"shape \(2, 3\).*index 5"),
    "cat": (lambda x: F.cat([x, x.T]), ShapeError, r"cat along axis 0 .*\(3, 2\)"),
    "cat axis": (lambda x: F.cat([x, x], 2), ShapeError, "cat along axis 2"),
    "cat of nothing": (lambda x: F.cat([]), ShapeError, "at least one"),
    "split": (lambda x: F.split(x, [1, 2]), ShapeError, "needs 3 elements along axis 0"),
    "softmax axis": (lambda x: F.softmax(x, 2), ShapeError, "Softmax along axis 2"),
    "softmax of nothing": (lambda x: F.log_softmax(x[:, :0]), ShapeError, "LogSoftmax along axis -1"),
    "embedding floats": (lambda x: F.embedding(x, [0.0, 1.0]), DtypeError, "token ids .integers., got float"),
    "embedding range": (lambda x: F.embedding(x, [0, 2]), TokenError, "id 2 is outside .* 2 tokens"),
    "embedding below": (lambda x: F.embedding(x, [-1, 0]), TokenError, "id -1"),
    "loss axes": (lambda x: F.cross_entropy(x.unsqueeze(0), IDS), ShapeError, r"logits \(N, V\)"),
    "loss rows": (lambda x: F.cross_entropy(x, [0, 1, 2]), ShapeError, r"targets of shape \(3,\)"),
    "loss class": (lambda x: F.cross_entropy(x, [0, 3]), TokenError, "target 3, but there are 3 classes"),
    "loss floats": (lambda x: F.cross_entropy(x, [0.0, 1.0]), DtypeError, "class indices"),
    "loss of nothing": (lambda x: F.cross_entropy(x, [-100, -100]), NumberError, "no mean"),
    "loss word": (lambda x: F.cross_entropy(x, IDS, reduction="avg"), ValueError, "'avg', expected one of"),
    "fused loss": (lambda x: F.linear_cross_entropy(x, x.T, x[0], IDS), ShapeError, r"weight \(V, D\)"),
    "dropout": (lambda x: F.dropout(x, 1.5), ValueError, "probability is 1.5"),
    **{
        f"lstm {name}": (lambda x, n=name: lstm(**{n: (2, 3)}), ShapeError, "LSTM (expects|takes) ")
        for name in LSTM_SHAPES
    },
    **{
        f"cell {name}": (lambda x, n=name: cell(**{n: (5,)}), ShapeError, "LSTMCell (expects|takes) ")
        for name in LSTM_SHAPES
    },
    **{
        f"gru {name} {shape}": (lambda x, n=name, s=shape: gru(**{n: s}), ShapeError, "GRU (expects|takes) ")
        for name in GRU_SHAPES
        for shape in ((2, 3), (5,), (16, 4))
    },
    "compare": (lambda x: x == sl.tensor([1.0, 2.0]), ShapeError, r"\(2, 3\) and \(2,\)"),
    "compare with less": (lambda x: x < np.ones(2), ShapeError, r"\(2, 3\) and \(2,\)"),
    "swapaxes": (lambda x: x.swapaxes(0, 5), ShapeError, "transpose .*5"),
    "split by nothing": (lambda x: F.split(x, 0), ShapeError, "split .*0"),
    "split by less": (lambda x: F.split(x, [3, -1]), ShapeError, r"split .*-1"),
    "sum twice": (lambda x: x.sum((0, 0)), ShapeError, "Sum over ax.*0"),
    "sum twice from the end": (lambda x: x.sum((1, -1)), ShapeError, "Sum over ax"),
    "loss without classes": (lambda x: F.cross_entropy(x[:, :0], IDS), ValueError, "class"),
    "ignored loss without classes": (
        lambda x: F.cross_entropy(x[:, :0], [-100, -100], reduction="sum"),
        ShapeError,
        "class",
    ),
    "seed": (lambda x: sl.manual_seed(-1), ValueError, "seed.*-1"),
    "power": (lambda x: x ** "2", DtypeError, "holds numbers"),
    "in place": (lambda x: x.detach().copy_([1.0, 2.0]), ShapeError, r"\(2,\)"),
    "item": (lambda x: x.item(), ShapeError, r"one element.*\(2, 3\)"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_one_sentence_that_names_the_thing(name, device):
    call, kind, words = MISUSE[name]
    with pytest.raises(kind, match=words) as caught:
        call(sl.tensor(X, requires_grad=True))
    assert isinstance(caught.value, sl.ScratchLMError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["weight_ih", "weight_hh"])
@pytest.mark.parametrize("layer", [lstm, cell, gru], ids=lambda layer: layer.__name__)
def test_a_number_as_weight_is_a_wrong_shape(layer, name, device):
    with pytest.raises(ShapeError, match="expects weights"):
        layer(**{name: ()})


OTHER_TYPES = {
    "softmax": lambda x, f: F.softmax(x),
    "log_softmax": lambda x, f: F.log_softmax(x),
    "tanh": lambda x, f: x.tanh(),
    "sigmoid": lambda x, f: x.sigmoid(),
    "relu": lambda x, f: x.relu(),
    "gelu": lambda x, f: F.gelu(x),
    "gelu by tanh": lambda x, f: F.gelu(x, "tanh"),
    "layer_norm": lambda x, f: F.layer_norm(x, f[0], f[0]),
    "layer_norm weight": lambda x, f: F.layer_norm(f, x[0], f[0]),
    "cross_entropy": lambda x, f: F.cross_entropy(x, IDS),
    "linear_cross_entropy": lambda x, f: F.linear_cross_entropy(x, f, f[:, 0], IDS),
    "linear_cross_entropy weight": lambda x, f: F.linear_cross_entropy(f, x, f[:, 0], IDS),
    "linear": lambda x, f: F.linear(x, f),
    "linear weight": lambda x, f: F.linear(f, x),
    "dropout": lambda x, f: F.dropout(x, 0.5),
    "attention": lambda x, f: F.attention(*(t.unsqueeze(0) for t in (x, x, x))),
    "attention values": lambda x, f: F.attention(*(t.unsqueeze(0) for t in (f, f, x))),
    "additive_attention": lambda x, f: F.additive_attention(x, x, x, x[0]),
    "additive_attention weight": lambda x, f: F.additive_attention(f, f, f, x[0]),
    "lstm": lambda x, f: F.lstm(*(typed(shape, x.dtype) for shape in LSTM_SHAPES.values())),
    "lstm_cell": lambda x, f: F.lstm_cell(
        *(typed(s, x.dtype) for s in (LSTM_SHAPES | {"x": (2, 3)}).values())
    ),
    "gru": lambda x, f: F.gru(*(typed(shape, x.dtype) for shape in GRU_SHAPES.values())),
    "lstm weight": lambda x, f: F.lstm(
        *(typed(s, x.dtype if n == "weight_hh" else f.dtype) for n, s in LSTM_SHAPES.items())
    ),
    "gru weight": lambda x, f: F.gru(
        *(typed(s, x.dtype if n == "weight_hh" else f.dtype) for n, s in GRU_SHAPES.items())
    ),
}


CONVERT = {"tanh", "sigmoid", "relu"}  # whole numbers by themselves, as in PyTorch


def typed(shape, dtype):
    return sl.tensor(np.ones(shape, dtype))


@pytest.mark.parametrize(
    "dtype", [np.int64, np.uint8, np.bool_, np.float16], ids=lambda dtype: dtype.__name__
)
@pytest.mark.parametrize("name", OTHER_TYPES)
def test_what_a_kernel_is_not_compiled_for_is_to_be_converted(name, dtype, device):
    if name in CONVERT and dtype is not np.float16:
        assert OTHER_TYPES[name](typed((2, 3), dtype), None).shape == (2, 3)
        return
    with pytest.raises(DtypeError, match=r"convert .*\.astype\(np\.float32\)") as caught:
        OTHER_TYPES[name](typed((2, 3), dtype), typed((2, 3), np.float32))
    assert np.dtype(dtype).name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_gradient_check_of_nothing_but_nan_says_so(device):
    x = sl.tensor(np.array([-1.0, -2.0]), requires_grad=True)
    with pytest.raises(NumberError, match=r"input 0 .*nan"):
        gradcheck(lambda x: x.log(), [x])


def test_a_seed_that_is_refused_changes_nothing():
    sl.manual_seed(3)
    before = sl.random.random_state.state_dict()
    with pytest.raises(sl.ScratchLMError):
        sl.manual_seed(-1)
    assert sl.random.random_state.state_dict() == before


def test_mixed_devices_are_refused_by_name():
    here, there = (sl.tensor([1.0], requires_grad=True, device=name) for name in ("reference", "cpu"))
    with pytest.raises(DeviceError, match=r"Add got tensors on 'cpu' and on 'reference'.*\.to\('cpu'\)"):
        here + there
    assert (here + there.to("reference")).item() == 2


def test_unknown_device_suggests_the_nearest():
    with pytest.raises(DeviceError, match=r"Unknown device 'cpuu' \(did you mean 'cpu'\?\)"):
        sl.tensor([1.0], device="cpuu")


def test_a_device_that_lacks_a_kernel_is_refused_by_name(monkeypatch):
    from scratchlm import device
    from scratchlm.kernels.optimizer import reference

    monkeypatch.delattr(reference, "adam_step")
    with pytest.raises(DeviceError, match="'reference' lacks these kernels of the contract: adam_step"):
        device._open.__wrapped__("reference")  # tensors of other tests lie on the one that is open already


def test_kernels_of_another_checkout_are_refused_by_name(monkeypatch, tmp_path):
    from scratchlm import device, kernels

    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "kernels" / "__init__.py"))
    with pytest.raises(DeviceError, match=re.escape(f"the kernels that Python finds are {tmp_path}")):
        device._open.__wrapped__("reference")


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_scores_far_from_zero_stay_numbers(size, device):
    x = sl.tensor(np.array([[size, size - 1, size - 2]], np.float32), requires_grad=True)
    one, zero = sl.tensor(np.eye(3, dtype=np.float32)), sl.tensor(np.zeros(3, np.float32))
    p = np.exp([0, -1, -2]) / np.exp([0, -1, -2]).sum()
    assert x.softmax().numpy()[0] == pytest.approx(p, rel=rounding(8))
    assert x.log_softmax().numpy()[0] == pytest.approx(np.log(p), rel=rounding(8))
    assert F.logsumexp(x).item() == pytest.approx(size - np.log(p[0]), rel=rounding(4))
    for loss in (F.cross_entropy(x, [1]), F.linear_cross_entropy(x, one, zero, [1])):
        assert loss.item() == pytest.approx(-np.log(p[1]), abs=rounding(2, 1e4))
        x.grad = None
        loss.backward()
        assert x.grad.numpy()[0] == pytest.approx(p - [0, 1, 0], abs=rounding(2, 1e4))
