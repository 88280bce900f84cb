"""Plausible wrong solutions of lesson 15: exercise, what is wrong, the lines for each pair of markers."""

BLEU = """logs = []
for n in range(1, N + 1):
    mine, theirs = [runs(a, n) for a in answers], [runs(r, n) for r in references]
    shared = sum((a & r).total() for a, r in zip(mine, theirs, strict=True))
    if shared == 0:
        return 0.0
    logs.append(math.log(shared / sum(a.total() for a in mine)))
c, r = sum(map(len, answers)), sum(map(len, references))
return math.exp(sum(logs) / N + min(0.0, 1 - r / c))"""

CHRF = """both = [(runs(answer, n), runs(reference, n)) for n in range(1, 1 + min(6, len(answer), len(reference)))]
p, r = (np.mean([(a & b).total() / (a, b)[k].total() for a, b in both] or [0]) for k in (0, 1))
return 5 * p * r / (4 * p + r) if p else 0.0"""


def changed(text, old, new):
    """The solution with one mistake."""
    assert old in text
    return [text.replace(old, new)]


WRONG = [
    ("15.1", "a for p under the root", ["a = right / n\nhalf = z * math.sqrt(a * (1 - a) / n)\nreturn a - half, a + half"]),
    ("15.1", "the same, cut at 0 and 1", [
        "a = right / n\nhalf = z * math.sqrt(a * (1 - a) / n)\nreturn max(a - half, 0.0), min(a + half, 1.0)"
    ]),
    ("15.1", "z for z²", ["a, w = right / n, z / n\nhalf = z * math.sqrt(a * (1 - a) / n + w / (4 * n))\nreturn (a + w / 2 - half) / (1 + w), (a + w / 2 + half) / (1 + w)"]),
    ("15.1", "z forgotten before the root", ["a, w = right / n, z * z / n\nhalf = math.sqrt(a * (1 - a) / n + w / (4 * n))\nreturn (a + w / 2 - half) / (1 + w), (a + w / 2 + half) / (1 + w)"]),
    ("15.1", "the middle stays a", ["a, w = right / n, z * z / n\nhalf = z * math.sqrt(a * (1 - a) / n + w / (4 * n)) / (1 + w)\nreturn a - half, a + half"]),
    ("15.2", "equal means count as better", ["d = (np.asarray(x, float) - np.asarray(y, float))[draws].sum(axis=1)\nreturn float((d >= -1e-9).mean())"]),
    ("15.2", "equal means count as worse", ["d = (np.asarray(x, float) - np.asarray(y, float))[draws].sum(axis=1)\nreturn float((d > 1e-9).mean())"]),
    ("15.2", "share of examples, not of draws", ["d = (np.asarray(x, float) - np.asarray(y, float))[draws]\nreturn float((d > 0).mean() + 0.5 * (d == 0).mean())"]),
    ("15.2", "sums over the draws", ["d = (np.asarray(x, float) - np.asarray(y, float))[draws].sum(axis=0)\nreturn float((d > 1e-9).mean() + 0.5 * (np.abs(d) <= 1e-9).mean())"]),
    ("15.2", "the mean difference", ["return float((np.asarray(x, float) - np.asarray(y, float))[draws].mean())"]),
    ("15.2", "no draws at all", ["return float(np.mean(x) > np.mean(y))"]),
    ("15.3", "not clipped", changed(BLEU, "(a & r).total()", "sum(k for run, k in a.items() if run in r)")),
    ("15.3", "plain mean", changed(
        changed(BLEU, "math.log(shared / sum(a.total() for a in mine))", "shared / sum(a.total() for a in mine)")[0],
        "math.exp(sum(logs) / N + min(0.0, 1 - r / c))", "sum(logs) / N * math.exp(min(0.0, 1 - r / c))"
    )),
    ("15.3", "no penalty", changed(BLEU, " + min(0.0, 1 - r / c)", "")),
    ("15.3", "penalty the other way round", changed(BLEU, "1 - r / c", "1 - c / r")),
    ("15.3", "longer answers gain", changed(BLEU, "min(0.0, 1 - r / c)", "1 - r / c")),
    ("15.3", "mean over sentences", [
        "if len(answers) > 1:\n    return sum(bleu([a], [r], N) for a, r in zip(answers, references)) / len(answers)\n" + BLEU
    ]),
    ("15.3", "divided by the reference", changed(BLEU, "a.total() for a in mine", "r.total() for r in theirs")),
    ("15.4", "F1", changed(CHRF, "5 * p * r / (4 * p + r)", "2 * p * r / (p + r)")),
    ("15.4", "precision counts more", changed(CHRF, "(4 * p + r)", "(p + 4 * r)")),
    ("15.4", "always six lengths", changed(changed(CHRF, "or [0]", "")[0], "np.mean([", "1 / 6 * sum([")),
    ("15.4", "single characters alone", changed(CHRF, "1 + min(6, len(answer), len(reference))", "2")),
    ("15.4", "not clipped", changed(CHRF, "(a & b).total()", "sum((a, b)[k][run] for run in a if run in b)")),
    ("15.4", "divided by zero", changed(CHRF, " if p else 0.0", "")),
    ("15.5", "the longest common run", [
        "return max([k for k in range(len(a) + 1) for i in range(len(a) - k + 1) for j in range(len(b) - k + 1) if a[i : i + k] == b[j : j + k]])"
    ]),
    ("15.5", "shared words in any order", ["return sum((Counter(a) & Counter(b)).values())"]),
    ("15.5", "shared words, each once", ["return len(set(a) & set(b))"]),
    ("15.5", "greedy", [
        "found, start = 0, 0\nfor x in a:\n    if x in b[start:]:\n        start = b.index(x, start) + 1\n        found += 1\nreturn found"
    ]),
    ("15.5", "one cell reused", [
        "row = [0] * (len(b) + 1)\nfor x in a:\n    for j, y in enumerate(b):\n        row[j + 1] = row[j] + 1 if x == y else max(row[j + 1], row[j])\nreturn row[-1]"
    ]),
    ("15.3", "clipped against the whole set", changed(
        BLEU, "sum((a & r).total() for a, r in zip(mine, theirs, strict=True))", "(sum(mine, Counter()) & sum(theirs, Counter())).total()"
    )),
    ("15.3", "a mean of the penalties' exponents", changed(
        BLEU, "min(0.0, 1 - r / c)", "np.mean([min(0.0, 1 - len(r) / len(a)) for a, r in zip(answers, references)])"
    )),
    ("15.3", "a mean of the sentences' penalties", changed(
        BLEU, "min(0.0, 1 - r / c)", "math.log(np.mean([math.exp(min(0.0, 1 - len(r) / len(a))) for a, r in zip(answers, references)]))"
    )),
    ("15.3", "runs of one and two alone", changed(BLEU, "range(1, N + 1)", "range(1, min(N, 2) + 1)")),
    ("15.4", "no limit of six", changed(CHRF, "min(6, len(answer), len(reference))", "min(len(answer), len(reference))")),
    ("15.4", "runs of 1 to 3", changed(CHRF, "min(6,", "min(3,")),
    ("15.4", "runs of 1 to 4", changed(CHRF, "min(6,", "min(4,")),
    ("15.4", "runs of 1 to 5", changed(CHRF, "min(6,", "min(5,")),
    ("15.4", "runs of 1 to 7", changed(CHRF, "min(6,", "min(7,")),
    ("15.5", "greedy from both sides", [
        "def g(a, b):\n    f, s = 0, 0\n    for x in a:\n        if x in b[s:]:\n"
        "            s = b.index(x, s) + 1\n            f += 1\n    return f\nreturn max(g(a, b), g(b, a))"
    ]),
]  # fmt: skip
