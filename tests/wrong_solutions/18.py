"""Plausible wrong solutions of lesson 18: exercise, what is wrong, the lines for each pair of markers."""

TREE = (
    "yield\npart[t] = value\nwhile K > 1:\n    half = (K + 1) // 2\n    yield\n    if t < K - half:\n"
    "        part[t] = join(part[t], part[t + half])\n    K = half\nyield\nreturn part[0]"
)
ONLINE = (
    "for j in range(rounds):\n    x = load(j)\n    larger = np.maximum(m, x)\n"
    "    total = total * np.exp(m - larger) + np.exp(x - larger)\n    m = larger\n"
    "M = m.max()\nreturn M, (total * np.exp(m - M)).sum()"
)
WRONG = [
    ("18.1", "the tail is not left out", ["e = b * K + np.arange(K)\nreturn -(-N * V // K), e // V, e % V"]),
    ("18.1", "blocks rounded down", ["e = b * K + np.arange(K)\ne = e[e < N * V]\nreturn N * V // K, e // V, e % V"]),
    ("18.1", "always one block more", [
        "e = b * K + np.arange(K)\ne = e[e < N * V]\nreturn N * V // K + 1, e // V, np.where(b < N * V // K, e % V, e % V + (N * V % K == 0))"
    ]),
    ("18.1", "divided by N", ["e = b * K + np.arange(K)\ne = e[e < N * V]\nreturn -(-N * V // K), e // N, e % N"]),
    ("18.1", "rows and columns exchanged", ["e = b * K + np.arange(K)\ne = e[e < N * V]\nreturn -(-N * V // K), e % V, e // V"]),
    ("18.1", "the end itself is inside", ["e = b * K + np.arange(K)\ne = e[e <= N * V]\nreturn -(-N * V // K), e // V, e % V"]),
    ("18.2", "bytes over 128", ["return -(-len(addresses) * size // 128)"]),
    ("18.2", "the span from first to last", ["return int((addresses.max() + size - 1) // 128 - addresses.min() // 128 + 1)"]),
    ("18.2", "first bytes only", ["return len(np.unique(addresses // 128))"]),
    ("18.2", "a line for each lane", ["return len(np.unique(addresses))"]),
    ("18.2", "lines of 32 bytes", ["return len(np.union1d(addresses // 32, (addresses + size - 1) // 32))"]),
    ("18.3", "no barrier at the beginning, one more at the end", [
        TREE.removeprefix("yield\n").replace("yield\nreturn part[0]", "yield\nresult = part[0]\nreturn result")
    ]),
    ("18.3", "no barrier inside the loop", [TREE.replace("    yield\n", "")]),
    ("18.3", "the last barrier comes too early", [TREE.replace("    K = half\nyield\nreturn", "    K = half\nreturn")]),
    ("18.3", "an odd value is lost", [TREE.replace("(K + 1) // 2", "K // 2").replace("t < K - half", "t < half")]),
    ("18.3", "always a sum", [TREE.replace("join(part[t], part[t + half])", "part[t] + part[t + half]")]),
    ("18.3", "all threads join", [TREE.replace("if t < K - half", "if t + half < len(part)")]),
    ("18.3", "thread 0 alone", [
        "yield\npart[t] = value\nyield\nif t == 0:\n    for k in range(1, K):\n        part[0] = join(part[0], part[k])\n"
        "yield\nreturn part[0]"
    ]),
    ("18.4", "four steps", ["for o in (8, 4, 2, 1):\n    v = join(v, shuffle(v, o))\nreturn v"]),
    ("18.4", "always a sum", ["for o in (16, 8, 4, 2, 1):\n    v = v + shuffle(v, o)\nreturn v"]),
    ("18.4", "lanes further on instead of exchanged", [
        "for o in (16, 8, 4, 2, 1):\n    v = join(v, np.append(v[o:], v[32 - o :]))\nreturn v"
    ]),
    ("18.4", "each from the first values", ["w = v\nfor o in (16, 8, 4, 2, 1):\n    w = join(w, shuffle(v, o))\nreturn w"]),
    ("18.4", "no exchange", ["total = v[0]\nfor k in range(1, 32):\n    total = join(total, v[k])\nreturn np.full(32, total)"]),
    ("18.4", "31 exchanges", ["w = v\nfor o in range(1, 32):\n    w = join(w, shuffle(v, o))\nreturn w"]),
    ("18.5", "the old sum as it is", [ONLINE.replace("total * np.exp(m - larger) + np", "total + np")]),
    ("18.5", "threads' sums only added", [ONLINE.replace("(total * np.exp(m - M)).sum()", "total.sum()")]),
    ("18.5", "the larger exponent", [ONLINE.replace("np.exp(m - larger)", "np.exp(larger - m)")]),
    ("18.5", "no maximum", [
        "for j in range(rounds):\n    x = load(j)\n    m = np.maximum(m, x)\n    total = total + np.exp(x)\n"
        "return m.max(), total.sum()"
    ]),
    ("18.5", "read twice", [
        "for j in range(rounds):\n    m = np.maximum(m, load(j))\nfor j in range(rounds):\n"
        "    total = total + np.exp(load(j) - m.max())\nreturn m.max(), total.sum()"
    ]),
    ("18.5", "starts at −∞", ["m = np.full(K, -np.inf)\n" + ONLINE]),
    ("18.2", "changes from lane to lane", [
        "f, l = addresses // 128, (addresses + size - 1) // 128\n"
        "return int(1 + (f[1:] != l[:-1]).sum() + (l != f).sum())"
    ]),
    ("18.2", "first and middle byte", ["return len(np.union1d(addresses // 128, (addresses + size // 2) // 128))"]),
    ("18.5", "keeps the whole row", ["x = np.concatenate([load(j) for j in range(rounds)])\nM = x.max()\nreturn M, np.exp(x - M).sum()"]),
]  # fmt: skip
