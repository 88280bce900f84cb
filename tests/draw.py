"""Arguments for the kernels of the contract: drawn by Hypothesis, or the same ones at a given magnitude."""

import numpy as np
from hypothesis import strategies as st

from scratchlm import get_device
from scratchlm.kernels.contract import Kernel


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
        if kernel.formula == "additive_attention":  # N·T·S·A tanhs: 37⁴ of them take seconds
            for letter in "NT":
                self.lengths[letter] = self.data.draw(st.integers(1, 5), label=letter)
        if kernel.name.startswith("attention_packed"):  # B·H sequences: 37² of them take the emulator minutes
            for letter in "BH":
                self.lengths[letter] = self.data.draw(st.integers(1, 4), label=letter)
        if kernel.name == "transformer_step":  # layers on layers
            for letter in "LBS":
                self.lengths[letter] = self.data.draw(st.integers(1, 4), label=letter)
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
            packed = "qkv" in drawn
            inputs = ("qkv",) if packed else ("q", "k", "v")
            first, S = drawn[inputs[0]], drawn[inputs[0 if packed else 1]].shape[1]
            fixed = {"lengths": self.rng.integers(1, S + 1, len(first))}
            fixed["causal"] = drawn["causal"] and first.shape[1] <= S
            if kernel.name.endswith("backward"):
                forward = getattr(reference, kernel.name.replace("backward", "forward"))
                made = forward(*((drawn | fixed)[name] for name in (*inputs, "lengths", "causal")))
                fixed["y"], fixed["logsumexp"] = made
            return fixed
        if kernel.name == "transformer_step":
            return self.layers(len(drawn["keys"]), drawn["x"].shape[1], self.length("E"), self.length("V"))
        if kernel.name == "additive_attention_backward":
            inputs = [drawn[name] for name in ("query", "keys", "values", "weight")]
            return {"p": reference.additive_attention_forward(*inputs)[1]}
        return {}

    def layers(self, L, D, E, V):
        """Weights of L blocks of a Transformer and what follows, and into how many heads D features fall."""
        shapes = [(D,), (D,), (3 * D, D), (3 * D,), (D, D), (D,), (D,), (D,), (E, D), (E,), (D, E), (D,)]
        all_of_them = [*shapes * L, (D,), (D,), (V, D)]
        heads = st.sampled_from([h for h in (1, 2, 3, 4) if D % h == 0])
        weights = [self.floats(shape, min(1, self.scale) * shape[-1] ** -0.5) for shape in all_of_them]
        return {"heads": self.data.draw(heads, label="heads"), "weights": weights}

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
        if kernel.formula == "additive_attention" and argument.name in ("query", "keys"):
            scale = max(
                1, self.scale
            )  # where tanh is straight, ∂L/∂query is Σ_s ∂L/∂score_s = 0 and rounding
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


class Fixed:
    """Stands in for Hypothesis' data: always the same values, large enough to be cut into parts."""

    def __init__(self, scale, **changes):
        lengths = dict(zip("MKNTBDHVSEAL", (11, 12, 13, 5, 9, 8, 6, 7, 10, 4, 3, 2), strict=True))
        numbers = {"p": 0.1, "call": 3, "lr": 0.5, "momentum": 0.9, "weight_decay": 0.1, "eps": 1e-5}
        flags = {
            "step": 3,
            "smoothing": 0.1,
            "heads": 2,
            "approximate": False,
            "causal": False,
            "decoupled": True,
        }
        drawn = {"seed": 7, "shape": [12, 13], "shapes": [[11, 4], [30]], "layout": "contiguous"}
        ints = {"int type": np.int64, "ignore_index": -100, "beta1": 0.9, "beta2": 0.999}
        self.values = lengths | numbers | flags | drawn | ints | {"scale": scale} | changes

    def draw(self, strategy, label):
        return self.values[label]
