# %% [markdown]
# # 18. Kernels on the GPU
#
# Formulas: [softmax]
# Time: 5 s
#
# **The question.** A GPU runs thousands of threads, all with the same program, and says nothing about their
# order. How is a softmax shared among them, so that they wait for each other as little as possible, ask
# memory for as little as possible, and are right in **every** order?
#
# Letters: $N$ rows, $V$ numbers in each; $K$ threads in a block, $b$ the block's number, $t$ the thread's
# number in its block; a warp is 32 threads side by side, its lanes. $m$ is a maximum, $\ell$ a sum of
# exponentials.
#
# No GPU is needed: the engine's emulator runs the same CUDA code on the CPU, thread by thread, where there is
# a C++ compiler. Beside it this page has a small simulation of one block in Python, which runs everywhere.

# %%
import itertools
import math
import textwrap
from operator import add
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm.kernels import emulator, reference
from scratchlm.lesson import check, check_close, save_picture

try:
    emulator.compiler()
    EMULATOR = True
except emulator.KernelError as error:
    print(textwrap.fill(f"Without the emulator, by the simulation alone: {error}", 110))
    EMULATOR = False

# %% [markdown]
# ## Which thread does what
#
# A kernel is one function, run by every thread of a **grid** of **blocks** of $K$ threads; from $b$, $t$ and
# $K$ a thread computes which numbers are its own. If each takes one element of a matrix kept row by row,
# element $e = bK + t$ stands in row $\lfloor e/V \rfloor$, column $e \bmod V$. There are $\lceil NV/K \rceil$
# blocks, and threads of the last may be beyond the end, the **tail**: they must touch nothing.
#
# With pencil: 3 rows of 5 and $K = 4$: 15 elements, 4 blocks. Block 3 has the elements 12 to 15: thread 0 is
# at row 2, column 2; thread 2 at row 2, column 4; thread 3 has none.
#
# **Exercise 18.1.** These places.

# %%
# exercise 18.1: return (number of blocks, rows, columns) for the threads of block b, K threads a block, that
# have an element of an (N, V) matrix: rows and columns are arrays, in the order of the threads
def places(b, K, N, V):
    """What the threads of one block take."""
    # --- solution begin
    e = b * K + np.arange(K)
    e = e[e < N * V]
    return -(-N * V // K), e // V, e % V
    # --- solution end


blocks, rows, columns = places(3, 4, 3, 5)
check("18.1", blocks == 4, f"15 elements by 4 threads a block: {blocks} blocks, not 4")
check_close("18.1", "rows, columns of block 3", np.stack([rows, columns]), [[2, 2, 2], [2, 3, 4]])
for K, N, V in ((4, 3, 5), (32, 4, 8), (64, 7, 3)):
    seen = np.zeros((N, V), int)
    for b in range(places(0, K, N, V)[0]):
        _, rows, columns = (np.asarray(a) for a in places(b, K, N, V))
        check("18.1", ((rows < N) & (columns < V)).all(), f"block {b} has a thread outside of ({N}, {V})")
        np.add.at(seen, (rows, columns), 1)
    check("18.1", seen == 1, f"of ({N}, {V}) some element is taken twice or not at all")
    check("18.1", b == (N * V - 1) // K, f"{b + 1} blocks of {K} for ({N}, {V}), some for nothing")

# %% [markdown]
# ## What memory hands over
#
# The threads of a warp run one instruction together. When they load, memory hands over whole **lines** of 128
# bytes; what counts is in how many of them the 32 addresses lie. Neighbours that read neighbours share a
# line: 32 floats, 128 bytes, 1 line. Threads that each go along their own row are $4V$ bytes apart: 32 lines,
# of which each uses 4 bytes.
#
# With pencil, 32 rows of 1024, one pass: a thread a row takes 1024 loads of 32 lines, 32768 lines; a warp on
# each row 32 times 32 loads of 1 line, 1024 lines. The same bytes, 32 times the traffic.
#
# **Exercise 18.2.** Count them.

# %%
# exercise 18.2: return how many lines of 128 bytes the loads of a warp touch; lane i loads `size` bytes from
# addresses[i] on, a load may cross from one line into the next
def lines_of(addresses, size):
    """An int."""
    # --- solution begin
    first, last = addresses // 128, (addresses + size - 1) // 128
    return len(np.union1d(first, last))
    # --- solution end


lanes = np.arange(32)
for what, addresses, size, right in (
    ("side by side", 4 * lanes, 4, 1),
    ("side by side, from byte 4 on", 4 + 4 * lanes, 4, 2),
    ("rows of 1024 floats", 4096 * lanes, 4, 32),
    ("every other float, in any order", 8 * (5 * lanes % 32), 4, 2),
    ("16 bytes each", 16 * lanes, 16, 4),
    ("16 bytes each, from byte 4 on", 4 + 16 * lanes, 16, 5),
):
    found = lines_of(addresses, size)
    check("18.2", found == right, f"{what}: {found} lines, expected {right}")


def lines_of_pass(N, V, K, size):
    """Lines that one pass over (N, V) touches; K = 1: a thread a row, else a block of K for each."""
    if K == 1:  # lane i is in row i
        return sum(lines_of(4 * (V * (lanes + n) + v), 4) for n in range(0, N, 32) for v in range(V))
    loads = [start + size // 4 * lanes for start in range(0, V, 8 * size)]  # of one warp each
    return sum(lines_of(4 * (V * n + own[own < V]), size) for n in range(N) for own in loads)


assert [lines_of_pass(32, 1024, K, 4) for K in (1, 128)] == [32768, 1024], "with pencil"

# %% [markdown]
# ## A block waits for itself
#
# The maximum of a row needs all threads of its block. They meet in **shared memory**; and nothing says who
# comes first there, but the **barrier** `__syncthreads()`: nobody passes it before everybody has reached it.
#
# **The simulation.** A thread is a Python generator, `yield` its barrier. Between two barriers the threads
# run one after another in any order that we like: forwards, backwards, shuffled. (A GPU may mix them further,
# line by line. What is right there is right here, not the other way round.)
#
# *The tree.* Each thread puts its value into `part`. While $n > 1$ values remain, with $h = \lceil n/2
# \rceil$, thread $t < n - h$ joins value $t + h$ to value $t$; then $n \leftarrow h$. After $\lceil \log_2 K
# \rceil$ such steps `part[0]` has the join of all. With pencil, 5 values 1, 2, 3, 4, 5: $h = 3$: 1+4, 2+5, 3;
# $h = 2$: 5+3, 7; $h = 1$: 15.
#
# A barrier stands before each step, since the step reads what others have written; one after the last, before
# all read `part[0]`; and **one at the beginning**: when the tree is used twice, some thread may not have read
# the first result yet.
#
# **Exercise 18.3.** The tree, as a thread runs it.

# %%
def launch(kernel, K, order, *arguments):
    """Simulate a block of K threads kernel(t, K, …); return how many barriers they passed."""
    alive, barriers = {t: kernel(t, K, *arguments) for t in range(K)}, 0
    while True:
        stopped = {t for t in order(sorted(alive)) if next(alive[t], "over") is None}  # breakpoint here
        if not stopped:
            return barriers
        assert len(stopped) == K, "some threads wait at a barrier that others never reach"
        barriers += 1


# exercise 18.3: join (a function of two) the values of all K threads, any K ≥ 1; every thread returns the
# result. `part` has room for K; `yield` is the barrier; there are ⌈log₂ K⌉ + 2 of them
def tree(t, K, part, value, join):
    """Used by a kernel as: result = yield from tree(t, K, part, value, join)."""
    # --- solution begin
    yield
    part[t] = value
    while K > 1:
        half = (K + 1) // 2
        yield
        if t < K - half:
            part[t] = join(part[t], part[t + half])
        K = half
    yield
    return part[0]
    # --- solution end


def softmax_of_row(t, K, x, y, part, tree):
    """A thread's part of y = softmax(x): elements t, t + K, …"""
    own = range(t, len(x), K)
    m = yield from tree(t, K, part, max((x[v] for v in own), default=-math.inf), max)
    total = yield from tree(t, K, part, sum(math.exp(x[v] - m) for v in own), add)
    for v in own:
        y[v] = math.exp(x[v] - m) / total


rng = np.random.default_rng(18)
orders = {"in order": list, "in reverse": lambda ts: ts[::-1], "at random": rng.permutation}


def one_tree(t, K, part, values, out, join):
    """The join of the values, for every thread."""
    out[t] = yield from tree(t, K, part, values[t], join)


for K, name in itertools.product((5, 1, 2, 8, 7, 32, 33), orders):
    for join, right in ((add, K * (K + 1) / 2), (max, K)):
        out, values = np.full(K, np.nan), np.arange(1.0, K + 1)
        barriers = launch(one_tree, K, orders[name], [math.nan] * K, values, out, join)
        check_close("18.3", f"the {join.__name__} of 1 … {K}, {name}", out, np.full(K, float(right)))
        check("18.3", barriers == math.ceil(math.log2(K)) + 2, f"{barriers} barriers of {K} threads")
x = rng.standard_normal(20)
expected = reference.softmax_forward(x[None])[0]
for name, order in orders.items():
    y = np.full(20, np.nan)
    launch(softmax_of_row, 8, order, x, y, [math.nan] * 8, tree)
    check_close("18.3", f"softmax by two trees, {name}", y, expected, "may part be written, may it be read?")

# %% [markdown]
# ## A common mistake: a barrier is missing
#
# A detective case. A softmax kernel passes its tests, on this card, with these sizes. Months later a row is a
# little wrong, once in a while. Its tree has no barrier at the beginning: a fast thread writes its sum over
# `part[0]` before a slow one has read the maximum there. The 32 lanes of a warp mostly march together, so
# nothing is seen until two warps drift apart. **How to notice:** not by testing results on one machine. Run
# the threads in other orders; let a tool look for accesses with no barrier between them.

# %%
def hasty(t, K, part, value, join):
    """The tree without its first barrier."""
    whole = tree(t, K, part, value, join)
    next(whole)  # passes it alone
    return (yield from whole)


print("Softmax with a missing barrier, in the simulation: right how often in 40 runs")
for name, order in orders.items():
    results = np.full((40, 20), np.nan)
    for y in results:
        launch(softmax_of_row, 8, order, x, y, [math.nan] * 8, hasty)
    count = np.isclose(results, expected).all(axis=1).sum()
    print(f"  {name:16s} {count}")
    assert {"in order": count == 0, "in reverse": count == 40}.get(name, 0 < count < 40), "thread 0 matters"

HASTY = """
#define STRIDE for (int v = threadIdx.x; v < V; v += 64)
__device__ float tree(float value, float* part, bool sum) {
    int t = threadIdx.x;
    part[t] = value;
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) part[t] = sum ? part[t] + part[t + half] : fmaxf(part[t], part[t + half]);
    }
    __syncthreads();
    return part[0];
}
extern "C" __global__ void softmax(const float* x, float* y, int V) {
    __shared__ float part[64];
    x += blockIdx.x * V, y += blockIdx.x * V;
    float m = -3.4e38f, total = 0;
    STRIDE m = fmaxf(m, x[v]);
    m = tree(m, part, false);
    STRIDE total += expf(x[v] - m);
    total = tree(total, part, true);
    STRIDE y[v] = expf(x[v] - m) / total;
}
"""
matrix = rng.standard_normal((32, 200)).astype(np.float32)
right, result = reference.softmax_forward(matrix), np.empty_like(matrix)
call = (32, 64, (matrix, result, np.int32(200)))
if EMULATOR:
    print("The same as CUDA code in the emulator: largest error")
    for order in emulator.ORDERS:
        emulator.Emulator(HASTY, order=order).get_function("softmax")(*call)
        print(f"  {order:10s} {np.abs(result - right).max():.1e}")
    fault = emulator.check(HASTY, *call).faults[0]
    print(textwrap.fill(f"What its check says: {fault}", 110, subsequent_indent="  "))
    assert fault.kind == "race", "two threads and no barrier between them"
    assert HASTY.splitlines()[fault.threads[1].line - 1] == "    part[t] = value;", "it is too early"
    mended = HASTY.replace("    part[t] = value;", "    __syncthreads();\n    part[t] = value;")
    assert emulator.check(mended, *call).ok, "with the barrier nothing should be found"

# %% [markdown]
# ## Shuffles: a warp needs no barrier
#
# Inside a warp, lanes can hand numbers to each other directly: `__shfl_xor_sync(…, v, o)` gives lane $i$ the
# number of lane $i \oplus o$, whose number in binary differs in the bit $o$. The **butterfly** does $v
# \leftarrow v + \text{shuffle}(v, o)$ for $o$ = 16, 8, 4, 2, 1. After $o$ = 16, lane $i$ has the sum of the
# two lanes that agree with $i$ in all bits but the highest; after $o$ = 8, of the four that agree in all but
# the two highest; after five, of all 32.
#
# Every lane ends with the same **bits**: before each step, lanes $i$ and $i \oplus o$ hold some $a$ and $c$;
# one computes $a + c$, the other $c + a$, and that is the same number, rounding included. With pencil, lanes
# 1, 2, 3, 4: $o = 2$: 4, 6, 4, 6; $o = 1$: 10, 10, 10, 10.
#
# **Exercise 18.4.** The butterfly, on the 32 lanes as an array.

# %%
# exercise 18.4: return the join of all 32 lanes, in every lane; shuffle(v, o) is v of lane i ⊕ o
def butterfly(v, join, shuffle):
    """v (32) → (32)."""
    # --- solution begin
    for o in (16, 8, 4, 2, 1):
        v = join(v, shuffle(v, o))
    return v
    # --- solution end


used, v = [], rng.standard_normal(32).astype(np.float32)
total = butterfly(v, np.add, lambda v, o: used.append(o) or v[lanes ^ o])
check_close("18.4", "the sums", total, np.full(32, v.sum()), "every lane has the sum of all 32", rtol=1e-4)
check("18.4", len(used) == 5, f"{len(used)} shuffles, expected 5")
check("18.4", np.asarray(total) == total[0], "the lanes do not have the same bits")
check_close("18.4", "maxima", butterfly(v, np.maximum, lambda v, o: v[lanes ^ o]), np.full(32, v.max()))

# %% [markdown]
# ## One pass less: the online rule on two levels
#
# Three passes read a row three times: for $m$, for $\ell$, for $y$. The first two become one when each thread
# keeps a maximum **so far** and a sum that belongs to it. A new number $x$ makes $m' = \max(m, x)$, and what
# was summed before belongs to $m$, so
#
# $$\ell' = \ell\,e^{m - m'} + e^{x - m'}.$$
#
# That was the first level, each thread alone. The second joins them: with $M = \max_t m_t$ the whole sum is
# $\sum_t \ell_t\,e^{m_t - M}$, because $\ell_t\,e^{m_t - M} = \sum_{v \in t} e^{x_v - m_t} e^{m_t - M}$. A
# thread starts at the least finite number, not at $-\infty$: $e^{-\infty - (-\infty)}$ is no number. With
# pencil, two threads, x = ln 2, ln 1 | ln 4, 0: $(m, \ell) = (\ln 2, \frac32)$ and $(\ln 4, \frac54)$; $M =
# \ln 4$, $\ell = \frac32 \cdot \frac24 + \frac54 = 2 = (2 + 1 + 4 + 1)/4$.
#
# **Exercise 18.5.** Both levels, for all threads of a block as arrays.

# %%
# exercise 18.5: return (M, Σ e^(x_v − M)) of a row; load(j) gives what the K threads read in round j, with −∞
# behind the end of the row. Call it once for each j from 0 to rounds − 1: it fills the same array again
def max_and_sum(load, rounds, K):
    """The online rule: each number is read once."""
    m, total = np.full(K, np.finfo(np.float64).min), np.zeros(K)
    # --- solution begin
    for j in range(rounds):
        x = load(j)
        larger = np.maximum(m, x)
        total = total * np.exp(m - larger) + np.exp(x - larger)
        m = larger
    M = m.max()
    return M, (total * np.exp(m - M)).sum()
    # --- solution end


def found_for(row, K):
    """M and sum by the exercise, and how often it loaded."""
    rounds, loads, own = -(-len(row) // K), [], np.empty(K)
    padded = np.append(row, np.full(K * rounds - len(row), -np.inf)).reshape(rounds, K)
    return list(max_and_sum(lambda j: loads.append(j) or np.add(padded[j], 0, own), rounds, K)), len(loads)


pencil = found_for(np.log([2.0, 4.0, 1.0, 1.0]), 2)[0]  # thread 0 has the first and the third
check_close("18.5", "M, sum of the pencil example", pencil, [math.log(4), 2.0], "rescale twice; keep no x")
for what, row in (("rising row", np.arange(50.0)), ("short row", np.array([3.0, 1])), ("large row", 700 + x)):
    found, loads = found_for(row, 8)
    check_close("18.5", f"M, sum of a {what}", found, [row.max(), np.exp(row - row.max()).sum()])
    check("18.5", loads == -(-len(row) // 8), f"a row of {len(row)} numbers, 8 threads: {loads} loads")

# %% [markdown]
# ## The ladder
#
# The engine keeps four versions of its softmax: a thread a row; a block a row with trees; with shuffles; and
# with four numbers a load and the online rule. Here are the lines that their loads touch, by exercise 18.2,
# and what the emulator counts: accesses, barriers of all blocks, exchanges of all warps.

# %%
N, V, K = 32, 200, 128
names = ["softmax_forward_1", "softmax_forward_2", "softmax_forward_3", "softmax_forward"]
passes = [(3, 1, 4), (3, K, 4), (3, K, 4), (2, K, 16)]  # how many, threads a row, bytes a load
lines = [count * lines_of_pass(N, V, *how) for count, *how in passes]
waits = [0, 2 * (math.ceil(math.log2(K)) + 2), 4, 4]  # of a block: two trees; two joins over warps, two each
print(f"\nSoftmax of ({N}, {V}): lines read; loads, bytes read, barriers, exchanges in the emulator")
code = Path(sl.kernels.__file__).parent / "softmax" / "softmax.cu"
if EMULATOR:
    module = emulator.Emulator(code, ("-Dreal=float",), mode="check")
for k, name in enumerate(names):
    told, result[:] = "", np.nan
    if EMULATOR:
        kernel = module.get_function(name)
        grid, block, sizes = (N, K, (V,)) if k else (1, N, (N, V))
        kernel((grid,), (block,), (matrix, result, *map(np.int32, sizes)))
        assert np.allclose(result, right, rtol=1e-5, atol=1e-7), f"{name} differs from the reference"
        n = kernel.counts
        told = f"{n.global_reads:6} {n.global_bytes_read:6} {n.barriers:4} {n.exchanges:5}"
        assert n.global_reads == passes[k][0] * N * V * 4 // passes[k][2], "each pass reads all"
        exchanges = N * (K // 32) * 4 * 5 if k > 1 else 0  # four butterflies of five in each warp
        assert (n.barriers, n.exchanges) == (N * waits[k], exchanges), "as many as the page says"
    print(f"  {name:18s} {lines[k]:6}  {told}")
assert lines[0] > 15 * lines[1] > 30 * lines[3], "neighbours should read neighbours"
print('\nextern "C"' + code.read_text(encoding="utf-8").split('extern "C"')[4].rstrip())  # the last of them

figure, (left, panel) = plt.subplots(1, 2, figsize=(10, 3.8))
for size in (4, 16):
    counted = [lines_of(size * stride * lanes, size) for stride in range(1, 65)]
    left.plot(range(1, 65), counted, label=f"{size} bytes a lane")
left.set(title="lines that one load of a warp touches", xlabel="distance of the lanes, in elements")
panel.bar(np.arange(4) - 0.2, lines, 0.4, label="lines read")
panel.bar(np.arange(4) + 0.2, waits, 0.4, label="barriers of a block")
panel.set(yscale="log", ylim=(1, None), title=f"softmax of ({N}, {V})")
panel.set_xticks(range(4), ["thread a row", "with trees", "with shuffles", "online, by four"], fontsize=8)
_ = left.legend(), panel.legend()
save_picture(figure, "18_ladder.png")

# %% [markdown]
# ## Sources
#
# Threads, blocks and warps: Nickolls, Buck, Garland and Skadron 2008. Trees in shared memory: Harris 2007.
# The online rule: Milakov and Gimelshein 2018. Butterflies: Cooley and Tukey 1965. Finding races: Savage and
# others 1997.
