"""Plausible wrong solutions of lesson 10: exercise, what is wrong, the lines for each pair of markers."""

SOFTMAX = "e = np.exp(a - a.max(axis=1, keepdims=True))\nP = e / e.sum(axis=1, keepdims=True)\n"
WRONG = [
    ("10.1", "no √D", [f"a = q @ k.T\n{SOFTMAX}return P @ v, P"]),
    ("10.1", "divided by D", [f"a = q @ k.T / q.shape[1]\n{SOFTMAX}return P @ v, P"]),
    ("10.1", "√ of the number of keys", [f"a = q @ k.T / math.sqrt(len(k))\n{SOFTMAX}return P @ v, P"]),
    ("10.1", "softmax over the queries", [
        "a = q @ k.T / math.sqrt(q.shape[1])\ne = np.exp(a - a.max(axis=0))\nP = e / e.sum(axis=0)\nreturn P @ v, P"
    ]),
    ("10.1", "the most similar key alone", [
        "a = q @ k.T\nP = (a == a.max(axis=1, keepdims=True)).astype(float)\nreturn P @ v, P"
    ]),
    ("10.1", "scores for weights", ["P = q @ k.T / math.sqrt(q.shape[1])\nreturn P @ v, P"]),
    ("10.1", "overflow", [
        "e = np.exp(q @ k.T / math.sqrt(q.shape[1]))\nP = e / e.sum(axis=1, keepdims=True)\nreturn P @ v, P"
    ]),
    ("10.1", "the largest of all rows", [
        "a = q @ k.T / math.sqrt(q.shape[1])\ne = np.exp(a - a.max())\nP = e / e.sum(axis=1, keepdims=True)\nreturn P @ v, P"
    ]),
    ("10.2", "no softmax", [
        "a = grad_y @ v.T / math.sqrt(q.shape[1])\nreturn a @ k, a.T @ q, P.T @ grad_y"
    ]),
    ("10.2", "P(1 − P)", [
        "a = grad_y @ v.T * P * (1 - P) / math.sqrt(q.shape[1])\nreturn a @ k, a.T @ q, P.T @ grad_y"
    ]),
    ("10.2", "√D forgotten", [
        "g = grad_y @ v.T\na = P * (g - (g * P).sum(axis=1, keepdims=True))\nreturn a @ k, a.T @ q, P.T @ grad_y"
    ]),
    ("10.2", "sums over the other axis", [
        "g = grad_y @ v.T\na = P * (g - (g * P).sum(axis=0)) / math.sqrt(q.shape[1])\n"
        "return a @ k, a.T @ q, P.T @ grad_y"
    ]),
    ("10.2", "the mean without P", [
        "g = grad_y @ v.T\na = P * (g - g.mean(axis=1, keepdims=True)) / math.sqrt(q.shape[1])\n"
        "return a @ k, a.T @ q, P.T @ grad_y"
    ]),
    ("10.3", "after the softmax", [
        f"a = q @ k.T / math.sqrt(q.shape[1])\n{SOFTMAX}P = P * np.tri(len(q))\nreturn P @ v, P"
    ]),
    ("10.3", "zeros for −∞", [f"a = q @ k.T / math.sqrt(q.shape[1]) * np.tri(len(q))\n{SOFTMAX}return P @ v, P"]),
    ("10.3", "the past hidden", [
        f"a = np.where(np.tri(len(q), dtype=bool).T, q @ k.T / math.sqrt(q.shape[1]), -np.inf)\n{SOFTMAX}return P @ v, P"
    ]),
    ("10.3", "not the own place", [
        "a = np.where(np.tri(len(q), k=-1, dtype=bool), q @ k.T / math.sqrt(q.shape[1]), -1e9)\n"
        f"{SOFTMAX}return P @ v, P"
    ]),
    ("10.3", "no mask", ["return attention(q, k, v)"]),
    ("10.3", "overflow", [
        "a = np.where(np.tri(len(q), dtype=bool), q @ k.T / math.sqrt(q.shape[1]), -np.inf)\n"
        "e = np.exp(a)\nP = e / e.sum(axis=1, keepdims=True)\nreturn P @ v, P"
    ]),
    ("10.3", "the largest of what is masked, too", [
        "a = q @ k.T / math.sqrt(q.shape[1])\ne = np.exp(a - a.max(axis=1, keepdims=True)) * np.tri(len(q))\n"
        "P = e / e.sum(axis=1, keepdims=True)\nreturn P @ v, P"
    ]),
    ("10.4", "sines first, then cosines", [
        "angle = np.arange(T)[:, None] / 10000 ** (np.arange(0, D, 2) / D)\n"
        "return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)"
    ]),
    ("10.4", "2i/D taken twice", [
        "angle = np.arange(T)[:, None] / 10000 ** (2 * np.arange(0, D, 2) / D)\n"
        "return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(T, D)"
    ]),
    ("10.4", "a frequency for each feature", [
        "angle = np.arange(T)[:, None] / 10000 ** (np.arange(D) / D)\n"
        "return np.where(np.arange(D) % 2 == 0, np.sin(angle), np.cos(angle))"
    ]),
    ("10.4", "places from 1", [
        "angle = np.arange(1, T + 1)[:, None] / 10000 ** (np.arange(0, D, 2) / D)\n"
        "return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(T, D)"
    ]),
    ("10.4", "100 times slower for every D", [
        "angle = np.arange(T)[:, None] / 100.0 ** np.arange(D // 2)\n"
        "return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(T, D)"
    ]),
]  # fmt: skip
