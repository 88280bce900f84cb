"""Plausible wrong solutions of lesson 17: exercise, what is wrong, the lines for each pair of markers."""

BLOCKS = (
    "for start in range(0, len(x), rows):\n    part, own = x[start : start + rows], y[start : start + rows]\n"
    "    np.subtract(part, part.max(axis=1, keepdims=True), out=own)\n    np.exp(own, out=own)\n"
    "    own /= own.sum(axis=1, keepdims=True)"
)
POWERS = (
    "k = np.floor(x * LOG2_E + np.float32(0.5))\nr = x - k * HIGH - k * LOW\np = np.ones_like(r)\n"
    "for j in range(degree, 0, -1):\n    p = 1 + p * r / np.float32(j)\n"
    "return p * ((k.astype(np.int32) + 127) << 23).view(np.float32)"
)
HALVES = (
    "while len(x) > 1:\n    half = (len(x) + 1) // 2\n    joined = x[:half].copy()\n"
    "    joined[: len(x) - half] += x[half:]\n    x = joined\nreturn x[0]"
)
THREADS = (
    "sums, rows = np.empty((B, x.shape[1]), x.dtype), []\nfor k in range(threads):\n"
    "    mine = range(B * k // threads, B * (k + 1) // threads)\n    for b in mine:\n"
    "        sums[b] = sum_of_block(x[64 * b : 64 * (b + 1)])\n"
    "    rows.append(sum(len(x[64 * b : 64 * (b + 1)]) for b in mine))\nreturn sum_of_block(sums), rows"
)
WRONG = [
    ("17.1", "both times added", ["seconds = flops / P + moved / W\nreturn flops / moved, seconds, flops / seconds / P"]),
    ("17.1", "the smaller time", ["seconds = min(flops / P, moved / W)\nreturn flops / moved, seconds, flops / seconds / P"]),
    ("17.1", "bytes for each flop", ["seconds = max(flops / P, moved / W)\nreturn moved / flops, seconds, flops / seconds / P"]),
    ("17.1", "always memory", ["return flops / moved, moved / W, flops / moved * W / P"]),
    ("17.1", "the speed, not its share", ["seconds = max(flops / P, moved / W)\nreturn flops / moved, seconds, flops / seconds"]),
    ("17.2", "the block's maximum", [BLOCKS.replace("part.max(axis=1, keepdims=True)", "part.max()")]),
    ("17.2", "the block's sum", [BLOCKS.replace("own.sum(axis=1, keepdims=True)", "own.sum()")]),
    ("17.2", "the last rows left out", [BLOCKS.replace("range(0, len(x), rows)", "range(0, len(x) - rows + 1, rows)")]),
    ("17.2", "all at once", ["y[:] = reference.softmax_forward(x)"]),
    ("17.2", "in x itself", [BLOCKS.replace("out=own)\n    np.exp(own", "out=part)\n    np.exp(part")]),
    ("17.2", "down the columns", [BLOCKS.replace("axis=1", "axis=0")]),
    ("17.3", "k by cutting off", [POWERS.replace("x * LOG2_E + np.float32(0.5)", "x * LOG2_E")]),
    ("17.3", "ln 2 in one part", [POWERS.replace("k * HIGH - k * LOW", "k * (HIGH + LOW)")]),
    ("17.3", "no factorials", [POWERS.replace(" / np.float32(j)", "")]),
    ("17.3", "one power less", [POWERS.replace("range(degree, 0, -1)", "range(degree - 1, 0, -1)")]),
    ("17.3", "np.exp", ["return np.exp(x)"]),
    ("17.3", "2^k forgotten", [POWERS.replace("* ((k.astype(np.int32) + 127) << 23).view(np.float32)", "")]),
    ("17.3", "all in float64", ["x = x.astype(np.float64)\n" + POWERS.replace("ones_like(r)", "ones_like(r, np.float64)")]),
    ("17.4", "in order", ["return np.cumsum(x, dtype=np.float32)[-1]"]),
    ("17.4", "in float64", ["return x.sum(dtype=np.float64)"]),
    ("17.4", "rounded once at the end", ["return np.float32(x.sum(dtype=np.float64))"]),
    ("17.4", "an odd one left out", [
        "while len(x) > 1:\n    half = len(x) // 2\n    x = x[:half] + x[half : 2 * half]\nreturn x[0]"
    ]),
    ("17.4", "in x itself", [HALVES.replace("x[:half].copy()", "x[:half]")]),
    ("17.5", "a partial sum of each thread", [
        "ends = [len(x) * k // threads for k in range(threads + 1)]\n"
        "return sum_of_pieces(x, threads), [b - a for a, b in itertools.pairwise(ends)]"
    ]),
    ("17.5", "blocks' sums joined within a thread", [
        "total, rows = 0, []\nfor k in range(threads):\n    mine = range(B * k // threads, B * (k + 1) // threads)\n"
        "    part = [sum_of_block(x[64 * b : 64 * (b + 1)]) for b in mine]\n"
        "    total = total + sum(part)\n    rows.append(sum(len(x[64 * b : 64 * (b + 1)]) for b in mine))\nreturn total, rows"
    ]),
    ("17.5", "one thread does all", [
        "return sum_of_block(np.array([sum_of_block(x[64 * b : 64 * (b + 1)]) for b in range(B)])), "
        "[len(x)] + [0] * (threads - 1)"
    ]),
    ("17.5", "64 rows counted for the last block", [
        THREADS.replace("sum(len(x[64 * b : 64 * (b + 1)]) for b in mine)", "64 * len(mine)")
    ]),
    ("17.5", "the last block left out", [THREADS.replace("return sum_of_block(sums)", "return sum_of_block(sums[:-1])")]),
    ("17.3", "float64 inside, cast at the end", [
        "x = x.astype(np.float64)\nk = np.floor(x / math.log(2) + 0.5)\nr = x - k * math.log(2)\n"
        "p = np.ones_like(r)\nfor j in range(degree, 0, -1):\n    p = 1 + p * r / j\n"
        "return np.ldexp(p, k.astype(int)).astype(np.float32)"
    ]),
    ("17.4", "one halving, then np.sum", [
        "if len(x) == 1:\n    return x[0]\nh = (len(x) + 1) // 2\nj = x[:h].copy()\nj[: len(x) - h] += x[h:]\n"
        "return j.sum()"
    ]),
    ("17.4", "np.sum", ["return np.sum(x)"]),
    ("17.4", "three halvings, then np.sum", [HALVES.replace("len(x) > 1", "len(x) > 512").replace("x[0]", "x.sum()")]),
    ("17.4", "blocks of √n in order", [
        "while len(x) > 2:\n    if len(x) % 2:\n        x = np.append(x, np.float32(0))\n"
        "    x = x[::2] + x[1::2]\n    if len(x) > 600:\n        m = int(len(x) ** 0.5)\n"
        "        x = np.append(x, np.zeros(-len(x) % m, np.float32)).reshape(-1, m)\n"
        "        x = np.cumsum(x, axis=1)[:, -1]\nreturn np.cumsum(x)[-1]"
    ]),
    ("17.5", "blocks dealt out in turn", [
        "sums, rows = np.empty((B, x.shape[1]), x.dtype), []\nfor k in range(threads):\n"
        "    mine = range(k, B, threads)\n    for b in mine:\n"
        "        sums[b] = sum_of_block(x[64 * b : 64 * (b + 1)])\n"
        "    rows.append(sum(len(x[64 * b : 64 * (b + 1)]) for b in mine))\nreturn sum_of_block(sums), rows"
    ]),
]  # fmt: skip
