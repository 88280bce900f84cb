"""Every kernel of every set against the reference set: drawn shapes, odd sizes, non-contiguous arrays,
repeated ids, large and small magnitudes, both float types."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm import get_device
from scratchlm.kernels.contract import CONTRACT

from .conftest import CUDA
from .draw import Draw, Fixed, copied, flat
from .parts import kernel_set, kernels_of
from .tolerance import TERMS, close, floors, rounding

SETS = ["cpu", "emulator", CUDA]
BY_NAME = {kernel.name: kernel for kernel in CONTRACT}
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EVERY = pytest.mark.parametrize("kernel", CONTRACT, ids=lambda kernel: kernel.name)


def changes(kernel, after, before):
    """What a kernel did to the arguments that it overwrites, one list for each."""
    pairs = zip(kernel.arguments, after, before, strict=True)
    return [
        [a - b for a, b in zip(flat(one), flat(other), strict=True)]
        for argument, one, other in pairs
        if argument.in_place
    ]


def assert_agrees(kernel, results, changed, expected_results, expected_changed, sizes, dtype):
    """Results, then changes in place, each within what rounding explains."""
    assert len(flat(results)) == len(flat(expected_results)) == len(kernel.results)
    parts = *kernel.results, *(argument for argument in kernel.arguments if argument.in_place)
    names = [f"{kernel.name}: {part.name}" for part in parts]
    found = [*([one] for one in flat(results)), *changed]
    expected = [*([one] for one in flat(expected_results)), *expected_changed]
    for ones, others, terms, name in zip(found, expected, sizes, names, strict=True):
        for one, other in zip(ones, others, strict=True):
            close(one, other, dtype, name, terms)


def called(kernels, kernel, before, dtype):
    """Results and the arguments afterwards; called again, in float32, it has to give the same bits."""
    with kernel_set(kernels) as module:
        function, mine = getattr(module, kernel.name), copied(before)
        found = function(*mine)
        if dtype == np.float32:
            again = copied(before)
            second = function(*again)
            for one, other in zip(flat(found) + flat(mine), flat(second) + flat(again), strict=True):
                same_bits = np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)
                assert same_bits, f"{kernel.name} [{kernels}] gives something else when it is called again"
    return found, mine


@FLOATS
@EVERY
@pytest.mark.parametrize("kernels", SETS)
@given(data=st.data())
def test_kernel_agrees_with_the_reference(kernels, kernel, dtype, data):
    """And with itself, called again. Drawing costs more than a call: cpu is called in small parts, too."""
    arguments = Draw(data, dtype).arguments(kernel)
    before = list(arguments.values())
    expected, theirs = called("reference", kernel, before, dtype)
    sizes = floors(kernel, arguments)
    for name in (kernels, "cpu in small parts") if kernels == "cpu" else (kernels,):
        found, mine = called(name, kernel, before, dtype)
        check_call(kernel, dtype, before, sizes, (found, mine), (expected, theirs))


def check_call(kernel, dtype, before, sizes, mine, theirs):
    """Type and memory of the results, their values, and that no other arguments changed."""
    (found, mine), (expected, theirs) = mine, theirs
    for result in flat(found):
        if isinstance(result, np.ndarray):
            assert result.dtype == dtype, f"{kernel.name} returned {result.dtype}"
            assert not any(np.shares_memory(result, a) for a in flat(mine) if isinstance(a, np.ndarray)), (
                f"{kernel.name} returned memory of an argument"
            )
    changed = changes(kernel, mine, before), changes(kernel, theirs, before)
    assert_agrees(kernel, found, changed[0], expected, changed[1], sizes, dtype)
    for argument, *values in zip(kernel.arguments, before, mine, theirs, strict=True):
        for untouched, one, other in zip(*map(flat, values), strict=True):
            if isinstance(one, np.ndarray) and not argument.in_place:
                assert np.array_equal(one, untouched), f"{kernel.name} changed its argument {argument.name}"
                assert np.array_equal(other, untouched), f"reference changed its argument {argument.name}"


# ---------------------------------------------------------------- would the comparison notice?
@FLOATS
@EVERY
@pytest.mark.parametrize("scale", [1e-4, 1.0, 30.0])
def test_an_all_zero_result_is_not_close(scale, kernel, dtype):
    arguments = Draw(Fixed(scale), dtype).arguments(kernel)
    before = list(arguments.values())
    theirs = copied(before)
    results = [np.asarray(r) for r in flat(getattr(get_device("reference").kernels, kernel.name)(*theirs))]
    changed, sizes = changes(kernel, theirs, before), floors(kernel, arguments)
    assert_agrees(kernel, results, changed, results, changed, sizes, dtype)
    parts = [[result] for result in results] + changed
    for k, (expected, terms) in enumerate(zip(parts, sizes, strict=True)):
        for array in expected:  # of parameters changed in place: no change at all
            assert np.any(array), f"{kernel.name}: part {k} says nothing"
            with pytest.raises(AssertionError):
                close(np.zeros_like(array), array, dtype, kernel.name, terms)


def test_every_kernel_with_a_floor_says_why():
    assert set(BY_NAME) >= set(TERMS)
    assert all(reason for reason, _ in TERMS.values())


# ---------------------------------------------------------------- magnitudes at the ends
FIRST = {  # rows that begin with −∞, of lengths with and without a rest for vector instructions
    "two": [[-np.inf, 0.5]],
    "then larger": [[-np.inf, 1, 3, 2]],
    "then another": [[-np.inf, -np.inf, 2, -1, 0]],
    "long": np.concatenate([[-np.inf], np.linspace(-3, 3, 40)])[None],
    "every second": np.where(np.arange(37) % 2, np.linspace(-3, 3, 37), -np.inf)[None],
    "last counts": [[-np.inf] * 33 + [1.0]],
}


def same_without_nan(kernels, name, *arguments):
    found, expected = (
        flat(getattr(kernels_of(device), name)(*arguments)) for device in (kernels, "reference")
    )
    for one, other in zip(found, expected, strict=True):
        assert not np.isnan(one).any(), name
        close(one, other, arguments[0].dtype, name, terms=4)  # scores up to 3, and the logarithm of their sum
    return expected


@FLOATS
@pytest.mark.parametrize("row", FIRST)
@pytest.mark.parametrize("kernels", SETS)
class TestMinusInfinityFirst:
    """A maximum that starts at the first score, or a sum that starts at 0 times it, would give NaN."""

    def test_in_softmax_and_its_logarithm(self, kernels, row, dtype):
        x, g = np.array(FIRST[row], dtype), np.ones_like(np.array(FIRST[row]), dtype)
        for name in ("softmax", "log_softmax"):
            (y,) = same_without_nan(kernels, f"{name}_forward", x)
            same_without_nan(kernels, f"{name}_backward", y, g)

    def test_in_cross_entropy(self, kernels, row, dtype):
        z = np.array(FIRST[row], dtype)
        targets = np.array([z.shape[1] - 1 if np.isfinite(z[0, -1]) else z.shape[1] - 2])
        _, logsumexp = same_without_nan(kernels, "cross_entropy_forward", z, targets, -100, 0.0)
        g = np.ones(1, dtype)
        same_without_nan(kernels, "cross_entropy_backward", z, targets, logsumexp, g, -100, 0.0)

    def test_in_linear_cross_entropy(self, kernels, row, dtype):
        bias, x = np.array(FIRST[row][0], dtype), np.ones((2, 3), dtype)
        weight = np.linspace(-1, 1, 3 * len(bias)).reshape(-1, 3).astype(dtype)
        targets = np.full(2, len(bias) - 1 if np.isfinite(bias[-1]) else len(bias) - 2)
        same_without_nan(kernels, "linear_cross_entropy_losses", x, weight, bias, targets, -100)
        same_without_nan(kernels, "linear_cross_entropy", x, weight, bias, targets, np.ones(2, dtype), -100)

    def test_in_attention(self, kernels, row, dtype):
        keys = np.array(FIRST[row], dtype)[:, :, None]  # times a query of 1: the scores themselves
        q, v = np.ones((1, 1, 1), dtype), np.linspace(-1, 1, keys.size).reshape(1, -1, 1).astype(dtype)
        same_without_nan(kernels, "attention_forward", q, keys, v, np.array([keys.shape[1]]), False)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("kernels", ["reference", *SETS])
class TestLargeAndSmall:
    """Magnitudes at which a formula written carelessly gives inf, NaN or 0."""

    def test_softmax_of_large_scores(self, kernels):
        k = kernels_of(kernels)
        x = np.array([[1e4, 1e4 - 1, -1e4], [-3e38, 0, 3e38]], np.float32)
        y = k.softmax_forward(x)
        p = 1 / (1 + np.exp([-1.0, 1.0]))
        assert y[0] == pytest.approx([*p, 0], abs=rounding(4))
        assert y[1].tolist() == [0, 0, 1]
        log_y = k.log_softmax_forward(x)
        assert log_y[0] == pytest.approx([*np.log(p), np.log(p[0]) - 20000], rel=rounding(4))

    def test_minus_infinity_is_probability_zero(self, kernels):
        y = kernels_of(kernels).softmax_forward(np.array([[0, -np.inf, 0]], np.float32))
        assert y.tolist() == [[0.5, 0, 0.5]]

    def test_nan_comes_through(self, kernels):
        k = kernels_of(kernels)
        x = np.array([[1, np.nan, 2, 3]], np.float32)
        assert np.isnan(k.softmax_forward(x)).all()
        assert np.isnan(k.cross_entropy_forward(x, np.array([0]), -100)[0]).all()
        for name in ("tanh_forward", "sigmoid_forward", "relu_forward"):
            assert np.isnan(getattr(k, name)(x)).tolist() == [[False, True, False, False]], name

    def test_cross_entropy_of_a_sure_but_wrong_model(self, kernels):
        logits = np.array([[0, 1e4]], np.float32)
        losses, _ = kernels_of(kernels).cross_entropy_forward(logits, np.array([0]), -100)
        assert losses.tolist() == [1e4]

    def test_sigmoid_and_tanh_far_out_and_near_zero(self, kernels):
        k = kernels_of(kernels)
        x = np.array([-1e4, -100, -20, -1e-7, 1e-30, 20, 1e4], np.float32)
        assert k.tanh_forward(x) == pytest.approx(np.tanh(x.astype(np.float64)), rel=rounding(8))
        assert k.sigmoid_forward(x) == pytest.approx(
            1 / (1 + np.exp(-x.astype(np.float64))), rel=rounding(8), abs=1e-38
        )

    def test_attention_with_large_scores_takes_the_best_key(self, kernels):
        k = kernels_of(kernels)
        q, keys = (
            np.full((1, 1, 4), 100, np.float32),
            np.eye(4, dtype=np.float32)[None] * [[[1], [2], [3], [4]]],
        )
        y, logsumexp = k.attention_forward(
            q, 100 * keys.astype(np.float32), keys.astype(np.float32), np.array([4]), False
        )
        assert y[0, 0].tolist() == [0, 0, 0, 4]
        assert logsumexp.item() == pytest.approx(20000)

    @pytest.mark.parametrize("weight", [1000, -1000])
    def test_additive_attention_with_a_large_weight_takes_the_best_key(self, kernels, weight):
        k, best = kernels_of(kernels), [0, 2][weight > 0]
        query, w = np.zeros((1, 1, 1), np.float32), np.array([weight], np.float32)
        keys, values = np.array([[[[-1e4], [1], [1e4]]], [[[4], [5], [6]]]], np.float32)
        y, p = k.additive_attention_forward(query, keys, values, w)
        assert p.tolist() == [[np.eye(3)[best].tolist()]]
        assert y.tolist() == [[[4 + best]]]
        *others, grad_values, grad_weight = k.additive_attention_backward(y, query, keys, values, w, p)
        assert not any(grad.any() for grad in (*others, grad_weight))
        assert grad_values.ravel()[best] == 4 + best

    def test_norm_of_huge_and_tiny_gradients(self, kernels):
        k = kernels_of(kernels)
        g = [np.full(10000, 1e30, np.float32), np.full((3, 5), 1e-30, np.float32)]
        assert k.gradient_norm(g) == pytest.approx(1e32, rel=rounding(8))  # added up in double precision


@pytest.mark.parametrize("kernels", ["reference", *SETS])
class TestDropout:
    def test_philox_gives_the_published_numbers(self, kernels):
        """Known answers of Philox4x32-10 for counter and key 0 (Random123's kat_vectors): the first word
        0x6627e8d5 is below p·2³² for p = 0.4 (dropped), the second 0xe169c58d above it (kept)."""
        x = np.ones(4, np.float32)
        words = np.array([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]) / 2**32
        for p in (0.2, 0.399, 0.401, 0.605, 0.606, 0.735, 0.736, 0.88, 0.881):
            kept = kernels_of(kernels).dropout(x, p, 0, 0) != 0
            assert kept.tolist() == (words >= p).tolist(), p

    def test_share_and_scale(self, kernels):
        y = kernels_of(kernels).dropout(np.ones(200_001, np.float32), 0.3, 7, 11)
        assert set(np.unique(y)) == {0, np.float32(1 / 0.7)}
        assert (y == 0).mean() == pytest.approx(0.3, abs=0.005)
        assert y.mean() == pytest.approx(1, abs=0.01)

    def test_other_calls_and_seeds_give_other_masks(self, kernels):
        dropout, x = kernels_of(kernels).dropout, np.ones(1000, np.float32)
        masks = [dropout(x, 0.5, seed, call).tobytes() for seed in (0, 1, 2**32) for call in (0, 1, 2**32)]
        assert len(set(masks)) == 9

    def test_the_same_mask_on_all_devices(self, kernels):
        x = np.ones((123, 457), np.float32)
        expected = get_device("reference").kernels.dropout(x, 0.37, 2**50 + 3, 5)
        assert np.array_equal(kernels_of(kernels).dropout(x, 0.37, 2**50 + 3, 5), expected)


def test_every_row_is_complete():
    assert len(BY_NAME) == len(CONTRACT)
    for kernel in CONTRACT:
        assert kernel.arguments, kernel.name
        if not kernel.results:
            assert any(argument.in_place for argument in kernel.arguments), f"{kernel.name} does nothing"
