# %% [markdown]
# # 10. Attention
#
# Formulas: [attention], [additive_attention], [softmax], T3
# Time: 25 s
#
# **The question.** Whoever translates looks back: for each word that is written, at another place of the
# source. How can a network look at a place that it has to choose itself, so that the choice can be learnt by
# gradients? And what does it see that it must not see?
#
# Letters: $T$ queries (places that are written), $S$ keys (places that can be looked at), $D$ features; $q$
# query, $k$ key, $v$ value; $P$ $(T, S)$ the weights, a row for each query. $\bar x$ is short for
# $\partial L/\partial x$.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn, optim
from scratchlm.debugger import numerical_gradient
from scratchlm.kernels import reference
from scratchlm.lesson import check_close, save_picture, show_code

# %% [markdown]
# ## Looking up softly
#
# A dictionary gives the value whose key equals the query. "Equals" has no slope: turn the query a little, and
# either nothing changes or everything. So compare softly: a **score** for every key, softmax of the scores,
# and the mean of all values with these weights,
#
# $$y_t = \sum_s P_{ts}\,v_s, \qquad P_{ts} = \frac{e^{a_{ts}}}{\sum_{s'} e^{a_{ts'}}}.$$
#
# Two scores are in use. The **dot product** $a_{ts} = q_t \cdot k_s / \sqrt D$ [attention] is large where
# both point the same way. The **additive** one, $a_{ts} = w \cdot \tanh(q_t + k_s)$ [additive_attention], is
# a small network with one hidden layer that judges each pair. In a network queries, keys and values are all
# computed from features, by linear maps that are learnt (lesson 12), so where to look is learnt, too.
#
# With pencil, $D = 1$, $q = 1$, keys ln 4, ln 3, ln 1, values 8, 0, 16: the weights are 4/8, 3/8, 1/8, and
# $y = 4 + 0 + 2 = 6$.
#
# **Exercise 10.1.** Attention by dot products.

# %%
# exercise 10.1: return y (T, E) and P (T, S) for q (T, D), k (S, D), v (S, E), with NumPy
def attention(q, k, v):
    """P = softmax of q·k/√D over the keys, y = P v."""
    # --- solution begin
    a = q @ k.T / math.sqrt(q.shape[1])  # (T, S)
    e = np.exp(a - a.max(axis=1, keepdims=True))
    P = e / e.sum(axis=1, keepdims=True)
    return P @ v, P
    # --- solution end


keys, values = np.log([[4.0], [3.0], [1.0]]), np.array([[8.0], [0.0], [16.0]])
y, P = attention(np.array([[1.0], [0.0]]), keys, values)
check_close(
    "10.1", "P", P, [[4 / 8, 3 / 8, 1 / 8], [1 / 3, 1 / 3, 1 / 3]], "softmax over the keys, row by row"
)
check_close("10.1", "y", y, [[6.0], [8.0]], "the mean of the values with these weights")
rng = np.random.default_rng(10)
q, k, v = rng.standard_normal((3, 4)), rng.standard_normal((5, 4)), rng.standard_normal((5, 2))
q4 = np.repeat(q, 4, axis=1)  # four times as many features, so four times the product, and twice √D
expected = attention(2 * q, k, v)[0]
check_close(
    "10.1", "y with D = 16", attention(q4, np.repeat(k, 4, axis=1), v)[0], expected, "is √D the features' D?"
)
large = np.array([[1000.0], [-1000.0]]), np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])
with np.errstate(over="ignore", invalid="ignore"):
    found = attention(*large)[0]
check_close("10.1", "y of large scores", found, [[5], [3]], "take each row's largest score out before e^")
by_engine = F.attention(*(sl.tensor(a) for a in (q, k, v)))
assert np.allclose(by_engine.numpy(), attention(q, k, v)[0]), "the engine differs from the page"
print(f"With pencil: P = {P[0]}, y = {y[0]}")

# %% [markdown]
# ## Why √D
#
# Let the features of $q$ and $k$ be independent, with mean 0 and variance 1. Each product $q_d k_d$ has mean
# 0 and variance $1 \cdot 1$, and variances of independent numbers add up: $q \cdot k$ has variance $D$.
# Scores of size $\sqrt{D}$ make softmax a switch: the largest takes all, $P \approx 1$, and the slope $P(1-P)
# \approx 0$ lets no gradient through. Divided by $\sqrt D$, scores have variance 1 for every $D$.

# %%
print("\nThe largest of 20 weights, and the slope P(1 − P), on average over 2000 queries")
for D in (4, 64, 1024):
    a = (rng.standard_normal((2000, 1, D)) * rng.standard_normal((2000, 20, D))).sum(axis=-1)  # (2000, S)
    line = f"  D = {D:4}: variance of q·k {a.var():7.1f}; "
    for name, scores in (("as they are", a), ("divided by √D", a / math.sqrt(D))):
        weights = F.softmax(sl.tensor(scores)).numpy()
        line += f"{name} {weights.max(axis=1).mean():.2f} {(weights * (1 - weights)).mean():.4f}; "
    print(line[:-2])
    assert abs(a.var() / D - 1) < 0.1, "the variance of a sum of D products is D"
assert weights.max(axis=1).mean() < 0.4, "over √D, softmax is no switch"

# %% [markdown]
# ## Backwards
#
# Four lines, each a rule from an earlier lesson. $Y = PV$ is a product (lesson 2's rule for each number):
# $\bar V = P^\top \bar Y$ and $\bar P = \bar Y V^\top$. Softmax (lesson 5), row by row: with
# $A$ for the scores, $\bar A_{ts} = P_{ts}\big(\bar P_{ts} - \sum_{s'} \bar P_{ts'} P_{ts'}\big)$. And
# $A = QK^\top/\sqrt D$ is a product again: $\bar Q = \bar A K/\sqrt D$, $\bar K = \bar A^\top Q/\sqrt D$.
#
# A key that is looked at by many queries gets the sum of their gradients: that is what $\bar A^\top Q$ does.
#
# **Exercise 10.2.** These lines.

# %%
# exercise 10.2: return ∂L/∂q, ∂L/∂k, ∂L/∂v for ∂L/∂y (T, E)
def attention_backward(grad_y, q, k, v):
    """The derivative of `attention`."""
    _, P = attention(q, k, v)
    # --- solution begin
    grad_P = grad_y @ v.T  # (T, S)
    grad_a = P * (grad_P - (grad_P * P).sum(axis=1, keepdims=True))  # breakpoint here: look at its row sums
    grad_a = grad_a / math.sqrt(q.shape[1])
    return grad_a @ k, grad_a.T @ q, P.T @ grad_y
    # --- solution end


grad_y = rng.standard_normal((3, 2))
found = attention_backward(grad_y, q, k, v)
for name, gradient, array in zip("qkv", found, (q, k, v), strict=True):
    differences = numerical_gradient(lambda: (attention(q, k, v)[0] * grad_y).sum(), array)
    check_close("10.2", f"∂L/∂{name}", gradient, differences, "by finite differences", rtol=1e-6)
for function in (F.attention, F.attention_composed):
    tensors = [sl.tensor(a, requires_grad=True) for a in (q, k, v)]
    (function(*tensors) * sl.tensor(grad_y)).sum().backward()
    assert all(np.allclose(t.grad.numpy(), g) for t, g in zip(tensors, found, strict=True)), "they differ"
print("\nThe engine's code\n")
show_code(reference.attention_forward, reference.attention_backward)

# %% [markdown]
# ## What must not be seen: the causal mask
#
# A language model predicts sign $t+1$ from the signs up to $t$. If query $t$ may look at key $t+1$, the
# answer is in the question: the training loss falls to 0, and the model can write nothing. So the scores of
# later keys become $-\infty$ **before** the softmax: $e^{-\infty} = 0$, and the others still sum to 1.
#
# **Exercise 10.3.** The mask.

# %%
# exercise 10.3: as exercise 10.1, T = S, but query t sees keys 0 … t alone
def causal_attention(q, k, v):
    """y (T, E) and P (T, T); P is 0 above the diagonal, its rows sum to 1."""
    # --- solution begin
    T = len(q)
    a = np.where(np.tri(T, dtype=bool), q @ k.T / math.sqrt(q.shape[1]), -np.inf)
    e = np.exp(a - a.max(axis=1, keepdims=True))
    P = e / e.sum(axis=1, keepdims=True)
    return P @ v, P
    # --- solution end


q, k, v = (rng.standard_normal((5, 4)) for _ in range(3))
y, P = causal_attention(q, k, v)
check_close(
    "10.3", "the sums of P's rows", np.asarray(P).sum(axis=1), np.ones(5), "the mask comes before the softmax"
)
check_close("10.3", "P above the diagonal", np.triu(P, 1), np.zeros((5, 5)), "later keys have weight 0")
check_close("10.3", "y", y, F.attention(*(sl.tensor(a) for a in (q, k, v)), causal=True), "keys 0 … t, t too")
with np.errstate(over="ignore", invalid="ignore"):
    found = causal_attention(*large)[0]
check_close("10.3", "y of large scores", found, [[3], [3]], "mask, then take the largest out, then e^")
later = v.copy()
later[3] += 100
check_close(
    "10.3", "y of queries 0 to 2", causal_attention(q, k, later)[0][:3], y[:3], "value 3 is theirs to come"
)

# %% [markdown]
# ## A common mistake: a mask of zeros
#
# Who multiplies the *scores* by 0 instead of setting them to $-\infty$ gives the future the weight of a score
# 0: $e^0 = 1$. Everything runs, shapes and sums are right. **How to
# notice:** change a later input and see whether an earlier output moves. It must not, not by one bit.

# %%
def leaks(mask):
    """How far output 0 moves when the value at place 3 is changed."""
    scores = q @ k.T / 2
    moved = []
    for changed in (v, later):
        weights = F.softmax(sl.tensor(mask(scores))).numpy()
        moved.append((weights @ changed)[0])
    return np.abs(moved[1] - moved[0]).max()


seen = np.tri(5, dtype=bool)
zeros, infinities = leaks(lambda a: a * seen), leaks(lambda a: np.where(seen, a, -np.inf))
print(f"\nOutput 0 when value 3 changes by 100: with zeros {zeros:.1f}, with −∞ {infinities:.1f}")
assert zeros > 1, "the future should leak through zeros"
assert infinities == 0, "and not through −∞"

# %% [markdown]
# ## What attention does not know: order
#
# Exchange two places of the source, keys and values together: the sum over $s$ is the same. Attention sees a
# **set**. Whatever it shall know of places has to be in the keys: a learnt row for each place is added to the
# sign's embedding, or a pattern of waves.
#
# **Exercise 10.4.** The waves: feature $2i$ of place $t$ is $\sin(t / 10000^{2i/D})$, feature $2i+1$ the
# cosine of the same. Two places' pairs $(\sin \omega t, \cos \omega t)$ have the dot product
# $\cos \omega(t - t')$, which depends on the distance alone; fast waves tell near places apart, slow ones far
# places.

# %%
# exercise 10.4: return the table (T, D), D even
def positions(T, D):
    """Waves of D/2 frequencies, from 1 down to near 1/10000 where D is large."""
    # --- solution begin
    angle = np.arange(T)[:, None] / 10000 ** (np.arange(0, D, 2) / D)  # (T, D/2)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(T, D)
    # --- solution end


order = rng.permutation(5)
assert np.allclose(attention(q, k, v)[0], attention(q, k[order], v[order])[0]), "attention knows no order"
table = positions(3, 4)
check_close("10.4", "place 0", np.asarray(table)[0], [0, 1, 0, 1], "sin 0, cos 0, sin 0, cos 0: side by side")
right = [math.sin(2), math.cos(2), math.sin(0.02), math.cos(0.02)]
check_close("10.4", "place 2", table[2], right, "the second pair turns 100 times slower: 10000^(2/4)")
big = positions(40, 16)
check_close(
    "10.4", "the length of each row", (big**2).sum(axis=1), np.full(40, 8.0), "sin² + cos² = 1, D/2 times"
)
check_close(
    "10.4", "place 1, D = 16, third pair", big[1, 4:6], [math.sin(0.1), math.cos(0.1)], "10000^(4/16) is 10"
)
shifted = (big[:-3] * big[3:]).sum(axis=1)
assert np.allclose(shifted, shifted[0]), "places three apart have the same product everywhere"

# %% [markdown]
# ## Learning where to look
#
# A source of 8 signs is to be written in **reverse**: output $t$ needs place $7-t$. The query is a learnt row
# for each output place, the key a learnt row for each source place plus the sign's embedding, the value the
# sign's embedding. Nobody tells the network which place belongs to which; we train it with both scores and
# look at $P$.

# %%
S, V, D = 8, 10, 24


class Reverser(nn.Module):
    """One look at the source for each output place."""

    def __init__(self, additive):
        self.signs = nn.Embedding(V, D)
        self.queries, self.places = nn.Embedding(S, D), nn.Embedding(S, D)
        self.head = nn.Linear(D, V)
        self.weight = nn.Parameter(np.full(D, 0.3, np.float32)) if additive else None

    def look(self, ids):
        """Query (B, T, D), keys and values (B, S, D) for sources (B, S)."""
        signs = self.signs(ids)
        query = self.queries(np.arange(S)).broadcast_to(*signs.shape)
        return query, signs + self.places(np.arange(S)), signs

    def forward(self, ids):
        """Logits (B, T, V)."""
        query, keys, values = self.look(ids)
        if self.weight is None:
            return self.head(F.attention(query, keys, values))
        return self.head(F.additive_attention(query, keys, values, self.weight))

    def weights(self, ids):
        """P (B, T, S)."""
        query, keys, _ = self.look(ids)
        if self.weight is None:
            return F.attention_weights(query, keys).numpy()
        return F.additive_attention_weights(query, keys, self.weight).numpy()


figure, panels = plt.subplots(1, 3, figsize=(12, 3.4))
print("\nWriting 8 signs in reverse: accuracy on new sources, and where each output looks most")
for panel, additive in zip(panels[1:], (False, True), strict=True):
    sl.manual_seed(10)
    rng = np.random.default_rng(11)
    model = Reverser(additive)
    optimizer, curve = optim.Adam(model.parameters(), lr=0.02), []
    for _ in range(300):
        ids = rng.integers(0, V, (32, S))
        loss = F.cross_entropy(model(ids).reshape(-1, V), ids[:, ::-1].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    ids = rng.integers(0, V, (200, S))
    with sl.no_grad():
        right = (model(ids).numpy().argmax(axis=-1) == ids[:, ::-1]).mean()
        P = model.weights(ids).mean(axis=0)  # (T, S)
    name = "additive score" if additive else "dot product"
    print(f"  {name:14s} {right:.1%}  {P.argmax(axis=1)}")
    panels[0].semilogy(curve, label=name)
    panel.imshow(P, cmap="Blues", vmin=0, vmax=1)
    panel.set(title=f"P, {name}", xlabel="place of the source", ylabel="place written")
    assert right > 0.95, "reversing should be learnt"
    assert P.argmax(axis=1).tolist() == list(range(S))[::-1], "each output should have found its place"
panels[0].set(title="loss", xlabel="step")
panels[0].legend()
save_picture(figure, "10_alignment.png")

# %% [markdown]
# ## Sources
#
# Additive attention: Bahdanau, Cho and Bengio 2015, whose pictures of alignment are like ours; dot products:
# Luong and others 2015; the division by √D, the mask and the waves: Vaswani and others 2017.
