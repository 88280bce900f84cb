"""Plausible wrong solutions of lesson 16: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    (
        "16.1",
        "the rank from 0",
        ["rank = (losses < losses[secret]).sum()\nreturn math.log2(len(losses)) - math.log2(max(rank, 1))"],
    ),
    (
        "16.1",
        "the likeliest last",
        ["return math.log2(len(losses)) - math.log2(1 + (losses > losses[secret]).sum())"],
    ),
    (
        "16.1",
        "the natural logarithm",
        ["return math.log(len(losses)) - math.log(1 + (losses < losses[secret]).sum())"],
    ),
    (
        "16.1",
        "equal ones come after",
        ["return math.log2(len(losses)) - math.log2(1 + (losses < losses[secret]).sum())"],
    ),
    (
        "16.1",
        "equal ones all before",
        ["return math.log2(len(losses)) - math.log2((losses <= losses[secret]).sum())"],
    ),
    ("16.2", "the difference of the means", ["return abs(members.mean() - others.mean())"]),
    (
        "16.2",
        "one threshold, the mean",
        [
            "t = np.concatenate([members, others]).mean()\nreturn max(0.0, (members <= t).mean() - (others <= t).mean())"
        ],
    ),
    (
        "16.2",
        "numbers instead of shares",
        [
            "t = np.concatenate([members, others])\nfirst = (members[:, None] <= t).sum(axis=0) - (others[:, None] <= t).sum(axis=0)\n"
            "return max(0.0, first.max() / len(others))"
        ],
    ),
    (
        "16.2",
        "either direction",
        [
            "t = np.concatenate([members, others])\n"
            "return abs((members[:, None] <= t).mean(axis=0) - (others[:, None] <= t).mean(axis=0)).max()"
        ],
    ),
    (
        "16.2",
        "above instead of below",
        [
            "t = np.concatenate([members, others])\n"
            "return max(0.0, ((members[:, None] > t).mean(axis=0) - (others[:, None] > t).mean(axis=0)).max())"
        ],
    ),
    (
        "16.3",
        "the sum is clipped",
        [
            "total = gradients.sum(axis=0)\ntotal = total * min(1.0, c / np.linalg.norm(total))\n"
            "return (total + sigma * c * normal) / len(gradients)",
            "return math.erf(math.sqrt(k) / (2 * sigma) / math.sqrt(2))",
        ],
    ),
    (
        "16.3",
        "all are brought to norm c",
        [
            "norms = np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), 1e-12)\n"
            "return ((gradients * c / norms).sum(axis=0) + sigma * c * normal) / len(gradients)",
            "return math.erf(math.sqrt(k) / (2 * sigma) / math.sqrt(2))",
        ],
    ),
    (
        "16.3",
        "noise without c",
        [
            "norms = np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), 1e-12)\n"
            "return ((gradients * np.minimum(1, c / norms)).sum(axis=0) + sigma * normal) / len(gradients)",
            "return math.erf(math.sqrt(k) / (2 * sigma) / math.sqrt(2))",
        ],
    ),
    (
        "16.3",
        "noise for each example",
        [
            "norms = np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), 1e-12)\n"
            "return (gradients * np.minimum(1, c / norms) + sigma * c * normal).mean(axis=0)",
            "return math.erf(math.sqrt(k) / (2 * sigma) / math.sqrt(2))",
        ],
    ),
    (
        "16.3",
        "in place",
        [
            "gradients *= np.minimum(1, c / np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), 1e-12))\n"
            "return (gradients.sum(axis=0) + sigma * c * normal) / len(gradients)",
            "return math.erf(math.sqrt(k) / (2 * sigma) / math.sqrt(2))",
        ],
    ),
    (
        "16.3",
        "k instead of its root",
        [
            "norms = np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), 1e-12)\n"
            "return ((gradients * np.minimum(1, c / norms)).sum(axis=0) + sigma * c * normal) / len(gradients)",
            "return math.erf(k / (2 * sigma) / math.sqrt(2))",
        ],
    ),
    (
        "16.3",
        "Φ alone",
        [
            "norms = np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), 1e-12)\n"
            "return ((gradients * np.minimum(1, c / norms)).sum(axis=0) + sigma * c * normal) / len(gradients)",
            "return (1 + math.erf(math.sqrt(k) / (2 * sigma) / math.sqrt(2))) / 2",
        ],
    ),
    (
        "16.4",
        "one after the other",
        [
            "for a, b in pairs:\n    words = [b if w == a else w for w in words]\n    words = [a if w == b else w for w in words]\nreturn words"
        ],
    ),
    ("16.4", "one way only", ["other = dict(pairs)\nreturn [other.get(word, word) for word in words]"]),
    (
        "16.4",
        "the other way only",
        ["other = {b: a for a, b in pairs}\nreturn [other.get(word, word) for word in words]"],
    ),
    (
        "16.4",
        "in place",
        [
            "other = {a: b for a, b in pairs} | {b: a for a, b in pairs}\n"
            "for k, word in enumerate(words):\n    words[k] = other.get(word, word)\nreturn words"
        ],
    ),
    (
        "16.4",
        "within words, too",
        [
            "text = ' '.join(words)\nfor a, b in pairs:\n    text = text.replace(b, '\\0').replace(a, b).replace('\\0', a)\nreturn text.split()"
        ],
    ),
    ("16.5", "not shared out anew", ["p = np.exp(z - z.max())\nreturn np.where(allowed, p / p.sum(), 0.0)"]),
    (
        "16.5",
        "the score 0 instead of −∞",
        ["kept = np.where(allowed, z, 0.0)\ne = np.exp(kept - kept.max())\nreturn e / e.sum()"],
    ),
    (
        "16.5",
        "the largest of all is taken out",
        ["e = np.where(allowed, np.exp(z - z.max()), 0.0)\nreturn e / e.sum()"],
    ),
    ("16.5", "nothing is taken out", ["e = np.where(allowed, np.exp(z), 0.0)\nreturn e / e.sum()"]),
    (
        "16.5",
        "only the likeliest",
        ["kept = np.where(allowed, z, -np.inf)\np = np.zeros(len(z))\np[kept.argmax()] = 1.0\nreturn p"],
    ),
    ("16.1", "sorted in place", [
        "x = losses[secret]\nk = (losses[:secret] == x).sum()\nlosses.sort()\n"
        "return math.log2(len(losses)) - math.log2(1 + np.searchsorted(losses, x) + k)"
    ]),
    ("16.1", "equal ones in the order of an unstable sort", [
        "return math.log2(len(losses)) - math.log2(1 + list(np.argsort(losses)).index(secret))"
    ]),
    ("16.2", "a hundred thresholds", [
        "t = np.linspace(min(members.min(), others.min()), max(members.max(), others.max()), 100)\n"
        "return max(0.0, ((members[:, None] <= t).mean(axis=0) - (others[:, None] <= t).mean(axis=0)).max())"
    ]),
    ("16.5", "z changed in place", ["z[~allowed] = -np.inf\ne = np.exp(z - z.max())\nreturn e / e.sum()"]),
    ("16.5", "−1000 for −∞", ["k = np.where(allowed, z, -1000.0)\ne = np.exp(k - k.max())\nreturn e / e.sum()"]),
]  # fmt: skip
