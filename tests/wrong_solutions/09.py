"""Plausible wrong solutions of lesson 9: exercise, what is wrong, the lines for each pair of markers."""

COUNTS = (
    "c = np.arange(prices.shape[1]) < np.asarray(lengths)[:, None]\ns = np.where(c, prices, 0).sum(axis=1)\n"
)
WRONG = [
    ("9.1", "padding counted", ["return prices.sum(axis=1).mean(), prices.mean(), prices.mean(axis=1).mean()"]),
    ("9.1", "divided by T for all", [f"{COUNTS}return s.mean(), s.sum() / prices.size, (s / prices.shape[1]).mean()"]),
    ("9.1", "per sign and mean of means exchanged", [f"{COUNTS}return s.mean(), (s / lengths).mean(), s.sum() / c.sum()"]),
    ("9.1", "sums", [f"{COUNTS}return s.sum(), s.sum() / c.sum(), (s / lengths).mean()"]),
    ("9.1", "one sign too many", [
        "c = np.arange(prices.shape[1]) <= np.asarray(lengths)[:, None]\ns = np.where(c, prices, 0).sum(axis=1)\n"
        "return s.mean(), s.sum() / c.sum(), (s / lengths).mean()"
    ]),
    ("9.1", "the largest price taken for padding", [
        "c = prices != prices.max()\ns = np.where(c, prices, 0).sum(axis=1)\n"
        "return s.mean(), s.sum() / c.sum(), (s / lengths).mean()"
    ]),
    ("9.1", "the prices changed", [
        "c = np.arange(prices.shape[1]) < np.asarray(lengths)[:, None]\nprices[~c] = 0\ns = prices.sum(axis=1)\n"
        "return s.mean(), s.sum() / c.sum(), (s / lengths).mean()"
    ]),
    ("9.2", "no end sign", [
        "T = max(map(len, rows)) + 1\ninputs, targets = np.full((len(rows), T), end), np.full((len(rows), T), -100)\n"
        "for n, row in enumerate(rows):\n    inputs[n, : len(row) + 1] = [start, *row]\n    targets[n, : len(row)] = row\n"
        "return inputs, targets"
    ]),
    ("9.2", "the end sign counts where it fills", [
        "T = max(map(len, rows)) + 1\ninputs, targets = np.full((len(rows), T), end), np.full((len(rows), T), end)\n"
        "for n, row in enumerate(rows):\n    inputs[n, : len(row) + 1] = [start, *row]\n    targets[n, : len(row)] = row\n"
        "return inputs, targets"
    ]),
    ("9.2", "not moved", [
        "T = max(map(len, rows)) + 1\ninputs, targets = np.full((len(rows), T), end), np.full((len(rows), T), -100)\n"
        "for n, row in enumerate(rows):\n    inputs[n, : len(row)] = row\n    targets[n, : len(row) + 1] = [*row, end]\n"
        "return inputs, targets"
    ]),
    ("9.2", "−100 as input", [
        "T = max(map(len, rows)) + 1\ninputs, targets = np.full((len(rows), T), -100), np.full((len(rows), T), -100)\n"
        "for n, row in enumerate(rows):\n    inputs[n, : len(row) + 1] = [start, *row]\n"
        "    targets[n, : len(row) + 1] = [*row, end]\nreturn inputs, targets"
    ]),
    ("9.2", "filled at the front", [
        "T = max(map(len, rows)) + 1\ninputs, targets = np.full((len(rows), T), end), np.full((len(rows), T), -100)\n"
        "for n, row in enumerate(rows):\n    inputs[n, T - len(row) - 1 :] = [start, *row]\n"
        "    targets[n, T - len(row) - 1 :] = [*row, end]\nreturn inputs, targets"
    ]),
    ("9.2", "as long as the first row", [
        "T = len(rows[0]) + 1\ninputs, targets = np.full((len(rows), T), end), np.full((len(rows), T), -100)\n"
        "for n, row in enumerate(rows):\n    inputs[n, : len(row) + 1] = [start, *row]\n"
        "    targets[n, : len(row) + 1] = [*row, end]\nreturn inputs, targets"
    ]),
    ("9.2", "the end sign put into the caller's rows", [
        "T = max(map(len, rows)) + 1\ninputs, targets = np.full((len(rows), T), end), np.full((len(rows), T), -100)\n"
        "for n, row in enumerate(rows):\n    inputs[n, : len(row) + 1] = [start, *row]\n"
        "    row.append(end)\n    targets[n, : len(row)] = row\nreturn inputs, targets"
    ]),
    ("9.3", "greedy for every k", [
        "row, price = (), 0.0\nfor _ in range(T):\n    step = after(row)\n    s = int(np.argmax(step))\n"
        "    row, price = (*row, s), price + step[s]\nreturn [(row, price)]"
    ]),
    ("9.3", "the last step's ln P alone", [
        "kept = [((), 0.0)]\nfor _ in range(T):\n    longer = [((*r, s), q) for r, p in kept for s, q in enumerate(after(r))]\n"
        "    kept = sorted(longer, key=lambda x: -x[1])[:k]\nreturn kept"
    ]),
    ("9.3", "products of logarithms", [
        "kept = [((), 1.0)]\nfor _ in range(T):\n    longer = [((*r, s), p * q) for r, p in kept for s, q in enumerate(after(r))]\n"
        "    kept = sorted(longer, key=lambda x: -x[1])[:k]\nreturn kept"
    ]),
    ("9.3", "the worst", [
        "kept = [((), 0.0)]\nfor _ in range(T):\n    longer = [((*r, s), p + q) for r, p in kept for s, q in enumerate(after(r))]\n"
        "    kept = sorted(longer, key=lambda x: x[1])[:k]\nreturn kept"
    ]),
    ("9.3", "one best for each beginning", [
        "kept = [((), 0.0)]\nfor _ in range(T):\n    longer = []\n    for r, p in kept:\n        q = after(r)\n"
        "        s = int(np.argmax(q))\n        longer.append(((*r, s), p + q[s]))\n"
        "    kept = sorted(longer, key=lambda x: -x[1])[:k]\nreturn kept"
    ]),
    ("9.4", "without biases", ["return V * D"]),
    ("9.4", "a bias for each feature", ["return V * D + D"]),
    ("9.4", "the sum", ["return V + D"]),
]  # fmt: skip
