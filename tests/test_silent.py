"""What once went wrong without a word, found by drawing calls beside PyTorch: right now, or refused."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn
from scratchlm.errors import CheckpointError, DtypeError, GraphError, OptionError, ShapeError

NAN = float("nan")

# The module as `torch`: values, shapes and types are PyTorch's.
CALLS = {
    "a NumPy number beside integers": lambda torch: torch.tensor([1, 2]) * np.float32(2.5).item(),
    "a list beside integers": lambda torch: torch.tensor([1, 2]) * torch.tensor([2.5, 1.5]),
    "var by place": lambda torch: torch.tensor([[1.0, 2.0], [3.0, 7.0]]).var(0, False),
    "std by place": lambda torch: torch.tensor([[1.0, 2.0], [3.0, 7.0]]).std(1, True),
    "no type given": lambda torch: torch.zeros(2, dtype=None) + torch.eye(2, dtype=None),
    "a sum over a number's axis": lambda torch: torch.tensor(3.0).sum(dim=(0,)),
    "type_as": lambda torch: torch.tensor([1.5]).type_as(torch.tensor([1])),
    "median with NaN": lambda torch: torch.tensor([1.0, NAN, 2.0]).median(),
    "cummax with NaN": lambda torch: torch.tensor([1.0, NAN, 2.0]).cummax(0).values,
    "cummin with NaN": lambda torch: torch.tensor([3.0, NAN, 2.0]).cummin(0).values,
    "unique by place": lambda torch: torch.unique(torch.tensor([2, 1, 2]), True),
    "cosine": lambda torch: torch.cosine_similarity(torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0]])),
    "nan_to_num of integers": lambda torch: torch.tensor([1, 2]).nan_to_num(),
    "to by keywords": lambda torch: torch.tensor([1]).to(dtype=torch.float64).to(device="cpu"),
    "a query that sees nothing": lambda torch: torch.nn.functional.scaled_dot_product_attention(
        torch.ones(1, 2, 3), torch.ones(1, 2, 3), torch.ones(1, 2, 3),
        attn_mask=torch.tensor([[True, False], [False, False]]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_call_gives_what_pytorch_gives(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found, expected = CALLS[name](sl).numpy(), CALLS[name](torch).numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_numpys_numbers_are_plain_numbers(device):
    assert sl.tensor([1.7, -1.7], dtype=np.int64).tolist() == [1, -1]
    assert (sl.tensor([1, 2]) * np.float32(2.5)).tolist() == [2.5, 5.0]
    assert (sl.tensor([1, 2]) * [2.5, 1.5]).tolist() == [2.5, 3.0]
    assert (sl.tensor([0.1]) == np.float64(0.1)).tolist() == [True]
    assert sl.full((2,), np.int64(3)).dtype == np.int64
    matrix = sl.tensor(np.asmatrix(np.array([[1.0, 2.0], [3.0, 4.0]])))
    assert (matrix * matrix).tolist() == [[1, 4], [9, 16]]


def test_attention_without_queries_leaves_no_old_numbers(device):
    for _ in range(5):
        np.full(64, 7.7, np.float32)  # what a fresh array would be found in
        q = sl.randn(2, 0, 3)
        k, v = (sl.randn(2, 4, 3, requires_grad=True) for _ in range(2))
        F.attention(q, k, v).sum().backward()
        assert not k.grad.numpy().any()
        assert not v.grad.numpy().any()


def test_moving_a_leaf_keeps_its_graph():
    x = sl.tensor([1.0, 2.0], requires_grad=True)
    (x.to("cpu") * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_plus_in_place_inside_no_grad_keeps_the_graph(device):
    w, b = sl.tensor([1.0, 2.0], requires_grad=True), sl.ones(2)
    h = w * 3
    with sl.no_grad():
        h += 1
    (h + b).sum().backward()
    assert h.tolist() == [4.0, 7.0]
    assert w.grad.tolist() == [3.0, 3.0]


def test_one_element_is_a_view_as_a_row_is(device):
    x, y = sl.tensor([1.0, 2.0]), sl.ones(2, 2)
    x[0].fill_(9)
    y[0, 1].zero_()
    y[1].zero_()
    assert x.tolist() == [9.0, 2.0]
    assert y.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_an_array_of_the_callers_is_read_when_it_is_given(device):
    x, array = sl.tensor([1.0, 2.0], requires_grad=True), np.array([1.0, 2.0], np.float32)
    y = x * array
    array[:] = 100
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_clipped_gradients_that_were_saved_are_noticed(device):
    x, c = (sl.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    c.grad = sl.tensor([3.0, 4.0])
    w = x * c.grad
    nn.utils.clip_grad_value_([c], 1.0)
    with pytest.raises(GraphError, match="changed in place"):
        w.sum().backward()


def test_a_transformer_without_biases_has_none():
    names = nn.Transformer(4, 2, 1, 1, 8, bias=False).state_dict()
    assert not [name for name in names if name.endswith("bias")]


def test_lists_and_arrays_stand_for_tensors(device):
    array = np.ones((2, 1, 3), np.float32)
    assert F.relu([1.0, -2.0]).tolist() == [1.0, 0.0]
    assert nn.LSTM(3, 2)(array)[0].shape == (2, 1, 2)
    assert nn.LayerNorm(3)(array).shape == (2, 1, 3)
    assert F.cross_entropy([[1.0, 1.0]], [0]).item() == pytest.approx(np.log(2))
    assert (~sl.tensor(np.array([1], np.uint8))).tolist() == [254]


X = sl.ones(4, 3, 2)
K = sl.ones(5, 1, 4)
REFUSED = {
    "a word to fill with": (lambda: sl.full((2,), "a"), OptionError, "full takes numbers"),
    "a number that does not fit": (lambda: sl.full((2,), 300, dtype=np.uint8), DtypeError, "cannot hold it"),
    "300 as a byte": (lambda: sl.tensor([300], dtype=np.uint8), DtypeError, "uint8 cannot hold"),
    "NaN as an integer": (lambda: sl.tensor([NAN], dtype=np.int64), DtypeError, "int64 cannot hold"),
    "no end": (lambda: sl.arange(0, float("inf")), OptionError, "finite ends"),
    "a word to count to": (lambda: sl.arange("a"), OptionError, "arange takes numbers"),
    "more than 64 bits": (lambda: sl.randint(0, 2**70, (3,)), OptionError, "of 64 bits"),
    "half a draw": (lambda: sl.multinomial(sl.ones(2), 1.5), OptionError, "whole numbers"),
    "too large to assign": (lambda: sl.tensor([1]).__setitem__(0, 2**70), DtypeError, "numbers that fit"),
    "bits of 300": (lambda: sl.tensor(np.array([1], np.uint8)) & 300, DtypeError, "uint8 cannot hold"),
    "a slice by words": (lambda: X[:"a"], ShapeError, "Indexing a tensor"),
    "a slice without a step": (lambda: X[::0], ShapeError, "Indexing a tensor"),
    "a ragged index": (lambda: X[[0, [1]]], ShapeError, "Indexing a tensor"),
    "a ragged comparison": (lambda: X == [[1], [1, 2]], ShapeError, "shapes that broadcast"),
    "a number as generator": (
        lambda: sl.utils.data.DataLoader([1], generator=42), OptionError, "generator is 42"
    ),
    "an iterator to number": (
        lambda: sl.utils.data.DataLoader(iter([1])), OptionError, "by number with a length"
    ),
    "no file": (lambda: sl.load(None), CheckpointError, "not read as a safetensors"),
    "a module for parameters": (
        lambda: nn.utils.parameters_to_vector(nn.Linear(2, 2)), OptionError, "parameters"
    ),
    "a vector as table": (lambda: F.embedding(sl.ones(3), sl.tensor([1])), ShapeError, "table is"),
    "padding beyond": (
        lambda: F.embedding(sl.ones(3, 2), sl.tensor([1]), 7), OptionError, "padding_idx is 7"
    ),
    "a word as dropout": (
        lambda: nn.MultiheadAttention(8, 2, dropout="a"), OptionError, "Dropout probability"
    ),
    "a norm over None": (lambda: nn.functional.layer_norm(X, None), ShapeError, "axes None"),
    "a word as share": (
        lambda: F.cross_entropy(sl.ones(1, 2), [0], label_smoothing="a"),
        OptionError,
        "label_smoothing is 'a'",
    ),
    "a share of 5": (
        lambda: F.cross_entropy(sl.ones(1, 2), sl.ones(1, 2), label_smoothing=5),
        OptionError,
        "is 5, expected",
    ),
    "a number of modules": (lambda: nn.ModuleList(1), OptionError, "takes several"),
    "a word as bound": (lambda: nn.init.uniform_(sl.ones(2), "x"), OptionError, "takes numbers"),
    "no optimizer's state": (
        lambda: sl.optim.SGD([sl.ones(1, requires_grad=True)]).load_state_dict(None),
        CheckpointError,
        "got None",
    ),
    "class weights of another number": (
        lambda: F.cross_entropy(sl.ones(2, 3), sl.tensor([0, 2]), weight=sl.ones(4)), ShapeError, "weight"
    ),
    "class weights in a column": (
        lambda: F.nll_loss(sl.ones(2, 3), sl.tensor([0, 2]), weight=sl.ones(3, 1)), ShapeError, "weight"
    ),
    "a norm of other axes": (
        lambda: nn.functional.layer_norm(X, (3, 2), sl.ones(2, 3)), ShapeError, r"got \(2, 3\)"
    ),
    "keys of another batch": (
        lambda: nn.MultiheadAttention(4, 2)(sl.ones(3, 2, 4), K, K), ShapeError, "three axes|batch"
    ),
    "half a head": (lambda: nn.MultiheadAttention(8, 2.0), OptionError, "num_heads is 2.0"),
    "layers below 0": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), -2), OptionError, "num_layers is -2"
    ),
    "floats scattered into integers": (
        lambda: sl.tensor([1, 2]).scatter(0, sl.tensor([0]), sl.tensor([1.5])), DtypeError, "scatter puts"
    ),
    "integers into truths": (lambda: sl.tensor([True]).__iadd__(5), DtypeError, "would cut int64 to bool"),
    "a graph into an array": (
        lambda: np.ones(2).__iadd__(sl.ones(2, requires_grad=True)), GraphError, "keeps no tensor's graph"
    ),
    "no number to fill with": (lambda: sl.full((2,), "a"), OptionError, "full takes numbers"),
    "no input": (lambda: nn.LSTM(2, 3)(None), ShapeError, "LSTM got None where a tensor is expected"),
    "no queries": (lambda: nn.MultiheadAttention(4, 2)(None, K, K), ShapeError, "Attention got None"),
    "no target to go to": (lambda: X.to(None), OptionError, "a device, a type"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name):
    call, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        call()
