"""Every kernel of every set against the reference set: drawn shapes, odd sizes, non-contiguous arrays,
repeated ids, large and small magnitudes, both float types."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlm import get_device
from scratchlm.kernels.contract import CONTRACT, Kernel

SETS = ["cpu"]
BY_NAME = {kernel.name: kernel for kernel in CONTRACT}
# (relative to the largest result, absolute) for sums of up to some hundred float32 numbers
TOLERANCE = {np.float32: (2e-5, 1e-6), np.float64: (1e-11, 1e-13)}


class Draw:
    """Arguments for one call of a kernel: lengths by letter, layout, magnitude."""

    def __init__(self, data, dtype):
        self.data, self.dtype = data, dtype
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
        self.lengths = {}
        self.scale = data.draw(st.sampled_from([1.0, 1e-4, 30.0]), label="scale")

    def length(self, letter):
        if letter.isdigit():
            return int(letter)
        factor = int(letter[:-1]) if len(letter) > 1 and letter[:-1].isdigit() else 1
        letter = letter[-1]
        if letter not in self.lengths:
            self.lengths[letter] = self.data.draw(st.integers(1, 37), label=letter)
        return factor * self.lengths[letter]

    def shape(self, letters):
        if letters == ("…",):
            if "…" not in self.lengths:
                self.lengths["…"] = tuple(
                    self.data.draw(st.lists(st.integers(0, 9), max_size=3), label="shape")
                )
            return self.lengths["…"]
        return tuple(self.length(letter) for letter in letters)

    def floats(self, shape, scale=None):
        array = (self.rng.standard_normal(shape) * (scale or self.scale)).astype(self.dtype)
        layout = self.data.draw(st.sampled_from(["contiguous", "transposed", "strided"]), label="layout")
        if layout == "transposed" and array.ndim:
            return np.asfortranarray(array)
        if layout == "strided" and array.ndim:
            wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), self.dtype)
            wide[..., ::2] = array
            return wide[..., ::2]
        return array

    def list_of_floats(self):
        if "list" not in self.lengths:
            shapes = st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=2), min_size=1, max_size=4)
            self.lengths["list"] = self.data.draw(shapes, label="shapes")
        return [self.floats(tuple(shape)) for shape in self.lengths["list"]]

    def arguments(self, kernel: Kernel):
        if kernel.formula == "layer_norm":  # one feature has no variance: its gradient is rounding times 1/√ε
            self.lengths["D"] = self.data.draw(st.integers(2, 37), label="D")
        drawn = {argument.name: self.argument(kernel, argument) for argument in kernel.arguments}
        return drawn | self.consistent(kernel, drawn)

    def consistent(self, kernel, drawn):
        """What a backward kernel gets from its forward kernel, made by that (of the reference set)."""
        reference = get_device("reference").kernels
        if kernel.name == "cross_entropy_backward":
            return {"logsumexp": np.logaddexp.reduce(drawn["logits"], axis=1)}
        if kernel.name == "layer_norm_backward":
            made = reference.layer_norm_forward(drawn["x"], drawn["weight"], drawn["weight"], 1e-5)
            return {"mean": made[1], "scale": made[2]}
        if kernel.formula == "attention":
            S = drawn["k"].shape[1]
            fixed = {"lengths": self.rng.integers(1, S + 1, len(drawn["q"]))}
            fixed["causal"] = drawn["causal"] and drawn["q"].shape[1] <= S
            if kernel.name == "attention_backward":
                inputs = [(drawn | fixed)[name] for name in ("q", "k", "v", "lengths", "causal")]
                fixed["y"], fixed["logsumexp"] = reference.attention_forward(*inputs)
            return fixed
        return {}

    def argument(self, kernel, argument):
        if argument.kind == "list":
            arrays = self.list_of_floats()
            return [abs(a) for a in arrays] if argument.name == "squares" else arrays
        if argument.kind == "int":
            classes = self.length("S" if argument.name == "lengths" else "V")
            ids = self.rng.integers(0, classes, self.shape(argument.shape))
            if argument.name == "targets":
                ids[self.rng.random(ids.shape) < 0.2] = -100
            kind = self.data.draw(st.sampled_from([np.int32, np.int64]), label="int type")
            return ids.astype(kind)
        if argument.kind == "number":
            return (
                self.data.draw(NUMBERS[argument.name], label=argument.name)
                if argument.name in NUMBERS
                else (
                    self.length("V")  # vocabulary
                )
            )
        # Weights much above 1/√inputs: a sequence becomes chaotic (rounding doubles at every step), and
        # logits so large that one unit in their last place changes softmax by percents.
        is_weight = argument.name in ("weight", "weight_hh")
        scale = min(1, self.scale) * self.length(argument.shape[-1]) ** -0.5 if is_weight else None
        if kernel.formula == "attention":
            scale = min(
                1, self.scale
            )  # gradients are differences: their rounding is of the size of the terms
        return self.valid(kernel, argument.name, self.floats(self.shape(argument.shape), scale))

    def valid(self, kernel, name, array):
        """Results of a forward pass that a backward kernel gets: within their range."""
        if name == "y" and kernel.formula in ("tanh", "sigmoid"):
            return np.tanh(array) if kernel.formula == "tanh" else 0.5 + 0.5 * np.tanh(array)
        if name == "y" and kernel.name == "softmax_backward":
            e = np.exp(array - array.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        if name == "y" and kernel.name == "log_softmax_backward":
            shifted = array - array.max(axis=1, keepdims=True)
            return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        if name in ("gates", "saved") and kernel.name.endswith("backward"):
            return 0.5 + 0.49 * np.tanh(array)
        return array


NUMBERS = {
    "ignore_index": st.just(-100),
    "p": st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    "seed": st.integers(0, 2**63 - 1),
    "call": st.integers(0, 2**40),
    "lr": st.sampled_from([0.0, 1e-3, 0.5]),
    "momentum": st.sampled_from([0.0, 0.9]),
    "weight_decay": st.sampled_from([0.0, 0.1]),
    "beta1": st.just(0.9),
    "beta2": st.just(0.999),
    "eps": st.sampled_from([1e-8, 1e-5]),
    "smoothing": st.sampled_from([0.0, 0.1]),
    "approximate": st.booleans(),
    "causal": st.booleans(),
    "decoupled": st.booleans(),
    "step": st.integers(1, 1000),
}


def copied(value):
    """A copy with the same memory layout: strides matter here."""
    if isinstance(value, list):
        return [copied(part) for part in value]
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim and value.size and not (value.flags.c_contiguous or value.flags.f_contiguous):
        wide = np.zeros((*value.shape[:-1], 2 * value.shape[-1]), value.dtype)
        wide[..., ::2] = value
        return wide[..., ::2]
    return value.copy(order="K")


def flat(value):
    """All arrays and numbers in nested results, in order."""
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in flat(part)]
    return [] if value is None else [value]


def close(found, expected, dtype, what):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, what
    if expected.size == 0:
        return
    relative, absolute = TOLERANCE[dtype]
    largest = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(
        found, expected, rtol=relative, atol=(relative + absolute) * largest, err_msg=what, equal_nan=True
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("kernel", CONTRACT, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("kernels", SETS)
@given(data=st.data())
def test_kernel_agrees_with_the_reference(kernels, kernel, dtype, data):
    arguments = Draw(data, dtype).arguments(kernel)
    mine, theirs = copied(list(arguments.values())), copied(list(arguments.values()))
    found = getattr(get_device(kernels).kernels, kernel.name)(*mine)
    expected = getattr(get_device("reference").kernels, kernel.name)(*theirs)
    for result_found, result_expected, result in zip(
        flat(found), flat(expected), kernel.results or [None] * 9, strict=False
    ):
        close(result_found, result_expected, dtype, f"{kernel.name}: {result}")
        if isinstance(result_found, np.ndarray):
            assert result_found.dtype == dtype, f"{kernel.name} returned {result_found.dtype}"
            assert not any(
                np.shares_memory(result_found, a) for a in flat(mine) if isinstance(a, np.ndarray)
            ), f"{kernel.name} returned memory of an argument"
    assert len(flat(found)) == len(flat(expected)) == len(kernel.results)
    for argument, a, b, before in zip(kernel.arguments, mine, theirs, arguments.values(), strict=True):
        for k, (one, other) in enumerate(zip(flat(a), flat(b), strict=True)):
            if argument.in_place:
                close(one, other, dtype, f"{kernel.name} changes {argument.name}")
            elif isinstance(one, np.ndarray):
                untouched = flat(before)[k]
                assert np.array_equal(one, untouched), f"{kernel.name} changed its argument {argument.name}"
                assert np.array_equal(other, untouched), f"reference changed its argument {argument.name}"


@pytest.mark.parametrize("kernel", CONTRACT, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("kernels", ["reference", *SETS])
@given(data=st.data())
def test_same_call_same_bits(kernels, kernel, data):
    arguments = Draw(data, np.float32).arguments(kernel)
    once, again = copied(list(arguments.values())), copied(list(arguments.values()))
    function = getattr(get_device(kernels).kernels, kernel.name)
    first, second = flat(function(*once)), flat(function(*again))
    for one, other in zip(first + flat(once), second + flat(again), strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("kernels", ["reference", *SETS])
class TestLargeAndSmall:
    """Magnitudes at which a formula written carelessly gives inf, NaN or 0."""

    def test_softmax_of_large_scores(self, kernels):
        k = get_device(kernels).kernels
        x = np.array([[1e4, 1e4 - 1, -1e4], [-3e38, 0, 3e38]], np.float32)
        y = k.softmax_forward(x)
        assert y[0] == pytest.approx([0.7310586, 0.2689414, 0], abs=1e-6)
        assert y[1].tolist() == [0, 0, 1]
        log_y = k.log_softmax_forward(x)
        assert log_y[0] == pytest.approx([-0.3132617, -1.3132617, -20000.3132617])

    def test_minus_infinity_is_probability_zero(self, kernels):
        y = get_device(kernels).kernels.softmax_forward(np.array([[0, -np.inf, 0]], np.float32))
        assert y.tolist() == [[0.5, 0, 0.5]]

    def test_nan_comes_through(self, kernels):
        k = get_device(kernels).kernels
        x = np.array([[1, np.nan, 2, 3]], np.float32)
        assert np.isnan(k.softmax_forward(x)).all()
        assert np.isnan(k.cross_entropy_forward(x, np.array([0]), -100)[0]).all()
        for name in ("tanh_forward", "sigmoid_forward", "relu_forward"):
            assert np.isnan(getattr(k, name)(x)).tolist() == [[False, True, False, False]], name

    def test_cross_entropy_of_a_sure_but_wrong_model(self, kernels):
        logits = np.array([[0, 1e4]], np.float32)
        losses, _ = get_device(kernels).kernels.cross_entropy_forward(logits, np.array([0]), -100)
        assert losses.tolist() == [1e4]

    def test_sigmoid_and_tanh_far_out_and_near_zero(self, kernels):
        k = get_device(kernels).kernels
        x = np.array([-1e4, -100, -20, -1e-7, 1e-30, 20, 1e4], np.float32)
        assert k.tanh_forward(x) == pytest.approx(np.tanh(x.astype(np.float64)), rel=1e-6)
        assert k.sigmoid_forward(x) == pytest.approx(
            1 / (1 + np.exp(-x.astype(np.float64))), rel=1e-6, abs=1e-38
        )

    def test_attention_with_large_scores_takes_the_best_key(self, kernels):
        k = get_device(kernels).kernels
        q, keys = (
            np.full((1, 1, 4), 100, np.float32),
            np.eye(4, dtype=np.float32)[None] * [[[1], [2], [3], [4]]],
        )
        y, logsumexp = k.attention_forward(
            q, 100 * keys.astype(np.float32), keys.astype(np.float32), np.array([4]), False
        )
        assert y[0, 0].tolist() == [0, 0, 0, 4]
        assert logsumexp.item() == pytest.approx(20000)

    def test_norm_of_huge_and_tiny_gradients(self, kernels):
        k = get_device(kernels).kernels
        g = [np.full(10000, 1e30, np.float32), np.full((3, 5), 1e-30, np.float32)]
        assert k.gradient_norm(g) == pytest.approx(1e32, rel=1e-6)


@pytest.mark.parametrize("kernels", ["reference", *SETS])
class TestDropout:
    def test_philox_gives_the_published_numbers(self, kernels):
        """Known answers of Philox4x32-10 for counter and key 0 (Random123's kat_vectors): the first word
        0x6627e8d5 is below p·2³² for p = 0.4 (dropped), the second 0xe169c58d above it (kept)."""
        x = np.ones(4, np.float32)
        words = np.array([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]) / 2**32
        for p in (0.2, 0.399, 0.401, 0.605, 0.606, 0.735, 0.736, 0.88, 0.881):
            kept = get_device(kernels).kernels.dropout(x, p, 0, 0) != 0
            assert kept.tolist() == (words >= p).tolist(), p

    def test_share_and_scale(self, kernels):
        y = get_device(kernels).kernels.dropout(np.ones(200_001, np.float32), 0.3, 7, 11)
        assert set(np.unique(y)) == {0, np.float32(1 / 0.7)}
        assert (y == 0).mean() == pytest.approx(0.3, abs=0.005)
        assert y.mean() == pytest.approx(1, abs=0.01)

    def test_other_calls_and_seeds_give_other_masks(self, kernels):
        dropout, x = get_device(kernels).kernels.dropout, np.ones(1000, np.float32)
        masks = [dropout(x, 0.5, seed, call).tobytes() for seed in (0, 1, 2**32) for call in (0, 1, 2**32)]
        assert len(set(masks)) == 9

    def test_the_same_mask_on_all_devices(self, kernels):
        x = np.ones((123, 457), np.float32)
        expected = get_device("reference").kernels.dropout(x, 0.37, 2**50 + 3, 5)
        assert np.array_equal(get_device(kernels).kernels.dropout(x, 0.37, 2**50 + 3, 5), expected)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    """Large enough that work is split."""
    from scratchlm.kernels.cpu import threads as pool

    k, rng = get_device("cpu").kernels, np.random.default_rng(0)
    x = rng.standard_normal((64, 5000), dtype=np.float32)
    targets = rng.integers(0, 5000, 64)
    gates = rng.standard_normal((9, 16, 64), dtype=np.float32)
    h, w = rng.standard_normal((16, 16), dtype=np.float32), rng.standard_normal((64, 16), dtype=np.float32)

    def everything():
        g, theta = gates.copy(), [x.copy()]
        return [
            k.tanh_forward(x),
            k.softmax_forward(x),
            k.cross_entropy_backward(x, targets, *k.cross_entropy_forward(x, targets, -100)[::-1], -100),
            k.dropout(x, 0.5, 1, 2),
            k.gradient_norm([x]),
            k.lstm_forward(g, h, h, w),
            k.lstm_backward(np.ones((9, 16, 16), np.float32), h, g, h, np.ones((9, 16, 16), np.float32), w),
            k.sgd_step(theta, [x], [np.zeros_like(x)], 0.1, 0.9, 0.1),
            theta,
        ]

    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(pool, "_threads", threads)
        results.append([np.asarray(leaf) for leaf in flat(everything())])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_allclose(
                one, two, rtol=1e-6, atol=1e-6
            )  # a product of other rows: BLAS's order


def test_every_row_is_complete():
    assert len(BY_NAME) == len(CONTRACT)
    for kernel in CONTRACT:
        assert kernel.arguments, kernel.name
        if not kernel.results:
            assert any(argument.in_place for argument in kernel.arguments), f"{kernel.name} does nothing"
