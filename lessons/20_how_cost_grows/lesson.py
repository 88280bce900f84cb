# %% [markdown]
# # 20. How cost grows
#
# Formulas: [matmul], [linear], [attention], [lstm.sequence], [linear_cross_entropy], T1
# Time: 25 s
#
# **The question.** A model twice as large, a text twice as long, twice as much text: what does each cost, in
# operations and in memory, and what does it bring? And how is a given amount of computing best shared between
# the size of a model and the text that it reads?
#
# Letters: $N$ weights, $S$ tokens read in all; $B$ batch, $T$ time, $D$ features, $V$ vocabulary, $\ell$
# layers; $C$ operations in all (a multiplication and an addition are two); $L$ the loss in nats a token.

# %%
import math
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import models, nn, optim, text
from scratchlm.debugger import record
from scratchlm.lesson import check, check_close, save_picture

# %% [markdown]
# ## Six operations for each weight and token
#
# A product of $(n, k)$ and $(k, m)$ has $nm$ results of $k$ terms each: $2nkm$ operations. A linear layer
# with $w = km$ weights, on $n$ tokens, is one such product forward: $2nw$. Backward it needs two more of
# the same size, $\bar X = \bar Y W$ and $\bar W = \bar Y^\top X$: $4nw$. Together $6nw$: so a step of
# training costs about **$6N$ operations a token**, if nearly all weights stand in linear layers, and
# reading alone $2N$.
#
# Attention has products without weights. The scores of $T$ queries and $T$ keys of $D$ features take $2T^2D$,
# the means over the values as many: $4T^2D$ forward for each sequence and layer, which grows with the
# **square** of the length. A block has $12D^2$ weights (lesson 12), so beside its $24TD^2$ the share of
# attention is
#
# $$\frac{4T^2D}{24TD^2} = \frac{T}{6D}.$$
#
# With pencil: $D$ = 128, $T$ = 64: a twelfth. At $T = 6D$ = 768 both are equal, and twice the length costs
# $(2 + 4)/(1 + 1) = 3$ times as much; only far beyond that it comes near to four times.
#
# **Exercise 20.1.** The operations of a GPT, forward. (Lookups, norms and bends are left out: they grow
# with $D$ where products grow with $D^2$. The last layer shares its weights with the embedding; it still
# multiplies.)

# %%
# exercise 20.1: return the operations of one forward pass of a GPT over B rows of T tokens: in each layer the
# linear layers D → 3D, D → D, D → 4D, 4D → D and attention over all T² pairs; at the end D → V
def gpt_operations(B, T, D, V, layers):
    """2 for each weight and token, and 4 T² D for each row and layer."""
    # --- solution begin
    weights = 12 * D * D * layers + D * V
    return 2 * weights * B * T + 4 * T * T * D * B * layers
    # --- solution end


def product(formula):
    """Operations of one recorded formula, from the shapes of what it got."""
    shapes = [seen.shape for seen in formula.inputs]
    if formula.name in ("Linear", "LinearCrossEntropy"):  # (…, in) and (out, in)
        return 2 * math.prod(shapes[0][:-1]) * math.prod(shapes[1])
    if formula.name == "SelfAttention":  # (B, T, 3D)
        B, T, features = shapes[0]
        return 4 * B * T * T * features // 3
    return 0


found = gpt_operations(1, 64, 128, 0, 1) / (24 * 64 * 128**2)
check_close("20.1", "T = 64, D = 128, beside linear layers", found, 13 / 12, "attention is a twelfth")
found = gpt_operations(1, 1536, 128, 0, 1) / gpt_operations(1, 768, 128, 0, 1)
check_close("20.1", "D = 128, T = 1536 beside T = 768", found, 3.0, "2 for linear layers, 4 for attention")
print("A forward pass, counted on the page and by adding up what the engine's formulas got")
for B, T, D, V, layers in ((2, 8, 16, 11, 1), (3, 20, 24, 30, 2)):
    model = models.GPTLanguageModel(V, T, D, num_heads=2, num_layers=layers)
    ids = np.zeros((B, T), int)
    with record("shape", quiet=True) as tape:  # writes down every formula with its shapes
        model.loss(ids, ids)
    counted = sum(product(formula) for formula in tape)
    found = gpt_operations(B, T, D, V, layers)
    print(f"  B = {B}, T = {T}, D = {D}, V = {V}, {layers} layers: {found:,} and {counted:,}")
    check("20.1", found == counted, f"{found:,} operations, the engine's products have {counted:,}")

# %% [markdown]
# ## Length: a line and a parabola
#
# An LSTM does the same at each step, $2 \cdot 8D^2$ operations with $H = D$: twice the text, twice the cost,
# whatever it has to remember. Attention looks back at everything. What it costs here, on this machine, now:

# %%
D, lengths = 32, (16, 64, 256, 1024)
sl.manual_seed(20)
lstm, block = nn.LSTM(D, D), nn.TransformerBlock(D, 4)
seconds = {"one LSTM": [], "Transformer block": []}
for T in lengths:
    x = sl.randn(T, 1, D)
    for name in seconds:
        best = math.inf
        for _ in range(3):
            began = perf_counter()
            with sl.no_grad():  # breakpoint here: step into attention's kernel, look at the scores' shape
                _ = lstm(x) if name == "one LSTM" else block(x.transpose(0, 1), causal=True)
            best = min(best, perf_counter() - began)
        seconds[name].append(best)
T = np.array(lengths)
operations = {"one LSTM": 16 * T * D * D, "Transformer block": 24 * T * D * D + 4 * T * T * D}
print("\nOne row of T tokens, D = 32, forward: operations by the formulas, milliseconds measured")
for name, counted in operations.items():
    for length, o, s in zip(lengths, counted, seconds[name], strict=True):
        print(f"  {name:17s}  T = {length:4}: {o:11,}  {1000 * s:6.1f} ms")
assert operations["one LSTM"][-1] == 4 * operations["one LSTM"][-2], "a line"
assert operations["Transformer block"][-1] > 10 * operations["Transformer block"][-2], "nearly a parabola"

# %% [markdown]
# ## Memory
#
# Training holds the weights, as many gradients, and with Adam two more numbers for each weight (lesson 4):
# $4N$ numbers, $16N$ bytes in float32. And it holds what every formula **saved** for its backward. That
# grows with $B \cdot T$: of a linear layer it is its input, $B\,T\,D$ numbers, where its weights are $D^2$.
#
# **Exercise 20.2.** The bytes of a stack of linear layers.

# %%
# exercise 20.2: return (bytes held all the time, bytes saved for backward) in float32 while a stack of
# `layers` linear layers D → D with biases, each followed by tanh, is trained with Adam on B rows. A linear
# layer saves its input, tanh its result; an array that both save is held once. The first input counts, the
# loss does not
def bytes_of_training(B, D, layers):
    """Weights, gradients and Adam's two; and what is saved."""
    # --- solution begin
    numbers = (D * D + D) * layers
    return 4 * 4 * numbers, 4 * B * D * (layers + 1)
    # --- solution end


def saved_bytes(tape):
    """Of all arrays that the formulas of a tape saved, each counted once, without parameters."""
    kept = {}
    for formula in tape:
        names = {id(s.array): s.source for s in formula.inputs}
        for seen in formula.saved:
            if "weight" not in str(names.get(id(seen.array), "")):
                kept[id(seen.array)] = seen.array.nbytes
    return sum(kept.values())


held, saved = bytes_of_training(10, 3, 2)
check("20.2", held == 4 * 4 * 24, f"two layers 3 → 3 hold {held} bytes, expected 16 for each of 24 numbers")
check("20.2", saved == 4 * 30 * 3, f"two layers on 10 rows save {saved} bytes: input and two tanh")
for B, D, layers in ((5, 4, 3), (50, 8, 1)):
    stack = nn.Sequential(*[part for _ in range(layers) for part in (nn.Linear(D, D), nn.Tanh())])
    optimizer = optim.Adam(stack.parameters())
    with record(quiet=True) as tape:
        stack(sl.randn(B, D)).sum().backward()
    optimizer.step()
    held, saved = bytes_of_training(B, D, layers)
    right = 4 * sum(p.size * 4 for p in stack.parameters())
    check("20.2", held == right, f"{layers} layers hold {held} bytes, expected {right}: four arrays of N")
    right = saved_bytes(tape)
    check("20.2", saved == right, f"{layers} layers on {B} rows save {saved} bytes, the engine's {right}")

# %% [markdown]
# ## What size brings
#
# Train LSTMs of five sizes on as many tokens each, and draw the loss over the weights. Found again and
# again, over many powers of ten: the loss falls like a **power** of the size, towards a floor that no size
# gets below,
#
# $$L(N) = E + \Big(\frac{a}{N}\Big)^{\alpha} \quad\Longleftrightarrow\quad
# \ln(L - E) = \alpha \ln a - \alpha \ln N.$$
#
# For a given floor $E$ that is a straight line in the logarithms, and its slope and height are least
# squares (lesson 3). With pencil, $E$ = 1, losses 3, 2, 1.5 at $N$ = 1, 4, 16: $L - E$ halves when $N$ is
# four times as large, so $\alpha = \ln 2/\ln 4 = ½$, and $a$: $(a/1)^{1/2} = 2$, $a = 4$.
#
# **Exercise 20.3.** That line.

# %%
# exercise 20.3: return (a, α) for sizes and losses (arrays) and the floor E, by least squares of ln(L − E)
# on ln N
def power_law(sizes, losses, floor):
    """The straight line in the logarithms."""
    # --- solution begin
    x, y = np.log(sizes), np.log(losses - floor)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    alpha = -slope
    return math.exp((y.mean() + alpha * x.mean()) / alpha), alpha
    # --- solution end


found = power_law(np.array([1.0, 4.0, 16.0]), np.array([3.0, 2.0, 1.5]), 1.0)
check_close("20.3", "a, α of the pencil example", list(found), [4.0, 0.5], "a = 4, α = ½")
drawn = np.array([100.0, 1e3, 1e5])
exact = 1.2 + (500 / drawn) ** 0.3
check_close("20.3", "a, α for E = 1.2", list(power_law(drawn, exact, 1.2)), [500.0, 0.3], "without the floor")
noisy = exact * [1.01, 0.99, 1.01]
slope, height = np.polyfit(np.log(drawn), np.log(noisy - 1.2), 1)  # the height is α ln a
right = [math.exp(-height / slope), -slope]
check_close("20.3", "a, α of losses off the line", list(power_law(drawn, noisy, 1.2)), right, "least squares")

corpus = text.default_corpus()
tokenizer = text.train_tokenizer("characters", corpus.text[:300_000])
train, test = (tokenizer.encode(corpus.text[a:b]) for a, b in ((0, 300_000), (300_000, 312_000)))
V, T, B, STEPS = tokenizer.vocab_size, 24, 16, 250
windows = test[: len(test) // (T + 1) * (T + 1)].reshape(-1, T + 1)
widths = (2, 4, 8, 16, 32)
sizes, losses = [], []
for H in widths:
    sl.manual_seed(20)
    model, rng = models.LSTMLanguageModel(V, H, H), np.random.default_rng(0)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for step in range(STEPS):
        starts = rng.integers(0, len(train) - T - 1, B)
        batch = np.stack([train[s : s + T + 1] for s in starts])
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / STEPS)
        loss, _ = model.loss(batch[:, :-1], batch[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with sl.no_grad():
        losses.append(model.loss(windows[:, :-1], windows[:, 1:])[0].item())
    sizes.append(model.count_parameters())
sizes, losses = np.array(sizes), np.array(losses)
print(f"\n{corpus}\nLSTMs on {STEPS * B * T:,} tokens each: weights, loss on other text")
for n, found in zip(sizes, losses, strict=True):
    print(f"  {n:6,}  {found:.2f}")
assert (np.diff(losses) < 0).all(), "at these sizes, larger is better"

# %% [markdown]
# ## A common mistake: the floor is forgotten, or guessed
#
# A straight line through the logarithms of the losses themselves is a fit with $E = 0$; it falls for ever,
# also below the entropy of the text, which no model can (lesson 5). And within one power of ten quite
# different floors fit about equally well; they part only far out, where one wanted to know. **How to
# notice:** leave the largest model out, forecast it, and try several floors: how far apart are the
# forecasts?

# %%
floors = (0.0, 0.8, 1.6)
forecasts = {}
print(f"\nFrom the other four: floor, α, forecast of the largest ({losses[-1]:.2f}), of one 100 times that")
for floor in floors:
    a, alpha = power_law(sizes[:-1], losses[:-1], floor)
    ahead = floor + (a / np.array([sizes[-1], 100 * sizes[-1]])) ** alpha
    forecasts[floor] = ahead
    print(f"  {floor:.1f}  {alpha:.3f}  {ahead[0]:.2f}  {ahead[1]:.2f}")
near = np.ptp([ahead[0] for ahead in forecasts.values()])
far = np.ptp([ahead[1] for ahead in forecasts.values()])
assert far > 3 * near, "near by the floors agree, far out they do not"

# %% [markdown]
# ## A given amount of computing
#
# More text helps like more weights. Let $L(N, S) = E + a N^{-\alpha} + b S^{-\beta}$, and let the budget be
# $C = 6NS$ operations. Large $N$ leaves few tokens, many tokens leave a small model. Put $S = C/(6N)$ and
# set the derivative by $N$ to zero:
#
# $$-\alpha a N^{-\alpha - 1} + \beta b \Big(\frac{6}{C}\Big)^{\beta} N^{\beta - 1} = 0
# \qquad\Longrightarrow\qquad N^{\alpha + \beta} = \frac{\alpha a}{\beta b} \Big(\frac{C}{6}\Big)^{\beta}.$$
#
# So the best size grows like $C^{\beta/(\alpha+\beta)}$, the text like $C^{\alpha/(\alpha+\beta)}$: with
# $\alpha \approx \beta$, as found for large models, both like $\sqrt C$. With pencil, $a = b$, $\alpha =
# \beta$, $C$ = 600: $N^2 = 100$, so $N = S = 10$; with four times the budget 20 each.
#
# **Exercise 20.4.** The best share.

# %%
# exercise 20.4: return (N, S) that make E + a N^−α + b S^−β least under 6 N S = C
def best_share(C, a, b, alpha, beta):
    """Weights and tokens for a budget of C operations."""
    # --- solution begin
    N = (alpha * a / (beta * b) * (C / 6) ** beta) ** (1 / (alpha + beta))
    return N, C / (6 * N)
    # --- solution end


check_close("20.4", "N, S for C = 600", list(best_share(600, 1, 1, 0.5, 0.5)), [10, 10], "N = S = 10")
check_close("20.4", "N, S for C = 2400", list(best_share(2400, 3, 3, 0.2, 0.2)), [20, 20], "twice each")
LAW = (400.0, 400.0, 0.34, 0.28)  # a, b, α, β, of the size that has been published for large models
for C in (1e15, 1e21):
    N, S = best_share(C, *LAW)
    check_close("20.4", f"6 N S for C = {C:.0e}", 6 * N * S / C, 1.0, "the budget is spent")
    a, b, alpha, beta = LAW
    around = [a * (f * N) ** -alpha + b * (S / f) ** -beta for f in (0.999, 1.0, 1.001)]
    check("20.4", around[1] < min(around[::2]), f"for C = {C:.0e} 0.1 % more or fewer weights are better")

budgets = np.logspace(15, 24, 4)
print("\nThe best share by a law of the published size: budget, weights, tokens, tokens for each weight")
for C in budgets:
    N, S = best_share(C, *LAW)
    print(f"  {C:.0e}  {N:.1e}  {S:.1e}  {S / N:.1f}")

figure, panels = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
for name in seconds:
    panels[0].loglog(lengths, np.array(seconds[name]) * 1000, "o-", label=f"{name}, ms")
    panels[0].loglog(lengths, np.array(operations[name]) / 1e6, ":", label=f"{name}, million operations")
panels[0].set(title="cost of T tokens, D = 32", xlabel="T")
panels[1].semilogx(sizes, losses, "ko", label="measured")
wide = np.logspace(np.log10(sizes[0]), np.log10(100 * sizes[-1]), 60)
for floor in floors:
    a, alpha = power_law(sizes[:-1], losses[:-1], floor)
    panels[1].semilogx(wide, floor + (a / wide) ** alpha, label=f"floor {floor}")
panels[1].set(title="loss by size, and three forecasts", xlabel="weights", ylabel="nats a token")
a, b, alpha, beta = LAW
for C in budgets[:3]:
    grid = np.logspace(np.log10(best_share(C, *LAW)[0]) - 1.5, np.log10(best_share(C, *LAW)[0]) + 1.5, 60)
    panels[2].loglog(grid, a * grid**-alpha + b * (C / 6 / grid) ** -beta, label=f"C = {C:.0e}")
    N, S = best_share(C, *LAW)
    panels[2].loglog(N, a * N**-alpha + b * S**-beta, "k.")
panels[2].set(title="loss above the floor, by the share", xlabel="weights")
for panel in panels:
    panel.legend(fontsize=7)
save_picture(figure, "20_cost.png")

# %% [markdown]
# ## Sources
#
# Power laws of the loss: Hestness and others 2017; Kaplan and others 2020 (scaling laws). The best share, and
# the form with two powers: Hoffmann and others 2022. Operations and memory of training: Rajbhandari and
# others 2020.
