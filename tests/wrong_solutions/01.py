"""Plausible wrong solutions of lesson 1: exercise, what is wrong, the lines for each pair of markers."""

SETS = "A, B = ({t[i : i + k] for i in range(max(1, len(t) - k + 1))} for t in (a, b))\n"
PAIRS = "pairs = Counter()\nfor word, count in words.items():\n    for pair in zip(word, word[1:]):\n        pairs[pair] += count\n"
JOIN = (
    "joined = Counter()\nfor word, count in words.items():\n    new, i = [], 0\n    while i < len(word):\n"
    '        take = 2 if word[i : i + 2] == best else 1\n        new.append("".join(word[i : i + take]))\n        i += take\n'
    "    joined[tuple(new)] += count\nreturn best, dict(joined)"
)
WRONG = [
    ("1.1", "over the smaller set", [f"{SETS}return len(A & B) / min(len(A), len(B))"]),
    ("1.1", "over the sum", [f"{SETS}return len(A & B) / (len(A) + len(B))"]),
    ("1.1", "one run too few", [
        "A, B = ({t[i : i + k] for i in range(max(1, len(t) - k))} for t in (a, b))\nreturn len(A & B) / len(A | B)"
    ]),
    ("1.1", "runs that overhang", [
        "A, B = ({t[i : i + k] for i in range(len(t))} for t in (a, b))\nreturn len(A & B) / len(A | B)"
    ]),
    ("1.1", "lists, no sets", [
        "A, B = ([t[i : i + k] for i in range(max(1, len(t) - k + 1))] for t in (a, b))\n"
        "both = sum(x in B for x in A)\nreturn both / (len(A) + len(B) - both)"
    ]),
    ("1.1", "single signs", ["A, B = set(a), set(b)\nreturn len(A & B) / len(A | B)"]),
    ("1.1", "k shortened for both", [
        "k = min(k, len(a), len(b))\n" + SETS + "return len(A & B) / len(A | B)"
    ]),
    ("1.1", "runs without their order", [
        'A, B = ({"".join(sorted(t[i : i + k])) for i in range(max(1, len(t) - k + 1))} for t in (a, b))\n'
        "return len(A & B) / len(A | B)"
    ]),
    ("1.2", "without <unk>", [
        "c = Counter(pieces)\nreturn sorted((p for p in c if c[p] >= min_count), key=lambda p: (-c[p], p))"
    ]),
    ("1.2", "by the alphabet alone", ['c = Counter(pieces)\nreturn ["<unk>", *sorted(p for p in c if c[p] >= min_count)]']),
    ("1.2", "the rarest first", [
        'c = Counter(pieces)\nreturn ["<unk>", *sorted((p for p in c if c[p] >= min_count), key=lambda p: (c[p], p))]'
    ]),
    ("1.2", "more than min_count", [
        'c = Counter(pieces)\nreturn ["<unk>", *sorted((p for p in c if c[p] > min_count), key=lambda p: (-c[p], p))]'
    ]),
    ("1.2", "as they come", [
        'c = Counter(pieces)\nreturn ["<unk>", *(p for p, n in c.most_common() if n >= min_count)]'
    ]),
    ("1.2", "min_count ignored", ['c = Counter(pieces)\nreturn ["<unk>", *sorted(c, key=lambda p: (-c[p], p))]']),
    ("1.2", "the caller's list sorted", [
        'pieces.sort()\nc = Counter(pieces)\n'
        'return ["<unk>", *sorted((p for p in c if c[p] >= min_count), key=lambda p: (-c[p], p))]'
    ]),
    ("1.3", "the ends of tokens, too", [
        "pairs = Counter()\nfor word, count in words.items():\n    for pair in pairwise(word):\n        pairs[pair] += count\n"
        "best = min(pairs, key=lambda pair: (-pairs[pair], pair))\n"
        "return best, {tuple(' '.join(w).replace(' '.join(best), ''.join(best)).split()): n for w, n in words.items()}"
    ]),
    ("1.3", "words counted once", [
        PAIRS.replace("+= count", "+= 1") + "best = min(pairs, key=lambda p: (-pairs[p], p))\n" + JOIN
    ]),
    ("1.3", "the largest of equal ones", [f"{PAIRS}best = max(pairs, key=lambda p: (pairs[p], p))\n{JOIN}"]),
    ("1.3", "the rarest pair", [f"{PAIRS}best = min(pairs, key=lambda p: (pairs[p], p))\n{JOIN}"]),
    ("1.3", "only the first place of a word", [
        PAIRS + "best = min(pairs, key=lambda p: (-pairs[p], p))\njoined = Counter()\n"
        "for word, count in words.items():\n    new = list(word)\n    for i in range(len(word) - 1):\n"
        '        if word[i : i + 2] == best:\n            new[i : i + 2] = ["".join(best)]\n            break\n'
        "    joined[tuple(new)] += count\nreturn best, dict(joined)"
    ]),
    ("1.3", "the pair returned as one token", [
        f"{PAIRS}best = min(pairs, key=lambda p: (-pairs[p], p))\n" + JOIN.replace("return best", 'return "".join(best)')
    ]),
    ("1.3", "nothing joined", [f"{PAIRS}best = min(pairs, key=lambda p: (-pairs[p], p))\nreturn best, dict(words)"]),
    ("1.3", "words that become equal overwrite each other", [
        f"{PAIRS}best = min(pairs, key=lambda p: (-pairs[p], p))\n" + JOIN.replace("+= count", "= count")
    ]),
    ("1.3", "a pair counted once in a word", [
        PAIRS.replace("zip(word, word[1:])", "set(pairwise(word))")
        + "best = min(pairs, key=lambda p: (-pairs[p], p))\n" + JOIN
    ]),
]  # fmt: skip
