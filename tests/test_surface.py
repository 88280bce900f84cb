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

from .calls_surface import CALLS, INF, MATRIX


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
    layers |= {"gru_cell", "lstm_cell", "lstm_projected", "rnn_cell"}  # by their modules
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


def test_an_array_of_numpys_beside_a_tensor_takes_part_in_the_graph(device):
    x = sl.tensor([1.0, 2.0], requires_grad=True)
    array = np.array([3.0, 4.0], np.float32)
    y = (array * x + array - x) / np.float32(2) + array @ x
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), [2 / 2 + 6, 3 / 2 + 8])
    assert (array > x).numpy().all()
    assert not (array == x).numpy().any()
    array -= 2 * x.detach()  # a step by hand: p.data -= lr * p.grad
    assert type(array) is np.ndarray
    assert array.tolist() == [1.0, 0.0]
    for call in (lambda: np.exp(x), lambda: np.add.reduce(x), lambda: np.add(x, x, out=x)):
        with pytest.raises(DtypeError, match=r"numpy\.\w+ computes with arrays: give it x\.numpy\(\)"):
            call()


@pytest.mark.parametrize("reduce", ["prod", "amax", "amin"])
def test_scattered_zeros_and_equal_numbers_have_pytorchs_gradients(reduce, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    rng, found = np.random.default_rng(3), []
    base, source = (rng.integers(0, 2, (4, 3)).astype(np.float32) for _ in range(2))
    index, slope = rng.integers(0, 4, (4, 3)), rng.standard_normal((4, 3)).astype(np.float32)
    for place in (sl, torch):
        for own in (True, False):
            # PyTorch lets an x that does not count take its share of the gradient where it equals the largest
            # (findings/torch_scatter_reduce_unused_self.sh): no such x here.
            x, s = (place.tensor(a, requires_grad=True) for a in (base if own else base + 5, source))
            y = x.scatter_reduce(0, place.tensor(index), s, reduce, include_self=own)
            (y * place.tensor(slope)).sum().backward()
            found.append([np.array(part.detach().numpy()) for part in (y, x.grad, s.grad)])
    for ours, theirs in zip(found[:2], found[2:], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


def test_weights_are_saved_and_read_again(tmp_path, device):
    model = sl.nn.Linear(3, 2)
    sl.save(model.state_dict() | {"turned": sl.tensor(MATRIX).T}, tmp_path / "m.safetensors")
    found = sl.load(tmp_path / "m.safetensors")
    assert np.array_equal(found.pop("turned"), np.array(MATRIX).T)
    other = sl.nn.Linear(3, 2)
    other.load_state_dict(found)
    assert np.array_equal(other.weight.numpy(), model.weight.numpy())
    for wrong in (model, {"epoch": "three"}, {1: np.ones(2)}):
        with pytest.raises(sl.errors.CheckpointError, match="save takes arrays"):
            sl.save(wrong, tmp_path / "n.safetensors")
    (tmp_path / "broken").write_bytes(b"no weights")
    for path in ("broken", "missing"):
        with pytest.raises(sl.errors.CheckpointError, match="is not read as a safetensors file"):
            sl.load(tmp_path / path)


def test_draws_of_ones_own_generator_leave_the_engines_alone(device):
    def draws():
        g = sl.Generator().manual_seed(5)
        return [
            sl.randn(2, generator=g).tolist(), sl.rand((2,), generator=g).tolist(),
            sl.randint(0, 9, (3,), generator=g).tolist(), sl.randperm(4, generator=g).tolist(),
            sl.multinomial(sl.ones(4), 2, generator=g).tolist(),
            sl.bernoulli(sl.full((4,), 0.5), generator=g).tolist(),
        ]  # fmt: skip

    sl.manual_seed(1)
    first = sl.rand(2).tolist()
    assert draws() == draws()
    sl.manual_seed(1)
    draws()
    assert sl.rand(2).tolist() == first
    with pytest.raises(OptionError, match=r"generator is 5, expected a scratchlm\.Generator"):
        sl.rand(2, generator=5)


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
