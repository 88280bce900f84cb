"""Plausible wrong solutions of lesson 6: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("6.1", "no slope of tanh", ["return grad_h, grad_h @ U"]),
    ("6.1", "slope 1 − h", ["delta = (1 - h) * grad_h\nreturn delta, delta @ U"]),
    ("6.1", "slope of the sigmoid", ["delta = h * (1 - h) * grad_h\nreturn delta, delta @ U"]),
    ("6.1", "by Uᵀ", ["delta = (1 - h * h) * grad_h\nreturn delta, delta @ U.T"]),
    ("6.1", "the gradient itself goes back", ["delta = (1 - h * h) * grad_h\nreturn delta, grad_h @ U"]),
    ("6.1", "the other order", ["delta = (1 - h * h) * grad_h\nreturn delta @ U, delta"]),
    ("6.2", "a constant that fits k = 50", ["return 4.5"]),
    ("6.2", "σ(b) itself", ["return 0.5 ** (1 / k)"]),
    ("6.2", "another logarithm", ["keep = 0.5 ** (1 / k)\nreturn math.log2(keep / (1 - keep))"]),
    ("6.2", "upside down", ["keep = 0.5 ** (1 / k)\nreturn math.log((1 - keep) / keep)"]),
    ("6.2", "k-th part of a half", ["keep = 1 - 0.5 / k\nreturn math.log(keep / (1 - keep))"]),
    ("6.3", "an order by heart", [
        "i, o, f, g = np.split(array, 4)\nreturn np.concatenate([i, f, g, o])"
    ]),
    ("6.3", "as it came", ["return array"]),
    ("6.3", "the way back", [
        'blocks = dict(zip("ifgo", np.split(array, 4), strict=True))\n'
        "return np.concatenate([blocks[gate] for gate in given])"
    ]),
    ("6.3", "sorted by letter", [
        "blocks = dict(zip(given, np.split(array, 4), strict=True))\n"
        "return np.concatenate([blocks[gate] for gate in sorted(given)])"
    ]),
    ("6.3", "blocks along the other axis", [
        "blocks = dict(zip(given, np.split(array, 4), strict=True))\n"
        'return np.concatenate([blocks[gate] for gate in "ifgo"], axis=-1)'
    ]),
    ("6.3", "two rows for each block", [
        'return np.concatenate([array[2 * given.index(g) : 2 * given.index(g) + 2] for g in "ifgo"])'
    ]),
]  # fmt: skip
