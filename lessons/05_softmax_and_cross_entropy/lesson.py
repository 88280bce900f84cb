# %% [markdown]
# # 5. Embedding, softmax and cross-entropy
#
# Formulas: [embedding], [softmax], [log_softmax], [cross_entropy], P5
# Time: 10 s
#
# **The question.** A network computes with numbers, a text is made of signs. How do signs become numbers that
# can be learnt, how do a network's numbers become probabilities of signs, and which single number says how
# good those probabilities are? And what can counting alone do, with which every model must be compared?
#
# Letters: $V$ signs in the vocabulary, $N$ places in the text, $D$ features; $z$ scores ("logits"), $p$
# probabilities, $t$ the right sign; ln is the natural logarithm. $\bar x$ is short for $\partial L/\partial
# x$.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import optim, text
from scratchlm.debugger import numerical_gradient
from scratchlm.kernels import reference
from scratchlm.lesson import check_close, save_picture, show_code
from scratchlm.nn import Parameter

# %% [markdown]
# ## Embedding: a row for each sign
#
# Number the signs 0 … V−1, and keep a table $W$ $(V, D)$: the sign $v$ *is* the row $W_v$. Written as a
# product, $W_v = e_v W$, where $e_v$ is a row of zeros with a 1 at place $v$ ("one-hot"). Nobody multiplies
# by the zeros, but the derivative comes from this form: $Y = E W$ with a row of $E$ for each place, so
#
# $$\bar W = E^\top \bar Y, \qquad \bar W_v = \sum_{n:\ \text{sign at } n \text{ is } v} \bar y_n.$$
#
# A sign that occurs twice gets the **sum** of both gradients, one that does not occur gets 0.
#
# With pencil: the signs 2, 0, 2 with gradients (1, 1), (5, 0), (3, 4): row 2 gets (4, 5), row 0 (5, 0), row 1
# nothing.
#
# **Exercise 5.1.** That sum.

# %%
# exercise 5.1: return ∂L/∂W (V, D) from ∂L/∂y (N, D) and the ids (N)
def embedding_backward(grad_y, ids, V):
    """Row v is the sum of the gradients at all places where the id is v."""
    # --- solution begin
    grad_W = np.zeros((V, grad_y.shape[1]))
    np.add.at(grad_W, ids, grad_y)  # adds again where an id comes again
    return grad_W
    # --- solution end


ids, grad_y = np.array([2, 0, 2]), np.array([[1.0, 1.0], [5.0, 0.0], [3.0, 4.0]])
found = embedding_backward(grad_y, ids, 4)
check_close(
    "5.1", "∂L/∂W", found, [[5, 0], [0, 0], [4, 5], [0, 0]], "an id that comes twice gets both gradients"
)
one_hot = (ids[:, None] == np.arange(4)).astype(float)  # (N, V)
wide = np.array([[0.5, 1.0, -2.0], [5.0, 0.25, 0.0], [3.0, 4.0, 0.75]])  # three features, and fractions
check_close("5.1", "∂L/∂W, D = 3", embedding_backward(wide, ids, 4), one_hot.T @ wide, "the same as Eᵀ ∂L/∂Y")
table = sl.tensor(np.arange(8.0).reshape(4, 2), requires_grad=True)
rows = F.embedding(table, ids)
(rows * sl.tensor(grad_y)).sum().backward()
print("Embedding: rows of the table, its gradient by the engine")
print(f"  {rows.numpy().tolist()}\n  {table.grad.numpy().tolist()}")
assert np.array_equal(table.grad.numpy(), found), "the engine differs from the page"

# %% [markdown]
# ## A common mistake: `grad[ids] += rows`
#
# NumPy reads all of `grad[ids]`, adds, and writes back: where an id comes twice, the second writes over the
# first, and one gradient is lost without a word. **How to notice:** hold the embedding's gradient against
# finite differences on a text in which a sign comes twice.

# %%
wrong = np.zeros((4, 2))
wrong[ids] += grad_y
print(f"\nWith grad[ids] += rows: {wrong.tolist()}")
assert not np.array_equal(wrong, found), "a gradient should be lost"
print("\nThe engine's code\n")
show_code(reference.embedding_backward)

# %% [markdown]
# ## Softmax: scores become probabilities
#
# We want numbers $p_v > 0$ with sum 1 from scores $z_v$ of any size, so that a higher score is more likely,
# and so that *differences* of scores count: one more unit of score, $e$ times the odds. So $p_v =
# c\,e^{z_v}$, and the sum fixes $c$:
#
# $$p_v = \frac{e^{z_v}}{\sum_w e^{z_w}}.$$
#
# Adding the same number $a$ to all scores multiplies above and below by $e^a$: nothing changes. So take the
# largest score out first: then no exponent is above 0, and nothing overflows.
#
# **Its derivative.** With $S = \sum_w e^{z_w}$, the quotient rule gives $\frac{\partial p_v}{\partial z_w}
# = \frac{[v = w]\,e^{z_v} S - e^{z_v} e^{z_w}}{S^2} = p_v\,([v = w] - p_w)$, where $[v = w]$ is 1 if so,
# else 0. Through the chain rule, $\bar z_w = \sum_v \bar p_v\,p_v\,([v=w] - p_w) = p_w \big(\bar p_w -
# \sum_v \bar p_v p_v\big)$: each gets what it got more than the mean.
#
# With pencil: $z$ = ln 4, ln 3, ln 1: $p$ = 4/8, 3/8, 1/8. For $\bar p = (1, 0, 0)$ the mean is ½, so
# $\bar z = (\frac12 \cdot \frac12, -\frac38 \cdot \frac12, -\frac18 \cdot \frac12)$.
#
# **Exercise 5.2.** Softmax of each row.

# %%
# exercise 5.2: softmax along the last axis, for scores of any size and any number of axes
def softmax(z):
    """p = e^z / Σ e^z in each row."""
    # --- solution begin
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
    # --- solution end


z = np.log([4.0, 3.0, 1.0])
with np.errstate(over="ignore", invalid="ignore"):
    check_close("5.2", "softmax(ln 4, ln 3, ln 1)", softmax(z), [4 / 8, 3 / 8, 1 / 8], "e^z over the sum")
    check_close("5.2", "z afterwards", z, np.log([4.0, 3.0, 1.0]), "the caller's z is not to be changed")
    rows = np.array([[0.0, 0.0], [1000.0, 1000.0], [-1000.0, -1000.0 + math.log(3)]])
    right = [[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]]
    check_close(
        "5.2", "softmax of three rows", softmax(rows), right, "each row by itself, the largest taken out"
    )
    check_close(
        "5.2", "softmax of (2, 2, 3) zeros", softmax(np.zeros((2, 2, 3))), np.full((2, 2, 3), 1 / 3),
        "last axis",
    )
by_engine = sl.tensor(z, requires_grad=True)
p = F.softmax(by_engine)
(p * sl.tensor(np.array([1.0, 0.0, 0.0]))).sum().backward()
print(f"\nSoftmax with pencil: p = {p.numpy()}, gradient of the scores {by_engine.grad.numpy()}")
assert np.allclose(by_engine.grad.numpy(), [1 / 4, -3 / 16, -1 / 16]), "the engine differs from the pencil"
differences = numerical_gradient(lambda: softmax(z)[0], z)
assert np.allclose(differences, by_engine.grad.numpy()), "the engine differs from finite differences"

# %% [markdown]
# ## Cross-entropy: the price of the right sign
#
# The model gives the whole text the probability $\prod_n p_n(t_n)$, a product of thousands of small numbers.
# Its logarithm is a sum, and the mean of its negative is the loss:
#
# $$L = -\frac1N \sum_n \ln p_n(t_n) = \frac1N \sum_n \Big( \ln \sum_v e^{z_{nv}} - z_{n t_n} \Big).$$
#
# To make $L$ small is to make the text likely. If the signs really come with the probabilities $q$, the mean
# price is $-\sum_v q_v \ln p_v$, the **cross-entropy**. It is least for $p = q$: with
# $\ln x \le x - 1$, $\ -\sum q_v \ln p_v + \sum q_v \ln q_v = -\sum q_v \ln \frac{p_v}{q_v}
# \ge -\sum q_v \big(\frac{p_v}{q_v} - 1\big) = -\sum p_v + \sum q_v = 0$. What is left then,
# $-\sum q_v \ln q_v$, is the **entropy**: no model can go below it.
#
# **Its derivative** is the simplest of all: $\frac{\partial}{\partial z_w} \ln\sum_v e^{z_v} = p_w$, and
# $z_t$ has slope 1, so
#
# $$\bar z_{nw} = \frac1N \big( p_{nw} - [w = t_n] \big).$$
#
# **Its numbers.** Do not take the softmax and then its logarithm: for $z = (0, -1000)$ the second
# probability is 0 in the computer, and its logarithm $-\infty$. The formula needs no quotient,
#
# $$\ln p_v = z_v - \ln \sum_w e^{z_w} \qquad \text{[log_softmax]},$$
#
# and with the largest score taken out it gives $-1000$. Its own derivative, from $\partial \ln p_v/\partial
# z_w = [v = w] - p_w$: $\ \bar z_w = \bar y_w - p_w \sum_v \bar y_v$ for $y = \ln p$.
#
# **Exercise 5.3.** This gradient, of the cross-entropy.

# %%
# exercise 5.3: return ∂L/∂z (N, V) of the mean cross-entropy for scores z (N, V) and right signs t (N)
def cross_entropy_gradient(z, t):
    """(p − 1 at the right sign) / N."""
    # --- solution begin
    grad = softmax(z)
    grad[np.arange(len(t)), t] -= 1
    return grad / len(t)
    # --- solution end


z, t = np.log([[4.0, 3.0, 1.0], [1.0, 1.0, 2.0]]), np.array([0, 2])
hint = "p minus 1 at the right sign, divided by N"
expected = [[-1 / 4, 3 / 16, 1 / 16], [1 / 8, 1 / 8, -1 / 4]]
check_close("5.3", "∂L/∂z", cross_entropy_gradient(z.copy(), t), expected, hint)
found = cross_entropy_gradient(z[:1].copy(), t[:1])
check_close("5.3", "∂L/∂z of the first row alone", found, [[-1 / 2, 3 / 8, 1 / 8]], "N is the number of rows")
scores = sl.tensor(z, requires_grad=True)
loss = F.cross_entropy(scores, t)
loss.backward()
price = -(math.log(4 / 8) + math.log(2 / 4)) / 2
print(f"\nCross-entropy with pencil: {price:.6f}, by the engine {loss.item():.6f}")
assert math.isclose(loss.item(), price), "the engine differs from the pencil"
assert np.allclose(scores.grad.numpy(), expected), "the engine's gradient differs from the page"
assert np.allclose(numerical_gradient(lambda: F.cross_entropy(sl.tensor(z), t).item(), z), expected)
with np.errstate(divide="ignore"):
    print(f"ln p for the scores 0, −1000: in two steps {np.log(softmax(np.array([0.0, -1000.0])))}, ", end="")
print(f"in one {F.log_softmax(sl.tensor(np.array([0.0, -1000.0]))).numpy()}")
grad_y = np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 0.5]])
by_rule = grad_y - softmax(z) * grad_y.sum(axis=1, keepdims=True)
for function in (F.log_softmax, F.log_softmax_composed):
    scores = sl.tensor(z, requires_grad=True)
    (function(scores) * sl.tensor(grad_y)).sum().backward()
    assert np.allclose(scores.grad.numpy(), by_rule), "the engine differs from the page"

# %% [markdown]
# ## Perplexity, bits (P5)
#
# $L$ is in *nats*; divided by ln 2 it is in bits. $e^L$ is the **perplexity**: $k$ equally likely signs have
# $L = \ln k$, so a model of perplexity $k$ hesitates as if among $k$ signs. Both are **means over signs**: of
# two texts, one of 10 signs and one of 90, the second counts nine times as much.
#
# **Exercise 5.4.** Perplexity of several texts together.

# %%
# exercise 5.4: return the perplexity over all signs; `texts` is a list of arrays of ln p of the right signs
def perplexity(texts):
    """e to the mean of −ln p over all signs of all texts."""
    # --- solution begin
    return math.exp(-np.concatenate(texts).mean())
    # --- solution end


check_close(
    "5.4", "of 5 signs with p = 1/8", perplexity([np.full(5, math.log(1 / 8))]), 8.0, "e to the mean price"
)
uneven = [np.full(1, math.log(1 / 2)), np.full(3, math.log(1 / 32))]
check_close(
    "5.4", "of 1 sign at ½ and 3 at 1/32", perplexity(uneven), 16.0, "every sign counts once: 2^((1 + 3·5)/4)"
)

# %% [markdown]
# ## Counting, the baseline
#
# English that comes with Python. A **bigram** knows how often each sign follows each sign: $P(v \mid u) =
# c(u,v) / c(u)$. Is that the best table there is? For the signs after $u$ the loss is the cross-entropy
# between their frequencies $q$ and the row $p$, which is least for $p = q$: so **counting is the
# solution**, for which a network needs many steps. Let us see it: an embedding of $V$ features whose row
# $u$ is the scores of the next sign, trained by Adam.

# %%
corpus = text.default_corpus()
sample, held_out, third = corpus.text[:40_000], corpus.text[40_000:60_000], corpus.text[60_000:80_000]
tokenizer = text.train_tokenizer("characters", sample)
train, other, choosing = (tokenizer.encode(part) for part in (sample, held_out, third))
V = tokenizer.vocab_size
counts = np.zeros((V, V))
np.add.at(counts, (train[:-1], train[1:]), 1)
seen = counts.sum(axis=1)
frequencies = counts[seen > 0] / seen[seen > 0, None]
with np.errstate(divide="ignore", invalid="ignore"):
    entropies = -np.nansum(frequencies * np.log(frequencies), axis=1)
best = (entropies * seen[seen > 0]).sum() / seen.sum()  # no table of pairs can do better on this text

logits = Parameter(np.zeros((V, V)))
optimizer, curve = optim.Adam([logits], lr=0.3), []
pairs, times = np.unique(np.stack([train[:-1], train[1:]]), axis=1, return_counts=True)
weight = sl.tensor(times / times.sum())
for _ in range(120):
    optimizer.zero_grad()
    losses = F.cross_entropy(F.embedding(logits, pairs[0]), pairs[1], reduction="none")
    loss = (losses * weight).sum()  # every different pair once, times how often it occurs
    loss.backward()
    optimizer.step()  # breakpoint here: look at logits.grad[tokenizer.encode("q")[0]]
    curve.append(loss.item())
learned = softmax(logits.numpy())
often = np.argsort(seen)[::-1][:10]
apart = np.abs(learned[often] - counts[often] / seen[often, None]).max()
print(f"\n{corpus}")
print(f"  V = {V}; loss of the counted table {best:.4f}, of the trained one {curve[-1]:.4f} nats a sign")
print(f"  largest difference of a probability after one of the ten most frequent signs: {apart:.4f}")
assert best < curve[-1] < best + 0.03, "training should come close to counting, from above"

# %% [markdown]
# On **other** text the pure counts fail: one pair that was never seen has probability 0, and the loss is
# infinite. Two remedies: pretend to have seen every pair $\alpha$ times more, or mix long memories with short
# ones (the engine's Witten–Bell $n$-gram, which looks at the $n-1$ signs $u$ before: $P_n(v \mid u) =
# \frac{c(u,v) + k\,P_{n-1}(v \mid u')}{c(u) + k}$, where $k$ counts the different signs that followed $u$,
# and $u'$ is $u$ without its oldest sign). Every model in these lessons is compared with them. The best
# $\alpha$ is chosen on a **third** part of the text, and the loss told on the second: a number that was
# chosen because it does well on a text does not say how it does on a new one.

# %%
def smoothed(alpha, ids):
    """Bits a sign of a text, with α added to every count."""
    table = (counts + alpha) / (counts + alpha).sum(axis=1, keepdims=True)
    return -np.log2(table[ids[:-1], ids[1:]]).mean()


unseen = (counts[other[:-1], other[1:]] == 0).mean()
alphas = np.logspace(-3, 1.5, 25)
bits = [smoothed(alpha, other) for alpha in alphas]
chosen = alphas[np.argmin([smoothed(alpha, choosing) for alpha in alphas])]
bigram = smoothed(chosen, other)
orders = range(1, 6)
ngrams = [text.WittenBell(n).fit(train).bits_per_token(other) for n in orders]
print(f"\nOn 20,000 other signs, {unseen:.2%} of the pairs were never seen; bits a sign")
print(f"  uniform {math.log2(V):.2f}, bigram with α = {chosen:.2g} {bigram:.2f}, n-grams ", end="")
print(", ".join(f"n = {n}: {b:.2f}" for n, b in zip(orders, ngrams, strict=True)))
assert unseen > 0, "some pair should be new"
assert min(bits) <= bigram < bits[-1], "smoothing by too much is bad"
assert min(ngrams) < bigram < math.log2(V), "longer memories know more, and both more than nothing"

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.5))
left.semilogy(np.array(curve) - best)
left.set(title="trained bigram: loss above counting", xlabel="step")
letters = [tokenizer.encode(c)[0] for c in "abcdefghijklmnopqrstuvwxyz "]
shown = (counts + 0.1)[np.ix_(letters, letters)]
middle.imshow(shown / shown.sum(axis=1, keepdims=True), cmap="Blues")
middle.set(title="P(next | this)", xticks=range(27), yticks=range(27), xlabel="next", ylabel="this")
middle.set_xticklabels("abcdefghijklmnopqrstuvwxyz_", fontsize=6)
middle.set_yticklabels("abcdefghijklmnopqrstuvwxyz_", fontsize=6)
right.semilogx(alphas, bits, label="bigram")
right.axhline(min(ngrams), linestyle=":", label=f"{1 + int(np.argmin(ngrams))}-gram, Witten–Bell")
right.set(title="bits a sign on other text", xlabel="α added to the counts")
right.legend(fontsize=8)
save_picture(figure, "05_bigram.png")

# %% [markdown]
# ## Sources
#
# Cross-entropy and perplexity: Shannon 1948, who also counted bigrams by hand; Jelinek and others 1977.
# Softmax in networks: Bridle 1990. Smoothing: Witten and Bell 1991; Chen and Goodman 1999 compare them all.
