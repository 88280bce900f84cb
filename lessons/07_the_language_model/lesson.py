# %% [markdown]
# # 7. The language model
#
# Formulas: [cross_entropy], [softmax], [lstm.sequence], [adam], [gradient_norm], P1, P2, P5, T1, L0
# Time: 40 s
#
# **The question.** What does it mean that a program "knows" a language? Our answer: given the beginning of a
# text, it knows what comes next. How do we measure that, train it, and let it write?
#
# Letters: $B$ batch, $T$ time, $D$ features, $H$ hidden, $V$ vocabulary, $N$ tokens counted; $x_t$ the token
# at place $t$.

# %%
import math
import os
import textwrap

# The products here are small: a second BLAS thread gains nothing, and costs much where the machine is busy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when NumPy is loaded

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import optim, text
from scratchlm.errors import GraphError
from scratchlm.functions.loss import perplexity
from scratchlm.kernels import reference
from scratchlm.lesson import check_close, save_picture, show_code, tried
from scratchlm.models import LSTMLanguageModel

# %% [markdown]
# ## From a text to a number
#
# The probability of a text is a product of small steps, each a guess of the next token:
#
# $$P(x_1 \dots x_N) = \prod_t P(x_t \mid x_1 \dots x_{t-1}).$$
#
# A model gives, for each place, scores $z$ (logits), one for each of the $V$ tokens; softmax makes
# probabilities $p_v = e^{z_v} / \sum_w e^{z_w}$. Taking the logarithm turns the product into a sum. Its mean
# with a minus sign is the **cross-entropy**, our loss:
#
# $$L = -\frac1N \sum_t \ln P(x_t \mid x_{<t}), \qquad
# \ell = \ln \sum_w e^{z_w} - z_{\text{target}}, \qquad \frac{\partial \ell}{\partial z_v} = p_v - [v =
# \text{target}].$$
#
# The gradient is what the model said, minus what was right. How to read the number $L$:
#
# * **Perplexity** $e^L$. A model that cannot choose among $k$ tokens gives each $1/k$, so $L = \ln k$ and
#   $e^L = k$. So $e^L$ says among how many equally likely tokens the model hesitates. ($e^L$ is one over the
#   geometric mean of the $p$.)
# * **Bits per character** $L / \ln 2$. A good code spends $\log_2 (1/p)$ bits on a token of probability $p$.
#   So this is how small the model could pack the text.
#
# **Exercise 7.1.** The loss of one place. It must survive $z_v = 1000$, where $e^{z_v}$ overflows:
# subtracting the same number from all $z$ changes nothing.

# %%
# exercise 7.1: return −ln softmax(z)[target] for an array z (V), without overflow
def next_token_loss(z, target):
    """ℓ = ln Σ e^z − z_target, in nats."""
    # --- solution begin
    z = z - z.max()
    return math.log(np.exp(z).sum()) - z[target]
    # --- solution end


hint, given = "ln Σ e^z − z_target", np.log([4.0, 3.0, 1.0])
check_close("7.1", "the loss of ln 4, ln 3, ln 1, target 0", next_token_loss(given, 0), math.log(2), hint)
check_close("7.1", "the loss of the same, target 2", next_token_loss(given, 2), math.log(8), hint)
check_close("7.1", "z afterwards", given, np.log([4.0, 3.0, 1.0]), "the caller's z is not to be changed")
with np.errstate(over="ignore", invalid="ignore"):
    for z in ([1000.0, 0.0], [-1000.0, -2000.0]):
        with tried("7.1", f"the loss of {z} (e^1000 overflows, e^−1000 is 0: take the largest z out first)"):
            found = next_token_loss(np.array(z), 1)
        check_close(
            "7.1", f"the loss of {z}, target 1", found, 1000.0,
            "e^1000 overflows: take the largest z out first",
        )

# With pencil: V = 3, z = ln 4, ln 3, ln 1, so p = 4/8, 3/8, 1/8; the right token is the first.
z, target = np.log([4.0, 3.0, 1.0]), 0
loss = next_token_loss(z, target)
losses, logsumexp = reference.cross_entropy_forward(z[None, :], np.array([target]), -100)
gradient = reference.cross_entropy_backward(z[None, :], np.array([target]), logsumexp, np.ones(1), -100)[0]
print("The pencil example: p = 4/8, 3/8, 1/8, the right token is the first")
print(f"  loss {loss:.4f} nats = {loss / math.log(2):.4f} bits, perplexity {perplexity(loss):.4f}")
print(f"  gradient of the logits {gradient} (p minus 1 at the right token)")
assert math.isclose(loss, math.log(8 / 4)), "−ln(4/8)"
assert math.isclose(losses[0], loss), "the kernel's loss differs from the page"
assert np.allclose(gradient, [4 / 8 - 1, 3 / 8, 1 / 8]), "the kernel's gradient differs from the page"
for k in (2, 26, 104):
    assert math.isclose(perplexity(next_token_loss(np.zeros(k), 0)), k), "k equal tokens have perplexity k"

print("\nThe engine's code\n")
show_code(reference.cross_entropy_forward)
show_code(perplexity)

# %% [markdown]
# ## The text (P1)
#
# English that comes with Python: its language reference. It differs between versions, so we note its
# fingerprint. The last tenth is **held out**: never trained on, not even for the list of characters.

# %%
corpus = text.default_corpus()
split_at = round(0.9 * len(corpus.text))
tokenizer = text.train_tokenizer("characters", corpus.text[:split_at])
train, held_out = tokenizer.encode(corpus.text[:split_at]), tokenizer.encode(corpus.text[split_at:])
V = tokenizer.vocab_size
print(f"{corpus}\n  V = {V}, training {len(train)}, held out {len(held_out)}, ", end="")
print(f"of which unknown {(held_out == tokenizer.unknown_id).sum()}")

# %% [markdown]
# ## Models that only count
#
# Before we train anything: how far does counting get? A **unigram** knows how frequent each character is, a
# **bigram** how often each follows each other one. A pair never seen must not get probability 0 (its loss
# would be infinite), so we pretend to have seen every pair $\alpha$ times more:
#
# $$P(v \mid u) = \frac{c(u, v) + \alpha}{\sum_w c(u, w) + \alpha V}.$$
#
# **Exercise 7.2.** The bigram's table.

# %%
# exercise 7.2: return the table (V, V) of P(v | u), row u, from the training ids (N)
def bigram_table(ids, V, alpha=0.1):
    """P(next = v | this = u), with α added to every count."""
    # --- solution begin
    counts = np.full((V, V), alpha)
    np.add.at(counts, (ids[:-1], ids[1:]), 1)  # a pair that occurs twice is added twice
    return counts / counts.sum(axis=1, keepdims=True)
    # --- solution end


few = np.array([0, 1, 0, 1, 1, 0, 2])  # 01 twice, 10 twice, 11, 02
expected = [[1 / 6, 3 / 6, 2 / 6], [3 / 6, 2 / 6, 1 / 6], [1 / 3, 1 / 3, 1 / 3]]
check_close(
    "7.2", "the table of 0101102, alpha = 1", bigram_table(few, 3, alpha=1), expected,
    "row u sums to 1 over v",
)
expected = np.array([[0.5, 2.5, 1.5, 0.5], [2.5, 1.5, 0.5, 0.5], [0.5] * 4, [0.5] * 4])
expected /= [[5], [5], [2], [2]]
check_close(
    "7.2", "the table with V = 4, alpha = 0.5", bigram_table(few, 4, alpha=0.5), expected,
    "α is added to all V · V counts",
)
table = bigram_table(train, V)
frequencies = np.bincount(train, minlength=V) + 0.1
results = {
    "uniform guess": math.log2(V),
    "unigram counts": -np.log2(frequencies / frequencies.sum())[held_out[1:]].mean(),
    "bigram counts": -np.log2(table[held_out[:-1], held_out[1:]]).mean(),
}

# %% [markdown]
# Longer memories: the engine's Witten–Bell $n$-gram mixes all lengths up to $n$. We ask each order twice: on
# the text it was counted on, and on the held-out text. **A common mistake** is to look at the first number
# alone: it falls and falls, because the model knows its training text by heart. Only the second says what it
# knows about English. (For $n \le 3$ the held-out tenth costs even less: it has more examples of code and
# fewer kinds of sentences than the rest. Which text is easy is one thing, what was learnt by heart another.)
# The best $n$ is chosen on the text that it is judged on, which flatters the $n$-gram a little: an opponent
# may have that.

# %%
orders = range(1, 8)
models = [text.WittenBell(order).fit(train) for order in orders]
on_training = [model.bits_per_token(train) for model in models]
on_held_out = [model.bits_per_token(held_out, context=train[-8:]) for model in models]
print("\nn-gram: bits per character on its own training text and on the held-out text")
for order, own, other in zip(orders, on_training, on_held_out, strict=True):
    print(f"  n = {order}: {own:.2f} {other:.2f}")
best_order = 1 + int(np.argmin(on_held_out))
results[f"{best_order}-gram, the best"] = min(on_held_out)
assert np.all(np.diff(on_training) < 0), "on its own text a longer memory always looks better"
assert on_training[-1] < on_held_out[-1] - 0.5, "the gap between both is what was learnt by heart"
assert abs(results["bigram counts"] - on_held_out[1]) < 0.1, "two bigrams should agree roughly"

# %% [markdown]
# ## A small LSTM
#
# Embedding (a row of $D$ numbers for each character), LSTM (lesson 6), a linear layer to $V$ logits. Inputs
# are the characters $t \dots t+T-1$, targets the characters $t+1 \dots t+T$: each place is asked for the next
# one.
#
# The text is one long sequence, cut into $B$ streams that are read side by side, $T$ characters at a time.
# The state goes on from window to window, so the model may remember further back than $T$. The *gradient*
# does not: we cut it with `detach()`. This is **truncated back-propagation through time**. Without the cut,
# each step would have to go back to the beginning of the text. The engine refuses: the second window's
# `backward` would walk through the first window's LSTM again, whose saved arrays are freed.
#
# How many numbers it has: $VD$ in the table, $4H(D+H) + 8H$ in the LSTM (four gates, two biases each), $HV +
# V$ in the linear layer.

# %%
B, T, D, H, STEPS, RATE = 16, 50, 32, 128, 600, 1e-2
sl.manual_seed(7)
model = LSTMLanguageModel(V, D, H)
streams = text.Streams(train, B, T)
print(f"\nThe model: {model.count_parameters()} parameters\n{model}\n")
inputs, targets, _ = next(streams)
assert np.array_equal(inputs[:, 1:], targets[:, :-1]), "a target is the input one place further"
loss, state = model.loss(inputs, targets)
loss.backward()
untrained = loss.item()
try:
    model.loss(*next(streams)[:2], state)[0].backward()  # the state still hangs on the window before
    refusal = ""
except GraphError as error:
    refusal = str(error)
print("Without detach(), the second window: GraphError")
print(textwrap.fill(refusal, 100, initial_indent="  ", subsequent_indent="  "))
assert refusal, "a backward through a window that is done should be refused"
assert abs(untrained - math.log(V)) < 0.3, "a fresh model knows nothing: its loss is about ln V"


# %%
def train_model(model, ids, steps, leak=False):
    """Adam with a cosine schedule; return the loss (nats) of each step. `leak`: the mistake further down."""
    streams = text.Streams(ids, B, T)
    optimizer, schedule = optim.Adam(model.parameters(), lr=RATE), optim.cosine(steps, warmup=20)
    losses, state = [], None
    for step in range(1, steps + 1):
        inputs, targets, fresh = next(streams)
        loss, state = model.loss(inputs, inputs if leak else targets, None if fresh else state)
        state = tuple(part.detach() for part in state)  # the numbers go on, the graph ends here
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)  # g ← g·min(1, 1/‖g‖): against explosions (lesson 6)
        optimizer.lr = RATE * schedule(step)
        optimizer.step()  # breakpoint here: look at loss, and at model.lstm.weight_hh_l0.grad
        losses.append(loss.item())
    return losses


def evaluate(model, ids, leak=False):
    """Bits per character over all of `ids`, each predicted once, with the state carried on."""
    total, count, state = 0.0, 0, None
    with sl.no_grad():
        for inputs, targets, _ in text.evaluation_windows(ids, batch=16, length=64):
            targets = np.where(targets == text.IGNORE, targets, inputs) if leak else targets
            counted = int((targets != text.IGNORE).sum())
            loss, state = model.loss(inputs, targets, state)
            total, count = total + loss.item() * counted, count + counted
    return total / count / math.log(2)


losses = train_model(model, train, STEPS)
own = evaluate(model, train[: len(held_out)])
results["our own LSTM"] = evaluate(model, held_out)
print("\nHeld-out text:     bits per character, perplexity")
for name, bits in results.items():
    print(f"  {name:18s} {bits:5.2f}  {2**bits:12.2f}")
print(f"  The LSTM on a part of its training text: {own:.2f} bits ({STEPS * B * T} characters read).")
assert results["our own LSTM"] < results["bigram counts"] - 0.5, "the LSTM should beat the bigram clearly"

# %% [markdown]
# Is it a good model? The table decides, and here the LSTM loses to the best $n$-gram (which is no mistake of
# yours): that has counted the whole text exactly, while the LSTM had a few seconds. More steps and a larger
# $H$ are the way on: `scratchlm train` passes the $n$-gram in a minute or two.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
smooth = np.convolve(losses, np.ones(10) / 10, mode="valid") / math.log(2)
left.plot(np.arange(10, STEPS + 1), smooth, label="LSTM, training")
left.plot([STEPS], [results["our own LSTM"]], "o", label="LSTM, held out")
for (name, bits), colour in zip(results.items(), ("grey", "tab:red", "tab:purple"), strict=False):
    left.axhline(bits, color=colour, linestyle=":", label=name)
left.axhline(min(on_held_out), color="tab:green", linestyle=":", label=f"{best_order}-gram")
left.set(title="training", xlabel="step", ylabel="bits per character", ylim=(0, 7))
left.legend(fontsize=8)
right.plot(orders, on_training, "o-", label="on its training text")
right.plot(orders, on_held_out, "o-", label="on held-out text")
right.set(title="n-gram", xlabel="n")
right.legend(fontsize=8)
save_picture(figure, "07_bits.png")

# %% [markdown]
# ## Writing (P2, T1)
#
# Take a character from the model's distribution, give it back as the next input, and so on. Low temperatures
# give real words again and again, high ones rubbish; look in the samples for where words stop being words.
# Two knobs:
#
# * **temperature** $\tau$: softmax of $z/\tau$. For $\tau \to 0$ always the most likely one; large $\tau$:
#   all alike.
# * **top-k**: only the $k$ most likely may be drawn; the long tail of unlikely ones is cut.
#
# **Exercise 7.3.** The distribution to draw from.


# %%
# exercise 7.3: softmax of z/τ over the top_k largest logits, 0 elsewhere; top_k=None: over all
def next_distribution(z, temperature=1.0, top_k=None):
    """Probabilities (V) of the next token from logits z (V)."""
    # --- solution begin
    z = z.astype(np.float64) / temperature
    if top_k is not None:
        z[np.argsort(z)[:-top_k]] = -np.inf  # e^−∞ = 0
    return reference.softmax_forward(z[None, :])[0]
    # --- solution end


z = np.log([4.0, 1.0, 3.0, 2.0])
kept = z.copy()
check_close(
    "7.3", "next_distribution(ln 4, ln 1, ln 3, ln 2)", next_distribution(z), [0.4, 0.1, 0.3, 0.2], "softmax"
)
check_close(
    "7.3", "it with τ = ½", next_distribution(z, 0.5), np.array([16, 1, 9, 4]) / 30, "softmax of z/τ: squares"
)
check_close(
    "7.3", "it with top_k = 2", next_distribution(z, top_k=2), [4 / 7, 0, 3 / 7, 0],
    "0 for all but the largest",
)
both = next_distribution(z, 0.5, top_k=2)
check_close("7.3", "it with τ = ½ and top_k = 2", both, [16 / 25, 0, 9 / 25, 0], "both at once")
check_close("7.3", "z afterwards", z, kept, "the caller's logits are not to be changed")
with np.errstate(over="ignore", invalid="ignore"):
    tie = np.sort(next_distribution(np.array([1000.0, 1000.0, 0.0]), top_k=1))
check_close("7.3", "1000, 1000, 0 with top_k = 1, sorted", tie, [0, 0, 1], "one stays; e^1000 overflows")

def generate(model, prompt, length, rng, **options):
    """Read the prompt, then write `length` characters, each drawn and fed back."""
    ids = tokenizer.encode(prompt)[None, :]  # (1, T)
    state, written = None, []
    with sl.no_grad():
        for _ in range(length):
            logits, state = model(ids, state)  # (1, T, V)
            p = next_distribution(logits.numpy()[0, -1], **options)  # breakpoint here: look at p.max()
            written.append(int(rng.choice(V, p=p)))
            ids = np.array([[written[-1]]])
    return tokenizer.decode(np.array(written))


rng = np.random.default_rng(7)
prompt = corpus.text[split_at : split_at + 60]
with sl.no_grad():
    z = model(tokenizer.encode(prompt)[None, :])[0].numpy()[0, -1]
entropies = [-(p * np.log2(p + 1e-30)).sum() for p in (next_distribution(z, tau) for tau in (0.5, 1.0, 2.0))]
assert entropies[0] < entropies[1] < entropies[2], "a higher temperature leaves more choice"
assert np.allclose(next_distribution(z), F.softmax(sl.tensor(z)).numpy(), atol=1e-6), "the engine differs"

print(f"\nPrompt: …{prompt!r}")
for options in ({"temperature": 0.5}, {"temperature": 1.0}, {"top_k": 5}, {"temperature": 2.0}):
    print(f"  {options}:\n    {generate(model, prompt, 90, rng, **options)!r}")

figure, axes = plt.subplots(figsize=(8, 3))
likely = np.argsort(z)[::-1][:12]
for k, tau in enumerate((0.5, 1.0, 2.0)):
    axes.bar(np.arange(12) + 0.27 * (k - 1), next_distribution(z, tau)[likely], 0.27, label=f"τ = {tau}")
axes.set_xticks(np.arange(12), [repr(tokenizer.tokens[v]) for v in likely])
axes.set_title(f"next character after …{prompt[-12:]!r}", parse_math=False)
axes.set_ylabel("probability")
axes.legend()
save_picture(figure, "07_temperature.png")

# %% [markdown]
# ## A common mistake: the answer stands in the question
#
# Forget to shift the targets by one, and the model is asked for the character that it is just reading. The
# loss falls faster than ever, to nearly 0. **How to notice:** (1) it is lower than any good model's. (2) The
# text it writes repeats one character. (3) The sharpest test: evaluate on *shuffled* characters. Nothing is
# left to know there but frequencies, so no honest model gets below their entropy $-\sum_v p_v \log_2 p_v$. A
# leak does.

# %%
sl.manual_seed(7)
leaky = LSTMLanguageModel(V, D, H)
train_model(leaky, train, steps=150, leak=True)
shuffled = rng.permutation(held_out)
shares = np.bincount(shuffled) / len(shuffled)
entropy = -(shares[shares > 0] * np.log2(shares[shares > 0])).sum()
leaky_bits = [evaluate(leaky, ids, leak=True) for ids in (held_out, shuffled)]
honest_bits = [results["our own LSTM"], evaluate(model, shuffled)]
print("\nTargets not shifted: bits per character")
print("                 held out  shuffled")
print("  with the leak  {:8.3f}  {:8.3f}".format(*leaky_bits))
print("  our model      {:8.3f}  {:8.3f}".format(*honest_bits))
print(f"  entropy of single characters: {entropy:.3f}")
print(f"  the leaky model writes {generate(leaky, prompt, 30, rng, top_k=1)!r}")
assert leaky_bits[1] < entropy / 4, "the leak should get below the entropy"
assert honest_bits[1] > entropy, "no honest model gets below the entropy of shuffled text"

# %% [markdown]
# ## Where this goes
#
# The same three parts at larger size make listing L0: embedding, two LSTM layers, a dense layer to 10000
# *words*. L0 asks for one next token in each window; our model is asked at each of the $T$ places, so it
# gets $T$ times as many questions from the same reading. Today's Keras (3.15.1 on PyTorch 2.13.0) runs L0
# as printed, with 2,849,680 weights; a target at every place it refuses, for the last LSTM gives its last
# step only.
