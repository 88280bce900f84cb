# %% [markdown]
# # The catalogue's items, computed
#
# The documents behind this course print formulas (F), listings (L), procedures (P) and tasks (T). Each has a
# chapter that derives it, shows what is wrong where something is wrong, and checks it. Here is one number for
# each, computed as this page was made, beside the number by hand.

# %%
import math
import textwrap

import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import optim
from scratchlm.errors import ScratchLMError
from scratchlm.models import listings
from scratchlm.text import CharTokenizer, clean, remove_exact_duplicates


def row(item, what, lesson, found, by_hand):
    """Print an item's line, and end with an error where both numbers differ."""
    assert np.allclose(found, by_hand, rtol=1e-5), f"{item}: {found}, by hand {by_hand}"
    left, right = (f"{x:,}" if isinstance(x, int) else f"{x:.6g}" for x in (found, by_hand))
    print(f"{item:4} {left:>12} = {right:<12} {what} (lesson {lesson})")


# %% [markdown]
# ## Formulas

# %%
zi, zj = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0])
slope = np.linalg.lstsq(zi[:, None], zj, rcond=None)[0][0]
row("F0", "least-squares slope of (2, 4, 7) on (1, 2, 3)", "3", slope, (2 + 8 + 21) / (1 + 4 + 9))
h = (sl.tensor([[1.0, 2.0]]) @ sl.tensor([[1.0], [-1.0]]) + 1).sigmoid()
row("F1", "hidden unit σ(1 − 2 + 1)", "3", h.item(), 0.5)
x, x_hat = sl.tensor([[1.0, 2.0], [3.0, 4.0]]), sl.tensor([[1.0, 1.0], [3.0, 2.0]])
row("F2", "loss of an autoencoder, two examples", "8", ((x - x_hat) ** 2).sum().item() / 2, (1 + 4) / 2)
logits = sl.tensor(np.log([[1.0, 1.0], [3.0, 1.0], [1.0, 3.0]]))
per_token = F.cross_entropy(logits, [0, 0, 0]).item()
by_hand = (math.log(2) + math.log(4 / 3) + math.log(4)) / 3
row("F3", "mean per token, P = 1/2, 3/4, 1/4", "9", per_token, by_hand)
theta = sl.tensor([3.0], requires_grad=True)
(theta * theta).sum().backward()
optim.SGD([theta], lr=0.1).step()
row("F4", "one step from 3 down θ², α = 0.1", "4", theta.item(), 3 - 0.1 * 6)
mu, log_var = sl.tensor([1.0]), sl.tensor([math.log(4.0)])
kl = (0.5 * (mu * mu + log_var.exp() - log_var - 1)).sum().item()
row("F5", "KL of N(1, 4) from N(0, 1), to be added to −E ln p", "11", kl, (1 + 4 - math.log(4) - 1) / 2)

# %% [markdown]
# ## Listings
#
# Their weights, counted in the model and by formula; a linear layer has $(D + 1) V$, an LSTM layer
# $4H(D + H + 2)$. Two fail as printed, and say so.


# %%
def lstm(D, H):
    """Weights of one LSTM layer, PyTorch's two biases."""
    return 4 * H * (D + H + 2)


def count(model):
    """Weights of a model."""
    return sum(parameter.size for parameter in model.parameters())


V = 1000  # the listings have 10000, which gives nothing new to see
D, H = 128, 256
by_hand = V * D + 2 * lstm(D, D) + (D + 1) * D + (D + 1) * V
row("L0", "weights, a next token each window", "7", count(listings.L0(V)), by_hand)
row("L1", "weights of the classifier", "15", count(listings.L1()), 100 * 50 + lstm(50, 50) + 51 * 10)
row("L2", "weights, no autoencoder", "8", count(listings.L2(V)), V * D + lstm(D, D) + (D + 1) * V)
six = lstm(D, H) + 2 * lstm(H, H) + lstm(H, D) + 2 * lstm(D, D)
row("L3", "weights with the missing layer", "9", count(listings.L3(V)), V * D + six + (D + 1) * V)
row("L4", "weights of an LSTM of 10000 units", "11", listings.weights_of_lstm(256, 10000), lstm(256, 10000))
for printed, call in (
    ("L3", lambda: listings.L3AsPrinted(V, 16, 24).loss(np.array([[1, 2]]), np.array([[500, 2]]))),
    ("L4", lambda: listings.L4AsPrinted(vocabulary=50, features=8, units=8)(np.array([[1, 2]]))),
):
    try:
        call()
        raise AssertionError(f"{printed} as printed should fail")
    except ScratchLMError as error:
        print("\n" + textwrap.fill(f"{printed} as printed: {error}", 100))

# %% [markdown]
# ## Procedures

# %%
kept = len(remove_exact_duplicates([clean("e\u0301te\u0301 \n"), clean("\u00e9t\u00e9"), "c"]))
row("P1", "texts left of three, two of them equal when cleaned", "1", kept, 2)
characters = CharTokenizer.train("语言模型")
row("P1", "characters of 语言模型 as numbers", "1", len(characters.encode("语言模型")), 4)
state, step = sl.tensor([0.0]), sl.tensor([1.0])
for _ in range(3):
    state = 0.5 * state + step
row("P2", "a state read on over three tokens: 1, 1.5, 1.75", "6", state.item(), 1.75)
new = sl.nn.Linear(128, 5)
row("P3", "weights of a new last layer with 5 classes", "13", count(new), 129 * 5)
w = sl.tensor([2.0], requires_grad=True)
w.grad = sl.tensor([0.0])
optim.SGD([w], lr=0.5, weight_decay=0.1).step()
row("P4", "weight decay alone: 2 (1 − 0.5 · 0.1)", "14", w.item(), 1.9)
uniform = F.cross_entropy(sl.zeros(4, 8), [0, 1, 2, 3]).exp().item()
row("P5", "perplexity of a guess among 8", "5", uniform, 8)
row("P6", "exposure in bits of the likeliest of 1024 secrets", "16", math.log2(1024) - math.log2(1), 10)

# %% [markdown]
# ## Tasks
#
# | id | task | chapter | recipe |
# |---|---|---|---|
# | T1 | text generation, English and Chinese | 7, 12 | `default`, `chinese`, `gpt-128` |
# | T2 | summarising | 15 | `summaries` |
# | T3 | translating | 9, 10, 15 | `translation` |
# | T4 | answering questions | 15 | `facts` |
# | T5 | sentiment | 15 | `sentiment` |
# | T6 | customer-service chat | 15 | `dialogue` |
# | T7 | understanding: classes of texts | 13, 15 | `languages`, `stress` |
#
# Each recipe prints its metric on held-out data beside simple baselines: `scratchlm train sentiment`.
