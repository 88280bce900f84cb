# %% [markdown]
# # 9. Encoder and decoder: from one sequence to another
#
# Formulas: F3, L3, [lstm.sequence], [gru], [cross_entropy], P2, T3
# Time: 40 s
#
# **The question.** A translation has another length and another order than its source. How does a network
# give a probability to a whole sentence, how is it trained on right translations, and how does one find the
# best sentence among billions? And what exactly does a document's loss (F3) average over?
#
# Letters: $X$ source, $Y$ target with signs $Y_1 \dots Y_T$; $n$ counts examples, $t$ places; the start sign
# stands before the target, the end sign after it.

# %%
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn, optim
from scratchlm.debugger import numerical_gradient
from scratchlm.errors import TokenError
from scratchlm.generation import beam_search
from scratchlm.lesson import check, check_close, save_picture, show_code, tried
from scratchlm.models.listings import L3, L3AsPrinted

# %% [markdown]
# ## A probability for a sentence
#
# The product rule says, for any two events, $P(A, B) = P(A)\,P(B \mid A)$. Applied sign by sign:
#
# $$P(Y \mid X) = P(Y_1 \mid X)\,P(Y_2 \mid Y_1, X) \cdots = \prod_t P(Y_t \mid Y_{<t}, X).$$
#
# Nothing is assumed; each factor is a softmax over the vocabulary, as in a language model that also knows
# $X$. The end sign is one of the signs, so that shorter and longer sentences share the probability 1. An
# **encoder** reads $X$ into its state, and the **decoder** starts from that state.
#
# ## F3, and what is averaged
#
# A document prints $L_{s2s} = \frac1N \sum_i -\log P(Y_i \mid Y_{<i}, X)$. Here $i$ is the example in
# $\frac1N \sum_i$, and the place in $Y_{<i}$: it cannot be both. With two indices there are two losses, and
# they differ:
#
# $$\text{per sequence: } \frac1N \sum_n \sum_t -\ln P(Y_{nt} \mid \dots), \qquad
# \text{per sign: } \frac{\sum_n \sum_t -\ln P(Y_{nt} \mid \dots)}{\sum_n T_n}.$$
#
# With pencil: one target of 1 sign with $P = ½$ and one of 3 signs with $P = ¼$ each. In bits: 1, and 2 + 2 +
# 2. Per sequence (1 + 6)/2 = 3.5; per sign 7/4 = 1.75; and the mean of both means, (1 + 2)/2 = 1.5, is a
# third number, in which a sign of the short target counts three times as much as one of the long.
#
# **Exercise 9.1.** All three.

# %%
# exercise 9.1: `prices` (N, T) are −ln P, `lengths` (N) how many of each row count; the rest is padding
def averages(prices, lengths):
    """Per sequence, per sign, and the mean of each sequence's mean."""
    # --- solution begin
    counts = np.arange(prices.shape[1]) < np.asarray(lengths)[:, None]  # (N, T)
    sums = np.where(counts, prices, 0).sum(axis=1)  # (N)
    return sums.mean(), sums.sum() / counts.sum(), (sums / lengths).mean()
    # --- solution end


bit = math.log(2)
prices = np.array([[1.0, 9.0, 0.0], [2.0, 2.0, 2.0]]) * bit
found = averages(prices, np.array([1, 3]))
check_close(
    "9.1", "per sequence, per sign, mean of means", found, np.array([3.5, 1.75, 1.5]) * bit,
    "9 and 0 are padding",
)
check("9.1", prices[0, 1] == 9 * bit, "the prices are not to be changed")
sequence, sign, means = np.array(found) / bit
print(f"With pencil, in bits: per sequence {sequence:.2f}, per sign {sign:.2f}, mean of means {means:.2f}")

# %% [markdown]
# ## Teacher forcing
#
# In training the right target is known, so the decoder is given the **right** signs before each place, and
# all places are trained at once. Its input is the target moved by one: the start sign, then the target
# without its end. Targets of several lengths are filled up, and what is filled up must not count: −100 says
# so to the engine.
#
# **Exercise 9.2.** Inputs and targets.

# %%
# exercise 9.2: `rows` are lists of signs (ints). Return inputs and targets (B, T), T the longest row and one
# more: inputs are the start sign and the row, filled with `end`, targets the row and `end`, filled with −100
def teacher(rows, start, end):
    """Arrays of ints: what the decoder reads, and what it is to say at each place."""
    # --- solution begin
    T = max(map(len, rows)) + 1
    inputs, targets = np.full((len(rows), T), end), np.full((len(rows), T), -100)
    for n, row in enumerate(rows):
        inputs[n, : len(row) + 1] = [start, *row]
        targets[n, : len(row) + 1] = [*row, end]
    return inputs, targets
    # --- solution end


rows = [[5, 6], [7, 8, 9], [4]]
with tried("9.2", "teacher for rows of 2, 3 and 1 signs"):
    inputs, targets = teacher(rows, start=1, end=2)
check("9.2", rows == [[5, 6], [7, 8, 9], [4]], "the rows that are given are not to be changed")
check("9.2", isinstance(inputs, np.ndarray) and isinstance(targets, np.ndarray), "return two NumPy arrays")
check_close(
    "9.2", "inputs", inputs, [[1, 5, 6, 2], [1, 7, 8, 9], [1, 4, 2, 2]],
    "start sign, the row, filled with the end sign",
)
expected = [[5, 6, 2, -100], [7, 8, 9, 2], [4, 2, -100, -100]]
check_close("9.2", "targets", targets, expected, "the row, one end sign, then −100")

# %% [markdown]
# ## Something to translate
#
# Numbers from 0 to 999 in digits, and in English words: 407 is "four hundred seven". The order is kept, but
# lengths differ (0 to 999 take one to four words), and a digit's word depends on its place: 7, 17 and 70.

# %%
ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
ONES = [*ONES.split(), "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
PAD, BEGIN, END = 0, 1, 2
SIGNS = ["<pad>", "<s>", "</s>", *"0123456789", *ONES, *TENS, "hundred"]
ID = {sign: k for k, sign in enumerate(SIGNS)}


def in_words(number):
    """English words for 0 … 999."""
    if number < 20:
        return [ONES[number]]
    if number < 100:
        return [TENS[number // 10 - 2], *([ONES[number % 10]] if number % 10 else [])]
    return [ONES[number // 100], "hundred", *(in_words(number % 100) if number % 100 else [])]


rng = np.random.default_rng(9)
numbers = np.append(np.arange(20), 20 + rng.permutation(980))  # 0 … 19 begin as no other number does
training, held_out = numbers[:800], numbers[800:]
sources = {n: [ID[c] for c in f"{n:03d}"] for n in numbers}  # three signs each, so no padding there
words = {n: [ID[w] for w in in_words(n)] for n in numbers}

sl.manual_seed(9)
model = models.EncoderDecoder(len(SIGNS), 24, 64, attention="none")
optimizer, curve = optim.Adam(model.parameters(), lr=0.01), []
for _ in range(350):
    batch = rng.choice(training, 64)
    inputs, targets = teacher([words[n] for n in batch], BEGIN, END)
    loss = model.loss(np.array([sources[n] for n in batch]), inputs, targets)  # per sign
    optimizer.zero_grad()
    loss.backward()  # breakpoint here: look at inputs[0], targets[0] and loss
    optimizer.step()
    curve.append(loss.item())


def translate(number, width=1):
    """The words that the model finds best."""
    with sl.no_grad():
        state = model.start(np.array([sources[number]]))
        best = beam_search(model, [BEGIN], tokens=6, width=width, end=END, state=state)[0]
    return [SIGNS[k] for k in best.ids if k != END]


right = {n: translate(n) == in_words(n) for n in held_out}
print(f"\nLoss per sign {curve[0]:.3f} → {curve[-1]:.4f} nats")
print(f"  {sum(right.values())} of 200 numbers never seen are right")
for n in (held_out[0], held_out[1], next((n for n in held_out if not right[n]), held_out[2])):
    print(f"  {n:03d}: {' '.join(translate(n))}")
assert sum(right.values()) > 150, "most new numbers should be translated"

# %% [markdown]
# ## Searching: greedy, and with a beam
#
# The best sentence is not made of the best signs. With pencil: first a (0.6) or b (0.4); after a, a with
# 0.55 and b with 0.45; after b, b with 0.9. Greedy takes a, and ends at 0.6 · 0.55 = 0.33; the best is b
# with 0.4 · 0.9 = 0.36. A **beam** keeps the $k$ best beginnings at each step. $k = 1$ is greedy; $k = V^T$
# is everything.
#
# **Exercise 9.3.** A beam search.

# %%
# exercise 9.3: `after(beginning)` gives ln P (V) of the next sign after a tuple of signs. Return the k best
# sequences of exactly T signs, [(tuple, ln P of the whole)], best first, by keeping the k best beginnings
def beam(after, T, k):
    """Beam search without an end sign."""
    # --- solution begin
    kept = [((), 0.0)]
    for _ in range(T):
        longer = [
            ((*row, sign), price + step) for row, price in kept for sign, step in enumerate(after(row))
        ]  # breakpoint here: look at longer
        kept = sorted(longer, key=lambda pair: -pair[1])[:k]
    return kept
    # --- solution end


def pencil(beginning):
    """The example: signs 0 (a) and 1 (b)."""
    if not beginning:
        return np.log([0.6, 0.4])
    return np.log([0.55, 0.45]) if beginning[0] == 0 else np.log([0.1, 0.9])


for k, row, p in ((1, (0, 0), 0.33), (2, (1, 1), 0.36)):
    found = beam(pencil, 2, k)
    check("9.3", len(found) == k, f"with k = {k} there are {len(found)} sequences, not {k}")
    check("9.3", tuple(found[0][0]) == row, f"with k = {k} the best is {found[0][0]}, expected {row}")
    check_close("9.3", f"its P, k = {k}", math.exp(found[0][1]), p, "ln P of the whole: a sum over the signs")
table = np.log(np.random.default_rng(29).dirichlet(np.ones(3), size=(4, 3, 3)))  # place, last two signs
TABLE = {(): table[0, 0, 0]}


def drawn(beginning):
    """A random model with a memory of two signs."""
    last = (0, 0, *beginning)[-2:]
    return table[len(beginning), last[0], last[1]]


def whole(row):
    """ln P of a sequence."""
    return sum(drawn(row[:t])[sign] for t, sign in enumerate(row))


every = sorted(itertools.product(range(3), repeat=4), key=lambda row: -whole(row))
all_of_them = [tuple(row) for row, _ in beam(drawn, 4, 81)]
check("9.3", all_of_them == every, "with k = V^T all 81 come out, best first")
greedy, wide = beam(drawn, 4, 1)[0], beam(drawn, 4, 81)[0]
print(f"\nA random model of 3 signs, 4 places: greedy finds P = {math.exp(greedy[1]):.4f}, ", end="")
print(f"the best is {math.exp(wide[1]):.4f}")
for n in (held_out[0], held_out[3]):
    assert not right[n] or translate(n, 4) == translate(n), "a beam changes nothing here"

# %% [markdown]
# Longer sentences have more factors, all below 1, so sums of ln P prefer short ones; the engine divides by
# $((5+n)/6)^{0.6}$ for $n$ signs. And a wide beam is not always better: it
# finds what the **model** thinks best.
#
# ## A common mistake: the decoder sees its answer
#
# If input and target are the same row, not moved by one, the decoder copies: the training loss falls to 0 at
# once, and the model, which has to start from the start sign, writes nonsense. **How to notice:** a loss far
# below what is possible after a few steps; and outputs without training's help.

# %%
sl.manual_seed(9)
cheat = models.EncoderDecoder(len(SIGNS), 24, 64, attention="none")
optimizer, fast = optim.Adam(cheat.parameters(), lr=0.01), []
for _ in range(100):
    batch = rng.choice(training, 64)
    _, targets = teacher([words[n] for n in batch], BEGIN, END)
    loss = cheat.loss(np.array([sources[n] for n in batch]), np.where(targets < 0, END, targets), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    fast.append(loss.item())
batch = np.array([sources[n] for n in held_out])
inputs, targets = teacher([words[n] for n in held_out], BEGIN, END)
with sl.no_grad():
    free = cheat.loss(batch, inputs, targets, teacher_forcing=False).item()
    honest = model.loss(batch, inputs, targets, teacher_forcing=False).item()
print(f"\nInput not moved: training loss {fast[-1]:.4f} after 100 steps (the honest one's {curve[99]:.3f})")
print(f"  writing freely, loss per sign on new numbers {free:.2f}; the honest one's {honest:.2f}")
assert fast[-1] < curve[99] / 3, "the cheat looks better"
assert free > 3 * honest, "and writes worse"
assert math.exp(greedy[1]) < math.exp(wide[1]), "greedy should miss the best here"

figure, (left, middle) = plt.subplots(1, 2, figsize=(9.5, 3.6))
left.semilogy(curve, label="input moved by one")
left.semilogy(fast, label="the answer as input")
left.set(title="training loss, nats per sign", xlabel="step")
left.legend()
widths = [1, 2, 3, 5, 9, 27, 81]
middle.semilogx(widths, [math.exp(beam(drawn, 4, k)[0][1]) for k in widths], "o-")
middle.axhline(math.exp(whole(every[0])), linestyle=":", color="grey", label="the best of all 81")
middle.set(title="what a beam finds in a random model", xlabel="width k", ylabel="P")
middle.legend()
save_picture(figure, "09_translation.png")

# %% [markdown]
# ## A smaller cell: the GRU
#
# Encoder and decoder were first tried with a cell of two gates and one state. The gate $r$ says how much of
# the old state is heard when a new one is proposed, $z$ how much of it stays:
#
# $$r, z = \sigma(W x_t + b + U h_{t-1} + b'),
# \qquad n = \tanh(W_n x_t + b_n + r \odot (U_n h_{t-1} + b_n')),$$
#
# $$h_t = (1 - z) \odot n + z \odot h_{t-1}.$$
#
# That is [gru]; $W$ and $U$ have the blocks of $r$, $z$ and $n$ below each other, and PyTorch's two biases
# stay apart, for $r$ multiplies one of them. What is not kept is written, so that $z$ does the work of the
# LSTM's $f$ and $i$; and one of the ways from $h_t$ back to $h_{t-1}$ multiplies the gradient by $z$ alone,
# as $f$ does in lesson 6. Three blocks of weights instead of four are ¾ of the numbers.
#
# With pencil ($D = H = 1$, all weights 0 but $W_n = \ln 2$; $x = 1$, $h_0 = 1$): $z = ½$, $n = \tanh(\ln 2) =
# (4-1)/(4+1) = 0.6$, $h_1 = ½ \cdot 0.6 + ½ \cdot 1 = 0.8$, and the gradient of $h_0$ is $z = ½$.

# %%
W, none = np.array([[0.0], [0.0], [math.log(2)]]), np.zeros(3)
pencil = [np.array([[1.0]]), W, np.zeros((3, 1)), none, none]  # h₀, W, U, b, b′
drawn_gru = [rng.standard_normal(size) for size in ((2, 3), (9, 4), (9, 3), (9,), (9,))]
inputs = rng.standard_normal((5, 2, 4))  # (T, B, D)
for function in (F.gru, F.gru_composed):
    tensors = [sl.tensor(a, requires_grad=True) for a in pencil]
    h = function(sl.tensor(np.ones((1, 1, 1))), *tensors)[1]
    h.sum().backward()
    assert math.isclose(h.item(), 0.8), "the state differs from the pencil"
    assert math.isclose(tensors[0].grad.item(), 0.5), "the gradient differs from the pencil"
    tensors = [sl.tensor(a, requires_grad=True) for a in drawn_gru]
    function(sl.tensor(inputs), *tensors)[0].sum().backward()
    for tensor, array in zip(tensors, drawn_gru, strict=True):
        by_differences = numerical_gradient(
            lambda: F.gru(sl.tensor(inputs), *map(sl.tensor, drawn_gru))[0].sum().item(), array
        )
        assert np.allclose(tensor.grad.numpy(), by_differences, atol=1e-7), "the engine differs from the page"
sizes = [layer(24, 32).count_parameters() for layer in (nn.GRU, nn.LSTM)]
print(f"\nNumbers of a GRU and an LSTM with D = 24, H = 32: {sizes[0]:,} and {sizes[1]:,}")
assert sizes[0] / sizes[1] == 0.75, "three blocks instead of four"

# %% [markdown]
# ## Listing L3
#
# A document prints an encoder (128 → 256) and a decoder (256 → 128), three LSTM layers each, and takes the
# decoder's 128 outputs for scores of 10000 signs: a target from 128 on has no score. A last layer of 128 →
# 10000 is missing, and the texts are read across: the first axis, which its LSTM takes for time, is the
# batch. PyTorch (2.13.0) refuses it twice: "Expected target size [4, 128], got [4, 7]" for 4 texts of 7
# signs, and, laid out as it asks, "Target 9999 is out of bounds". Here smaller: 16 features, a vocabulary
# of 50; the engine says that only 16 tokens have scores and a target lies beyond them, and what is missing.
#
# **Exercise 9.4.** How many numbers has the missing layer?

# %%
# exercise 9.4: return how many weights and biases a linear layer from D features to V signs has
def size_of_head(D, V):
    """Weights and biases together."""
    # --- solution begin
    return V * D + V
    # --- solution end


check_close("9.4", "size_of_head(2, 3)", size_of_head(2, 3), 9, "a row of D weights and a bias for each sign")
check_close("9.4", "size_of_head(128, 10000)", size_of_head(128, 10000), 1_290_000, "a row for each sign")
ids, answers = rng.integers(0, 50, (2, 6)), rng.integers(20, 50, (2, 6))
try:
    L3AsPrinted(50, features=16, hidden=24).loss(ids, answers)
    said = ""
except TokenError as error:
    said = str(error)
print("\nL3 as printed: " + said.replace(", and a", ",\n  and a").replace(": add", ":\n  add"))
corrected = L3(50, features=16, hidden=24).loss(ids, answers).item()
print(f"  corrected: loss per sign {corrected:.3f}, ln 50 = {math.log(50):.3f}")
assert "Linear(16, vocabulary)" in said, "the printed listing should fail"
assert abs(corrected - math.log(50)) < 0.3, "an untrained model guesses"
show_code(models.EncoderDecoder.loss)

# %% [markdown]
# ## Sources
#
# Encoder–decoder: Sutskever, Vinyals and Le 2014; Cho and others 2014, who also made the GRU. Teacher
# forcing: Williams and Zipser
# 1989. The beam's length penalty: Wu and others 2016. F3 is printed in the document 002, L3 in 003 of the
# catalogue.
