# %% [markdown]
# # 16. Safety: what a model keeps, repeats and may say
#
# Formulas: [cross_entropy], [softmax], [lstm.sequence], P6
# Time: 30 s
#
# **The question.** A model that makes its training text likely keeps parts of it word by word, repeats its
# prejudices, and says whatever is likely. How is each of these measured, what can be done about it, and
# what does the remedy not do?
#
# Letters: $n$ candidates, $r$ a rank; $g$ a gradient, $c$ the largest norm that is allowed, $\sigma$ the
# noise; $\Phi$ the share of a standard normal number below a value; $z$ scores, $p$ probabilities.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn, optim, text
from scratchlm.generation import choice
from scratchlm.lesson import check, check_close, save_picture, show_code

# %% [markdown]
# ## Memorisation: the exposure of a secret
#
# Hide a random secret in the training text, such as "the code of Ada is 417", and ask the trained model for
# the probability of **each** of the $n$ numbers that it could have been. If the secret has rank $r$ among
# them, the model saves an attacker who tries the likeliest first
#
# $$\text{exposure} = \log_2 n - \log_2 r \ \text{ bits}.$$
#
# With pencil: $n$ = 1024: rank 1 has 10 bits, rank 512 has 1 bit, the last rank 0. A model that knows nothing
# gives any rank: with $u = r/n$ spread evenly between 0 and 1, the mean of $-\log_2 u$ is
# $-\int_0^1 \log_2 u\,du = 1/\ln 2 = 1.44$ bits. That is the level of "not memorised", not 0.
#
# **Exercise 16.1.** The exposure.

# %%
# exercise 16.1: return the exposure in bits of candidate `secret` (its place in the array), from the losses
# of all candidates (n) in nats; of equally likely ones, count those before it as likelier
def exposure(losses, secret):
    """log₂ n − log₂ rank."""
    # --- solution begin
    likelier = (losses < losses[secret]).sum() + (losses[:secret] == losses[secret]).sum()
    return math.log2(len(losses)) - math.log2(1 + likelier)
    # --- solution end


falling = np.arange(1024, 0, -1) / 7.0
for rank, bits in ((1, 10.0), (512, 1.0), (1024, 0.0), (4, 8.0)):
    found = exposure(falling, 1024 - rank)
    check_close("16.1", f"exposure of rank {rank} of 1024", found, bits, "log₂ of n/r")
    check("16.1", falling[0] > falling[-1], "the losses have changed")
found = exposure(np.tile([0.0, 1.0], 512), 254)
check_close("16.1", "exposure of the 128th 0 in 0, 1, 0, 1 …", found, 3.0, "rank 128 of 1024")
blind = np.mean([exposure(np.random.default_rng(k).random(500), 7) for k in range(2000)])
print(f"A model that knows nothing: {blind:.2f} bits on average, 1/ln 2 = {1 / math.log(2):.2f}")
assert abs(blind - 1 / math.log(2)) < 0.15, "the level of chance"

SECRETS = {"Ada": (417, 1), "Boris": (902, 4), "Chen": (365, 16), "Dora": (178, 64)}  # code, copies
rng = np.random.default_rng(16)
lines = text.default_corpus().text[:60_000].split("\n")
sentence = "the code of {} is {:03d}."


def planted(copies):
    """The text with each secret as a line of its own at drawn places."""
    found = list(lines)
    for name, (code, number) in SECRETS.items():
        for place in rng.integers(0, len(lines), copies(number)):
            found[place] += "\n" + sentence.format(name, code)
    return "\n".join(found)


tokenizer = text.train_tokenizer("characters", planted(lambda n: n) + "0123456789")


def trained(corpus, steps=400, H=48):
    """A language model of characters."""
    sl.manual_seed(16)
    ids, draw = tokenizer.encode(corpus), np.random.default_rng(0)
    model = models.LSTMLanguageModel(tokenizer.vocab_size, 24, H)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        starts = draw.integers(0, len(ids) - 33, 16)
        batch = np.stack([ids[s : s + 33] for s in starts])  # (B, T + 1)
        loss, _ = model.loss(batch[:, :-1], batch[:, 1:])
        optimizer.zero_grad()
        loss.backward()  # breakpoint here: look at tokenizer.decode(batch[0])
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model


def losses_of(model, rows):
    """The summed loss of each row (N, T + 1) of ids."""
    with sl.no_grad():
        logits = model(rows[:, :-1])[0]  # (N, T, V)
        V = logits.shape[-1]
        each = F.cross_entropy(logits.reshape(-1, V), rows[:, 1:].reshape(-1), reduction="none")
    return each.numpy().reshape(len(rows), -1).sum(axis=1)


def exposures(model):
    """Of each secret, among all numbers of three digits."""
    found = {}
    for name, (code, _) in SECRETS.items():
        rows = np.stack([tokenizer.encode("\n" + sentence.format(name, number)) for number in range(1000)])
        found[name] = exposure(losses_of(model, rows), code)
    return found


with_copies, deduplicated = trained(planted(lambda n: n)), trained(planted(lambda _: 1))
kept, once = exposures(with_copies), exposures(deduplicated)
print("\nSecret, copies in the text, exposure in bits (10 at most); after duplicates were taken out")
for name, (_, copies) in SECRETS.items():
    print(f"  {name:5s}  {copies:3}  {kept[name]:5.2f}  {once[name]:5.2f}")
assert kept["Dora"] > 6, "64 copies are kept"
assert once["Dora"] < kept["Dora"] - 3, "a duplicate that is taken out is not learnt"

# %% [markdown]
# (`scratchlm memorisation` measures the same on any text and model.) Taking duplicates out (lesson 1) helps
# most of what stands in a text often. It does not help what stands there once and is looked at in many
# epochs; and a secret that was never in the text cannot be kept at all: the only sure remedy.
#
# ## Membership: was this text in the training?
#
# A weaker question than "what is the secret", and easier: training has lowered the loss of what it saw. An
# attacker says "member" below a threshold. Let $F_1$ be the share of members below it, $F_0$ that of
# others. The **advantage** is the largest $F_1 - F_0$ over all thresholds: 0 for a model that generalises
# fully, 1 for one that gives every member away.
#
# **Exercise 16.2.** The advantage.

# %%
# exercise 16.2: return the largest F₁(t) − F₀(t), F the share of losses ≤ t, over all thresholds t; at
# least 0
def advantage(members, others):
    """What a threshold on the loss tells members from others by."""
    # --- solution begin
    thresholds = np.concatenate([members, others])
    below = [(members[:, None] <= thresholds).mean(axis=0), (others[:, None] <= thresholds).mean(axis=0)]
    return max(0.0, (below[0] - below[1]).max())
    # --- solution end


members, others = np.array([1.0, 2.0, 4.5, 6.0]), np.array([2.000001, 4.0, 5.0, 7.0])
check_close("16.2", "advantage", advantage(members, others), 0.5, "t = 2: two of four, and none")
check_close("16.2", "advantage of equal losses", advantage(members, members), 0.0, "nothing to tell apart")
check_close("16.2", "advantage of larger losses", advantage(others + 9, members), 0.0, "t below all")
check_close("16.2", "advantage of one, three", advantage(members[:1], others[:3]), 1.0, "shares, not numbers")
small = text.default_corpus().text[100_000:106_000]
cut = [tokenizer.encode(small[k : k + 33]) for k in range(0, len(small) - 33, 33)]
other = text.default_corpus().text[200_000:206_000]
beside = np.stack([tokenizer.encode(other[k : k + 33]) for k in range(0, len(other) - 33, 33)])
told = []
for steps in (80, 400):
    model = trained(small, steps)
    told.append(advantage(losses_of(model, np.stack(cut)), losses_of(model, beside)))
print(f"\nMembers told by their loss: advantage {told[0]:.2f} after 80 steps, {told[1]:.2f} after 400")
assert told[1] > told[0] + 0.1, "the longer the training, the more it gives away"

# %% [markdown]
# ## Differential privacy: a bound that does not depend on the attack
#
# Let one person's example change the sum of gradients by at most $c$: **clip** each example's gradient, $g
# \leftarrow g \cdot \min(1, c/\lVert g \rVert)$. Then add **noise**, normal with standard deviation $\sigma
# c$. What can anybody who sees the result know about one example? In the direction of its gradient, the sum
# is $\mathcal N(s, \sigma^2c^2)$ without it and at most $\mathcal N(s + c, \sigma^2c^2)$ with it. The best
# test asks whether the number is nearer to $s$ or to $s + c$; with the example it says so with
# $\Phi(\frac{1}{2\sigma})$, without it with $1 - \Phi(\frac{1}{2\sigma})$:
#
# $$\text{advantage} \le 2\,\Phi\Big(\frac{1}{2\sigma}\Big) - 1.$$
#
# After $k$ steps the $k$ numbers together are as good as their sum: it is shifted by $kc$ with a noise of
# $\sqrt k \sigma c$, so $\frac{1}{2\sigma}$ becomes $\frac{\sqrt k}{2\sigma}$. With pencil, $\sigma$ = 1:
# $2\,\Phi(0.5) - 1 = 2 \cdot 0.6915 - 1 = 0.383$ for one step; after 16 steps $2\,\Phi(2) - 1 = 0.954$:
# hardly any privacy is left, unless σ grows like $\sqrt k$. (A step that draws a part of the examples at
# random does better; that takes a longer proof.) Elsewhere the promise is written as $(\varepsilon, \delta)$:
# no event becomes more likely than $e^\varepsilon$ times what it was, but for $\delta$. With $\delta = 0$
# that allows an advantage of at most $(e^\varepsilon - 1)/(e^\varepsilon + 1)$: 0.46 for $\varepsilon = 1$.
#
# **Exercise 16.3.** Such a gradient, and the bound.

# %%
# exercise 16.3: return the mean over the examples: gradients (B, D) clipped to norm c each, summed, plus
# σ·c·normal (normal: D drawn numbers), divided by B
def private_gradient(gradients, c, sigma, normal):
    """Clip each, add up, add noise once."""
    # --- solution begin
    norms = np.linalg.norm(gradients, axis=1, keepdims=True)
    clipped = gradients * np.minimum(1.0, c / np.maximum(norms, 1e-12))
    return (clipped.sum(axis=0) + sigma * c * normal) / len(gradients)
    # --- solution end


# and the bound 2 Φ(√k / 2σ) − 1 after k steps; Φ(x) = ½ (1 + erf(x/√2))
def bound(sigma, k=1):
    """The most that any attack can tell."""
    # --- solution begin
    return math.erf(math.sqrt(k) / (2 * sigma) / math.sqrt(2))
    # --- solution end


g = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
check_close("16.3", "the mean without noise", private_gradient(g, 1.0, 0.0, np.ones(2)), [0.3, 0.4], "5 → 1")
noisy = private_gradient(g, 2.0, 3.0, np.array([1.0, -1.0]))
check_close("16.3", "the mean with noise", noisy, [7.5 / 3, -4 / 3], "σ·c once, for the sum")
check("16.3", g.tolist() == [[3, 4], [0.3, 0.4], [0, 0]], "the gradients have changed")
check_close("16.3", "the bound for σ = 1", bound(1.0), 0.382925, "2 Φ(0.5) − 1")
check_close("16.3", "the bound for σ = 2, 16 steps", bound(2.0, 16), 0.682689, "2 Φ(1) − 1")
found = []
for sigma in (0.5, 1.0, 2.0):
    noise = np.random.default_rng(3).standard_normal((2, 4000, 1))
    with_it, without = (
        np.array([private_gradient(np.array([[x]]), 1.0, sigma, normal)[0] for normal in row])
        for x, row in zip((9.0, 0.0), noise, strict=True)
    )
    found.append((sigma, advantage(-with_it, -without), bound(sigma)))
print("\nσ, advantage of the best threshold in 4000 draws, bound")
for row in found:
    print("  {:.1f}  {:.3f}  {:.3f}".format(*row))
    assert abs(row[1] - row[2]) < 0.04, "one step, one number: the threshold is the best attack"

# %% [markdown]
# ## Bias: the model repeats the counts
#
# Cross-entropy is least where $p = q$ (lesson 5): who writes "she" after "nurse" in 9 of 10 sentences
# trains a model that does. The measure is the logarithm of the odds, $\ln P(\text{she}) - \ln P(\text{he})$
# in the same place; 9 to 1 gives $\ln 9 = 2.2$. A remedy on the side of the data: add to each sentence its
# mirror image, with the words of each pair **exchanged**. Then both are equally frequent after every
# context without words of a pair.
#
# **Exercise 16.4.** The mirror image.

# %%
# exercise 16.4: return a list of words with both words of each pair exchanged: [("he", "she")] makes "he"
# of "she", and "she" of "he"
def mirrored(words, pairs):
    """Each word of a pair becomes the other one."""
    # --- solution begin
    other = {a: b for a, b in pairs} | {b: a for a, b in pairs}
    return [other.get(word, word) for word in words]
    # --- solution end


PAIRS = [("he", "she"), ("his", "her")]
given = ["she", "lost", "his", "hat", "and", "he", "found", "it"]
found, right = mirrored(given, PAIRS), ["he", "lost", "her", "hat", "and", "she", "found", "it"]
check("16.4", found == right, f"of {' '.join(given)!r} it makes {' '.join(found)!r}")
check("16.4", mirrored(mirrored(given, PAIRS), PAIRS) == given, "twice is not the text itself")
check("16.4", given[0] == "she", "the words have changed")

odds = {"nurse": 0.9, "driver": 0.2}  # how often "she", in the text
draw = np.random.default_rng(5)
sentences = []
for _ in range(3000):
    job = str(draw.choice(list(odds)))
    who = "she" if draw.random() < odds[job] else "he"
    trait = "gentle" if draw.random() < (0.85 if job == "nurse" else 0.2) else "strong"
    sentences.append(f"the {job} said {who} was {trait} .".split())
words = sorted({word for s in sentences for word in s})


def log_odds(corpus):
    """ln P(she)/P(he) after "the JOB said", and ln P(gentle)/P(strong) at the end, by a trained LSTM."""
    ids = np.array([[words.index(word) for word in s] for s in corpus])
    sl.manual_seed(2)
    model = models.LSTMLanguageModel(len(words), 8, 16)
    optimizer, order = optim.Adam(model.parameters(), lr=0.02), np.random.default_rng(1)
    for _ in range(250):
        batch = ids[order.integers(0, len(ids), 64)]
        loss, _ = model.loss(batch[:, :-1], batch[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    result = []
    for job in odds:
        said = f"the {job} said"
        for begin, a, b in ((said, "she", "he"), (f"{said} she was", "gentle", "strong")):
            with sl.no_grad():
                row = model(np.array([[words.index(word) for word in begin.split()]]))[0].numpy()[0, -1]
            result.append(row[words.index(a)] - row[words.index(b)])
    return np.array(result)


plain, balanced = log_odds(sentences), log_odds(sentences + [mirrored(s, PAIRS) for s in sentences])
print("\nLog odds: nurse she/he, nurse gentle/strong, driver she/he, driver gentle/strong")
print(f"  as the text is {plain.round(2)}; of its counts she/he {math.log(9):.2f} and {math.log(0.25):.2f}")
print(f"  with mirrors   {balanced.round(2)}")
assert abs(plain[0] - math.log(9)) < 0.5, "the model repeats the counts"
assert np.abs(balanced[[0, 2]]).max() < 0.25, "mirrored, both are as likely"
assert min(np.abs(balanced[[1, 3]])) > 0.8, "what is not in the list of pairs stays as it was"

# %% [markdown]
# The remedy did what its list says and nothing else: who is gentle was not in the list. A measure of zero
# is zero of **that** measure.
#
# ## Control: what may not be said
#
# To forbid tokens, set their scores to $-\infty$ before the softmax. The others keep their proportions:
#
# $$p'_v = \frac{e^{z_v}}{\sum_{w\ \text{allowed}} e^{z_w}} = \frac{p_v}{\sum_{w\ \text{allowed}} p_w}
# = P(v \mid \text{allowed}).$$
#
# For **one** token that is exactly "draw again until it is allowed". For a whole text it is not: a
# beginning that nearly always ends in something forbidden keeps its probability. With pencil: A or B with ½
# each; after A "bad" comes with 0.9, after B with 0.1. Step by step A stays at ½; of all texts without
# "bad", A has $0.05/(0.05 + 0.45) = 0.1$.
#
# **Exercise 16.5.** One choice among the allowed.

# %%
# exercise 16.5: return the probabilities (V) for scores z (V), 0 where `allowed` (V) is False; z may have
# any size
def allowed_probabilities(z, allowed):
    """Softmax over the allowed alone."""
    # --- solution begin
    kept = np.where(allowed, z, -np.inf)
    e = np.exp(kept - kept.max())
    return e / e.sum()
    # --- solution end


z, allowed = np.log([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, True])
check_close("16.5", "p", allowed_probabilities(z, allowed), [4 / 7, 0, 2 / 7, 1 / 7], "4 : 2 : 1")
check("16.5", np.isfinite(z), "z has changed")
with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
    large = allowed_probabilities(np.array([2000.0, -3000.0, -3000.0]), np.array([False, True, True]))
    check_close("16.5", "p of 2000 (forbidden), −3000, −3000", large, [0, 0.5, 0.5], "the largest allowed")
every = allowed_probabilities(z, np.ones(4, bool))
check_close("16.5", "p where all is allowed", every, [0.4, 0.3, 0.2, 0.1])
step_by_step, whole = 0.5, 0.5 * 0.1 / (0.5 * 0.1 + 0.5 * 0.9)
print(f"\nA, bad forbidden: step by step {step_by_step}, among all texts without it {whole:.1f}")
assert math.isclose(whole, 0.1), "as on the page"
show_code(choice._follow)

# %% [markdown]
# ## A common mistake: one spelling is forbidden
#
# Tokens are not words. Of a vocabulary with "bad", "b" and "ad", forbidding the token "bad" leaves another
# way to write it; the probability that the mask has taken goes to the other tokens, to that way, too. **How
# to notice:** look for the word in the **text**, not for the token; and check each token against the end of
# what is written.

# %%
PIECES = ["bad", "b", "ad", "good ", "day "]
scores = np.log([0.4, 0.15, 0.15, 0.2, 0.1])


def written(rule, n=4000, length=4):
    """The share of texts of that many tokens with "bad" in them; rule(text) says which tokens may come."""
    draw, count = np.random.default_rng(7), 0
    for _ in range(n):
        said = ""
        for _ in range(length):
            said += PIECES[draw.choice(5, p=allowed_probabilities(scores, rule(said)))]
        count += "bad" in said
    return count / n


by_token = written(lambda said: np.array([piece != "bad" for piece in PIECES]))
by_text = written(lambda said: np.array(["bad" not in said + piece for piece in PIECES]))
print(f"\nTexts with 'bad': one token forbidden {by_token:.1%}, no token that completes it {by_text:.1%}")
assert by_token > 0.1, "it is spelt in two pieces"
assert by_text == 0, "what is checked is the text"

figure, panels = plt.subplots(1, 3, figsize=(13, 3.7), layout="constrained")
copies = [copies for _, copies in SECRETS.values()]
panels[0].semilogx(copies, list(kept.values()), "o-", label="as the text is", base=2)
panels[0].semilogx(copies, list(once.values()), "o-", label="each only once", base=2)
panels[0].axhline(1 / math.log(2), color="grey", linestyle=":", label="knows nothing")
panels[0].set(title="exposure of a secret, bits", xlabel="copies in the text")
sigmas = np.linspace(0.3, 8, 60)
for k in (1, 16, 256):
    panels[1].plot(sigmas, [bound(s, k) for s in sigmas], label=f"k = {k}")
panels[1].set(title="the most that any attack can tell", xlabel="σ")
places = np.arange(4)
panels[2].bar(places - 0.2, plain, 0.4, label="as the text is")
panels[2].bar(places + 0.2, balanced, 0.4, label="with mirrors")
below = [f"{job}\n{pair}" for job in odds for pair in ("she/he", "gentle/strong")]
panels[2].set_xticks(places, below, fontsize=8)
panels[2].set_title("log odds")
for panel in panels:
    panel.legend(fontsize=8)
save_picture(figure, "16_safety.png")

# %% [markdown]
# ## Sources
#
# Exposure: Carlini and others 2019. Membership: Shokri and others 2017; Yeom and others 2018. Clipping and
# noise: Abadi and others 2016 (DP-SGD); tests between two normal laws: Neyman and Pearson 1933, Dong, Roth
# and Su
# 2022. Mirrored sentences: Zhao and others 2018. P6 is the catalogue's.
