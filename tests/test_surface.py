"""PyTorch's everyday surface: makers of tensors, names, types, values at the ends, and what is refused."""

import copy
import math
import re
from pathlib import Path

import numpy as np
import pytest

import scratchlm as sl
import scratchlm.nn.functional as functional
from scratchlm import creation, nn, optim
from scratchlm import functions as F
from scratchlm.errors import DtypeError, GraphError, OptionError, ShapeError, UnknownName

INF = math.inf
MATRIX = [[1.0, 2.0], [3.0, 4.0]]

# What a notebook written for PyTorch calls, the module given as `torch`: values, shapes, types are the same.
CALLS = {
    "transpose": lambda torch: torch.tensor(MATRIX).transpose(0, 1),
    "dim and keepdim": lambda torch: torch.tensor(MATRIX).sum(dim=1, keepdim=True),
    "mean by keyword": lambda torch: torch.mean(torch.tensor(MATRIX), dim=(0, 1)),
    "softmax by dim": lambda torch: torch.softmax(torch.tensor(MATRIX), dim=0),
    "largest and place": lambda torch: torch.tensor(MATRIX).max(dim=0).indices,
    "max of two": lambda torch: torch.max(torch.tensor(MATRIX), torch.tensor([[2.0, 0.0]])),
    "argmax": lambda torch: torch.tensor(MATRIX).argmax(dim=-1),
    "view": lambda torch: torch.tensor(MATRIX).view(-1),
    "flatten": lambda torch: torch.zeros(2, 3, 4).flatten(1),
    "unflatten": lambda torch: torch.zeros(2, 12).unflatten(1, (3, -1)),
    "permute": lambda torch: torch.zeros(2, 3, 4).permute(2, 0, 1),
    "size": lambda torch: torch.ones(torch.zeros(2, 3).size()),
    "one length": lambda torch: torch.tensor(torch.zeros(2, 3).size(1) + torch.zeros(2, 3).dim()),
    "types": lambda torch: torch.tensor([1.7, -1.7]).long(),
    "type by name": lambda torch: torch.tensor([1, 2], dtype=torch.float32),
    "to a type": lambda torch: torch.tensor([1, 2]).to(torch.float64),
    "masks": lambda torch: (torch.tensor([1, 2, 3]) > 1) & ~(torch.tensor([1, 2, 3]) == 3),
    "bits": lambda torch: (torch.tensor([5, 6]) | 1) ^ 2,
    "powers": lambda torch: torch.tensor([2.0, 3.0]) ** torch.tensor([3.0, 2.0]),
    "a number to a power": lambda torch: 2 ** torch.tensor([0, 1, 2]),
    "whole division": lambda torch: torch.tensor([7, -7]) // 2,
    "rest": lambda torch: torch.tensor([7, -7]) % 3,
    "root of integers": lambda torch: torch.tensor([1, 4]).sqrt(),
    "exponential of integers": lambda torch: torch.tensor([0, 1]).exp(),
    "logsumexp of nothing possible": lambda torch: torch.logsumexp(torch.tensor([-INF, -INF]), 0),
    "logsumexp with infinity": lambda torch: torch.logsumexp(torch.tensor([INF, 0.0]), 0),
    "where": lambda torch: torch.where(torch.tensor([True, False]), torch.tensor([1.0, 2.0]), 0.0),
    "where as a method": lambda torch: torch.tensor([1.0, 2.0]).where(torch.tensor([True, False]), 0.0),
    "masked_fill": lambda torch: torch.zeros(2).masked_fill(torch.tensor([True, False]), -INF),
    "causal mask": lambda torch: torch.tril(torch.ones(3, 3)),
    "one_hot": lambda torch: torch.nn.functional.one_hot(torch.tensor([0, 2]), 4),
    "multiplying in place": lambda torch: torch.ones(2).mul_(3).add_(torch.ones(2), alpha=2),
    "clone": lambda torch: torch.tensor(MATRIX).clone().zero_(),
    "full": lambda torch: torch.full((2, 2), 7),
    "full_like": lambda torch: torch.full_like(torch.zeros(2, dtype=torch.int64), 3),
    "arange": lambda torch: torch.arange(2, 9, 3),
    "arange of floats": lambda torch: torch.arange(0, 1, 0.25),
    "linspace": lambda torch: torch.linspace(0, 1, 5),
    "eye": lambda torch: torch.eye(2, 3),
    "meshgrid": lambda torch: torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")[1],
    "cat of types": lambda torch: torch.cat([torch.tensor([1.0]), torch.tensor([2])], dim=0),
    "stack": lambda torch: torch.stack([torch.ones(2), torch.zeros(2)], dim=1),
    "chunk": lambda torch: torch.arange(5).chunk(2)[1],
    "unbind": lambda torch: torch.arange(6).view(2, 3).unbind(1)[2],
    "cumulative": lambda torch: torch.cumsum(torch.tensor(MATRIX), dim=0),
    "nonzero": lambda torch: torch.tensor([[0, 1], [2, 0]]).nonzero(),
    "any": lambda torch: torch.tensor([[False, True], [False, False]]).any(dim=1),
    "isclose": lambda torch: torch.isclose(torch.tensor([1.0, 2.0, INF]), torch.tensor([1.0, INF, INF])),
    "bmm": lambda torch: torch.bmm(torch.ones(2, 3, 4), torch.ones(2, 4, 5)),
    "product of integers": lambda torch: torch.tensor([[1, 2]]) @ torch.tensor([[3], [4]]),
    "clip": lambda torch: torch.clip(torch.tensor([-3, 5]), 0, 3),
    "least of integers": lambda torch: torch.tensor([-(2**31), 5], dtype=torch.int32).amin(),
    "variance": lambda torch: torch.tensor(MATRIX).var(dim=1, unbiased=False),
    "minus a truth": lambda torch: torch.tensor([True, False]).int() - 1,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_written_for_pytorch_gives_the_same(name, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found, expected = CALLS[name](sl).numpy(), CALLS[name](torch).numpy()
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("scores", "gradient"), [([-INF, -INF], [0.5, 0.5]), ([INF, 0.0], [1, 0]), ([0.0, -INF], [1, 0])]
)
def test_logsumexp_at_the_ends_has_a_gradient(scores, gradient, device):
    x = sl.tensor(scores, requires_grad=True)
    F.logsumexp(x).backward()
    assert x.grad.tolist() == gradient


def test_the_methods_of_a_tensor_are_the_functions():
    assert sl.Tensor.softmax is F.softmax
    assert functional.softmax is F.softmax is sl.softmax
    assert not {"operands", "cross_entropy", "softmax_composed"} & F.METHODS.keys()


def test_the_page_for_readers_of_pytorch_names_every_method_and_maker():
    text = (Path(__file__).parents[1] / "docs" / "pytorch.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\w+", text))
    layers = {"layer_norm", "rms_norm", "linear_cross_entropy", "gru", "lstm", "rnn"}
    layers |= {"gru_cell", "lstm_cell", "rnn_cell"}  # by their modules
    makers = {
        name for name, made in vars(creation).items() if getattr(made, "__module__", "") == creation.__name__
    }
    assert (F.METHODS.keys() - layers | {name for name in makers if name[0] != "_"}) <= named


def test_random_tensors_follow_the_seed(device):
    def draw():
        sl.manual_seed(3)
        return [
            sl.rand(3).tolist(), sl.randn(2, 2).tolist(), sl.randint(0, 9, (4,)).tolist(),
            sl.randperm(5).tolist(), sl.multinomial(sl.tensor([0.0, 1.0, 3.0]), 4, replacement=True).tolist(),
        ]  # fmt: skip

    first = draw()
    assert first == draw()
    assert sorted(first[3]) == [0, 1, 2, 3, 4]
    assert set(first[4]) <= {1, 2}
    drawn = sl.multinomial(sl.tensor([[1.0, 1.0], [0.0, 1.0]]), 2000, replacement=True).numpy()
    assert drawn.shape == (2, 2000)
    assert drawn.mean(axis=1) == pytest.approx([0.5, 1.0], abs=0.1)


def test_training_by_plain_tensors_as_in_pytorch(device):
    """A straight line by the loop that every course begins with."""
    x = sl.linspace(-1, 1, 20).view(-1, 1)
    y, w, b = 3 * x + 1, sl.zeros(1, 1, requires_grad=True), sl.zeros(1, requires_grad=True)
    for _ in range(300):
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        with sl.no_grad():
            for p in (w, b):
                p -= 0.3 * p.grad
                p.grad.zero_()
    assert w.item() == pytest.approx(3, abs=1e-3)
    assert b.item() == pytest.approx(1, abs=1e-3)


# ---------------------------------------------------------------- names and misuse
PLACES = {"module": sl, "tensor": sl.zeros(1), "functions": F, "functional": functional}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_an_unknown_name_is_answered_with_ours(place):
    with pytest.raises(UnknownName, match=r"did you mean 'softmax'"):
        place.sofmax  # noqa: B018
    with pytest.raises(UnknownName, match=r"left out on purpose, see docs/pytorch\.md"):
        place.conv2d  # noqa: B018
    assert not hasattr(place, "nothing_like_it")
    assert copy.copy(sl.zeros(2)).tolist() == [0, 0]


def test_an_unknown_layer_or_optimizer_is_answered_with_ours():
    with pytest.raises(UnknownName, match=r"scratchlm\.nn has no 'Softmaxx' \(did you mean 'Softmax'\?\)"):
        nn.Softmaxx  # noqa: B018
    with pytest.raises(UnknownName, match=r"scratchlm\.optim has no 'Adamx' \(did you mean 'Adam'\?\)"):
        optim.Adamx  # noqa: B018


X = sl.ones(2, 3)
REFUSED = {
    "minus of truths": (lambda: (X > 0) - (X > 0), DtypeError, "True and False"),
    "a negated mask": (lambda: -(X > 0), DtypeError, "use ~x"),
    "bits of floats": (lambda: X & X, DtypeError, "& takes True and False, or integers, got float32"),
    "a float put into integers": (
        lambda: sl.tensor([1, 2]).add_(0.5),
        DtypeError,
        "would cut float32 to int64",
    ),
    "an axis as a float": (lambda: X.sum(1.0), ShapeError, "whole number"),
    "axes as words": (lambda: X.softmax("a"), (ShapeError, DtypeError), "axis"),
    "an unknown keyword": (lambda: X.sum(axes=1), OptionError, "not 'axes'"),
    "a length as a float": (lambda: X.reshape(2.0, 3), ShapeError, "reshape"),
    "a length of -2": (lambda: X.reshape(-2), ShapeError, "reshape"),
    "a shape of floats": (lambda: sl.zeros(2.0), ShapeError, "whole numbers"),
    "a negative shape": (lambda: sl.ones(2, -3), ShapeError, "whole numbers"),
    "no bound": (lambda: X.clamp(), OptionError, "min, max or both"),
    "an index of floats": (lambda: X.gather(0, X), DtypeError, "integers, got float32"),
    "an index beyond": (lambda: X.gather(1, np.array([[3]])), ShapeError, "leads out"),
    "an index with other axes": (lambda: X.gather(1, np.array([0])), ShapeError, "index that fits"),
    "too many of the largest": (lambda: X.topk(4), OptionError, "k from 0 to 3"),
    "a source too short": (lambda: X.scatter(0, np.array([[0, 1, 1]]), sl.ones(1, 2)), ShapeError, "as many"),
    "windows too long": (lambda: X.unfold(1, 4, 1), OptionError, "size ≤ 3"),
    "windows without a step": (lambda: X.unfold(1, 2, 0), OptionError, "step ≥ 1"),
    "classes beyond": (lambda: F.one_hot(sl.tensor([3]), 3), OptionError, "outside 0"),
    "a triangle of a vector": (lambda: sl.ones(3).tril(), ShapeError, "matrix"),
    "einsum with too few": (lambda: F.einsum("ij,jk->ik", X), ShapeError, "names 2 operands, got 1"),
    "einsum of other axes": (lambda: F.einsum("ijk->i", X), ShapeError, "operand 0 of shape"),
    "einsum of other lengths": (lambda: F.einsum("ij,jk->ik", X, X), ShapeError, "einsum got shapes"),
    "no step": (lambda: sl.arange(0, 3, 0), OptionError, "step other than 0"),
    "no range": (lambda: sl.randint(3, 3, (2,)), OptionError, "from low to high"),
    "weights below 0": (lambda: sl.multinomial(sl.tensor([-1.0, 2.0]), 1), OptionError, "from 0 on"),
    "more than there are": (lambda: sl.multinomial(sl.tensor([0.0, 2.0]), 2), OptionError, "fewer weights"),
    "a loss of other shapes": (lambda: F.l1_loss(X, sl.ones(3)), ShapeError, "equal shapes"),
    "no probability": (lambda: F.binary_cross_entropy(2 * X, X), OptionError, "takes probabilities"),
    "an unknown reduction": (lambda: F.l1_loss(X, X, "average"), OptionError, "'average'"),
    "an unknown padding": (lambda: F.pad(X, (1, 1), "mirror"), OptionError, "not 'mirror'"),
    "rounding by nothing": (lambda: F.div(X, X, "up"), OptionError, "not 'up'"),
    "a grid by nothing": (lambda: sl.meshgrid(X, indexing="ji"), OptionError, "not 'ji'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_misuse_is_one_sentence(name):
    call, kinds, words = REFUSED[name]
    with pytest.raises(kinds, match=words) as caught:
        call()
    assert isinstance(caught.value, sl.ScratchLMError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["reference", "cpu", "emulator"])
def test_a_nan_in_an_ignored_row_changes_nothing(name):
    with sl.use_device(name):
        nan_in_an_ignored_row()


def nan_in_an_ignored_row():
    logits = sl.tensor([[1.0, 2.0], [math.nan, math.nan], [0.0, 1.0]], requires_grad=True)
    loss = F.cross_entropy(logits, [0, -100, 1])
    loss.backward()
    composed = F.cross_entropy_composed(sl.tensor([[1.0, 2.0], [0.0, 1.0]]), [0, 1])
    assert loss.item() == pytest.approx(composed.item())
    assert logits.grad.numpy()[1].tolist() == [0, 0]
    assert F.cross_entropy_composed(logits.detach(), [0, -100, 1]).item() == pytest.approx(composed.item())


JUNK = ("x", None, -1, 2.5, 99, [1], (), {}, np.ones(2), True, object(), 1j)


WILD = [(), *((one,) for one in JUNK), *((one, other) for one in JUNK[:6] for other in JUNK[:6])]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(F.METHODS))
def test_no_wild_argument_is_answered_by_somebody_else(name):
    """Each method with what it was not made for: a sentence of ours, or a value."""
    for x in (X, sl.tensor(3.0), sl.tensor([1, 2]), sl.tensor([True, False])):
        for extra in [
            (),
            *((one,) for one in JUNK),
            *((one, other) for one in JUNK[:6] for other in JUNK[:6]),
        ]:
            try:
                F.METHODS[name](x, *extra)
            except sl.ScratchLMError as error:
                assert "\n" not in str(error), extra  # noqa: PT017
            except TypeError as error:  # Python's own about the number of arguments
                assert re.search("positional argument|missing", str(error)), (name, extra)  # noqa: PT017


def test_bytes_in_another_order_are_turned(device):
    for kind in (">f4", ">f8", ">i4"):
        x = sl.tensor(np.array([1, 2, 3], kind))
        assert x.dtype.isnative
        assert (x + 1).tolist() == [2, 3, 4]
    loss = F.cross_entropy(sl.tensor(np.zeros((2, 3), ">f4")), np.array([0, 2], ">i8"))
    assert loss.item() == pytest.approx(math.log(3))


def test_squares_of_small_integers_do_not_overflow(device):
    a, b = sl.tensor(np.array([100, -100], np.int8)), sl.tensor(np.array([-20, 20], np.int8))
    assert F.mse_loss(a, b).item() == 120**2


def test_a_tensor_of_pytorchs_beside_ours(device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    assert (sl.tensor([1.0]) + torch.ones(1)).tolist() == [2]
    with pytest.raises(DtypeError, match=r"NumPy cannot read a (Tensor|Parameter)"):
        sl.tensor([1.0]) + torch.ones(1, requires_grad=True)


@pytest.mark.parametrize("name", ["add_", "sub_", "mul_", "div_"])
def test_a_change_in_place_that_nobody_would_see_is_refused(name, device):
    w = sl.ones(2, requires_grad=True)
    for x, other in ((w * 2, 3.0), (sl.ones(2), w), (w, 3.0)):
        with pytest.raises(GraphError, match=r"in place|in-place"):
            getattr(x, name)(other)
        assert x.tolist() in ([1, 1], [2, 2])
    with sl.no_grad():
        assert getattr(w, name)(1.0) is w


def test_an_index_that_changes_afterwards_changes_no_gradient(device):
    weights = sl.tensor([[1.0, 2.0], [3.0, 4.0]])
    for put in ("scatter", "scatter_add"):
        index, source = sl.tensor([[0, 1]]), sl.ones(1, 2, requires_grad=True)
        y = getattr(sl.zeros(2, 2), put)(0, index, source) * weights
        index.data[...] = 0
        y.sum().backward()
        assert source.grad.tolist() == [[1, 4]]


def test_an_optimizer_steps_plain_tensors(device):
    w = sl.zeros(2, requires_grad=True)
    (w * 3).sum().backward()
    optim.SGD([w], lr=0.1).step()
    assert w.tolist() == pytest.approx([-0.3, -0.3])
    assert isinstance(nn.Parameter(np.ones(2)) + 1, sl.Tensor)
