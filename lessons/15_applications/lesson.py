# %% [markdown]
# # 15. Applications, and how they are judged
#
# Formulas: [cross_entropy], [lstm.cell], [attention], L1, T2, T3, T4, T5, T6, T7
# Time: 25 s
#
# **The question.** A classifier names a mood, an encoder–decoder translates, sums up, answers. How is one
# number made of a thousand answers, how far can that number be trusted, and beside what must it stand before
# it says anything?
#
# Letters: $n$ test examples; $a$ the share that is right, $p$ its true value; $P$ precision, $R$ recall, $F$
# their mean; $B$ batch, $T$ time, $V$ vocabulary, $H$ hidden, $C$ classes.

# %%
import inspect
import math
import random
import re
import shutil
import statistics
import textwrap
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import models, optim
from scratchlm.generation import greedy
from scratchlm.lesson import check, check_close, save_picture, show_code

# %% [markdown]
# ## Right or wrong: accuracy and its interval
#
# Let each answer be right with probability $p$, independently. One answer, as 1 or 0, has mean $p$ and
# variance $p(1-p)^2 + (1-p)p^2 = p(1-p)$. Variances of independent numbers add up, and dividing a sum by $n$
# divides its variance by $n^2$: the share $a$ has variance $p(1-p)/n$. For large $n$ it lies within $z = 1.96$
# standard deviations of $p$ in 95 of 100 tests:
#
# $$|a - p| \le z \sqrt{p(1-p)/n}.$$
#
# $a$ is known and $p$ is asked. Squared, this is $p^2(1 + z^2/n) - p(2a + z^2/n) + a^2 \le 0$, and between the
# two roots of that parabola lies $p$:
#
# $$p = \frac{a + \frac{z^2}{2n} \pm z\sqrt{\frac{a(1-a)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}.$$
#
# Who puts $a$ for $p$ under the first root gets $a \pm z\sqrt{a(1-a)/n}$, which has no width where all are
# right. With pencil: 4 of 4 right, $z = 2$: $z^2/n = 1$, so $p = (1 + ½ \pm 2\sqrt{0 + 1/16})/2 = ¾ \pm ¼$.
# Four right answers of four go with any $p$ from ½ to 1.
#
# **Exercise 15.1.** This interval.

# %%
# exercise 15.1: return the lower and the upper end for `right` right answers of n
def interval(right, n, z=1.96):
    """The p for which `right` of n lies within z standard deviations."""
    # --- solution begin
    a, w = right / n, z * z / n
    half = z * math.sqrt(a * (1 - a) / n + w / (4 * n))
    return (a + w / 2 - half) / (1 + w), (a + w / 2 + half) / (1 + w)
    # --- solution end


check_close("15.1", "the ends for 4 of 4, z = 2", list(interval(4, 4, 2)), [0.5, 1.0], "¾ ± ¼")
check_close("15.1", "the ends for 0 of 4, z = 2", list(interval(0, 4, 2)), [0.0, 0.5], "the mirror image")
for end in interval(30, 50):
    off = abs(30 / 50 - end) / math.sqrt(end * (1 - end) / 50)
    check_close("15.1", "standard deviations from an end to 30/50", off, 1.96, "p, not a, under the root")

rng = np.random.default_rng(15)
print("How often 20,000 tests of a model with p = 0.95 find p in their interval")
for n in (20, 100, 1000):
    counts = rng.binomial(n, 0.95, 20_000)
    ends = {k: interval(k, n) for k in set(counts.tolist())}
    ours = np.mean([ends[k][0] <= 0.95 <= ends[k][1] for k in counts.tolist()])
    plain = np.mean(np.abs(counts / n - 0.95) <= 1.96 * np.sqrt(counts / n * (1 - counts / n) / n))
    print(f"  n = {n:4}: this interval {ours:.3f}, a ± z √(a(1 − a)/n) {plain:.3f}")
    assert abs(ours - 0.95) < 0.035, "95 of 100"
    assert n > 20 or plain < 0.7, "with 20 examples, the plain interval is far too narrow"

# %% [markdown]
# ## Rare classes: precision, recall, F1
#
# If one mail in a hundred is a complaint, "no complaint" is right 99 times in a hundred and worth nothing. So
# ask of one class: how many of those that were **called** it are it (precision $P$), and how many of those
# that **are** it were called it (recall $R$)? Who calls everything a complaint has $R = 1$; who calls only the
# surest, $P = 1$. Their harmonic mean $F_1 = 2PR/(P+R)$ is high only where both are: with $P = 1$, $R = 0.02$
# the plain mean is 0.51, $F_1$ is 0.04.
#
# With pencil: 2 found, 1 called wrongly, 2 missed: $P = 2/3$, $R = 2/4$, $F_1 = (2/3)/(7/6) = 4/7$. The mean
# of $F_1$ over all classes is called **macro** F1; there a rare class counts as much as a frequent one.
#
# **Exercise 15.2.** Precision, recall and F1 of one class; 0 where nothing can be divided.

# %%
# exercise 15.2: `called` and `true` are lists of classes; return P, R, F1 of one class
def of_class(called, true, which):
    """Precision, recall and their harmonic mean."""
    # --- solution begin
    both = sum(c == t == which for c, t in zip(called, true, strict=True))
    P = both / called.count(which) if which in called else 0.0
    R = both / true.count(which) if which in true else 0.0
    return P, R, 2 * P * R / (P + R) if both else 0.0
    # --- solution end


called, true = list("xxx.."), list("xx.xx")
check_close("15.2", "P, R, F1", list(of_class(called, true, "x")), [2 / 3, 2 / 4, 4 / 7], "found 2, called 3")
check_close("15.2", "P, R, F1 of nothing called", list(of_class(list("..."), list(".x."), "x")), [0, 0, 0])
check_close("15.2", "P, R, F1 of '.'", list(of_class(list(".x."), list("..."), ".")), [1, 2 / 3, 4 / 5])

# %% [markdown]
# ## A classifier (T5, T7, L1)
#
# Sentences about a restaurant, positive or negative. "not" turns a word around, and after "but" stands what
# counts. L1 is an LSTM whose last state goes through one linear layer (lesson 6); it reads the order of the
# words. Two baselines: **majority** always gives the most frequent class of training, **nearest** the class of
# the training sentence that shares most words. A third, more serious, is a linear layer on the words that
# occur: it cannot know order.

# %%
MOODS = {word: "positive" for word in "good warm fresh friendly quick clean fine lovely".split()}
MOODS |= {word: "negative" for word in "bad cold stale rude slow dirty dull awful".split()}
THINGS = "soup waiter table bread kitchen wine fish bill room music".split()
OPPOSITE = {"positive": "negative", "negative": "positive"}


def clause(rng):
    """A clause and its mood."""
    word, turned = rng.choice(list(MOODS)), rng.random() < 0.4
    text = f"the {rng.choice(THINGS)} was {'not ' if turned else ''}{word}"
    return text, OPPOSITE[MOODS[word]] if turned else MOODS[word]


def review(rng):
    """A sentence and its mood, that of its last clause; three in four are negative."""
    wanted = rng.choice(["positive", "negative", "negative", "negative"])
    while True:
        clauses = [clause(rng) for _ in range(rng.choice((1, 2)))]
        if clauses[-1][1] == wanted:
            return " but ".join(text for text, _ in clauses), wanted


drawn = random.Random(15)
reviews = list(dict(review(drawn) for _ in range(2600)).items())  # each sentence once
known, new = reviews[:-500], reviews[-500:]
truth = [mood for _, mood in new]
words = {word: k + 1 for k, word in enumerate(sorted({w for text, _ in reviews for w in text.split()}))}
CLASSES = ["negative", "positive"]


def ids_of(text):
    """Twelve ids, 0 before the first word."""
    ids = [words[w] for w in text.split()]
    return [0] * (12 - len(ids)) + ids


def nearest(known, asked):
    """For each text asked, the answer of the known text that shares most words (cosine of the sets)."""
    sets = [set(text.split()) for text, _ in known]
    answers = []
    for text in asked:
        own = set(text.split())
        likeness = [len(own & other) / math.sqrt(len(other)) for other in sets]
        answers.append(known[int(np.argmax(likeness))][1])
    return answers


X = np.array([ids_of(text) for text, _ in known])  # (N, T)
y = np.array([CLASSES.index(mood) for _, mood in known])  # (N)
X_new = np.array([ids_of(text) for text, _ in new])
sl.manual_seed(15)
model = models.L1(len(words) + 1, 24, 2)
optimizer, rng = optim.Adam(model.parameters(), lr=0.01), np.random.default_rng(15)
for _ in range(300):
    rows = rng.integers(0, len(X), 64)
    loss = model.loss(X[rows], y[rows])  # breakpoint here: look at model(X[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with sl.no_grad():
    by_lstm = [CLASSES[k] for k in model(X_new).numpy().argmax(axis=1)]
bags, bags_new = (np.array([np.bincount(row, minlength=len(words) + 1) > 0 for row in x]) for x in (X, X_new))
linear = np.linalg.lstsq(bags.T @ bags + np.eye(len(words) + 1), bags.T @ (2.0 * y - 1), rcond=None)[0]
answers = {
    "majority": ["negative"] * 500,
    "nearest": nearest(known, [text for text, _ in new]),
    "words, linear": [CLASSES[int(score > 0)] for score in bags_new @ linear],
    "L1": by_lstm,
}
right = {name: np.array([g == t for g, t in zip(given, truth, strict=True)]) for name, given in answers.items()}
print("\n500 new sentences: accuracy with its interval; P, R, F1 of 'positive'; macro F1")
for name, given in answers.items():
    low, high = interval(int(right[name].sum()), 500)
    P, R, F1 = of_class(given, truth, "positive")
    macro = (F1 + of_class(given, truth, "negative")[2]) / 2
    print(f"  {name:13} {right[name].mean():.3f}  {low:.3f} to {high:.3f}   {P:.2f} {R:.2f} {F1:.2f}   {macro:.2f}")
assert right["majority"].mean() > 0.65, "it looks like a result"
assert of_class(answers["majority"], truth, "positive")[2] == 0, "and finds nothing"
assert interval(right["L1"].sum(), 500)[0] > max(right[name].mean() for name in answers if name != "L1"), "L1 wins"

# %% [markdown]
# ## Which of two is better? The paired bootstrap
#
# Two systems answer the **same** examples. Their difference $d$, example by example, has a mean $\bar d$; would
# another test have said the same? We have no other test, but we can draw one from this: $n$ examples **with
# replacement**, some twice, some not at all. Draw thousands; the share of them in which the first system is
# better says how sure the order is. The same drawn examples go to both: their difference has the variance
# $\text{Var}\,x + \text{Var}\,y - 2\,\text{Cov}(x, y)$, and since hard examples are hard for both, the
# last term takes much away. Two separate intervals that overlap may therefore still be a sure difference.
#
# With pencil: $x = (1, 0)$, $y = (0, 0)$: of the four draws 11, 12, 21, 22 only 22 shows no difference; in ¾
# of them $x$ is better.
#
# **Exercise 15.3.** The share.

# %%
# exercise 15.3: x, y (n) are two systems' points; `draws` (K, n) are places of the drawn examples. Return the
# share of the draws in which x has the higher mean; one of equal means counts as half
def share_better(x, y, draws):
    """How often the first system is better."""
    # --- solution begin
    d = (np.asarray(x, float) - np.asarray(y, float))[draws].sum(axis=1)  # (K)
    return float((d > 1e-9).mean() + 0.5 * (np.abs(d) <= 1e-9).mean())
    # --- solution end


four = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
check_close("15.3", "the share of x = (1, 0), y = (0, 0)", share_better([1, 0], [0, 0], four), 7 / 8, "¾ + ½ · ¼")
check_close("15.3", "the share the other way", share_better([0, 0], [1, 0], four), 1 / 8)
x, y = np.array([0.9, 0.2, 0.4]), np.array([0.1, 0.4, 0.6])
check_close("15.3", "the share of two draws", share_better(x, y, np.array([[0, 1, 2], [1, 1, 2]])), 0.5)
check_close("15.3", "the share, example by example", share_better(x, y, np.array([[1, 2, 2], [2, 1, 0]])), 0.5)
draws = rng.integers(0, 500, (4000, 500))
share = share_better(right["L1"], right["words, linear"], draws)
both = np.cov(right["L1"].astype(float), right["words, linear"].astype(float))
print(f"\nL1 is better than the linear layer in {share:.1%} of 4000 drawn tests")
assert share > 0.99, "the order is sure"

# %% [markdown]
# ## A translator (T3), and exact match
#
# "5 mar 35" or "mar 5, 35" → "35-03-05": an encoder–decoder with attention (lessons 9 and 10). Where one
# answer alone is right (dates, sums, facts: T4), **exact match** is the measure: as many as are right, letter
# by letter. It needs no theory, and it gives no points for nearly right.

# %%
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
SIGNS = "^$ ,-" + "".join(sorted(set("0123456789" + "".join(MONTHS))))  # ^ begins, $ ends an answer


def encoded(texts):
    """Texts of one length as ids (N, length)."""
    return np.array([[SIGNS.index(sign) for sign in text] for text in texts])


dates = [(day, month, year) for day in range(1, 29) for month in range(12) for year in range(30, 60)]
random.Random(16).shuffle(dates)
pairs = []
for k, (day, month, year) in enumerate(dates[:2400]):
    source = f"{day} {MONTHS[month]} {year}" if k % 2 else f"{MONTHS[month]} {day}, {year}"
    pairs.append((source.ljust(10), f"{year}-{month + 1:02}-{day:02}"))
train, test = pairs[:2000], pairs[2000:]
sources, targets = encoded([s for s, _ in train]), encoded([f"^{t}$" for _, t in train])
sl.manual_seed(15)
translator = models.EncoderDecoder(len(SIGNS), 24, 64, attention="multiplicative")
optimizer, at = optim.Adam(translator.parameters(), lr=0.01), {}
for step in range(1, 301):
    rows = rng.integers(0, len(train), 48)
    loss = translator.loss(sources[rows], targets[rows, :-1], targets[rows, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step in (100, 300):
        with sl.no_grad():
            state = translator.start(encoded([s for s, _ in test]))
            found = greedy(translator, np.zeros(len(test), int), 10, 1, state)
        at[step] = ["".join(SIGNS[k] for k in ids) for ids in found]
references = [t for _, t in test]
letters = [(" ".join(s), t) for s, t in train]  # the baseline shares signs, not words
systems = {"nearest": nearest(letters, [" ".join(s) for s, _ in test]), "100 steps": at[100], "300 steps": at[300]}

# %% [markdown]
# ## Many right answers: BLEU
#
# A sentence can be translated in many ways, and few agree word by word. BLEU asks how many runs of $n$ words of
# the answer the reference has, for $n = 1 … 4$. Three precautions:
#
# - **Clipping.** "the the the" shares the word "the" three times with "the cat". A run counts as often as the
#   reference has it at most.
# - **Geometric mean.** The precisions $P_1 … P_4$ fall quickly with $n$; in a plain mean $P_1$ would decide. The
#   geometric one, $e^{(\ln P_1 + … + \ln P_4)/4}$, doubles when any of them is 16 times as large.
# - **Brevity penalty.** Precision loves the short answer "the". If all answers together have $c$ words and the
#   references $r > c$, the result is multiplied by $e^{1 - r/c}$.
#
# Counts are summed over the whole test set before they are divided. With pencil, up to $n = 2$: "the the cat"
# for "the cat sat": $P_1 = 2/3$, $P_2 = 1/2$ ("the the" is not there, "the cat" is), as long as the reference:
# $\sqrt{1/3}$. "the cat" for "the cat sat on": $P_1 = P_2 = 1$, penalty $e^{1 - 4/2} = 1/e$.
#
# **Exercise 15.4.** BLEU.

# %%
def runs(tokens, n):
    """How often each run of n tokens occurs."""
    return Counter(tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1))


# exercise 15.4: `answers` and `references` are lists of lists of tokens; return BLEU, from 0 to 1
def bleu(answers, references, N=4):
    """Clipped precisions of the whole set, geometric mean, brevity penalty."""
    # --- solution begin
    logs = []
    for n in range(1, N + 1):
        mine, theirs = [runs(a, n) for a in answers], [runs(r, n) for r in references]
        shared = sum((a & r).total() for a, r in zip(mine, theirs, strict=True))  # & is the smaller count
        if shared == 0:
            return 0.0
        logs.append(math.log(shared / sum(a.total() for a in mine)))
    c, r = sum(map(len, answers)), sum(map(len, references))
    return math.exp(sum(logs) / N + min(0.0, 1 - r / c))
    # --- solution end


one, two = "the the cat".split(), "the cat".split()
check_close("15.4", "BLEU of 'the the cat'", bleu([one], ["the cat sat".split()], 2), math.sqrt(1 / 3), "clipped")
check_close("15.4", "BLEU of 'the cat'", bleu([two], ["the cat sat on".split()], 2), math.exp(-1), "too short")
check_close("15.4", "BLEU of an answer too long", bleu([two + two], [two], 1), 0.5, "no penalty for that")
sets = bleu([one, two], ["the cat sat".split(), two], 2)
check_close("15.4", "BLEU of two sentences", sets, math.sqrt(4 / 5 * 2 / 3), "sum the counts, then divide")
check_close("15.4", "BLEU without a shared pair", bleu([["a"] * 3], [["a", "b", "c"]], 2), 0.0)

# %% [markdown]
# ## Without words: chrF
#
# Chinese has no spaces, German has long words, and "walked" for "walks" is not all wrong. chrF compares runs of
# 1 to 6 **characters** (spaces left out). For each length precision and recall, their means over the lengths
# that both texts have, and of these $F_2 = 5PR/(4P + R)$: recall counts more, for leaving out is worse than
# adding. With pencil: "ab" for "abc": lengths 1 and 2: $P = 1$, $R = (2/3 + 1/2)/2 = 7/12$, $F_2 = 7/11$.
#
# **Exercise 15.5.** chrF of one answer.

# %%
# exercise 15.5: return F₂ for two texts without spaces, 0 where they share nothing
def chrf(answer, reference):
    """Mean precision and recall of runs of 1 to 6 characters."""
    # --- solution begin
    P, R = [], []
    for n in range(1, 7):
        mine, theirs = runs(answer, n), runs(reference, n)
        if mine and theirs:
            shared = (mine & theirs).total()
            P.append(shared / mine.total())
            R.append(shared / theirs.total())
    p, r = sum(P) / max(len(P), 1), sum(R) / max(len(R), 1)
    return 5 * p * r / (4 * p + r) if p else 0.0
    # --- solution end


check_close("15.5", "chrF of 'ab' for 'abc'", chrf("ab", "abc"), 7 / 11, "two lengths, recall counts more")
check_close("15.5", "chrF of 'abc' for 'ab'", chrf("abc", "ab"), 35 / 40, "now P = 7/12, R = 1")
check_close("15.5", "chrF of 'aaa' for 'aab'", chrf("aaa", "aab"), 7 / 18, "the means of 2/3, 1/2 and 0, clipped")
check_close("15.5", "chrF of 'x' for 'abc'", chrf("x", "abc"), 0.0)
print("\n400 new dates:   exact match   BLEU of characters   chrF")
for name, given in systems.items():
    exact = np.mean([g == r for g, r in zip(given, references, strict=True)])
    mean = np.mean([chrf(g, r) for g, r in zip(given, references, strict=True)])
    print(f"  {name:13}  {exact:.3f}         {bleu(given, references):.3f}                {mean:.3f}")
assert exact > 0.9, "dates should be learnt"

# %% [markdown]
# A date beside the right one shares most characters with it: the nearest known date gets a chrF that looks like
# half a translation, with hardly one answer right. A measure alone says nothing; beside a baseline it does.
#
# ## Summaries (T2): ROUGE-L
#
# A summary should say what the reference says, in its order, perhaps with other words between. ROUGE-L takes
# the **longest common subsequence** of words. Let $L_{ij}$ be its length for the first $i$ and $j$ words. If
# word $i$ equals word $j$, the two can be the last pair: $L_{ij} = L_{i-1,j-1} + 1$. If not, one of them is not
# used: $L_{ij} = \max(L_{i-1,j}, L_{i,j-1})$. Row by row, from $L_{0j} = L_{i0} = 0$, this takes as many steps
# as the table has fields, where trying all subsequences would take $2^i$. Then $P = L/\text{length}$ of the
# answer, $R = L/\text{length}$ of the reference, and $F_1$. With pencil: "the sat cat", "the cat sat": $L = 2$.
#
# **Exercise 15.6.** The length $L$.

# %%
# exercise 15.6: return the length of the longest common subsequence of two lists
def common(a, b):
    """By the table, row by row."""
    # --- solution begin
    row = [0] * (len(b) + 1)
    for x in a:
        before, row = row, [0]
        for j, y in enumerate(b):
            row.append(before[j] + 1 if x == y else max(before[j + 1], row[j]))
    return row[-1]
    # --- solution end


for a, b, L in (("acb", "abc", 2), ("abcbdab", "bdcaba", 4), ("aab", "azzzab", 3), ("", "ab", 0), ("xaxbx", "ab", 2)):
    check("15.6", common(list(a), list(b)) == L, f"common('{a}', '{b}') is {common(list(a), list(b))}, expected {L}")


def rouge_l(answer, reference):
    """F1 of the longest common subsequence of words."""
    a, r = re.findall(r"\w+", answer.lower()), re.findall(r"\w+", reference.lower())
    L = common(a, r)
    return 2 * L / (len(a) + len(r)) if L else 0.0


lines = {}
for module in (random.Random, statistics, shutil, textwrap, inspect, math, re, str):
    for name, thing in inspect.getmembers(module, callable):
        doc = (inspect.getdoc(thing) or "").split("\n")[0]
        if name.islower() and not name.startswith("_") and 3 <= len(doc.split()) <= 20:
            lines.setdefault(name.replace("_", " "), doc)
by_name = [rouge_l(name, doc) for name, doc in lines.items()]
by_rule = [rouge_l(f"Return the {name} of a.", doc) for name, doc in lines.items()]
draws = rng.integers(0, len(lines), (4000, len(lines)))
print(f"\nFirst lines of {len(lines)} functions' documentation: ROUGE-L of the name {np.mean(by_name):.3f},")
print(f"  of 'Return the NAME of a.' {np.mean(by_rule):.3f}; better in {share_better(by_rule, by_name, draws):.1%} of 4000 draws")
assert np.mean(by_rule) > np.mean(by_name), "a rule that knows the genre is a strong baseline"

# %% [markdown]
# Nothing was learnt there, and the points come. A trained model has to stand beside such a rule.
#
# ## A common mistake: a test that the training knows
#
# Draw examples from a world, split them by lines, and the same text, or the same date in another format, stands
# in both parts. Every system that remembers looks good. **How to notice:** the baseline *nearest* is far better
# than it should be. Keep what is alike in one part: decide by the content (the date, the word's stem).

# %%
again = [(s, t) for s, t in pairs] + [  # every date in the other format, too
    ((f"{MONTHS[m]} {d}, {y}" if k % 2 else f"{d} {MONTHS[m]} {y}").ljust(10), f"{y}-{m + 1:02}-{d:02}")
    for k, (d, m, y) in enumerate(dates[:2400])
]
random.Random(17).shuffle(again)
seen = {}
for name, held_out in (("by lines", again[:300]), ("by date", [p for p in again if p[1] in set(references)][:300])):
    apart = {t for _, t in held_out} if name == "by date" else set()
    rest = [(" ".join(s), t) for s, t in again if (s, t) not in set(held_out) and t not in apart]
    given = nearest(rest, [" ".join(s) for s, _ in held_out])
    seen[name] = np.mean([g == t for g, (_, t) in zip(given, held_out, strict=True)])
print(f"\nExact match of the nearest known date: split by lines {seen['by lines']:.2f}, by date {seen['by date']:.2f}")
assert seen["by lines"] > seen["by date"] + 0.1, "the split by lines should leak"
show_code(models.L1)

# %% [markdown]
# ## Sources
