# %% [markdown]
# # 12. The Transformer
#
# Formulas: [attention], [layer_norm], [gelu], [linear], [transformer.step], [lstm.step], T1
# Time: 50 s
#
# **The question.** An LSTM reads a text one sign after the other, and everything must pass through its state.
# Can all places be computed at once, each looking back by attention? What keeps a stack of many such layers
# trainable? And is it better than the LSTM, if both see the same text?
#
# Letters: $B$ batch, $T$ time, $D$ features, $H$ heads, $V$ vocabulary, $L$ layers; $\gamma, \beta$ the
# learnt stretch and shift of a norm. $\bar x$ is short for $\partial L/\partial x$.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn, optim, text
from scratchlm.debugger import numerical_gradient
from scratchlm.kernels import reference
from scratchlm.lesson import check_close, check_shape, save_picture, show_code

# %% [markdown]
# ## Layer normalisation
#
# Numbers that grow from layer to layer soon leave the range where anything can be learnt. So each row is
# brought to mean 0 and variance 1, and then stretched and shifted by numbers that are learnt:
#
# $$\mu = \frac1D \sum_d x_d, \quad \sigma^2 = \frac1D \sum_d (x_d - \mu)^2, \quad
# \hat x = \frac{x - \mu}{s}, \quad s = \sqrt{\sigma^2 + \varepsilon}, \quad y = \gamma \odot \hat x +
# \beta.$$
#
# With pencil: (1, 3) has μ = 2 and σ = 1, so $\hat x$ = (−1, 1).
#
# **Backwards.** Let $G = \gamma \odot \bar y$ be the gradient of $\hat x$. $x_d$ occurs in three places: in
# its own $\hat x_d$ with slope $1/s$; in μ, with $\partial\mu/\partial x_d = 1/D$ and $\partial\hat
# x_e/\partial\mu = -1/s$ for **every** $e$; and in $s$, with $\partial s/\partial x_d = (x_d - \mu)/(D s) =
# \hat x_d/D$ (what comes through μ adds up to 0) and $\partial\hat x_e/\partial s = -\hat x_e/s$. The sum of
# the three:
#
# $$\bar x_d = \frac1s \Big( G_d - \frac1D \sum_e G_e - \hat x_d\,\frac1D \sum_e G_e \hat x_e \Big).$$
#
# (The engine keeps $1/s$ and calls it `scale`.) In words: what would only shift the row, or only stretch it,
# is taken out, for the norm undoes it.
#
# **Exercise 12.1.** These lines.

# %%
# exercise 12.1: return ∂L/∂x (N, D), ∂L/∂γ (D), ∂L/∂β (D) for x (N, D), γ (D), ∂L/∂y (N, D)
def layer_norm_backward(grad_y, x, gamma, eps=1e-5):
    """The derivative of y = γ x̂ + β, row by row."""
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=1, keepdims=True)) / s
    # --- solution begin
    G = grad_y * gamma  # (N, D)
    grad_x = (G - G.mean(axis=1, keepdims=True) - x_hat * (G * x_hat).mean(axis=1, keepdims=True)) / s
    return grad_x, (grad_y * x_hat).sum(axis=0), grad_y.sum(axis=0)
    # --- solution end


rng = np.random.default_rng(12)
x, grad_y = rng.standard_normal((2, 3, 5))
gamma, beta = rng.standard_normal((2, 5))


def layer_norm(x, gamma, beta):
    """The formula with NumPy."""
    x_hat = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    return gamma * x_hat + beta


found = layer_norm_backward(grad_y, x, gamma)
for name, gradient, array in zip(("x", "γ", "β"), found, (x, gamma, beta), strict=True):
    differences = numerical_gradient(lambda: (layer_norm(x, gamma, beta) * grad_y).sum(), array)
    check_close("12.1", f"∂L/∂{name}", gradient, differences, "by finite differences", rtol=1e-6)
for function in (F.layer_norm, F.layer_norm_composed):
    tensors = [sl.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    (function(*tensors) * sl.tensor(grad_y)).sum().backward()
    for tensor, gradient in zip(tensors, found, strict=True):
        assert np.allclose(tensor.grad.numpy(), gradient), "the engine differs from the page"
print(f"(1, 3) normalised: {layer_norm(np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2)).round(4)[0]}")
print("The engine's code\n")
show_code(reference.layer_norm_backward)

# %% [markdown]
# ## Residuals: a way around
#
# A layer $y = f(x)$ multiplies gradients by its slope $f'$, and 30 layers by 30 slopes (lesson 6 saw it over
# time). With a way around, $y = x + f(x)$, the slope is $1 + f'$: multiply out, and one term of the product
# is $1 \cdot 1 \cdots 1$. The gradient of the first layer always has a part that came through untouched.

# %%
def gradient_of_input(layers, around, seed=0):
    """Size of the gradient below a stack of linear layers with tanh, for one of size 1 at the top."""
    sl.manual_seed(seed)
    x = sl.tensor(np.random.default_rng(seed).standard_normal((1, 32)), requires_grad=True)
    h = x.float()
    for _ in range(layers):
        step = nn.Linear(32, 32)(h).tanh()
        h = h + step if around else step
    (h * sl.tensor(np.full((1, 32), 32**-0.5, np.float32))).sum().backward()
    return float(np.linalg.norm(x.grad.numpy()))


depths = (1, 5, 10, 20, 30)
plain, residual = ([gradient_of_input(n, around) for n in depths] for around in (False, True))
print(f"\nGradient of the input below {depths} layers")
print(f"  one after the other {np.array(plain)}\n  with a way around   {np.array(residual)}")
assert plain[-1] < 1e-4, "through 30 slopes the gradient vanishes"
assert residual[-1] > 0.1, "around them it does not"

# %% [markdown]
# ## Heads
#
# **Self-attention**: queries, keys and values come from the same rows $X$ $(T, D)$, by three linear maps,
# $Q = X W_Q^\top + b_Q$, and so $K$ and $V$; and a fourth map $D \to D$ follows the
# means. It is **causal**: place $t$ looks at the places up to $t$ (lesson 10).
#
# One attention has one mean over the values. $H$ **heads** have $H$ of them, each on $D/H$ features of its
# own: row $t$ of $D$ numbers is cut into $H$ pieces of $D/H$. As arrays: $(B, T, D) \to (B, T, H, D/H)$, and
# then time and heads exchange their axes, $(B, H, T, D/H)$, so that each head has a $(T, D/H)$ matrix.
#
# **Exercise 12.2.** There and back.

# %%
# exercise 12.2: split (B, T, D) into (B, H, T, D/H), with NumPy
def split_heads(x, H):
    """Each row's features in H pieces, heads before time."""
    # --- solution begin
    B, T, D = x.shape
    return x.reshape(B, T, H, D // H).transpose(0, 2, 1, 3)
    # --- solution end


# and back: (B, H, T, D/H) to (B, T, D)
def join_heads(x):
    """The way back."""
    # --- solution begin
    B, H, T, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * d)
    # --- solution end


x = np.arange(48.0).reshape(2, 3, 8)
check_shape("12.2", "split_heads(x (2, 3, 8), 2)", split_heads(x, 2), (2, 2, 3, 4))
right = x[:, :, 4:]
check_close(
    "12.2", "head 1 of x", split_heads(x, 2)[:, 1], right,
    "features 4 to 7 of each row",
)
check_close("12.2", "join_heads(split_heads(x))", join_heads(split_heads(x, 2)), x, "the same array again")

# %% [markdown]
# ## A common mistake: heads by `reshape` alone
#
# `x.reshape(B, H, T, D/H)` has the right shape and the wrong numbers: what it calls time runs through the
# pieces of the first places in head 0, and of the last places in head 1. So head 1 holds only last places,
# and its last output cannot see the first. **How to notice:** change the first input; in **every** head the
# last output has to move.

# %%
def moved(split):
    """How far each head's last output moves when the first input is changed."""
    outputs = []
    for change in (0.0, 1.0):
        rows = places.copy()
        rows[:, 0] += change
        heads = sl.tensor(split(rows, 2))
        outputs.append(F.attention(heads, heads, heads, causal=True).numpy()[0, :, -1])  # (H, D/H)
    return np.abs(outputs[1] - outputs[0]).max(axis=1)


places = rng.standard_normal((1, 4, 8))
wrong = moved(lambda x, H: x.reshape(x.shape[0], H, x.shape[1], -1))
print("\nHow far the last output of both heads moves with the first input")
print(f"  by reshape alone {wrong.round(3)}, right {moved(split_heads).round(3)}")
assert wrong.min() == 0 < moved(split_heads).min(), "by reshape alone, a head is blind for the beginning"

# %% [markdown]
# ## The block
#
# Attention lets places exchange what they know; then a network of one hidden layer with $4D$ units (F1 of
# lesson 3 with another bend, often called MLP) works on each place by itself. Both have a norm before and a
# way around:
#
# $$x \leftarrow x + \text{Attention}(\text{Norm}_1(x)), \qquad
# x \leftarrow x + W_2\,\text{GELU}(W_1\,\text{Norm}_2(x) + b_1) + b_2.$$
#
# GELU is $x\,\Phi(x)$, where $\Phi(x)$ is the share of a standard normal number below $x$: large $x$ pass,
# very negative ones do not, and between it bends smoothly: GELU(1) = 0.841, GELU(−1) = −0.159. Its slope is
# $\Phi(x) + x\,\varphi(x)$, with $\varphi(x) = e^{-x^2/2}/\sqrt{2\pi}$.
#
# **Exercise 12.3.** The block, out of the layers of the engine's own.

# %%
# exercise 12.3: return the block's output for x (B, T, D); its layers: self_attn, norm1, norm2, linear1,
# linear2. block.self_attn(x, causal=True) returns the output and something not needed; F.gelu is the bend
def block_forward(block, x):
    """x + attention(norm x), then x + MLP(norm x); each place sees itself and those before it."""
    # --- solution begin
    y, _ = block.self_attn(block.norm1(x), causal=True)
    x = x + y  # breakpoint here: look at y.data beside x.data
    return x + block.linear2(F.gelu(block.linear1(block.norm2(x))))
    # --- solution end


sl.manual_seed(12)
block = nn.TransformerBlock(8, 2)
for norm in (block.norm1, block.norm2):  # as after training: a norm that does something of its own
    nn.init.normal_(norm.weight, 1.0, 0.3)
    nn.init.normal_(norm.bias, 0.0, 0.3)
x = sl.tensor(rng.standard_normal((2, 5, 8)).astype(np.float32))
expected, _ = block(x, causal=True)
check_close(
    "12.3", "the block's output", block_forward(block, x), expected, "norm, part, way around: twice"
)

# %% [markdown]
# **How many numbers?** Attention: $D \to 3D$ and $D \to D$; the MLP: $D \to 4D \to D$. With biases and two
# norms.
#
# **Exercise 12.4.** The sum.

# %%
# exercise 12.4: return how many numbers a block with D features has to learn
def block_size(D):
    """Weights and biases of attention and MLP, γ and β of two norms."""
    # --- solution begin
    attention = 3 * D * D + 3 * D + D * D + D
    mlp = 4 * D * D + 4 * D + 4 * D * D + D
    return attention + mlp + 4 * D
    # --- solution end


for D in (8, 64):
    counted = nn.TransformerBlock(D, 2).count_parameters()
    check_close("12.4", f"block_size({D})", block_size(D), counted, "12 D² weights, and 13 D beside them")
gpt3 = 96 * block_size(12288) / 1e9
print(f"\nA block of 64 features: {block_size(64):,} numbers; ", end="")
print(f"96 blocks of 12288, as in GPT-3: {gpt3:.0f} thousand million")

# %% [markdown]
# ## Writing: what was read is kept
#
# **The whole GPT** ("generative pretrained Transformer", a language model of such blocks): a token's row of a
# table $E$ $(V, D)$ plus the row of its place in a second table; then the blocks; then one more norm; and the
# scores are $x E^\top$, by the same table.
#
# A place sees itself and those before it; so what is computed at a place does not change when another token
# is appended. Who writes token by token need not read everything again: keep each layer's **keys and
# values**, and compute for the newest token alone its query, key and value [transformer.step]. Text of $T$
# tokens then costs $T$ passes of one token through the blocks instead of $1 + 2 + \dots + T = T(T+1)/2$;
# only the scores of attention, $t$ of them at place $t$, still grow. (An LSTM keeps its state, which does not
# grow: [lstm.step].) With pencil, $T$ = 40: 40 passes
# instead of 820.

# %%
sl.manual_seed(12)
small = models.GPTLanguageModel(11, context=8, embedding_dim=8, num_heads=2, num_layers=2)
ids = rng.integers(0, 11, (1, 8))  # (B, T)
with sl.no_grad():
    whole = small(ids)[0].numpy()[0]  # (T, V)
    kept, scores = None, []
    for t in range(7):
        row, kept = small(ids[:, t : t + 1], kept)
        scores.append(row.numpy()[0, 0])
last, (_, keys, _) = small.token_reader()(ids[:, 7], kept)  # the formula as one kernel
print(f"\nKept after 8 tokens: keys {keys.shape}, layers × batch × tokens × features, and as many values")
assert np.allclose([*scores, last[0]], whole, atol=1e-5), "token by token gives the scores of all at once"
show_code(reference.transformer_step)

# %% [markdown]
# ## GPT beside LSTM, at equal tokens
#
# Two language models of about equal size read the same windows of the same text, as many tokens each. Per
# token a block costs about $12 D^2$ products and $T \cdot D$ for attention; the LSTM $8 D^2$ (four gates, a
# $D \times D$ matrix each for $x$ and for $h$) and no look back. On one core there is nothing to gain from
# computing all places at once; on a GPU, that is why Transformers won.
# Each has the best of four learning rates, 0.001, 0.003, 0.01 and 0.03.

# %%
corpus = text.default_corpus()
cut = round(0.9 * len(corpus.text))
tokenizer = text.train_tokenizer("characters", corpus.text[:cut])
train, held_out = tokenizer.encode(corpus.text[:cut]), tokenizer.encode(corpus.text[cut : cut + 8000])
V, T, B, STEPS = tokenizer.vocab_size, 40, 12, 200
test = held_out[: len(held_out) // (T + 1) * (T + 1)].reshape(-1, T + 1)


def learn(model, lr):
    """Losses in bits a sign: on the way, and on held-out windows at the end."""
    optimizer, curve, rng = optim.Adam(model.parameters(), lr=lr), [], np.random.default_rng(1)
    for step in range(STEPS):
        starts = rng.integers(0, len(train) - T - 1, B)
        windows = np.stack([train[s : s + T + 1] for s in starts])
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / 20)
        loss, _ = model.loss(windows[:, :-1], windows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        curve.append(loss.item() / math.log(2))
    with sl.no_grad():
        return curve, model.eval().loss(test[:, :-1], test[:, 1:])[0].item() / math.log(2)


sl.manual_seed(12)
gpt = models.GPTLanguageModel(V, context=T, embedding_dim=48, num_heads=4, num_layers=2)
lstm = models.LSTMLanguageModel(V, embedding_dim=48, hidden_size=88)
frequencies = np.bincount(train, minlength=V) + 0.1
unigram = -np.log2(frequencies / frequencies.sum())[test[:, 1:]].mean()
pairs = np.full((V, V), 0.1)  # pretend to have seen every pair a little
np.add.at(pairs, (train[:-1], train[1:]), 1)
bigram = -np.log2(pairs / pairs.sum(axis=1, keepdims=True))[test[:, :-1], test[:, 1:]].mean()
curves = {}
print(f"\n{corpus}\n  {STEPS * B * T:,} tokens each; bits a sign on held-out text")
print(f"  by counting all {len(train):,}: unigram {unigram:.2f}, bigram {bigram:.2f}")
for name, model, lr in (("GPT", gpt, 0.003), ("LSTM", lstm, 0.03)):
    curves[name], bits = learn(model, lr)
    print(f"  {name:5s} {model.count_parameters():,} numbers, learning rate {lr}: {bits:.2f}")
    assert bits < unigram - 0.3, f"the {name} should know more than the frequencies of signs"

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6))
left.semilogy(depths, plain, "o-", label="one after the other")
left.semilogy(depths, residual, "o-", label="with a way around")
left.set(title="gradient of the input", xlabel="layers")
left.legend()
for name, curve in curves.items():
    right.plot(np.convolve(curve, np.ones(10) / 10, "valid"), label=name)
right.axhline(unigram, linestyle=":", color="grey", label="unigram")
right.axhline(bigram, linestyle="--", color="grey", label="bigram")
right.set(title="bits a sign while training", xlabel="step")
right.legend()
save_picture(figure, "12_depth.png")

# %% [markdown]
# **How to read this.** The LSTM is ahead, and the GPT is behind a table of pairs (lesson 5's bigram) that has
# counted the whole text. That is no mistake: 96,000 tokens are little, and the GPT has to learn first where
# to look. With four times the steps it comes to 3.2, the LSTM to 2.7 (STEPS = 800). On models as small as
# these and texts as short the LSTM stays ahead (`scratchlm train default`, `train gpt`); what made
# Transformers win is that all places are computed at once, on thousands of cores, and that a place far back
# is one step away and not a thousand.
#
# ## Sources
#
# Vaswani and others 2017; with the norm first: Radford and others 2019, Xiong and others 2020. Layer norm:
# Ba, Kiros and Hinton 2016. Residuals: He and others 2016. GELU: Hendrycks and Gimpel 2016. GPT-3: Brown and
# others 2020.
