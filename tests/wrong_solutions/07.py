"""Plausible wrong solutions of lesson 7: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("7.1", "overflow", ["return math.log(np.exp(z).sum()) - z[target]"]),
    ("7.1", "bits", ["z = z - z.max()\nreturn (math.log(np.exp(z).sum()) - z[target]) / math.log(2)"]),
    ("7.1", "the sign", ["z = z - z.max()\nreturn z[target] - math.log(np.exp(z).sum())"]),
    ("7.1", "the probability", ["z = np.exp(z - z.max())\nreturn z[target] / z.sum()"]),
    ("7.1", "the target forgotten", ["m = z.max()\nreturn m + math.log(np.exp(z - m).sum())"]),
    ("7.1", "the most likely one", ["z = z - z.max()\nreturn math.log(np.exp(z).sum())"]),
    ("7.1", "−ln after the softmax", ["p = np.exp(z - z.max())\nreturn -np.log(p / p.sum())[target]"]),
    ("7.1", "the caller's logits changed", ["z -= z.max()\nreturn math.log(np.exp(z).sum()) - z[target]"]),
    ("7.1", "the logarithm of a probability that is 0", [
        "p = np.exp(z) / np.exp(z).sum()\nreturn -math.log(p[target])"
    ]),
    ("7.2", "without keepdims", [
        "counts = np.full((V, V), alpha)\nnp.add.at(counts, (ids[:-1], ids[1:]), 1)\n"
        "return counts / counts.sum(axis=1)"
    ]),
    ("7.2", "columns for rows", [
        "counts = np.full((V, V), alpha)\nnp.add.at(counts, (ids[1:], ids[:-1]), 1)\n"
        "return counts / counts.sum(axis=1, keepdims=True)"
    ]),
    ("7.2", "pairs counted once", [
        "counts = np.full((V, V), float(alpha))\ncounts[ids[:-1], ids[1:]] += 1\n"
        "return counts / counts.sum(axis=1, keepdims=True)"
    ]),
    ("7.2", "of the whole table", [
        "counts = np.full((V, V), float(alpha))\nnp.add.at(counts, (ids[:-1], ids[1:]), 1)\n"
        "return counts / counts.sum()"
    ]),
    ("7.2", "alpha forgotten", [
        "counts = np.full((V, V), 1.0)\nnp.add.at(counts, (ids[:-1], ids[1:]), 1)\n"
        "return counts / counts.sum(axis=1, keepdims=True)"
    ]),
    ("7.2", "counts alone", ["counts = np.full((V, V), alpha)\nnp.add.at(counts, (ids[:-1], ids[1:]), 1)\nreturn counts"]),
    ("7.2", "V from the ids", [
        "V = ids.max() + 1\ncounts = np.full((V, V), float(alpha))\nnp.add.at(counts, (ids[:-1], ids[1:]), 1)\n"
        "return counts / counts.sum(axis=1, keepdims=True)"
    ]),
    ("7.3", "temperature ignored", [
        "z = z.astype(np.float64)\nif top_k is not None:\n    z[np.argsort(z)[:-top_k]] = -np.inf\n"
        "return reference.softmax_forward(z[None, :])[0]"
    ]),
    ("7.3", "temperature ignored beside top-k", [
        "y = z / temperature\nif top_k is not None:\n    y = z.copy()\n    y[np.argsort(z)[:-top_k]] = -np.inf\n"
        "return reference.softmax_forward(y[None, :])[0]"
    ]),
    ("7.3", "times the temperature", [
        "z = z * temperature\nif top_k is not None:\n    z[np.argsort(z)[:-top_k]] = -np.inf\n"
        "return reference.softmax_forward(z[None, :])[0]"
    ]),
    ("7.3", "0 in place of −∞", [
        "z = z / temperature\nif top_k is not None:\n    z[np.argsort(z)[:-top_k]] = 0\n"
        "return reference.softmax_forward(z[None, :])[0]"
    ]),
    ("7.3", "not made to sum to 1", [
        "p = reference.softmax_forward(z[None, :] / temperature)[0]\n"
        "if top_k is not None:\n    p[np.argsort(p)[:-top_k]] = 0\nreturn p"
    ]),
    ("7.3", "the smallest", [
        "z = z / temperature\nif top_k is not None:\n    z[np.argsort(z)[top_k:]] = -np.inf\n"
        "return reference.softmax_forward(z[None, :])[0]"
    ]),
    ("7.3", "the caller's logits changed", [
        "z /= temperature\nif top_k is not None:\n    z[np.argsort(z)[:-top_k]] = -np.inf\n"
        "return reference.softmax_forward(z[None, :])[0]"
    ]),
    ("7.3", "overflow", [
        "e = np.exp(z / temperature)\nif top_k is not None:\n    e[np.argsort(e)[:-top_k]] = 0\nreturn e / e.sum()"
    ]),
    ("7.3", "more than top_k where some are equal", [
        "z = z / temperature\nif top_k is not None:\n    z[z < np.sort(z)[-top_k]] = -np.inf\n"
        "return reference.softmax_forward(z[None, :])[0]"
    ]),
]  # fmt: skip
