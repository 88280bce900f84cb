# %% [markdown]
# # 17. Kernels on the CPU
#
# Formulas: [softmax], [matmul], [linear]
# Time: 10 s
#
# **The question.** The formula of softmax is one line of NumPy, and it is right. Yet the same formula,
# written as one loop, may run several times faster on the same processor. What decides how fast a loop can be
# at all, and what may change in its result when it is made faster?
#
# Letters: $N$ rows, $V$ numbers in each; $F$ operations on numbers (flops), $Q$ bytes moved between memory
# and processor; $P$ the most flops, $W$ the most bytes a second; $R$ threads; $u = 2^{-24}$ half the distance
# between 1 and the next float32.

# %%
import importlib.util
import itertools
import math
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm.kernels import reference
from scratchlm.lesson import check, check_close, save_picture, show_code

U, COMPILED = 2.0**-24, importlib.util.find_spec("numba") is not None  # which compiled kernels need

# %% [markdown]
# ## Two bounds
#
# A loop that does $F$ flops takes at least $F/P$ seconds, and one that moves $Q$ bytes at least $Q/W$. Both
# go on side by side, so the larger of them remains. Its speed is then at most
#
# $$\frac{F}{\max(F/P,\ Q/W)} = \min\Big(P,\ \frac FQ \cdot W\Big).$$
#
# $I = F/Q$ is the **intensity**: below $P/W$ memory is the bound, above it arithmetic.
#
# With pencil: let $P$ = 96 and $W$ = 12 thousand million a second (so the roof's corner is at 8). $y
# \leftarrow a x + y$ in float32 does 2 flops for each element and reads 8 bytes and writes 4: $I = 2/12 =
# 1/6$, at most $12/6 = 2$ thousand million flops a second, a 48th of what the processor could do. A product
# of two $n \times n$ matrices does $2n^3$ flops; if each matrix is moved once, $Q = 3 \cdot 4 n^2$, so $I =
# n/6$: from $n = 48$ on it is bound by arithmetic.
#
# **Exercise 17.1.** The bound.

# %%
# exercise 17.1: return (I, seconds at least, share of P that can be reached); P, W are flops, bytes a second
def roof(flops, moved, P, W):
    """The bound of a loop, drawn over I it looks like a roof."""
    # --- solution begin
    seconds = max(flops / P, moved / W)
    return flops / moved, seconds, flops / seconds / P
    # --- solution end


first = list(roof(24, 144, 96, 12))
check_close("17.1", "I, seconds, share of a x + y", first, [1 / 6, 12, 1 / 48], "144/12 s against 24/96 s")
for n in (24, 48, 96):
    found, share = list(roof(2 * n**3, 12 * n**2, 96.0, 12.0)), min(1, n / 48)
    check_close("17.1", f"of products, n = {n}", found, [n / 6, n**3 / (48 * share), share], "min(P, I·W)")


def quickest(call, times=5):
    """Seconds of the fastest of a few calls."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


rng = np.random.default_rng(17)
long, other = np.ones((2, 1 << 23), np.float32)
W = 8 * long.size / quickest(lambda: np.copyto(other, long))
squares = [rng.standard_normal((n, n)).astype(np.float32) for n in (16, 64, 256, 640)]
speeds = [2 * len(a) ** 3 / quickest(lambda a=a: a @ a, 30) for a in squares]
P = max(speeds)
print(f"Now: copies {W / 1e9:.1f} GB/s, products {P / 1e9:.0f} GFLOP/s, corner at {P / W:.1f} flops a byte")

# %% [markdown]
# These are no constants of the machine, but what a copy and products reached while others used it, too. A
# library that shares a product among threads waits for the slowest: on a busy machine its points lie far
# below the roof. Data in the processor's own small memory (the **cache**) is not held back by $W$.
#
# ## Softmax: eight passes or two
#
# The formula in NumPy goes through memory again and again, with $A = 4NV$ bytes a pass: the maximum reads
# $A$; $x - m$ reads $A$ and writes $A$, exp does the same; the sum reads $A$; the division reads and writes
# $A$: together $8A$.
#
# But a row needs nothing of the others. If one row (or a few) goes through all steps while it is in the
# cache, memory sees it twice: $x$ is read, $y$ is written, $2A$. That is all that **fusing** loops means, and
# where memory is the bound, it is worth a factor of up to $8/2 = 4$. Where the time goes into exp, or into
# calling NumPy for few rows at a time, it is worth little: count first, then measure.
#
# **Exercise 17.2.** Some rows at a time, with no array of more rows than these beside $x$ and $y$.

# %%
# exercise 17.2: fill y (N, V) with the softmax of each row of x (N, V), `rows` rows at a time; leave x alone
def softmax_in_blocks(x, y, rows):
    """Softmax whose numbers stay in the cache."""
    # --- solution begin
    for start in range(0, len(x), rows):
        part, own = x[start : start + rows], y[start : start + rows]
        np.subtract(part, part.max(axis=1, keepdims=True), out=own)
        np.exp(own, out=own)
        own /= own.sum(axis=1, keepdims=True)  # breakpoint here: own.sum(axis=1)
    # --- solution end


x = rng.standard_normal((50, 2000)).astype(np.float32)
x[3] += 1000  # its neighbours would vanish beside its maximum
before, expected = x.copy(), reference.softmax_forward(x)
for rows in (1, 7, 50, 64):
    y = np.full_like(x, np.nan)
    tracemalloc.start()
    softmax_in_blocks(x, y, rows)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    check_close("17.2", f"y, {rows} rows at a time", y, expected, "maximum and sum of each row alone")
    check("17.2", (x == before).all(), "x has changed")
    check("17.2", most < 8000 * min(rows, 50) + 20_000, f"{most:,} bytes were held beside x and y")

large = rng.standard_normal((4000, 1000)).astype(np.float32)
filled = np.empty_like(large)
ways = {"NumPy, pass by pass": lambda: reference.softmax_forward(large)}
ways["NumPy, 16 rows at a time"] = lambda: softmax_in_blocks(large, filled, 16)
if COMPILED:
    kernels = sl.get_device("cpu").kernels
    ways["compiled, row by row, all cores"] = lambda: kernels.softmax_forward(large)
    assert np.allclose(kernels.softmax_forward(x), expected, rtol=1e-5, atol=1e-9), "compiled, it differs"
else:
    print("Numba is not installed: the engine's compiled kernels are left out here and below.")
print(f"\nSoftmax of 4000 × 1000: moving x and y once takes {8e3 * large.size / W:.1f} ms")
for name, call in ways.items():
    print(f"  {name:32s} {1e3 * quickest(call, 3):6.1f} ms")
print("\nThe engine's code, in NumPy and as one loop\n")
show_code(reference.softmax_forward)
source = Path(sl.kernels.__file__).parent / "softmax" / "cpu.py"  # read, since importing it needs Numba
print(source.read_text(encoding="utf-8").split("@parallel\n")[1].strip())

# %% [markdown]
# ## exp without a call
#
# Modern processors work on **vectors**: one instruction adds or multiplies 8 or 16 numbers. The C library's
# exp is a function of one number with branches inside; a loop that calls it does one number at a time. So exp
# has to be written as additions and multiplications, and its error has to be known.
#
# *Reduction.* Write $x = k \ln 2 + r$ with a whole number $k = \lfloor x/\ln 2 + \frac12 \rfloor$. Then $|r|
# \le \frac12 \ln 2$ and $e^x = 2^k e^r$. A float32 keeps its exponent in bits 23 to 30, with 127 added, so
# the bits of $2^k$ are those of the integer $(k + 127) \cdot 2^{23}$.
#
# *Taylor.* $e^r = \sum_j r^j/j!$. Cut after the power $n$. What is left out is
#
# $$\Big|\sum_{j > n} \frac{r^j}{j!}\Big| \le \frac{|r|^{n+1}}{(n+1)!}\Big(1 + |r| + \frac{|r|^2}{2!} +
# \dots\Big) = \frac{|r|^{n+1}}{(n+1)!}\,e^{|r|},$$
#
# because $(n+1+i)! \ge (n+1)!\,i!$. Relative to $e^r \ge e^{-|r|}$ this is at most $e^{2|r|} \le e^{\ln 2} =
# 2$ times $|r|^{n+1}/(n+1)!$. So the relative error of a polynomial of degree $n$ is at most
#
# $$b_n = \frac{2\,(\frac12 \ln 2)^{n+1}}{(n+1)!}.$$
#
# With pencil: $x = 1$: $k = \lfloor 1.4427 + 0.5 \rfloor = 1$, $r = 0.3069$. Degree 2: $2\,(1 + 0.3069 +
# 0.0471) = 2.7079$, of $e$ = 2.7183 that is 0.38 % less; $b_2 = 2 \cdot 0.0416/6 = 1.4$ %.
#
# *Rounding.* $r$ is a small difference of large numbers. In float32, $k \cdot \ln 2$ for $k = 100$ is rounded
# by up to 4 millionths, and an absolute error of $r$ is a relative error of $e^r$. So ln 2 is taken in two
# parts: 0.693359375 = 355/512 has 9 bits, its product with any $k$ in question fits the 24 bits of a float32
# and is exact; the rest, −0.000212194440, is multiplied and subtracted after it.
#
# **Exercise 17.3.** exp in float32, by these means.

# %%
LOG2_E, HIGH, LOW = np.float32(1.442695041), np.float32(0.693359375), np.float32(-2.12194440e-4)


# exercise 17.3: return e^x for x from −80 to 80, by a polynomial of that degree, all in float32, no np.exp
def exp_by_powers(x, degree):
    """2^k times the first powers of r."""
    # --- solution begin
    k = np.floor(x * LOG2_E + np.float32(0.5))
    r = x - k * HIGH - k * LOW
    p = np.ones_like(r)
    for j in range(degree, 0, -1):
        p = 1 + p * r / np.float32(j)
    return p * ((k.astype(np.int32) + 127) << 23).view(np.float32)
    # --- solution end


def bound(degree):
    """The largest relative error that cutting after this power may make."""
    return 2 * (math.log(2) / 2) ** (degree + 1) / math.factorial(degree + 1)


one, r = exp_by_powers(np.ones(1, np.float32), 2), 1 - math.log(2)
check_close("17.3", "e with degree 2", one, np.float32([2 * (1 + r + r * r / 2)]), "k = 1, r = 1 − ln 2")
check("17.3", one.dtype == np.float32, f"the result is of {one.dtype}, expected float32")
assert abs(one[0] - 2.7079) < 1e-4 < abs(one[0] / math.e - 1) < bound(2), "with pencil"
grid = np.linspace(-80, 80, 200_001).astype(np.float32)
exact = np.exp(grid.astype(np.float64))
degrees = range(1, 9)
errors = [np.abs(exp_by_powers(grid, n) / exact - 1).max() for n in degrees]
print("\nexp by powers: degree, largest relative error found, bound of the powers left out")
for n, error in zip(degrees, errors, strict=True):
    print(f"  {n}  {error:.1e}  {bound(n):.1e}")
    check("17.3", error < bound(n) + 4 * U, f"degree {n} is off by {error:.2e}, allowed {bound(n):.2e} + 4u")
    check("17.3", error > max(0.2 * bound(n), U), f"degree {n}: only {error:.1e} off; more powers? float64?")
assert bound(6) > U > bound(7), "degree 7 is the least below half a unit of float32"
k = np.floor(grid * LOG2_E + np.float32(0.5))
parts, right = ((np.float32(math.log(2)), 0), (HIGH, k * LOW)), grid - k.astype(float) * math.log(2)
off = [np.abs(grid - k * part - rest - right).max() for part, rest in parts]
print(f"r with ln 2 in one part is off by up to {off[0]:.1e}, in two by {off[1]:.1e}")
assert off[0] > 20 * off[1], "one part should lose digits"
whole, calls = quickest(lambda: np.exp(grid)), quickest(lambda: [math.exp(v) for v in grid], 2)
print(f"{len(grid):,} numbers by np.exp {1e3 * whole:.2f} ms, by a loop over math.exp {1e3 * calls:.2f} ms")

# %% [markdown]
# ## Sums, and what the order does
#
# A processor adds with rounding: it finds $(a + b)(1 + \delta)$ with some $|\delta| \le u$. Adding $x_1 \dots
# x_n$ in order, $x_i$ is a part of all additions from the $i$-th on, and each multiplies it by another $1 +
# \delta$. With $a$ additions on its way it arrives as $x_i (1+\delta)(1+\delta')\dots$, to first order off by
# at most $a\,u\,|x_i|$. So
#
# $$|\text{error}| \le a\,u \sum_i |x_i|, \qquad a = \text{the most additions on the way of any number}.$$
#
# In order $a = n - 1$. **By halves** (the sum of the first half plus that of the second, and so on down) $a =
# \lceil \log_2 n \rceil$. Vectors of $L$ lanes keep $L$ partial sums, each of $n/L$ numbers, joined at the
# end: $a = n/L - 1 + \log_2 L$. So the faster orders have the smaller bounds, too; only the bits are others,
# and a compiler does this only when it is allowed to change the order.
#
# With pencil: above $2^{24}$ = 16777216 float32 knows even numbers only. 16777216 + 1 + 1 + 1 in order stays
# 16777216 (a tie goes to the even mantissa). By halves it is (16777216 + 1) + (1 + 1) = 16777218.
#
# **Exercise 17.4.** The sum by halves.

# %%
# exercise 17.4: return the sum of float32 x (n), n ≥ 1, of which no number goes through more than ⌈log₂ n⌉
# additions, all in float32; np.sum does something else
def sum_by_halves(x):
    """A float32."""
    # --- solution begin
    while len(x) > 1:
        half = (len(x) + 1) // 2
        joined = x[:half].copy()
        joined[: len(x) - half] += x[half:]
        x = joined
    return x[0]
    # --- solution end


adders = {
    "in order": lambda x: np.cumsum(x)[-1],
    "in 16 lanes": lambda x: sum_by_halves(np.cumsum(x.reshape(-1, 16), axis=0)[-1]),
    "by halves": sum_by_halves,
}
four = np.float32([2**24, 1, 1, 1])
assert adders["in order"](four) == 16777216, "with pencil"
found = sum_by_halves(four)
check("17.4", found == 16777218, f"16777216, 1, 1, 1 give {found}, by halves 16777218")
check("17.4", np.asarray(found).dtype == np.float32, "the sum is no float32")
found = sum_by_halves(np.float32([2**26] + [1] * 4095)) - np.float32(2**26)
check("17.4", found == 4088, f"2^26 and 4095 ones: {found} beside 2^26, not 4088: more than 12 additions")
check("17.4", four.tolist() == [2**24, 1, 1, 1], "x has changed")
for n in (1, 2, 3, 5, 6, 7, 1000, 4097):
    numbers = np.arange(1, n + 1, dtype=np.float32)  # all sums are below 2^24: no rounding
    check("17.4", sum_by_halves(numbers) == n * (n + 1) // 2, f"1 + … + {n} is not {n * (n + 1) // 2}")
sizes, off = [2**k for k in range(8, 21, 2)], {name: [] for name in adders}
ways_of = {"in order": lambda n: n - 1, "in 16 lanes": lambda n: n / 16 + 3, "by halves": math.log2}
print(f"\nErrors of a sum of {sizes[-1]:,} numbers in units of u: largest of five, bound")
for n in sizes:
    draws = rng.uniform(size=(5, n)).astype(np.float32)
    for name, add in adders.items():
        error = max(abs(float(add(x)) / math.fsum(x) - 1) for x in draws) / U
        off[name].append(error)
        check("17.4", error <= ways_of[name](n), f"the sum {name} of {n} numbers is off by {error:.1f} u")
for name, found in off.items():
    print(f"  {name:10s} {found[-1]:8.2f} {ways_of[name](sizes[-1]):9.0f}")
assert off["in order"][-1] > 10 * off["by halves"][-1], "the order should matter"

# %% [markdown]
# ## Threads
#
# Let the share $p$ of the work be divisible among $R$ threads and the rest not. One thread takes 1, $R$ take
# $(1 - p) + p/R$, and the gain is $1/((1-p) + p/R)$, at most $1/(1-p)$ (Amdahl). With pencil: $p$ = 0.9 and 2
# threads: $1/(0.1 + 0.45) = 20/11$; never more than 10. Handing over costs something, too: the engine gives a
# thread at least 8192 elements, so that its work takes longer than waking it up.
#
# Where each row is its own sum, as in softmax, a row's bits are the same whoever computes it. A sum **over**
# the rows (the gradient of a bias: $\bar b = \sum_n \bar y_n$) is different.
#
# ## A common mistake: a partial sum for each thread
#
# Each thread adds its own rows, and the threads' sums are added up. Right up to rounding; but where a piece
# ends depends on $R$, so the rounding does, too: another machine, another result, and after many training
# steps another model. **How to notice:** run with 1, 2, 3 threads and compare **bits**, not `allclose`.

# %%
assert math.isclose(1 / ((1 - 0.9) + 0.9 / 2), 20 / 11), "Amdahl with pencil"
grad_y = rng.standard_normal((5000, 8)).astype(np.float32)


def sum_of_block(x):
    """The sum (D) of some rows, in order."""
    return np.cumsum(x, axis=0)[-1]


def sum_of_pieces(x, threads):
    """The mistake: what each thread adds depends on how many there are."""
    ends = [len(x) * k // threads for k in range(threads + 1)]
    return sum(sum_of_block(x[a:b]) for a, b in itertools.pairwise(ends))


different = {sum_of_pieces(grad_y, R).tobytes() for R in range(1, 9)}
print(f"\nA sum over 5000 rows with 1 to 8 threads, a partial sum for each: {len(different)} results")
assert len(different) > 4, "the number of threads should show in the bits"

# %% [markdown]
# **The remedy:** cut into blocks whose size has nothing to do with $R$, let each thread take whole blocks,
# and add the blocks' sums in a fixed order.
#
# **Exercise 17.5.** That sum.

# %%
# exercise 17.5: return (the sum (D) of x (N, D) over its rows, a list of how many rows each thread adds).
# Blocks have 64 rows, the last may have fewer. Thread k takes blocks B·k//threads … B·(k+1)//threads − 1,
# each with sum_of_block; the blocks' sums are added up in order
def sum_with_threads(x, threads):
    """The same bits for any number of threads."""
    B = -(-len(x) // 64)
    # --- solution begin
    sums, rows = np.empty((B, x.shape[1]), x.dtype), []
    for k in range(threads):  # side by side, on a machine with as many cores
        mine = range(B * k // threads, B * (k + 1) // threads)
        for b in mine:
            sums[b] = sum_of_block(x[64 * b : 64 * (b + 1)])
        rows.append(sum(len(x[64 * b : 64 * (b + 1)]) for b in mine))
    return sum_of_block(sums), rows
    # --- solution end


one, rows = sum_with_threads(grad_y, 1)
check_close("17.5", "the sum", one, grad_y.sum(axis=0), "is each row added once?", rtol=1e-4)
for R in (1, 2, 3, 7, 79):
    many, rows = sum_with_threads(grad_y, R)
    check("17.5", np.asarray(many).tobytes() == one.tobytes(), f"{R} threads give other bits than one")
    check("17.5", len(rows) == R and sum(rows) == 5000, f"{R} threads add {rows}, together not 5000")
    check("17.5", max(rows) - min(rows) <= 64, f"{R} threads add {rows}: more than a block apart")
rows = sum_with_threads(grad_y[:134], 2)[1]
check("17.5", list(rows) == [64, 70], f"of 134 rows two threads add {rows}, expected 64 and 70")

# %% [markdown]
# The engine is held to the same: a linear layer and softmax, their gradients, and a fingerprint of all bits.

# %%
STEP = """
import hashlib, numpy as np, scratchlm as sl, scratchlm.functions as F
arrays = (np.random.default_rng(0).standard_normal(s).astype('f') for s in ((3001, 50), (40, 50), (40,)))
x, W, b = (sl.tensor(a, requires_grad=True, device='cpu') for a in arrays)
y = F.softmax(F.linear(x, W, b))
(y * y).sum().backward()
print(hashlib.sha256(b''.join(t.numpy().tobytes() for t in (y, x.grad, W.grad, b.grad))).hexdigest()[:16])
"""
if COMPILED:
    environments = [os.environ | {"SCRATCHLM_THREADS": str(R)} for R in (1, 2, 3)]
    prints = [subprocess.check_output([sys.executable, "-c", STEP], env=e, text=True) for e in environments]
    print(f"The engine's fingerprints with 1, 2, 3 threads: {' '.join(prints).split()}")
    assert len(set(prints)) == 1, "the engine's bits should not depend on the number of threads"

figure, panels = plt.subplots(1, 3, figsize=(13.5, 3.9))
intensity = np.logspace(-1.5, 3, 100)
panels[0].loglog(intensity, np.minimum(P, intensity * W) / 1e9, "k-", label="bound, as measured")
panels[0].plot([len(a) / 6 for a in squares], np.array(speeds) / 1e9, "o", label="products, n = 16 … 640")
panels[0].set(title="roof of this machine, GFLOP/s", xlabel="flops a byte")
panels[1].semilogy(degrees, errors, "o-", label="found")
panels[1].semilogy(degrees, [bound(n) for n in degrees], "k:", label="bound, without rounding")
panels[1].axhline(U, color="C3", linewidth=0.8, label="u")
panels[1].set(title="relative error of exp", xlabel="degree")
for k, (name, found) in enumerate(off.items()):
    panels[2].loglog(sizes, found, "o-", color=f"C{k}", label=name)
    panels[2].loglog(sizes, [ways_of[name](n) for n in sizes], ":", color=f"C{k}")
panels[2].set(title="error of a sum in u; dotted: bound", xlabel="numbers")
for panel in panels:
    panel.legend(fontsize=8)
save_picture(figure, "17_bounds.png")

# %% [markdown]
# ## Sources
#
# The roof: Williams, Waterman and Patterson 2009. Rounding of sums: Higham 2002. exp by reduction and powers:
# Cody and Waite 1980; Muller 2016. Threads: Amdahl 1967. Bits that do not depend on the machine: Demmel and
# Nguyen 2013.
