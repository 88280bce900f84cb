# %% [markdown]
# # 14. Overfitting and its remedies
#
# Formulas: P4, [dropout], [adam], [sgd]
# Time: 45 s
#
# **The question.** A model with enough numbers learns any training text by heart. How does one notice that it
# knows the text and not the language, where does the error on new text come from, and which remedies help,
# and why?
#
# Letters: $N$ examples, $D$ features, $w$ weights; $f$ the true function, $\hat f$ what was learnt from one
# training set; λ the strength of weight decay, $p$ the share that dropout drops; E the mean over training
# sets.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, optim, text
from scratchlm.lesson import check, check_close, check_shape, save_picture, show_code
from scratchlm.nn import Parameter

# %% [markdown]
# ## Two errors in one
#
# Let $y = f(x) + \text{noise}$, and let $\hat f$ be what is learnt from one training set: another set gives
# another $\hat f$. Write $m = E[\hat f(x)]$ for their mean at $x$. Then, adding and subtracting $m$,
#
# $$E\big[(\hat f - f)^2\big] = E\big[(\hat f - m + m - f)^2\big]
# = \underbrace{(m - f)^2}_{\text{bias}^2} + \underbrace{E\big[(\hat f - m)^2\big]}_{\text{variance}}
# + 2\,(m - f)\,\underbrace{E[\hat f - m]}_{0}.$$
#
# **Bias** is what the model cannot express however often it is trained; **variance** is how much it listens
# to the accidents of its training set. A larger model has less of the first and more of the second. The noise
# of $y$ itself comes on top, for every model.
#
# With pencil: $f = 5$, learnt from three sets: 4, 6, 8. $m = 6$, bias² = 1, variance = (4 + 0 + 4)/3 = 8/3,
# and the mean square error (1 + 1 + 9)/3 = 11/3 is their sum.
#
# **Exercise 14.1.** The two parts.

# %%
# exercise 14.1: `found` (R, N) are R models' values at N places, `true` (N) the right ones. Return bias² and
# variance, each as a mean over the places
def two_errors(found, true):
    """bias² and variance, which add up to the mean square error."""
    # --- solution begin
    m = found.mean(axis=0)  # (N)
    return ((m - true) ** 2).mean(), ((found - m) ** 2).mean()
    # --- solution end


parts = two_errors(np.array([[4.0], [6.0], [8.0]]), np.array([5.0]))
check_close("14.1", "bias², variance", list(parts), [1.0, 8 / 3], "of 4, 6, 8 where 5 is right")
sure = np.array([[1.0, 9.0], [1.0, 9.0]])  # both models agree: one value for each of two places
check_close("14.1", "variance of (1, 9), (1, 9)", two_errors(sure, sure[0])[1], 0.0, "a mean for each place")
rng = np.random.default_rng(14)
found, true = rng.standard_normal((6, 9)), rng.standard_normal(9)
both = sum(two_errors(found, true))
check_close("14.1", "bias² + variance", both, ((found - true) ** 2).mean(), "they are the mean square error")


def powers(x, degree):
    """1, x, x², …, as features (N, degree + 1)."""
    return np.stack([x**k for k in range(degree + 1)], axis=1)


def sine(x):
    """What is to be learnt."""
    return np.sin(3 * x)


grid = np.linspace(-1, 1, 60)
degrees, table = range(1, 11), []
for degree in degrees:
    fits = []
    for _ in range(200):
        x = rng.uniform(-1, 1, 15)
        w = np.linalg.lstsq(powers(x, degree), sine(x) + 0.3 * rng.standard_normal(15), rcond=None)[0]
        fits.append(np.clip(powers(grid, degree) @ w, -3, 3))
    table.append(two_errors(np.array(fits), sine(grid)))
table = np.array(table)
print("Polynomials through 15 noisy points of a sine: bias² and variance, degree 1 to 10")
print(f"  bias²    {table[:, 0].round(3)}\n  variance {table[:, 1].round(3)}")
best = 1 + int(table.sum(axis=1).argmin())
assert table[0, 0] > table[2, 0], "a larger model has less bias"
assert table[-1, 1] > 5 * table[2, 1], "and more variance"
assert 2 <= best <= 6, "the best is in between"

# %% [markdown]
# ## Remedy: weight decay (L2, ridge regression)
#
# Add $\frac\lambda2 \lVert w \rVert^2$ to the loss: large weights cost. For a linear model with
# $L = \frac{1}{2N}\lVert Xw - y \rVert^2 + \frac\lambda2\lVert w\rVert^2$ the gradient is
# $\frac1N X^\top(Xw - y) + \lambda w$, and it is 0 for
#
# $$w = \Big(\tfrac1N X^\top X + \lambda I\Big)^{-1} \tfrac1N X^\top y.$$
#
# Along an eigenvector of $\frac1N X^\top X$ with eigenvalue $s$ the solution without λ is multiplied by
# $\frac{s}{s+\lambda}$: what the data says loudly ($s \gg \lambda$) stays, what it hardly says ($s \ll
# \lambda$) is left out. With pencil, one feature: $x$ = 1, 1, $y$ = 2, 4: without λ $w = 3$; $s = 1$, so
# $\lambda = ½$ gives 2.
#
# **Exercise 14.2.** This solution.

# %%
# exercise 14.2: return w (D) for X (N, D), y (N) and λ
def ridge(X, y, lam):
    """The least of ½ mean (Xw − y)² + ½ λ ‖w‖²."""
    # --- solution begin
    N, D = X.shape
    return np.linalg.solve(X.T @ X / N + lam * np.eye(D), X.T @ y / N)
    # --- solution end


check_close(
    "14.2", "w of the pencil example", ridge(np.ones((2, 1)), np.array([2.0, 4.0]), 0.5), [2.0],
    "3 · s/(s + λ)",
)
x = rng.uniform(-1, 1, 15)
X, y = powers(x, 8), sine(x) + 0.3 * rng.standard_normal(15)
w = ridge(X, y, 0.01)
check_shape("14.2", "w", w, (9,))
gradient = X.T @ (X @ w - y) / 15 + 0.01 * w
check_close("14.2", "1 + the gradient there", 1 + gradient, np.ones(9), "it is 0 at the least", rtol=1e-6)

theta = Parameter(np.zeros(9))
optimizer = optim.SGD([theta], lr=0.5, momentum=0.9, weight_decay=0.01)
for _ in range(6000):
    optimizer.zero_grad()
    (0.5 * ((sl.tensor(X) @ theta - sl.tensor(y)) ** 2).mean()).backward()
    optimizer.step()
print(f"\nWeight decay: w by the formula {w[:4].round(3)} …")
print(f"  by the engine's SGD           {theta.numpy()[:4].round(3)} …")
assert np.allclose(theta.numpy(), w, atol=1e-3), "the engine's weight_decay should find the same"

# %% [markdown]
# ## Remedy: dropout
#
# While training, each number is dropped with probability $p$, and those that stay are divided by $1-p$: $y =
# \frac{m}{1-p}\,x$ with $m$ 0 or 1. The mean is the number itself: $E[y] = (1-p) \cdot \frac{x}{1-p} = x$, so
# in evaluation **nothing** has to be done. No unit can rely on one other; the network learns what many of its
# parts agree on. The noise has the variance $\frac{x^2}{(1-p)^2}(1-p) - x^2 = x^2\,\frac{p}{1-p}$.
#
# **Exercise 14.3.** Both modes.

# %%
# exercise 14.3: `mask` has uniform numbers from 0 to 1 in the shape of x; drop where mask < p, while training
def dropout(x, p, mask, training):
    """Some numbers dropped, the others divided by 1 − p."""
    # --- solution begin
    return np.where(mask < p, 0.0, x / (1 - p)) if training else x
    # --- solution end


x, mask = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.9, 0.25, 0.24])
check_close(
    "14.3", "while training, p = ¼", dropout(x, 0.25, mask, True), [0, 8 / 3, 4, 0],
    "below ¼ dropped, the rest by 1 − p",
)
check("14.3", x.tolist() == [1, 2, 3, 4], "x has changed")
check_close("14.3", "in evaluation", dropout(x, 0.25, mask, False), x, "nothing is dropped, nothing divided")
check_close("14.3", "p = 0", dropout(x, 0.0, mask, True), x, "nothing is dropped")
many = np.ones(200_000)
drawn = dropout(many, 0.4, rng.uniform(size=many.shape), True)
print(f"\nDropout of 0.4: mean {drawn.mean():.3f}, variance {drawn.var():.3f}; p/(1 − p) = {0.4 / 0.6:.3f}")
assert abs(drawn.mean() - 1) < 0.01, "the mean is x"
assert abs(drawn.var() - 0.4 / 0.6) < 0.02, "the variance is x² p/(1 − p)"
sl.manual_seed(1)
engine = F.dropout(sl.tensor(many), 0.4, True).numpy()
assert set(np.unique(engine.round(6))) == {0.0, round(1 / 0.6, 6)}, "the engine drops and divides alike"

# %% [markdown]
# ## Remedy: stop in time
#
# The loss on text that is not trained on (the **validation** loss) falls, turns, and rises. Keep the weights
# of its least point, and stop when it has not fallen for a while (*patience*).
#
# **Exercise 14.4.** When to stop.

# %%
# exercise 14.4: return (best, stop): the step with the least loss up to the stop, and the step at which one
# stops, the first that is `patience` steps after the best so far; the last step if that never comes
def early_stop(losses, patience):
    """Steps counted from 0."""
    # --- solution begin
    best = 0
    for step, loss in enumerate(losses):
        if loss < losses[best]:
            best = step
        if step - best == patience:
            return best, step
    return best, len(losses) - 1
    # --- solution end


for losses, patience, right in (
    ([5, 4, 3, 4, 5, 1], 2, (2, 4)),
    ([5, 4, 3, 2], 2, (3, 3)),
    ([3, 3, 3, 3], 3, (0, 3)),
    ([3, 4, 2, 5], 3, (2, 3)),
    ([3, 5, 4, 5, 4], 2, (0, 2)),  # 4 is less than 5, but not the best
):
    found = early_stop(losses, patience)
    check("14.4", tuple(found) == right, f"early_stop({losses}, {patience}) is {found}, expected {right}")

# %% [markdown]
# ## Measured: a language model on too little text
#
# 3,000 signs of text for an LSTM of 60,000 numbers. Then the same with each remedy. (`scratchlm overfit` does
# it at full size.)

# %%
corpus = text.default_corpus()
tokenizer = text.train_tokenizer("characters", corpus.text[:60_000])
few, much = (tokenizer.encode(corpus.text[:n]) for n in (3_000, 30_000))
other = tokenizer.encode(corpus.text[60_000:63_000])
V, T, EVERY, STEPS = tokenizer.vocab_size, 30, 20, 160
held_out = other[: len(other) // (T + 1) * (T + 1)].reshape(-1, T + 1)


def learn(ids, hidden=96, rate=0.0, decay=0.0):
    """Losses in bits a sign, on the training text and on held-out text, every 20 steps."""
    sl.manual_seed(14)
    model, rng = models.LSTMLanguageModel(V, 24, hidden, dropout=rate), np.random.default_rng(2)
    optimizer, curve = optim.AdamW(model.parameters(), lr=0.01, weight_decay=decay), []
    for step in range(STEPS):
        starts = rng.integers(0, len(ids) - T - 1, 16)
        windows = np.stack([ids[s : s + T + 1] for s in starts])
        loss, _ = model.train().loss(windows[:, :-1], windows[:, 1:])  # breakpoint here: look at loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % EVERY == 0:
            with sl.no_grad():
                model.eval()
                both = [model.loss(rows[:, :-1], rows[:, 1:])[0].item() for rows in (windows, held_out)]
                curve.append(np.array(both) / math.log(2))
    return model, np.array(curve)


runs = {
    "little text, 3,000": {"ids": few},
    "with dropout 0.5": {"ids": few, "rate": 0.5},
    "weight decay 1": {"ids": few, "decay": 1.0},
    "8 hidden units": {"ids": few, "hidden": 8},
    "more text, 30,000": {"ids": much},
}
curves = {}
print("\nbits a sign: training text, held-out text at the end, best held-out and its step")
for name, options in runs.items():
    model, curve = learn(**options)
    curves[name] = curve
    least = int(curve[:, 1].argmin())
    own, other = curve[-1]
    print(f"  {name:18s} {own:.2f}  {other:.2f}  {curve[least, 1]:.2f} {EVERY * (least + 1):4}")
gap = {name: curve[-1, 1] - curve[-1, 0] for name, curve in curves.items()}
assert gap["little text, 3,000"] == max(gap.values()), "without a remedy the gap is the widest"
assert curves["more text, 30,000"][-1, 1] < curves["little text, 3,000"][-1, 1], "more text helps"

# %% [markdown]
# ## A common mistake: dropout in evaluation
#
# Who forgets `model.eval()` measures a model with half its parts missing: the number is too bad, and another
# one each time. **How to notice:** evaluate twice; the two numbers must be equal, bit for bit.

# %%
model, _ = learn(few, rate=0.5)
with sl.no_grad():
    wrong, right = [], []
    for kept, training in ((wrong, True), (right, False)):
        model.train(training)
        kept += [model.loss(held_out[:, :-1], held_out[:, 1:])[0].item() for _ in range(2)]
print("\nHeld-out loss in nats, measured twice")
print(f"  while training {np.round(wrong, 5)}, in evaluation {np.round(right, 5)}")
assert wrong[0] != wrong[1], "with dropout on, each measurement is another one"
assert right[0] == right[1] < min(wrong), "without it they are equal, and better"

figure, (left, panel) = plt.subplots(1, 2, figsize=(10.5, 3.8))
left.plot(degrees, table[:, 0], "o-", label="bias²")
left.plot(degrees, table[:, 1], "o-", label="variance")
left.plot(degrees, table.sum(axis=1), "k:", label="both")
left.set(title="polynomials through 15 points", xlabel="degree", ylim=(0, 1))
left.legend()
for k, (name, curve) in enumerate(curves.items()):
    steps = EVERY * np.arange(1, len(curve) + 1)
    panel.plot(steps, curve[:, 1], color=f"C{k}", label=name)
    panel.plot(steps, curve[:, 0], ":", color=f"C{k}")
panel.set(title="bits a sign: held-out, dotted: training", xlabel="step")
panel.legend(fontsize=7)
save_picture(figure, "14_remedies.png")
show_code(optim.AdamW)

# %% [markdown]
# ## Sources
#
# Bias and variance: Geman, Bienenstock and Doursat 1992. Weight decay: Hoerl and Kennard 1970; beside Adam,
# Loshchilov and Hutter 2019. Dropout: Srivastava and others 2014. Early stopping: Prechelt 1998.
