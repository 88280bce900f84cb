"""Arguments for the kernels of the contract: drawn by Hypothesis, or the same ones at a given magnitude."""

import numpy as np
from hypothesis import strategies as st

from scratchlm.kernels.examples import Example

# Up to 37, past two of the longest vectors and a warp; rather short ones: where three letters are long the
# emulator needs seconds for what ten short calls show.
LENGTHS = st.sampled_from([*range(1, 10)] * 4 + [*range(10, 38)])


class Draw(Example):
    """Arguments for one call of a kernel: lengths by letter, layout, magnitude, drawn."""

    def __init__(self, data, dtype):
        super().__init__(dtype=dtype)
        self.data, self.mixed = data, None
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
        self.scale = data.draw(st.sampled_from([1.0, 1e-4, 30.0]), label="scale")

    def arguments(self, kernel):
        for letter, (least, most) in kernel.lengths.items():
            self.lengths[letter] = self.data.draw(st.integers(least, most), label=letter)
        return super().arguments(kernel)

    def length(self, letter):
        if letter not in self.lengths:
            self.lengths[letter] = self.data.draw(LENGTHS, label=letter)
        return self.lengths[letter]

    def shape(self, letters):
        if letters == ("…",) and "…" not in self.lengths:
            shape = self.data.draw(st.lists(st.integers(0, 9), max_size=3), label="shape")
            self.lengths["…"] = tuple(shape)
        return super().shape(letters)

    def batch(self):
        return self.data.draw(st.sampled_from([(), (), (3,), (1,), (2, 3), (2, 1)]), label="batch")

    def shapes(self):
        if "list" not in self.lengths:
            shapes = st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=2), min_size=1, max_size=4)
            self.lengths["list"] = self.data.draw(shapes, label="shapes")
        return self.lengths["list"]

    def floats(self, shape, scale=None):
        array = (self.rng.standard_normal(shape) * (scale or self.scale)).astype(self.dtype)
        layout = self.layout()
        if layout == "transposed" and array.ndim:
            return np.asfortranarray(array)
        if layout == "strided" and array.ndim:
            wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), self.dtype)
            wide[..., ::2] = array
            return wide[..., ::2]
        return array

    def layout(self):
        """All arrays as NumPy makes them, or each in a layout of its own: one drawing, not one for each."""
        if self.mixed is None:
            self.mixed = (
                self.data.draw(st.sampled_from(["contiguous"] + ["mixed"] * 4), label="layout") == "mixed"
            )
        return ("contiguous", "transposed", "strided")[self.rng.integers(3)] if self.mixed else "contiguous"

    def ids(self, name, shape):
        ids = super().ids(name, shape)
        if name == "targets":
            ids[self.rng.random(shape) < 0.2] = -100
        return ids.astype(self.data.draw(st.sampled_from([np.int32, np.int64]), label="int type"))

    def number(self, name):
        return self.data.draw(NUMBERS[name], label=name) if name in NUMBERS else None

    def one_of(self, name, values):
        return self.data.draw(st.sampled_from(values), label=name)


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
        drawn["batch"] = ()
        ints = {"int type": np.int64, "ignore_index": -100, "beta1": 0.9, "beta2": 0.999}
        self.values = lengths | numbers | flags | drawn | ints | {"scale": scale} | changes

    def draw(self, strategy, label):
        return self.values[label]
