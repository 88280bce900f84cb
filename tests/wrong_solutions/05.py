"""Plausible wrong solutions of lesson 5: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("5.1", "one of two is lost", ["g = np.zeros((V, grad_y.shape[1]))\ng[ids] += grad_y\nreturn g"]),
    ("5.1", "the last one", ["g = np.zeros((V, grad_y.shape[1]))\ng[ids] = grad_y\nreturn g"]),
    ("5.1", "a mean", [
        "g = np.zeros((V, grad_y.shape[1]))\nnp.add.at(g, ids, grad_y)\n"
        "return g / np.maximum(np.bincount(ids, minlength=V), 1)[:, None]"
    ]),
    ("5.1", "as it came", ["return grad_y"]),
    ("5.1", "rows of ids alone", [
        "n = ids.max() + 1\ng = np.zeros((n, grad_y.shape[1]))\nnp.add.at(g, ids, grad_y)\nreturn g"
    ]),
    ("5.1", "a table of whole numbers", [
        "g = np.zeros((V, grad_y.shape[1]), int)\nfor n, i in enumerate(ids):\n    g[i] = g[i] + grad_y[n]\nreturn g"
    ]),
    ("5.1", "a table of two columns", ["g = np.zeros((V, 2))\nnp.add.at(g, ids, grad_y)\nreturn g"]),
    ("5.2", "overflow", ["e = np.exp(z)\nreturn e / e.sum(axis=-1, keepdims=True)"]),
    ("5.2", "over everything", ["e = np.exp(z - z.max())\nreturn e / e.sum()"]),
    ("5.2", "along the first axis", ["e = np.exp(z - z.max(axis=0))\nreturn e / e.sum(axis=0)"]),
    ("5.2", "the largest of all rows", ["e = np.exp(z - z.max())\nreturn e / e.sum(axis=-1, keepdims=True)"]),
    ("5.2", "without e", ["z = z - z.min(axis=-1, keepdims=True)\nreturn z / z.sum(axis=-1, keepdims=True)"]),
    ("5.2", "−z", ["e = np.exp(z.min(axis=-1, keepdims=True) - z)\nreturn e / e.sum(axis=-1, keepdims=True)"]),
    ("5.2", "the caller's z changed", [
        "z -= z.max(axis=-1, keepdims=True)\ne = np.exp(z)\nreturn e / e.sum(axis=-1, keepdims=True)"
    ]),
    ("5.3", "a sum, no mean", ["grad = softmax(z)\ngrad[np.arange(len(t)), t] -= 1\nreturn grad"]),
    ("5.3", "the other sign", ["grad = -softmax(z)\ngrad[np.arange(len(t)), t] += 1\nreturn grad / len(t)"]),
    ("5.3", "p alone", ["return softmax(z) / len(t)"]),
    ("5.3", "1 from every row at all t", ["grad = softmax(z)\ngrad[:, t] -= 1\nreturn grad / len(t)"]),
    ("5.3", "by all elements", ["grad = softmax(z)\ngrad[np.arange(len(t)), t] -= 1\nreturn grad / grad.size"]),
    ("5.3", "divided by V − 1", ["grad = softmax(z)\ngrad[np.arange(len(t)), t] -= 1\nreturn grad / (z.shape[1] - 1)"]),
    ("5.3", "divided by 2", ["grad = softmax(z)\ngrad[np.arange(len(t)), t] -= 1\nreturn grad / 2"]),
    ("5.4", "a mean of perplexities", ["return float(np.mean([math.exp(-p.mean()) for p in texts]))"]),
    ("5.4", "a mean of means", ["return math.exp(-np.mean([p.mean() for p in texts]))"]),
    ("5.4", "the sum", ["return math.exp(-np.concatenate(texts).sum())"]),
    ("5.4", "the loss", ["return -np.concatenate(texts).mean()"]),
    ("5.4", "two to the nats", ["return 2 ** -np.concatenate(texts).mean()"]),
    ("5.4", "the sign", ["return math.exp(np.concatenate(texts).mean())"]),
]  # fmt: skip
