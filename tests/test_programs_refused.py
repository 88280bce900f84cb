"""What programs written for PyTorch do wrong, or otherwise: refused in one sentence, or right."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn
from scratchlm.errors import (
    CheckpointError,
    DeviceError,
    DtypeError,
    GraphError,
    OptionError,
    ShapeError,
    UnknownName,
)

W = sl.ones(2, requires_grad=True)


class NoReturn(sl.Function):
    def forward(self, x):
        x * x

    def backward(self, grad_y):
        return grad_y


class NothingSaved(sl.Function):
    def forward(self, x):
        return x * x

    def backward(self, grad_y):
        (x,) = self.saved
        return 2 * x * grad_y


class NoForward(nn.Module):
    def forwards(self, x):
        return x


REFUSED = {
    "output and state as input": (
        lambda: nn.Linear(3, 2)(nn.GRU(2, 3)(sl.ones(1, 4, 2))), ShapeError, "unpack it"
    ),
    "a list of tensors": (lambda: F.add(W, [W * 2, W * 3]), GraphError, "join them with stack"),
    "a tensor of tensors": (lambda: sl.tensor([W.sum(), W.sum()]), GraphError, "join them with stack"),
    "a mean of a list": (lambda: sl.mean([W, W]), GraphError, "join them with stack"),
    "None": (lambda: nn.Linear(2, 2)(None), ShapeError, "got None where a tensor is expected"),
    "a mask of numbers": (lambda: W.masked_fill(sl.ones(2), 0), DtypeError, "mask of True and False"),
    "half a number into integers": (
        lambda: sl.tensor([1]).masked_fill(sl.tensor([True]), 2.5), DtypeError, "cannot hold it"
    ),
    "an integer mask": (
        lambda: nn.MultiheadAttention(4, 2)(*[sl.ones(3, 1, 4)] * 3, attn_mask=np.zeros((3, 3), int)),
        DtypeError,
        "attn_mask is int64",
    ),
    "another integer mask": (
        lambda: F.scaled_dot_product_attention(*[sl.ones(1, 3, 4)] * 3, sl.tensor(np.eye(3, dtype=int))),
        DtypeError,
        "attn_mask is int64",
    ),
    "forward without return": (lambda: NoReturn()(W), GraphError, r"NoReturn\.forward gave None"),
    "nothing saved": (lambda: NothingSaved()(W).sum().backward(), GraphError, "NothingSaved saved nothing"),
    "no forward": (lambda: NoForward()(1), GraphError, r"NoForward has no forward\(self"),
    "weights by a path": (lambda: nn.Linear(2, 2).load_state_dict("w.pt"), CheckpointError, "got 'w.pt'"),
    "a misspelt attribute": (lambda: nn.Linear(2, 2).wieght, UnknownName, "did you mean 'weight'"),
    "a misspelt schedule": (lambda: sl.optim.lr_scheduler.StepLr, UnknownName, "did you mean 'StepLR'"),
    "a misspelt loader": (lambda: sl.utils.data.Dataloader, UnknownName, "did you mean 'DataLoader'"),
    "a misspelt start": (lambda: nn.init.xavier_uniform, UnknownName, "did you mean 'xavier_uniform_'"),
    "a bend that there is not": (lambda: nn.RNN(2, 2, nonlinearity="sigmoid"), OptionError, "nonlinearity"),
    "a type that there is not": (lambda: sl.zeros(2, dtype="flaot32"), DtypeError, "no type of element"),
    "a type for a tensor": (lambda: sl.tensor([1.0], dtype="flaot32"), DtypeError, "no type of element"),
    "a dataset without a length": (lambda: len(sl.utils.data.Dataset()), OptionError, "has no __len__"),
    "a dataset without examples": (lambda: sl.utils.data.Dataset()[0], OptionError, "has no __getitem__"),
    "graphs on two devices": (
        lambda: sl.ones(2, device="cpu", requires_grad=True) + W, DeviceError, "on 'cpu' and on 'reference'"
    ),
    "two devices beside the default": (
        lambda: sl.ones(2, device="cpu") + sl.ones(2, device="emulator"), DeviceError, "set_default_device"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_one_sentence(name):
    call, kinds, words = REFUSED[name]
    with pytest.raises(kinds, match=words) as caught:
        call()
    assert isinstance(caught.value, sl.ScratchLMError)
    assert "\n" not in str(caught.value)


def test_constants_go_along_to_the_device_of_the_model():
    """PyTorch's programs move the model to "cpu" and say nothing about devices elsewhere."""
    device = sl.device("cuda" if sl.cuda.is_available() else "cpu")
    model = nn.Embedding(5, 3).to(device)
    x = model(sl.tensor([[1, 2]]))
    assert x.device is device
    ((x * sl.ones(3)) + sl.zeros(1, 2, 3)).sum().backward()
    assert model.weight.grad.device is device
    assert model.weight.grad.numpy()[1:3].tolist() == [[1.0] * 3] * 2
    with sl.no_grad():
        assert (sl.ones(2) + sl.ones(2, device=device)).device is device


def test_a_constant_that_went_along_is_still_watched():
    x, w = sl.ones(2), sl.ones(2, device="cpu", requires_grad=True)
    y = w * x
    x[0] = 5.0
    with pytest.raises(GraphError, match="changed in place afterwards"):
        y.sum().backward()


MASKS = {
    "tril": lambda torch: torch.ones(3, 3, dtype=torch.bool).tril(),
    "triu": lambda torch: torch.triu(torch.ones(3, 3, dtype=torch.bool), 1),
    "masked_fill": lambda torch: torch.ones(2, dtype=torch.bool).masked_fill(
        torch.tensor([True, False]), False
    ),
    "pad": lambda torch: torch.nn.functional.pad(torch.tensor([True]), (0, 2)),
    "padded ids": lambda torch: torch.nn.functional.pad(torch.tensor([1, 2]), (0, 2)),
    "padded sequences": lambda torch: torch.nn.utils.rnn.pad_sequence(
        [torch.tensor([1, 2]), torch.tensor([3])]
    ),
    "diag": lambda torch: torch.tensor([True, False]).diag(),
    "as another": lambda torch: torch.tensor([1.7]).to(torch.tensor([1])),
    "new": lambda torch: torch.tensor([1]).new_zeros(2, 2) + torch.tensor([1]).new_ones((2, 2)),
    "long": lambda torch: torch.LongTensor([1, 2]),
    "float": lambda torch: torch.FloatTensor([1, 2]),
    "as a tensor": lambda torch: torch.as_tensor([1, 2], dtype=torch.float64),
}


@pytest.mark.parametrize("name", MASKS)
def test_types_of_masks_and_ids_stay(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found, expected = MASKS[name](sl).numpy(), MASKS[name](torch).numpy()
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_a_causal_mask_of_truths_hides_the_future(device):
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0)
    x = np.random.default_rng(0).standard_normal((4, 1, 4)).astype(np.float32)
    mask = sl.triu(sl.ones(4, 4, dtype=sl.bool), 1)
    before = layer(sl.tensor(x), mask).numpy()
    x[3] += 1
    assert np.array_equal(layer(sl.tensor(x), mask).numpy()[:3], before[:3])


def outputs_one_by_one(torch, w):
    """The decoder's loop of many courses: rows of a tensor of zeros are filled, then all are used."""
    outputs = torch.zeros(3, 2, dtype=torch.float64)
    for t in range(3):
        outputs[t] = w * (t + 1)
    outputs[0, 1] = 7.0
    return (outputs**2 * torch.arange(6).view(3, 2)).sum()


def test_rows_that_are_filled_one_by_one_have_their_gradients(device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found = []
    for place in (sl, torch):
        w = place.tensor(np.array([0.5, -1.5]), requires_grad=True)
        outputs_one_by_one(place, w).backward()
        found.append(np.array(w.grad.tolist()))
    assert np.allclose(*found)


@pytest.mark.parametrize("index", [1, slice(1, None), [2, 0], (slice(None), None, 1), ...], ids=str)
def test_what_is_put_into_a_tensor_keeps_its_gradient(index, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    rng, found = np.random.default_rng(2), []
    base, slope = rng.standard_normal((2, 3, 4))
    shape = base[index if not isinstance(index, list) else np.array(index)].shape
    value = rng.standard_normal(shape[-1:])
    for place in (sl, torch):
        x, v = (place.tensor(a, requires_grad=True) for a in (base, value))
        y = x * 2
        if isinstance(index, tuple) and None in index:
            y[:, 1] = v[0]
        else:
            y[index] = v
        (y * place.tensor(slope)).sum().backward()
        found.append([np.array(part.grad.tolist()) for part in (x, v)])
    for one, other in zip(*found, strict=True):
        assert np.allclose(one, other)


def test_what_was_read_is_not_changed_under_its_reader(device):
    x = sl.ones(3, requires_grad=True)
    y = x * 2
    z = y + 1  # reads y, and saves nothing
    with pytest.raises(GraphError, match="that a recorded operation has read"):
        y[0] = 5.0
    z.sum().backward()
    assert x.grad.tolist() == [2.0] * 3
    with pytest.raises(GraphError, match="of a parameter"):
        x[0] = 5.0
    assert nn.ReLU(inplace=True)(sl.tensor([-1.0])).tolist() == [0.0]
    assert nn.Embedding(3, 2, sparse=True)(np.array([1])).shape == (1, 2)
