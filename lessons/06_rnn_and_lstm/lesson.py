# %% [markdown]
# # 6. Recurrent networks and the LSTM
#
# Formulas: [lstm.cell], [lstm.sequence], [tanh], [sigmoid], P2
# Time: 10 s
#
# **The question.** A network has a fixed number of weights, a text has any length. How can it read on and on,
# and how can it still know at character 100 what it saw at character 1?
#
# Letters: $T$ time, $B$ batch, $D$ features of the input, $H$ hidden (numbers in the state). $\odot$ is the
# product element by element, $\sigma(z) = 1/(1+e^{-z})$. As in lesson 2, $\bar x$ is short for
# $\partial L/\partial x$.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn
from scratchlm.kernels import reference
from scratchlm.lesson import check_close, save_picture, show_code

# %% [markdown]
# ## The plain recurrent network
#
# It keeps a **state** $h$ and uses the same weights at every step (P2: token in, state on, token out):
#
# $$h_t = \tanh(W x_t + U h_{t-1} + b).$$
#
# Backwards, $h_t$ has two users: the loss at step $t$ itself, and step $t+1$. With $\delta_t$ for the
# gradient before the tanh (whose slope is $1 - h_t^2$):
#
# $$\bar h_t = \Big(\frac{\partial L}{\partial h_t}\Big)_{\text{direct}} + U^\top \delta_{t+1}, \qquad
# \delta_t = (1 - h_t^2) \odot \bar h_t, \qquad \bar U = \sum_t \delta_t h_{t-1}^\top.$$
#
# This is **back-propagation through time**: the loop read backwards. Look at the way from $h_T$ to $h_t$: at
# each step the gradient is multiplied by $U^\top$ and by numbers between 0 and 1. Is the largest stretch of
# $U$ (its largest singular value) $\rho$, then over $k$ steps the gradient is at most $\rho^k$ of what it
# was. For $\rho < 1$ it **vanishes**. For $\rho > 1$ it may **explode**.
#
# With pencil ($H = 1$, no input): $u = 0.5$, $h$ small, so $1 - h^2 \approx 1$: after 10 steps
# $0.5^{10} \approx 0.001$.
#
# **Exercise 6.1.** One step of this, backwards.

# %%
# exercise 6.1: return δ_t (B, H) and what goes back to h_(t−1) (B, H); h_t = tanh(… + h_(t−1) Uᵀ)
def rnn_step_backward(grad_h, h, U):
    """∂L/∂h_t → δ_t and the share of ∂L/∂h_(t−1) that comes through step t."""
    # --- solution begin
    delta = (1 - h * h) * grad_h
    return delta, delta @ U
    # --- solution end


def rnn(xs, U):
    """Plain RNN from h = 0, W = identity: inputs xs, each (B, H) → the last state (B, H)."""
    h = 0.0 * xs[0]
    for x in xs:
        h = (x + h @ U.T).tanh()  # breakpoint here: look at h.data, step by step
    return h


rng = np.random.default_rng(6)
B, H, T = 8, 32, 60
U = sl.tensor(0.9 * rng.standard_normal((H, H)) / H**0.5)
x0, x1 = (sl.tensor(rng.standard_normal((B, H)), requires_grad=True) for _ in range(2))
rnn([x0, x1], U).sum().backward()
h0 = np.tanh(x0.numpy())
h1 = np.tanh(x1.numpy() + h0 @ U.numpy().T)
delta1, grad_h0 = rnn_step_backward(np.ones((B, H)), h1, U.numpy())
delta0, _ = rnn_step_backward(grad_h0, h0, U.numpy())
check_close("6.1", "δ₁", delta1, x1.grad, "tanh has slope 1 − h²; δ is also the gradient of the input x")
check_close("6.1", "δ₀", delta0, x0.grad, "what goes back to h₀ is δ₁ by U: h₀ stands before Uᵀ, so δ₁ U")

# %% [markdown]
# **Measured.** Random inputs, a random loss on the last state; how large is the gradient of the input $k$
# steps before? $U$ is $\rho$ times a rotation, so that it stretches every direction by $\rho$. For $\rho = 1$
# the gradient lives, but only on a knife's edge: with inputs of ordinary size the tanh bends, and it vanishes
# after all. For $\rho = 2.5$ it explodes, though more slowly than $\rho^k$, for the same reason.

# %%
rotation, _ = np.linalg.qr(rng.standard_normal((H, H)))
noise = rng.standard_normal((T, B, H))
wish = sl.tensor(rng.standard_normal((B, H)))  # L = Σ wish · h_T


def reach(last_state, xs):
    """‖∂L/∂x‖ of the input k steps before the last, for k = 0, 1, …, relative to k = 0."""
    (last_state * wish).sum().backward()
    norms = np.array([np.linalg.norm(x.grad.numpy()) for x in xs])[::-1]
    return norms / norms[0]


rnn_curves, lstm_curves = {}, {}  # for the picture further down
print("Plain RNN: the gradient 20 and 50 steps back")
for rho, size in ((0.5, 0.01), (0.9, 0.01), (1.0, 0.01), (1.0, 0.5), (2.5, 0.01)):
    xs = [sl.tensor(size * x, requires_grad=True) for x in noise]
    measured = reach(rnn(xs, sl.tensor(rho * rotation)), xs)
    rnn_curves[f"ρ = {rho}, inputs {size}"] = measured
    print(f"  ρ = {rho}, inputs {size:4.2f}: {measured[20]:7.1e} {measured[50]:7.1e}    ", end="")
    print(f"ρ^k: {rho**20:7.1e} {rho**50:7.1e}")
    if rho < 1:
        assert np.all(measured[1:] < 1.1 * rho ** np.arange(1, T)), "ρ < 1 must vanish like ρ^k or faster"
    elif size > 0.1:
        assert measured[50] < 0.01, "larger inputs bend the tanh: the gradient should vanish"
assert measured[50] > 1000, "for ρ = 2.5 it should explode"

# %% [markdown]
# ## The LSTM: memory is added to, not multiplied
#
# The long short-term memory keeps a second state, the **cell** $c$, and decides with **gates** (numbers
# between 0 and 1) what to write, keep and show. One linear map makes all four pre-activations, in PyTorch's
# order $i, f, g, o$:
#
# $$(z^i, z^f, z^g, z^o) = W x_t + b_W + U h_{t-1} + b_U, \qquad i, f, o = \sigma(z), \quad g = \tanh(z)$$
#
# $$c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh c_t \qquad \text{[lstm.cell]}$$
#
# On the direct way from $c_t$ to $c_{t-1}$ the gradient is multiplied by $f$ alone: no matrix, no tanh. A
# forget gate near 1 keeps it.
#
# **A picture of what gates can do.** Weights set by hand ($D = 2$: a value and a "write" signal; $H = 1$):
# write opens $i$ and closes $f$; without it the cell keeps what it has, whatever comes along. The weight of
# the value in $g$ is 2, so what is written is $\tanh(2 \cdot \text{value})$.

# %%
def by_hand(value, write):
    """Weights (4, 2) and bias (4) for i, f, g, o: i opens on write, f closes on write, g is the value."""
    weight = np.array([[0.0, 20.0], [0.0, -20.0], [value, 0.0], [0.0, 0.0]])
    return weight, np.array([-write, write, 0.0, 10.0])


weight, gate_bias = by_hand(value=2.0, write=10.0)
signal = np.zeros((40, 1, 2))
signal[:, 0, 0] = rng.uniform(-1, 1, 40)
signal[[5, 25], 0, 1] = 1.0  # write at 5 and at 25
gates = signal @ weight.T + gate_bias  # (T, 1, 4)
zero = np.zeros((1, 1))
_, c = reference.lstm_forward(gates, zero, zero, np.zeros((4, 1)))  # gates now hold i, f, g, o themselves
latch, rows = plt.subplots(3, 1, figsize=(8, 4.5), sharex=True)
rows[0].plot(signal[:, 0, 0], "o-", markersize=3, label="value (red: write)")
rows[1].step(np.arange(40), gates[:, 0, :2], where="mid", label=["i (write)", "f (keep)"])
rows[2].step(np.arange(40), c[:, 0], where="mid", label="c", color="tab:red")
for row in rows:
    row.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
rows[0].plot([5, 25], signal[[5, 25], 0, 0], "o", markersize=10, markerfacecolor="none", color="tab:red")
rows[0].set_title("an LSTM cell as a memory: it takes the value when i opens, and holds it")
rows[2].set_xlabel("time")
print("\nA memory set by hand: tanh(2 · value) as written, what the cell holds 19 steps later")
print(f"  {np.tanh(2 * signal[5, 0, 0]):.4f} {c[24, 0, 0]:.4f}")
assert abs(c[24, 0, 0] - np.tanh(2 * signal[5, 0, 0])) < 0.01, "the cell should hold what was written"
save_picture(latch, "06_memory.png")

# %% [markdown]
# **Measured again**, with small weights (those of $h$ nearly 0) and the forget gate's bias set: the path
# through $c$ alone predicts $\sigma(b_f)^k$.
#
# **Exercise 6.2.** Which bias keeps half of the gradient over $k$ steps?


# %%
# exercise 6.2: solve σ(b)^k = 1/2 for b
def forget_bias_for(k):
    """The forget bias with which a memory halves in k steps."""
    # --- solution begin
    keep = 0.5 ** (1 / k)  # σ(b)
    return math.log(keep / (1 - keep))
    # --- solution end


for k in (1, 10, 50):
    left = (1 / (1 + math.exp(-forget_bias_for(k)))) ** k
    check_close(
        "6.2", f"σ(b)^{k} for b = forget_bias_for({k})", left, 0.5, "half of the gradient is to be left"
    )

print("\nLSTM: the gradient 20 and 50 steps back")
for forget_bias in (0.0, 2.0, forget_bias_for(50)):
    layer_weights = [sl.tensor(size * rng.standard_normal((4 * H, H))) for size in (0.02, 0.001)]
    bias = np.zeros(4 * H)
    bias[H : 2 * H] = forget_bias  # the second quarter: f
    xs = sl.tensor(0.5 * noise, requires_grad=True)
    state = sl.tensor(np.zeros((B, H)))
    _, h_last, _ = F.lstm(xs, state, state, *layer_weights, sl.tensor(bias), sl.tensor(np.zeros(4 * H)))
    (h_last * wish).sum().backward()
    norms = np.linalg.norm(xs.grad.numpy().reshape(T, -1), axis=1)[::-1]
    measured, keep = norms / norms[0], 1 / (1 + math.exp(-forget_bias))
    lstm_curves[f"forget bias {forget_bias:.2f}"] = measured
    print(f"  b = {forget_bias:.2f}: {measured[20]:8.1e} {measured[50]:8.1e}    ", end="")
    print(f"σ(b)^k: {keep**20:8.1e} {keep**50:8.1e}")
    assert 0.5 < measured[50] / keep**50 < 2, "the gradient should fall like σ(b)^k"
assert 0.35 < measured[50] < 0.7, "about half should be left after 50 steps"

figure, panels = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
for panel, title, curves in zip(panels, ("plain RNN", "LSTM"), (rnn_curves, lstm_curves), strict=True):
    for label, curve in curves.items():
        panel.semilogy(curve, "--" if label.endswith("0.5") else "-", label=label)
    panel.set(title=title, xlabel="steps back", ylim=(1e-12, 1e8))
    panel.legend(fontsize=8)
panels[0].set_ylabel("gradient of the input, relative")
save_picture(figure, "06_reach.png")

# %% [markdown]
# ## Backwards through an LSTM, with pencil
#
# $h_t$ has two kinds of users: the loss directly, and the four gates of step $t+1$. $c_t$ has two as well:
# $h_t$, through $o \tanh c_t$, and $c_{t+1}$, through $f$. Collect all shares:
#
# $$\bar h_t = \Big(\frac{\partial L}{\partial h_t}\Big)_{\text{direct}} + U^\top \delta_{t+1}, \qquad
# \bar c_t = \bar c_{t+1} \odot f_{t+1} + \bar h_t \odot o \odot (1 - \tanh^2 c_t)$$
#
# and for the four pre-activations, each with the slope of its own bend:
#
# $$\delta^i = \bar c_t \odot g \odot i(1-i), \quad \delta^f = \bar c_t \odot c_{t-1} \odot f(1-f), \quad
# \delta^g = \bar c_t \odot i \odot (1-g^2), \quad \delta^o = \bar h_t \odot \tanh c_t \odot o(1-o).$$
#
# The weights are used at every step, so their gradients are sums: $\bar W = \sum_t \delta_t x_t^\top$,
# $\bar U = \sum_t \delta_t h_{t-1}^\top$, $\bar b = \sum_t \delta_t$.
#
# The example: $D = H = 1$, $T = 2$, inputs $1, -1$, loss $L = h_1 + 2 h_2$; each gate has a weight for $x$,
# one for $h$, a bias. With pencil, the last step, whose gates and cell stand in the table that is printed:
# $\bar h_2 = 2$, for nothing comes from later;
# $\bar c_2 = 2\,o\,(1 - \tanh^2 c_2) = 2 \cdot 0.32633 \cdot (1 - 0.09908^2) = 0.64625$; and
# $\delta^i_2 = \bar c_2\, g\, i\,(1-i) = 0.64625 \cdot (-0.66416) \cdot 0.38345 \cdot 0.61655 = -0.10147$.

# %%
WEIGHTS = {"i": (0.5, 0.1, 0.0), "f": (-0.3, 0.2, 1.0), "g": (0.8, -0.4, 0.1), "o": (0.6, 0.3, -0.2)}
INPUTS, DIRECT = (1.0, -1.0), (1.0, 2.0)  # x_t, and ∂L/∂h_t where the loss reads h_t


def forward_by_hand(weights, inputs):
    """The steps of an LSTM with H = 1, each as a dictionary of its numbers."""
    h = c = 0.0
    steps = []
    for x in inputs:
        step = {"x": x, "h before": h, "c before": c}
        for gate, (w, u, b) in weights.items():
            z = w * x + u * h + b
            step[gate] = math.tanh(z) if gate == "g" else 1 / (1 + math.exp(-z))
        c = step["f"] * c + step["i"] * step["g"]
        h = step["o"] * math.tanh(c)
        steps.append(step | {"c": c, "h": h})
    return steps


def backward_by_hand(weights, steps, direct, forget=""):
    """Gradients of w, u, b for each gate; `forget` leaves out a path, for the mistake further down."""
    gradients = {gate: [0.0, 0.0, 0.0] for gate in weights}
    h_from_next = c_from_next = 0.0
    for s, direct_h in zip(reversed(steps), reversed(direct), strict=True):
        i, f, g, o, tanh_c = s["i"], s["f"], s["g"], s["o"], math.tanh(s["c"])
        grad_h = direct_h + (0.0 if forget == "h" else h_from_next)
        grad_c = (0.0 if forget == "c" else c_from_next) + grad_h * o * (1 - tanh_c**2)
        delta = {
            "i": grad_c * g * i * (1 - i),
            "f": grad_c * s["c before"] * f * (1 - f),
            "g": grad_c * i * (1 - g * g),
            "o": grad_h * tanh_c * o * (1 - o),
        }
        s.update({"grad h": grad_h, "grad c": grad_c} | {f"delta {gate}": d for gate, d in delta.items()})
        for gate, d in delta.items():  # breakpoint here: look at delta, grad_h, grad_c (and the table)
            for k, factor in enumerate((s["x"], s["h before"], 1.0)):
                gradients[gate][k] += d * factor
        h_from_next = sum(d * weights[gate][1] for gate, d in delta.items())
        c_from_next = grad_c * f
    return gradients


def loss_by_hand(weights, inputs, direct):
    """L = Σ direct_t h_t."""
    return sum(factor * s["h"] for factor, s in zip(direct, forward_by_hand(weights, inputs), strict=True))


steps = forward_by_hand(WEIGHTS, INPUTS)
gradients = backward_by_hand(WEIGHTS, steps, DIRECT)
print("\nThe pencil example (backwards: read from t = 2 to t = 1)")
for name in ("i", "f", "g", "o", "c", "h", "grad h", "grad c", "delta i", "delta f", "delta g", "delta o"):
    print(f"  {name:8s}" + "".join(f"  t={t}: {s[name]:8.5f}" for t, s in enumerate(steps, 1)))


def worst_error(gradients, inputs, direct, h=1e-6):
    """Largest difference between the gradients and finite differences of the loss."""
    worst = 0.0
    for gate in WEIGHTS:
        for k in range(3):
            losses = []
            for nudge in (h, -h):
                changed = list(WEIGHTS[gate])
                changed[k] += nudge
                losses.append(loss_by_hand(WEIGHTS | {gate: changed}, inputs, direct))
            worst = max(worst, abs(gradients[gate][k] - (losses[0] - losses[1]) / (2 * h)))
    return worst


print(f"  12 gradients against finite differences: worst error {worst_error(gradients, INPUTS, DIRECT):.1e}")
assert worst_error(gradients, INPUTS, DIRECT) < 1e-8, "the derivation by hand is wrong"

# %% [markdown]
# ## The same in the engine
#
# The formula twice: a kernel on arrays (one step [lstm.cell], the loop [lstm.sequence]), and a Function
# around it that autograd calls. The kernel keeps the gates only after their bends, since
# $\sigma' = \sigma(1-\sigma)$ needs no more.

# %%
print("\nThe engine's code\n")
show_code(reference.lstm_cell_backward)
show_code(reference.lstm_backward)

table = np.array([WEIGHTS[gate] for gate in "ifgo"])  # (4, 3): w, u, b
W, U, b = table[:, :1], table[:, 1:2], table[:, 2]  # (4H, D), (4H, H), (4H), with D = H = 1
gates = np.array(INPUTS).reshape(2, 1, 1) @ W.T + b  # (T, B, 4H), still without the part of h
h, c = reference.lstm_forward(gates, zero, zero, U)
delta, _, _ = reference.lstm_backward(np.array(DIRECT).reshape(2, 1, 1), zero, gates, zero, c, U)
page = {name: np.array([s[name] for s in steps]) for name in steps[0]}
page_delta = np.stack([page[f"delta {gate}"] for gate in "ifgo"], axis=1)
print("Kernels against the page: largest difference")
print(f"  h {np.abs(h.ravel() - page['h']).max():.0e}   delta {np.abs(delta[:, 0] - page_delta).max():.0e}")
assert np.allclose(h.ravel(), page["h"]), "the kernel's h differs from the page"
assert np.allclose(delta[:, 0], page_delta), "the kernel's δ differs from the page"

x, W, U, b = (sl.tensor(a, requires_grad=True) for a in (np.array(INPUTS).reshape(2, 1, 1), W, U, b))
h, _, _ = F.lstm(x, sl.tensor(zero), sl.tensor(zero), W, U, b, sl.tensor(np.zeros(4)))
(h * sl.tensor(np.array(DIRECT).reshape(2, 1, 1))).sum().backward()
engine = np.concatenate([W.grad.numpy(), U.grad.numpy(), b.grad.numpy()[:, None]], axis=1)
assert np.allclose(engine, [gradients[gate] for gate in "ifgo"]), "engine and page differ"

# %% [markdown]
# ## A common mistake: one of the paths is forgotten
#
# Leave out what comes back through $c_{t+1}$, or through $h_{t+1}$: the code runs, the loss even falls. **How
# to notice:** finite differences, with $T \ge 2$! With $T = 1$ there is no next step, and every version
# passes.

# %%
print("\nWorst error of 12 gradients when a path is left out")
for forget, name in zip(("", "h", "c"), ("nothing forgotten", "without the h", "without the c"), strict=True):
    errors = []
    for length in (1, 2):
        inputs, direct = INPUTS[:length], DIRECT[:length]
        found = backward_by_hand(WEIGHTS, forward_by_hand(WEIGHTS, inputs), direct, forget)
        errors.append(worst_error(found, inputs, direct))
    print(f"  {name:18s}  T = 1: {errors[0]:.0e}   T = 2: {errors[1]:.0e}")
    assert errors[0] < 1e-8, "with one step no path can be missing"
    assert (errors[1] > 1e-3) == bool(forget), "two steps should find the missing path, and only that"

# %% [markdown]
# ## Another one: gates in another order
#
# Weights from elsewhere may come as $i, o, f, g$ (ONNX) instead of $i, f, g, o$. All shapes fit, so loading
# them raises no error; the network is just another one. **How to notice:** run one step beside the program
# that made the weights, and compare $h$.
#
# **Exercise 6.3.** Bring the four blocks into the right order.


# %%
# exercise 6.3: `array` has four blocks of H rows in the order `given`, such as "iofg"
def reorder(array, given):
    """The same blocks (4H, …) in the engine's order i, f, g, o."""
    # --- solution begin
    blocks = dict(zip(given, np.split(array, 4), strict=True))
    return np.concatenate([blocks[gate] for gate in "ifgo"])
    # --- solution end


for given, height in (("iofg", 2), ("ifgo", 2), ("gofi", 3)):
    numbered = np.repeat(np.arange(4.0), height)[:, None] * [1, 10]  # (4H, 2) with H = height
    right = np.repeat([float(given.index(gate)) for gate in "ifgo"], height)[:, None] * [1, 10]
    check_close(
        "6.3", f"reorder(array, {given!r})", reorder(numbered, given), right, "blocks i, f, g, o, H rows each"
    )

sl.manual_seed(6)
ours, loaded = nn.LSTM(5, 7), nn.LSTM(5, 7)
theirs = {}
for name, array in ours.state_dict().items():
    i, f, g, o = np.split(array, 4)
    theirs[name] = np.concatenate([i, o, f, g])
x = sl.tensor(rng.standard_normal((1, 2, 5)).astype(np.float32))  # one step
print("\nWeights in the order i, o, f, g: difference in h after one step")
mended = {name: reorder(array, "iofg") for name, array in theirs.items()}
for what, state in (("as they are", theirs), ("in our order", mended)):
    loaded.load_state_dict(state)  # no error in either case
    difference = np.abs(loaded(x)[0].numpy() - ours(x)[0].numpy()).max()
    print(f"  {what:12s} {difference:.1e}")
    assert (difference < 1e-6) == (what == "in our order"), "only one order gives the same h"
