# %% [markdown]
# # 4. Gradient descent and its improvements
#
# Formulas: F4, [sgd], [adam]
# Time: 5 s
#
# **The question.** The gradient says which way is down, not how far to go. Why does plain descent crawl along
# the bottom of a valley, what do momentum and Adam change, and why does training with mini-batches end with
# small steps?
#
# Letters: θ the parameters, $L(\theta)$ the loss, $g = \nabla L$ its gradient, α the learning rate, μ
# momentum; $\lambda$ a curvature (an eigenvalue of the second derivatives), $\kappa =
# \lambda_{\max}/\lambda_{\min}$; $t$ counts steps.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import optim
from scratchlm.kernels import reference
from scratchlm.lesson import check, check_close, save_picture, show_code, tried
from scratchlm.nn import Parameter

# %% [markdown]
# ## F4 in a valley
#
# $$\theta \leftarrow \theta - \alpha \nabla_\theta L(\theta)$$
#
# Near a minimum where all curvatures are positive, a smooth loss is a bowl. Along each of its axes it is
# $\frac12 \lambda \theta^2$ with slope $\lambda\theta$, so a step multiplies the distance by $1 -
# \alpha\lambda$. One α serves all axes: the steep one ($\lambda_{\max}$) forbids a large α, the flat one
# ($\lambda_{\min}$) then hardly moves. The worst of $|1 - \alpha\lambda|$ is at one of the two ends, and it
# is least where both ends are equally bad:
#
# $$1 - \alpha\lambda_{\min} = \alpha\lambda_{\max} - 1 \quad\Longrightarrow\quad
# \alpha = \frac{2}{\lambda_{\max}+\lambda_{\min}}, \qquad \text{factor } 1 - \alpha\lambda_{\min} =
# \frac{\lambda_{\max}-\lambda_{\min}}{\lambda_{\max}+\lambda_{\min}} = \frac{\kappa-1}{\kappa+1}.$$
#
# With pencil: $\lambda$ = 1 and 9: $\alpha = 2/10$, both factors have size $0.8$, and after 10 steps
# $0.8^{10} \approx 0.107$ of the distance is left. For $\kappa = 100$ the factor is $99/101 \approx 0.98$.
#
# **Exercise 4.1.** Step size and factor.

# %%
# exercise 4.1: return the best α and the factor by which each step then shrinks the distance
def best_plain(smallest, largest):
    """α and factor for curvatures between smallest and largest."""
    # --- solution begin
    alpha = 2 / (smallest + largest)
    return alpha, 1 - alpha * smallest
    # --- solution end


check_close(
    "4.1", "best_plain(1, 9)", best_plain(1.0, 9.0), [0.2, 0.8], "α = 2/(λmin + λmax), factor 1 − α λmin"
)
check_close("4.1", "best_plain(2, 5)", best_plain(2.0, 5.0), [2 / 7, 3 / 7], "both ends count; not rounded")


def descend(optimizer_of, curvatures, start, steps):
    """Run an optimizer of the engine on L = ½ Σ λ θ²; returns every θ on the way (steps + 1, D)."""
    theta = Parameter(np.array(start, float))
    optimizer, path = optimizer_of([theta]), [np.array(start, float)]
    for _ in range(steps):
        optimizer.zero_grad()
        (0.5 * sl.tensor(curvatures) * theta * theta).sum().backward()
        optimizer.step()  # breakpoint here: look at theta.grad and theta.data, step by step
        path.append(theta.numpy().copy())
    return np.array(path)


curvatures, start = np.array([1.0, 100.0]), [10.0, 1.0]
alpha, factor = best_plain(*curvatures)
plain = descend(lambda p: optim.SGD(p, lr=alpha), curvatures, start, 100)
sizes = np.abs(plain)
print(f"Plain descent, κ = 100: α = {alpha:.4f}, factor a step {factor:.4f} predicted, ", end="")
print(f"{(sizes[100] / sizes[0]) ** (1 / 100)} measured on the two axes")
assert np.allclose((sizes[100] / sizes[0]) ** (1 / 100), factor), "both axes shrink by the predicted factor"

# %% [markdown]
# ## Momentum
#
# A ball rolls on: it keeps a velocity $v$, to which each gradient is added [sgd],
#
# $$v \leftarrow \mu v + g, \qquad \theta \leftarrow \theta - \alpha v.$$
#
# Along one axis $g = \lambda\theta$. From $\theta_{t+1} = \theta_t - \alpha v_{t+1}$ we have
# $\alpha v_t = \theta_{t-1} - \theta_t$; put it in:
#
# $$\theta_{t+1} = \theta_t - \alpha\mu v_t - \alpha\lambda\theta_t
# = (1 + \mu - \alpha\lambda)\,\theta_t - \mu\,\theta_{t-1}.$$
#
# Every solution of such a rule is a sum of powers $r^t$, so $|r|$ is the factor of a step. Put $\theta_t =
# r^t$ in: $r^2 - (1+\mu-\alpha\lambda)\,r + \mu = 0$. The product of the two roots is $\mu$. If they are
# complex, they are conjugate, so both have size $\sqrt\mu$, **whatever λ is**: steep and flat axes shrink
# equally fast. They are complex while $(1+\mu-\alpha\lambda)^2 < 4\mu$, that is for αλ between
# $(1-\sqrt\mu)^2$ and $(1+\sqrt\mu)^2$. The smallest μ for which both ends just fit:
#
# $$\frac{(1+\sqrt\mu)^2}{(1-\sqrt\mu)^2} = \kappa \quad\Longrightarrow\quad
# \sqrt\mu = \frac{\sqrt\kappa-1}{\sqrt\kappa+1}, \qquad \alpha = \frac{(1+\sqrt\mu)^2}{\lambda_{\max}}.$$
#
# For $\kappa = 100$: $\sqrt\mu = 9/11 \approx 0.82$ instead of $0.98$. At both ends the two roots coincide,
# and beside $r^t$ then $t\,r^t$ is a solution too: $\theta_t = (1 + Bt)\,\theta_0\,r^t$. On the flat axis $r
# = \sqrt\mu$ and $1 - \alpha\lambda = 2\sqrt\mu - \mu$, so the first step $\theta_1 =
# (1-\alpha\lambda)\,\theta_0$ gives $B = 1 - \sqrt\mu$. What plain descent leaves after 100 steps,
# $(99/101)^{100} = 0.135$, momentum has after 17: $(1 + 17 \cdot \frac{2}{11})\,(\frac{9}{11})^{17} = 0.135$.
#
# With pencil, $L = \frac12\theta^2$, $\alpha = 0.1$, $\mu = 0.5$, $\theta = 1$: $v = 1$, $\theta = 0.9$; then
# $v = 0.5 + 0.9 = 1.4$, $\theta = 0.76$; then $v = 0.7 + 0.76 = 1.46$, $\theta = 0.614$.
#
# **Exercise 4.2.** One step.

# %%
# exercise 4.2: return the new θ and v; the arrays that are given are not to be changed
def momentum_step(theta, v, gradient, alpha, mu):
    """v ← μ v + g, θ ← θ − α v."""
    # --- solution begin
    v = mu * v + gradient
    return theta - alpha * v, v
    # --- solution end


theta, v = np.array([1.0]), np.array([0.0])
for expected in ((0.9, 1.0), (0.76, 1.4), (0.614, 1.46)):
    before, gradient = (theta.copy(), v.copy()), theta.copy()
    new = momentum_step(theta, v, gradient, 0.1, 0.5)
    unchanged = (theta == before[0]) & (v == before[1]) & (gradient == before[0])
    check("4.2", unchanged, "the arrays that are given are not to be changed")
    theta, v = new
    check_close(
        "4.2", "θ, v", [float(theta[0]), float(v[0])], expected, "first v ← μ v + g, then θ ← θ − α v"
    )

root = (math.sqrt(100) - 1) / (math.sqrt(100) + 1)  # √μ
momentum_alpha = (1 + root) ** 2 / curvatures.max()
ball = descend(lambda p: optim.SGD(p, lr=momentum_alpha, momentum=root**2), curvatures, start, 100)
theta, v = np.array(start), np.zeros(2)
for _ in range(100):
    theta, v = momentum_step(theta, v, curvatures * theta, momentum_alpha, root**2)
print(f"\nMomentum, κ = 100: √μ = {root:.4f}; distance after 100 steps ", end="")
print(f"plain {np.linalg.norm(plain[-1]):.1e}, momentum {np.linalg.norm(ball[-1]):.1e}")
assert np.allclose(ball[-1], theta, atol=1e-12), "the engine differs from the page"
assert np.linalg.norm(ball[-1]) < 1e-5 < np.linalg.norm(plain[-1]), "momentum should be far ahead"

# %% [markdown]
# ## Adam: each parameter its own step
#
# In a language model the gradients of a rare word's embedding are tiny and seldom, those of a bias large and
# always there. Adam divides by each one's usual size [adam]:
#
# $$m \leftarrow \beta_1 m + (1-\beta_1)\,g, \quad s \leftarrow \beta_2 s + (1-\beta_2)\,g^2, \quad
# \theta \leftarrow \theta - \alpha\,\frac{\hat m}{\sqrt{\hat s} + \varepsilon}, \quad
# \hat m = \frac{m}{1-\beta_1^t}, \ \hat s = \frac{s}{1-\beta_2^t}.$$
#
# **Why the hats.** $m$ starts at 0. After $t$ steps $m_t = (1-\beta)\sum_{i=1}^{t} \beta^{t-i} g_i$. If the
# gradients have the mean $a$, then $m_t$ has the mean $a\,(1-\beta)\,(1 + \beta + \dots +
# \beta^{t-1}) = a\,(1-\beta^t)$, by the sum of a geometric series. Divided by $1-\beta^t$, it is $a$
# again. The same holds for $s$.
#
# With pencil, the first step: $\hat m = g$, $\hat s = g^2$, so $\theta$ moves by $\alpha\,g/|g|$: by exactly
# α, against the sign of $g$, however large the gradient is. If every loss is multiplied by 1000, nothing
# changes (but for ε).
#
# **Exercise 4.3.** One step of Adam.

# %%
# exercise 4.3: return the new θ, m and s; t is 1 at the first step
def adam_step(theta, m, s, gradient, t, alpha=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam with both hats."""
    # --- solution begin
    m = beta1 * m + (1 - beta1) * gradient
    s = beta2 * s + (1 - beta2) * gradient**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return theta - alpha * m_hat / (np.sqrt(s_hat) + eps), m, s
    # --- solution end


gradients = np.array([[3.0, -0.001], [1.0, 0.002], [-2.0, 0.001]])
theta = m = s = np.zeros(2)
parameter = Parameter(np.zeros(2))
adam = optim.Adam([parameter], lr=0.1, betas=(0.8, 0.99))
for t, gradient in enumerate(gradients, 1):
    theta, m, s = adam_step(theta, m, s, gradient, t, alpha=0.1, beta1=0.8, beta2=0.99)
    parameter.grad = sl.tensor(gradient)
    adam.step()
    if t == 1:
        check_close("4.3", "θ after one step", theta, [-0.1, 0.1], "α against the sign of g", rtol=1e-4)
    check_close("4.3", f"θ after step {t}", theta, parameter, "m, s, both hats, then the step", rtol=1e-7)
    mean, square = adam.buffers["mean"][0], adam.buffers["square"][0]
    check_close("4.3", f"m after step {t}", m, mean, "a mean of g, no hat; β₁ is 0.8", rtol=1e-7)
    check_close("4.3", f"s after step {t}", s, square, "a mean of g², no hat; β₂ is 0.99", rtol=1e-7)
print("\nAdam: three steps with gradients of very different size")
print(f"  θ = {theta}   the engine's {parameter.numpy()}")
print("\nThe engine's code\n")
show_code(reference.adam_step)

scaled = [descend(lambda p: optim.Adam(p, lr=0.3), k * curvatures, start, 60)[-1] for k in (1, 1000)]
assert np.allclose(*scaled, rtol=1e-6, atol=1e-9), "Adam does not see the scale of the loss"

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
wide, high = np.meshgrid(np.linspace(-2, 11, 90), np.linspace(-4, 4, 90))
bowl = 0.5 * (wide**2 + 100 * high**2)
left.contour(wide, high, bowl, levels=np.logspace(-0.5, 2.9, 10), colors="lightgrey")
ways = {
    "plain descent": plain,
    "with momentum": ball,
    "Adam, α = 0.3": descend(lambda p: optim.Adam(p, lr=0.3), curvatures, start, 100),
}
for name, path in ways.items():
    left.plot(*path[:26].T, "o-", markersize=2.5, linewidth=0.8, label=name)
    right.semilogy(np.linalg.norm(path, axis=1), label=name)
left.plot(0, 0, "k*", markersize=10)
left.set(title="25 steps in a valley, κ = 100", xlabel="flat axis", ylabel="steep axis")
right.set(title="distance from the minimum", xlabel="step")
right.legend()
save_picture(figure, "04_valley.png")

# %% [markdown]
# In the picture, plain descent must take steps that the steep axis bears, and creeps along the flat one.
# Momentum swings across the valley and is carried along it. Adam's first steps are α on **both** axes,
# whatever their slopes, so it walks diagonally; and since its steps stay about α, it runs past the minimum
# and back (the dents on the right).
#
# ## A common mistake: the hats forgotten
#
# Without them the first step is $\alpha\,(1-\beta_1)\,g / \sqrt{(1-\beta_2)\,g^2}$, which for
# $\beta$ = 0.9 and 0.999 is $0.1/\sqrt{0.001} \approx 3.2$ times α, and the next ones are larger still. The
# loss jumps up at the very beginning. **How to notice:** print the size of the first ten steps; it should be
# at most α or so.

# %%
def sizes_of_steps(hats, steps=10, alpha=0.001):
    """How far θ moves in each step when the gradient is always 1."""
    m = s = 0.0
    moved = []
    for t in range(1, steps + 1):
        m, s = 0.9 * m + 0.1, 0.999 * s + 0.001
        moved.append(alpha * (m / (1 - 0.9**t) / math.sqrt(s / (1 - 0.999**t)) if hats else m / math.sqrt(s)))
    return np.array(moved)


print("\nAdam's steps in units of α while the gradient is always 1")
for hats in (True, False):
    name = "with hats" if hats else "without hats"
    print(f"  {name}: {(sizes_of_steps(hats) / 0.001).round(2)}")
assert np.allclose(sizes_of_steps(True), 0.001), "with hats each step is α"
assert np.isclose(sizes_of_steps(False)[0] / 0.001, 0.1 / math.sqrt(0.001)), "without them the first is 3.2 α"

# %% [markdown]
# ## Mini-batches: why the learning rate falls
#
# The gradient of a mini-batch is the right one plus noise. Along one axis, with noise $\xi$ of variance
# $\sigma^2$: $\theta \leftarrow (1-\alpha\lambda)\,\theta - \alpha\xi$. The variance $V$ of θ follows $V
# \leftarrow (1-\alpha\lambda)^2 V + \alpha^2 \sigma^2$ and stops where both sides are equal:
#
# $$V = \frac{\alpha^2 \sigma^2}{1-(1-\alpha\lambda)^2} = \frac{\alpha \sigma^2}{\lambda(2-\alpha\lambda)}
# \approx \frac{\alpha \sigma^2}{2\lambda}.$$
#
# So θ never arrives: it trembles with a variance in proportion to α (and to $1/B$, since a mean of $B$
# examples has the noise $\sigma^2/B$). Large steps first, to get there, small ones at the end, to come to
# rest: a **schedule**. Usual: a *warm-up* in a straight line (Adam's $s$ knows little at first), then half
# a cosine wave down to 0.
#
# **Exercise 4.4.** Such a schedule.

# %%
# exercise 4.4: the share of the full rate in step t = 0 … total − 1: (t + 1)/warmup in the first `warmup`
# steps; after them ½ (1 + cos(π p)), p running from 0 at the first of them towards 1 at t = total
def schedule(t, warmup, total):
    """A number from 0 to 1 for step t."""
    # --- solution begin
    if t < warmup:
        return (t + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (t - warmup) / (total - warmup)))
    # --- solution end


shares = [schedule(t, 4, 12) for t in range(12)]
check_close("4.4", "the first four shares", shares[:4], [0.25, 0.5, 0.75, 1.0], "(t + 1)/warmup: never 0")
check_close("4.4", "the share at t = 4", shares[4], 1.0, "p = 0 at the first step after the warm-up")
check_close("4.4", "the share at t = 8", shares[8], 0.5, "halfway, p = ½")
check_close("4.4", "the share at t = 11", shares[11], 0.5 * (1 + math.cos(math.pi * 7 / 8)), "p = 7/8")
check("4.4", np.diff(shares[4:]) < 0, "after the warm-up it falls")
with tried("4.4", "schedule(t, 0, 10), warmup may be 0,"):
    shares = [schedule(t, 0, 10) for t in (0, 5)]
check_close("4.4", "without a warm-up, t = 0 and 5", shares, [1.0, 0.5], "p = t/10")


def noisy(alpha_at, steps, runs=4000, lam=1.0, seed=4):
    """θ of many runs after noisy steps from θ = 3."""
    rng, theta = np.random.default_rng(seed), np.full(runs, 3.0)
    for t in range(steps):
        theta -= alpha_at(t) * (lam * theta + rng.standard_normal(runs))
    return theta


print("\nNoisy gradients: variance of θ after 400 steps, and as predicted")
for alpha in (0.4, 0.2, 0.1):
    variance, predicted = noisy(lambda t, a=alpha: a, 400).var(), alpha / (2 - alpha)
    print(f"  α = {alpha}: {variance:.4f}  {predicted:.4f}")
    assert abs(variance / predicted - 1) < 0.1, "the variance should be α s²/(λ(2 − αλ))"
falling = noisy(lambda t: 0.4 * schedule(t, 4, 400), 400).var()
print(f"  from 0.4 by the schedule: {falling:.5f}")
assert falling < 0.1 * noisy(lambda t: 0.4, 400).var(), "small steps at the end bring rest"

# %% [markdown]
# ## Sources
#
# Momentum: Polyak 1964, who also found the best μ; Sutskever and others 2013 for networks. Adam: Kingma and
# Ba 2015. The variance of the trembling: Robbins and Monro 1951 asked first how steps must fall. F4 is
# printed in the document that the catalogue calls 003.
