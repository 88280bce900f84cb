# %% [markdown]
# # 19. Attention without its matrix, and logits in chunks
#
# Formulas: [attention], [linear_cross_entropy], [softmax]
# Time: 10 s
#
# **The question.** Attention of $T$ places to $T$ places makes $T^2$ weights, and the scores of $N$ places
# over a vocabulary of $V$ signs are $N \cdot V$ numbers: for long texts and large vocabularies that is nearly
# all the memory a model needs. Yet only sums over them are wanted. Can these sums be had without ever holding
# the matrix, in the backward pass, too?
#
# Letters: $T$ queries, $S$ keys, $D$ features; $a_{ts}$ scores, $P$ weights, $y$ outputs, $G = \bar y$; $m$
# the largest score so far, $\ell$ a sum of exponentials. $\bar x$ is short for $\partial L/\partial x$.

# %%
import math
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm.kernels import reference
from scratchlm.lesson import check, check_close, save_picture, show_code

# %% [markdown]
# ## Softmax in pieces
#
# For one query, look at a part $A$ of the keys and keep three things: the largest score $m$, the sum $\ell =
# \sum_{s \in A} e^{a_s - m}$, and the mean of the values $y = \frac1\ell \sum_{s \in A} e^{a_s - m} v_s$. Do
# the same for another part $B$. From both, the same three for all of $A \cup B$ follow. With $m = \max(m_A,
# m_B)$,
#
# $$\ell = \ell_A\,e^{m_A - m} + \ell_B\,e^{m_B - m}, \qquad
# y = \frac{\ell_A\,e^{m_A - m}\,y_A + \ell_B\,e^{m_B - m}\,y_B}{\ell}.$$
#
# Proof: $\ell_A e^{m_A - m} = \sum_{s \in A} e^{a_s - m_A} e^{m_A - m} = \sum_{s \in A} e^{a_s - m}$, which
# is the part of $\ell$ that belongs to $A$; and $\ell_A\,y_A$ is the sum of weighted values before the
# division. Nothing is an approximation, and no exponent is above 0.
#
# With pencil: $A$ has the score ln 4 and the value 8: (ln 4, 1, 8). $B$ has ln 3, ln 1 and 0, 16: $m = \ln
# 3$, $\ell = 1 + \frac13$, $y = \frac{0 + 16/3}{4/3} = 4$. Together $m = \ln 4$, $\ell = 1 + \frac43 \cdot
# \frac34 = 2$, $y = \frac{8 + 4}{2} = 6$, as in lesson 10 with all at once.
#
# **Exercise 19.1.** Join two parts.

# %%
# exercise 19.1: a part is (m (T), ℓ (T), y (T, E)); return the three of both together; −∞ with ℓ = 0 may come
def join(one, other):
    """The state of softmax over two sets of keys."""
    (m1, l1, y1), (m2, l2, y2) = one, other
    # --- solution begin
    m = np.maximum(m1, m2)
    s1, s2 = l1 * np.exp(m1 - m), l2 * np.exp(m2 - m)
    total = s1 + s2
    return m, total, (s1[:, None] * y1 + s2[:, None] * y2) / total[:, None]
    # --- solution end


def part(m, total, y):
    """One query's state as arrays."""
    return np.array([m]), np.array([total]), np.array([[y]])


A, B = part(math.log(4), 1.0, 8.0), part(math.log(3), 4 / 3, 4.0)
for name, found in (("A with B", join(A, B)), ("B with A", join(B, A))):
    check_close("19.1", f"the m of {name}", found[0], [math.log(4)], "the larger of both")
    check_close("19.1", f"ℓ of {name}", found[1], [2.0], "each sum times e^(its m − the new m)")
    check_close("19.1", f"y of {name}", found[2], [[6.0]], "the mean of both, weighted with their sums")
empty = part(-np.inf, 0.0, 0.0)
check_close("19.1", "y of nothing and A", join(empty, A)[2], [[8.0]], "nothing adds nothing")
big = join(part(1000.0, 1.0, 2.0), part(-1000.0, 1.0, 5.0))
check_close("19.1", "y of scores 1000 and −1000", big[2], [[2.0]], "no exponent may be above 0")
two = np.array([1000.0, -1000.0]), np.ones(2), np.array([[1.0, 2, 3], [4, 5, 6]])  # of two queries
both = join(two, (np.full(2, -1000.0), np.ones(2), np.zeros((2, 3))))[2]
check_close("19.1", "y of two queries", both, [[1, 2, 3], [2, 2.5, 3]], "each has its own m, ℓ, row of y")
m, total, y = join(A, B)
print(f"With pencil: m = ln {math.exp(m[0]):.0f}, ℓ = {total[0]:.0f}, y = {y[0, 0]:.0f}")

# %% [markdown]
# ## Attention in blocks
#
# Take the keys block by block; for each block compute its part and join it to what there is. Only $T$ times
# the block's length is held at once, for any $S$.
#
# **Exercise 19.2.** That loop.

# %%
def peak(call):
    """Most memory that a call holds beside what was there, in MB."""
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return most


# exercise 19.2: return y (T, E), ln Σ_s e^(a_ts) (T) for q (T, D), k (S, D), v (S, E), `block` keys at a time
def attention_in_blocks(q, k, v, block):
    """Softmax of q·k/√D over all keys, times v, without the (T, S) matrix."""
    T = len(q)
    state = np.full(T, -np.inf), np.zeros(T), np.zeros((T, v.shape[1]))
    # --- solution begin
    for start in range(0, len(k), block):
        a = q @ k[start : start + block].T / math.sqrt(q.shape[1])  # (T, block)
        m = a.max(axis=1)
        e = np.exp(a - m[:, None])
        total = e.sum(axis=1)
        state = join(state, (m, total, e @ v[start : start + block] / total[:, None]))  # breakpoint here
    m, total, y = state
    return y, m + np.log(total)
    # --- solution end


rng = np.random.default_rng(19)
q, k, v = (rng.standard_normal(shape) for shape in ((5, 4), (11, 4), (11, 3)))
scores = q @ k.T / 2
P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
for block in (1, 4, 11, 50):
    y, lse = attention_in_blocks(q, k, v, block)
    check_close("19.2", f"y, {block} keys at a time", y, P @ v, "the same as all at once")
    check_close(
        "19.2", f"ln Σ e^a, {block} keys at a time", lse, np.log(np.exp(scores).sum(axis=1)), "m + ln ℓ"
    )
y, lse = attention_in_blocks(q, k + 3000, v, 4)
check_close("19.2", "y of keys + 3000", y, P @ v, "that changes no weight: take out the largest score")
many = np.ones((500, 4)), np.ones((2000, 4)), np.ones((2000, 3))
most = peak(lambda: attention_in_blocks(*many, 20))
check("19.2", most < 2, f"20 of 2000 keys at a time hold {most:.1f} MB, the whole (500, 2000) matrix 8")
by_engine = F.attention(*(sl.tensor(a) for a in (q, k, v)))
assert np.allclose(by_engine.numpy(), y), "the engine differs from the page"

# %% [markdown]
# ## A common mistake: the old sum is not made smaller
#
# When a block brings a larger score, what was summed before belongs to the old maximum and has to be
# multiplied by $e^{m_{old} - m_{new}}$. Without it everything is right as long as the largest score comes
# first. **How to notice:** test with rising scores, not with random ones alone.

# %%
def without_scaling(a, v):
    """One query, key by key, with the mistake."""
    m, total, y = -np.inf, 0.0, 0.0
    for score, value in zip(a, v, strict=True):
        m = max(m, score)
        total += math.exp(score - m)  # the old total stays as it was
        y += math.exp(score - m) * value
    return y / total


print("\nWithout scaling the old sum: scores, wrong, right")
values = np.array([1.0, 2.0, 3.0])
for a in ([2.0, 1.0, 0.0], [0.0, 1.0, 2.0]):
    right = (np.exp(a) * values).sum() / np.exp(a).sum()
    print(f"  {a}: {without_scaling(a, values):.4f}  {right:.4f}")
    assert np.isclose(without_scaling(a, values), right) == (a[0] == 2.0), "rising scores should show it"

# %% [markdown]
# ## Backwards, without the matrix either
#
# Lesson 10: $\bar A_{ts} = P_{ts}(\bar P_{ts} - \delta_t)$ with $\delta_t = \sum_s \bar P_{ts} P_{ts}$. Two
# things make it possible to compute this block by block. First, $P_{ts} = e^{a_{ts} - \lambda_t}$ where
# $\lambda_t = \ln\sum_s e^{a_{ts}}$ was kept from the forward pass: $T$ numbers instead of $T \cdot S$.
# Second, δ needs no row of $P$ at all:
#
# $$\delta_t = \sum_s \bar P_{ts} P_{ts} = \sum_s (G_t \cdot v_s)\,P_{ts}
# = G_t \cdot \sum_s P_{ts} v_s = G_t \cdot y_t.$$
#
# **Exercise 19.3.** The backward pass in blocks.

# %%
# exercise 19.3: return ∂L/∂q, ∂L/∂k, ∂L/∂v; `lse` is ln Σ_s e^(a_ts) (T), `y` the output
def backward_in_blocks(grad_y, q, k, v, y, lse, block):
    """The derivative of attention without the (T, S) matrix."""
    scale = 1 / math.sqrt(q.shape[1])
    grad_q, grad_k, grad_v = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    # --- solution begin
    delta = (grad_y * y).sum(axis=1, keepdims=True)  # (T, 1)
    for start in range(0, len(k), block):
        part = slice(start, start + block)
        P = np.exp(q @ k[part].T * scale - lse[:, None])  # (T, block)
        grad_a = P * (grad_y @ v[part].T - delta) * scale
        grad_q += grad_a @ k[part]
        grad_k[part] = grad_a.T @ q
        grad_v[part] = P.T @ grad_y
    return grad_q, grad_k, grad_v
    # --- solution end


grad_y = rng.standard_normal((5, 3))
y, lse = attention_in_blocks(q, k, v, 4)
tensors = [sl.tensor(a, requires_grad=True) for a in (q, k, v)]
(F.attention_composed(*tensors) * sl.tensor(grad_y)).sum().backward()
for block in (3, 11):
    found = backward_in_blocks(grad_y, q, k, v, y, lse, block)
    for name, gradient, tensor in zip("qkv", found, tensors, strict=True):
        check_close(
            "19.3", f"∂L/∂{name}, {block} keys at a time", gradient, tensor.grad, "P from lse; δ = G · y"
        )
y, lse = attention_in_blocks(*many, 20)
most = peak(lambda: backward_in_blocks(y, *many, y, lse, 20))
check("19.3", most < 2, f"20 of 2000 keys at a time hold {most:.1f} MB, the whole (500, 2000) matrix 8")
print("\nThe engine's code: the same, with all keys at once; its compiled and CUDA kernels take blocks\n")
show_code(reference.attention_backward)

# %% [markdown]
# ## Logits in chunks
#
# The last layer of a language model: $z = x W^\top$, $(N, V)$, and then one number, the mean cross-entropy.
# Its gradient $\bar z_{nv} = \frac1N (p_{nv} - [v = t_n])$ depends on nothing but row $n$. So as soon as some
# rows of $z$ are there, their loss **and** their gradients $\bar x_n = \bar z_n W$, $\bar W \mathrel{+}= \bar
# z^\top x$ can be computed, and the rows forgotten. (What comes back later from above is one number, by which
# all are multiplied.)
#
# **Exercise 19.4.** Chunk by chunk.

# %%
# exercise 19.4: return the mean loss, ∂L/∂x (N, D), ∂L/∂W (V, D) for x (N, D), W (V, D), signs t (N)
def loss_in_chunks(x, W, t, rows):
    """Cross-entropy of x Wᵀ without ever holding all of it."""
    loss, grad_x, grad_W = 0.0, np.empty_like(x), np.zeros_like(W)
    # --- solution begin
    for start in range(0, len(x), rows):
        part = slice(start, start + rows)
        z = x[part] @ W.T  # (rows, V)
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        p /= p.sum(axis=1, keepdims=True)
        own = np.arange(len(p)), t[part]
        loss -= np.log(p[own]).sum()
        p[own] -= 1
        p /= len(x)
        grad_x[part] = p @ W
        grad_W += p.T @ x[part]
    return loss / len(x), grad_x, grad_W
    # --- solution end


x, W, t = rng.standard_normal((7, 4)), rng.standard_normal((9, 4)), rng.integers(0, 9, 7)
x[3, 0], W[:, 0] = 1000.0, 1.0  # row 3 has scores of about 1000
ours = [sl.tensor(a, requires_grad=True) for a in (x, W)]
expected = F.cross_entropy(F.linear(*ours), t)
expected.backward()
for rows in (1, 3, 7, 100):
    loss, grad_x, grad_W = loss_in_chunks(x, W, t, rows)
    hint = "a mean over all N rows, of which row 3 has scores of 1000: take out each row's largest"
    check_close("19.4", f"the loss, {rows} rows at a time", loss, expected.item(), hint)
    check_close("19.4", f"∂L/∂x, {rows} rows at a time", grad_x, ours[0].grad, "(p − 1 at t)/N times W")
    check_close("19.4", f"∂L/∂W, {rows} rows at a time", grad_W, ours[1].grad, "the sum over all chunks")
x_many, t_many = np.ones((2000, 4)), np.zeros(2000, int)
most = peak(lambda: loss_in_chunks(x_many, np.ones((500, 4)), t_many, 20))
check("19.4", most < 2, f"20 of 2000 rows at a time hold {most:.1f} MB, all logits (2000, 500) 8")
fused = F.linear_cross_entropy(sl.tensor(x), sl.tensor(W), None, t)
assert np.isclose(fused.item(), loss), "the engine's own fused loss should be the same"

# %% [markdown]
# ## Measured: memory

# %%
def all_at_once(q, k, v):
    """Attention with its matrix."""
    a = q @ k.T / math.sqrt(q.shape[1])
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ v


lengths, whole, blocks = (256, 512, 1024, 2048), [], []
for T in lengths:
    q, k, v = rng.standard_normal((3, T, 32)).astype(np.float32)
    whole.append(peak(lambda a=(q, k, v): all_at_once(*a)))
    blocks.append(peak(lambda a=(q, k, v): attention_in_blocks(*a, 64)))
print("\nPeak memory of attention in MB: T, with the matrix, in blocks of 64 keys")
for T, one, other in zip(lengths, whole, blocks, strict=True):
    print(f"  {T:5} {one:8.2f} {other:7.2f}")
assert 3.5 < whole[-1] / whole[-2] < 4.5, "twice the length, four times the matrix"
assert blocks[-1] / blocks[-2] < 2.5, "in blocks, twice"
x, W = rng.standard_normal((2000, 32)).astype(np.float32), rng.standard_normal((3000, 32)).astype(np.float32)
t, sizes = rng.integers(0, 3000, 2000), (50, 200, 1000, 2000)
chunks = [peak(lambda n=n: loss_in_chunks(x, W, t, n)) for n in sizes]
print(f"Peak memory of 2000 × 3000 logits in MB, {sizes} rows at a time: {np.round(chunks, 1)}")
assert chunks[0] < chunks[-1] / 5, "small chunks should need far less memory than all rows at once"

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.5))
left.loglog(lengths, whole, "o-", label="with the T × T matrix")
left.loglog(lengths, blocks, "o-", label="in blocks of 64 keys")
left.set(title="attention: peak memory in MB", xlabel="T")
left.set_xticks(lengths, lengths, minor=False)
left.minorticks_off()
left.legend()
right.plot(sizes, chunks, "o-")
right.set(title="loss over 3000 signs: peak memory in MB", xlabel="rows at a time", ylim=(0, None))
save_picture(figure, "19_memory.png")

# %% [markdown]
# ## Sources
#
# Softmax in one pass: Milakov and Gimelshein 2018. Attention in blocks, with the backward pass from the
# logarithm of the sum: Rabe and Staats 2021; Dao and others 2022 (FlashAttention). The loss in chunks: Hsu
# and others 2024.
