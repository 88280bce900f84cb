# %% [markdown]
# # 15. Applications, and how they are judged
#
# Formulas: [cross_entropy], [lstm.cell], [attention], L1, T2, T3, T4, T5, T6, T7
# Time: 10 s
#
# **The question.** A classifier names a mood, an encoder–decoder translates, sums up, answers, chats. How is
# one number made of a thousand answers, how far can it be trusted, and beside what must it stand?
#
# Letters: $n$ test examples; $a$ the share that is right, $p$ its true value; $P$ precision, $R$ recall, $F$
# their mean; $B$ batch, $T$ time, $V$ vocabulary, $H$ hidden, $C$ classes.

# %%
import math
import random
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
# divides its variance by $n^2$: the share $a$ has variance $p(1-p)/n$. For large $n$ it lies within
# $z = 1.96$ standard deviations of $p$ in 95 of 100 tests: $|a - p| \le z \sqrt{p(1-p)/n}$.
#
# $a$ is known and $p$ is asked: squared, $p^2(1 + z^2/n) - p(2a + z^2/n) + a^2 \le 0$, so that $p$ lies
# between the two roots of that parabola:
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
    low, high = np.array([interval(k, n) for k in range(n + 1)])[counts].T
    ours = np.mean((low <= 0.95) & (high >= 0.95))
    plain = np.mean(np.abs(counts / n - 0.95) <= 1.96 * np.sqrt(counts / n * (1 - counts / n) / n))
    print(f"  n = {n:4}: this interval {ours:.3f}, a ± z √(a(1 − a)/n) {plain:.3f}")
    assert abs(ours - 0.95) < 0.035, "in 95 of 100 tests"
assert plain > 0.9, "for a thousand the plain interval is fine; for twenty it is far too narrow"

# %% [markdown]
# ## A classifier (T5, T7, L1), and rare classes
#
# If one mail in a hundred is a complaint, "no complaint" is right 99 times in a hundred and worth nothing. So
# ask of one class: how many of those **called** it are it (precision $P$), and how many of those that **are**
# it were called it (recall $R$)? Their harmonic mean $F_1 = 2PR/(P+R)$ is high only where both are. With
# pencil: 2 found, 1 called wrongly, 2 missed: $P = 2/3$, $R = 2/4$, $F_1 = (2/3)/(7/6) = 4/7$.
#
# Sentences about a restaurant, positive or negative: "not" turns a word around, after "but" stands what
# counts, and one label in twelve is drawn anew, for people do not always agree. L1 is an LSTM whose last
# state goes through one linear layer (lesson 6); today's Keras (3.15.1) runs it as printed. Three
# baselines: **majority** gives the most frequent class of training, **nearest** the class of the training
# sentence that shares most words; a linear layer on the words that occur learns what each weighs, and
# cannot know their order.

# %%
GOOD, BAD = "good warm fresh friendly quick clean fine lovely", "bad cold stale rude slow dirty dull awful"
MOODS = dict.fromkeys(GOOD.split(), "positive") | dict.fromkeys(BAD.split(), "negative")
THINGS = ["soup", "waiter", "table", "bread", "kitchen", "wine", "fish", "bill", "room", "music"]
CLASSES = ["negative", "positive"]


def review(rng):
    """A sentence of one or two clauses, and the mood of its last; three in four are negative."""
    wanted = rng.choice(["positive", "negative", "negative", "negative"])
    while True:
        clauses = []
        for _ in range(rng.choice((1, 2))):
            word, turned = rng.choice(list(MOODS)), rng.random() < 0.4
            clauses.append(f"the {rng.choice(THINGS)} was {'not ' if turned else ''}{word}")
            mood = CLASSES[1 - CLASSES.index(MOODS[word])] if turned else MOODS[word]
        if mood == wanted:
            return " but ".join(clauses), rng.choice(CLASSES) if rng.random() < 1 / 12 else mood


def of_class(called, true, which):
    """Precision, recall and F1 of one class; 0 where nothing can be divided."""
    both = sum(c == t == which for c, t in zip(called, true, strict=True))
    n, m = called.count(which), true.count(which)
    return both / max(n, 1), both / max(m, 1), 2 * both / max(n + m, 1)  # F1: 2/(1/P + 1/R)


assert np.allclose(of_class(list("xxx.."), list("xx.xx"), "x"), [2 / 3, 2 / 4, 4 / 7]), "the pencil example"
drawn = random.Random(15)
reviews = list(dict(review(drawn) for _ in range(2600)).items())  # each sentence once
known, new = reviews[:-500], reviews[-500:]
asked, truth = [text for text, _ in new], [mood for _, mood in new]
words = {word: k + 1 for k, word in enumerate(sorted({w for text, _ in reviews for w in text.split()}))}


def ids_of(texts):
    """Twelve ids a text (N, 12), 0 before its first word."""
    rows = [[words[w] for w in text.split()] for text in texts]
    return np.array([[0] * (12 - len(row)) + row for row in rows])


def nearest(known, asked):
    """For each text asked, the answer of the known text that shares most words (cosine of the sets)."""
    sets, owns = ([set(text.split()) for text in texts] for texts in ((text for text, _ in known), asked))
    likest = [np.argmax([len(own & other) / math.sqrt(len(other)) for other in sets]) for own in owns]
    return [known[k][1] for k in likest]


def learn(model, steps, size, *arrays):
    """Steps of Adam on batches of the arrays' rows."""
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        rows = rng.integers(0, len(arrays[0]), size)
        loss = model.loss(*(array[rows] for array in arrays))  # breakpoint here: look at loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


X, X_new = ids_of([text for text, _ in known]), ids_of(asked)  # (N, T)
y = np.array([CLASSES.index(mood) for _, mood in known])  # (N)
sl.manual_seed(15)
model = models.L1(len(words) + 1, 24, 2)
learn(model, 200, 64, X, y)
with sl.no_grad():
    by_lstm = [CLASSES[k] for k in model(X_new).numpy().argmax(axis=1)]
bags, bags_new = (np.array([np.bincount(row, minlength=len(words) + 1) > 0 for row in x]) for x in (X, X_new))
weights = np.linalg.solve(bags.T @ bags + np.eye(len(words) + 1), bags.T @ (2.0 * y - 1))
linear = [CLASSES[int(score > 0)] for score in bags_new @ weights]
systems = [["negative"] * 500, nearest(known, asked), linear, by_lstm]
answers = dict(zip(("the majority", "the nearest", "a linear layer", "listing L1"), systems, strict=True))
right = {name: np.array(given) == np.array(truth) for name, given in answers.items()}
ends = {name: interval(int(found.sum()), 500) for name, found in right.items()}
print("\n500 new sentences: accuracy with its interval; P, R, F1 of 'positive'")
for name, given in answers.items():
    row = name, right[name].mean(), *ends[name], *of_class(given, truth, "positive")
    print("  {:14} {:.3f}  {:.3f} – {:.3f}   {:.2f} {:.2f} {:.2f}".format(*row))
assert ends["listing L1"][0] > sorted(high for _, high in ends.values())[-2], "L1 is better than all three"

# %% [markdown]
# ## Which of two is better? The paired bootstrap
#
# Two systems answer the **same** examples; would another test have put them in the same order? We have no
# other, but we can draw one from this: $n$ examples **with replacement**, some twice, some not at all. Of
# thousands so drawn, the share in which the first system is better says how sure the order is. The difference
# of $x$ and $y$ has the variance $\text{Var}\,x + \text{Var}\,y - 2\,\text{Cov}(x, y)$; hard examples are
# hard for both, and the last term takes much away: intervals that overlap may still be a sure difference.
#
# With pencil: $x = (1, 0)$, $y = (0, 0)$: of the four draws 11, 12, 21, 22 only 22 shows no difference; in ¾
# of them $x$ is better, and with half of the equal one the share is 7/8.
#
# **Exercise 15.2.** The share.

# %%
# exercise 15.2: x, y (n) are two systems' points; `draws` (K, n) are places of the drawn examples. Return the
# share of the draws in which x has the higher mean; one of equal means counts as half
def share_better(x, y, draws):
    """How often the first system is better."""
    # --- solution begin
    d = (np.asarray(x, float) - np.asarray(y, float))[draws].sum(axis=1)  # (K)
    return float((d > 1e-9).mean() + 0.5 * (np.abs(d) <= 1e-9).mean())
    # --- solution end


four = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
check_close("15.2", "the share of (1, 0), (0, 0)", share_better([1, 0], [0, 0], four), 7 / 8, "¾ + ½ · ¼")
x, y = np.array([0.9, 0.2, 0.4]), np.array([0.1, 0.4, 0.6])
check_close("15.2", "the share of two draws", share_better(x, y, np.array([[0, 1, 2], [1, 1, 2]])), 0.5)
for n in (10, 30, 500):
    share = share_better(right["listing L1"][:n], right["a linear layer"][:n], rng.integers(0, n, (4000, n)))
    print(f"  by the first {n:3}: L1 is better than the linear layer in {share:.1%} of 4000 draws")
assert share > 0.99, "with all of them the order is sure"

# %% [markdown]
# ## A translator (T3), and answers to questions (T4): exact match
#
# "5 mar 35" or "mar 5 35" → "35-03-05": an encoder–decoder with attention (lessons 9 and 10). Where one
# answer alone is right (a date, a sum, the fact that is asked for), **exact match** is the measure: the share
# that is right letter by letter, with the interval of 15.1. It gives no points for nearly right.

# %%
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
SIGNS = "^$ -" + "".join(sorted(set("0123456789" + "".join(MONTHS))))  # ^ begins, $ ends an answer


def encoded(texts):
    """Texts of one length as ids (N, length)."""
    return np.array([list(map(SIGNS.index, text)) for text in texts])


def date(day, month, year, american):
    """(English, by numbers)."""
    name = f"{MONTHS[month]} {day} {year}" if american else f"{day} {MONTHS[month]} {year}"
    return name.ljust(9), f"{year}-{month + 1:02}-{day:02}"


dates = [(day, month, year) for day in range(1, 29) for month in range(12) for year in range(30, 60)]
random.Random(16).shuffle(dates)
pairs = [date(*dates[k], k % 2) for k in range(2400)]
train, test = pairs[:2000], pairs[2000:]
sources, targets = encoded([s for s, _ in train]), encoded([f"^{t}$" for _, t in train])
asked, references = encoded([s for s, _ in test]), [t for _, t in test]
sl.manual_seed(15)
translator = models.EncoderDecoder(len(SIGNS), 24, 64, attention="multiplicative")
systems = {"the nearest": nearest(train, [s for s, _ in test])}
for steps, more in ((60, 60), (300, 240)):
    learn(translator, more, 48, sources, targets[:, :-1], targets[:, 1:])
    with sl.no_grad():
        state = translator.start(asked)
    found = greedy(translator, np.zeros(len(test), int), 10, 1, state)
    systems[f"{steps} steps"] = ["".join(SIGNS[k] for k in ids) for ids in found]

# %% [markdown]
# ## Many right answers: BLEU
#
# A sentence can be translated in many ways, and few agree word by word. BLEU asks how many runs of $n$ words
# of the answer the reference has, for $n = 1 … 4$. A run counts as often as the reference has it at most
# (**clipping**: else "the the the" would share three words with "the cat"). Counts are summed over the whole
# test set, then divided: $P_n$. The **geometric mean** $e^{(\ln P_1 + … + \ln P_4)/4}$ is taken, for $P_n$
# falls quickly with $n$, and in a plain mean $P_1$ would decide. And precision loves the short answer "the":
# if all answers have $c$ words and the references $r > c$, the result is multiplied by $e^{1 - r/c}$, the
# **brevity penalty**. With pencil, up to $n = 2$: "the the cat" for "the cat sat": $P_1 = 2/3$, $P_2 = 1/2$:
# $\sqrt{1/3}$. "the cat" for "the cat sat on": $P_1 = P_2 = 1$, penalty $e^{1 - 4/2} = 1/e$.
#
# **Exercise 15.3.** BLEU.

# %%
def runs(tokens, n):
    """How often each run of n tokens occurs."""
    return Counter(tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1))


# exercise 15.3: `answers` and `references` are lists of lists of tokens; return BLEU, from 0 to 1
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


one, two, four = ["the", "the", "cat"], ["the", "cat"], ["the", "cat", "sat", "on"]
check_close("15.3", "BLEU of 'the the cat'", bleu([one], [four[:3]], 2), math.sqrt(1 / 3), "clipped")
check_close("15.3", "BLEU of 'the cat'", bleu([two], [four], 2), math.exp(-1), "too short")
check_close("15.3", "BLEU of an answer too long", bleu([two + two], [two], 1), 0.5, "no penalty for that")
sets = bleu([list("abcde"), list("fg")], [list("abcd"), list("fge")])
check_close("15.3", "BLEU of two sentences, N = 4", sets, (8 / 35) ** 0.25, "clip in each, sum over all")
check_close("15.3", "BLEU without a shared pair", bleu([["a"] * 3], [["a", "b", "c"]], 2), 0.0)

# %% [markdown]
# ## Without words: chrF
#
# Chinese has no spaces, German has long words, and "walked" for "walks" is not all wrong. chrF compares runs
# of 1 to 6 **characters** (spaces left out). For each length precision $P$ (what share of the answer's runs
# the reference has) and recall $R$ (the other way), their means over the lengths that both texts have, and of
# these $F_2 = 5PR/(4P + R)$: recall counts more, for leaving out is worse than adding. With pencil: "ab" for
# "abc": lengths 1 and 2: $P = 1$, $R = (2/3 + 1/2)/2 = 7/12$, $F_2 = 7/11$.
#
# **Exercise 15.4.** chrF of one answer.

# %%
# exercise 15.4: return F₂ for two texts without spaces, 0 where they share nothing
def chrf(answer, reference):
    """Mean precision and recall of runs of 1 to 6 characters."""
    # --- solution begin
    both = [(runs(answer, n), runs(reference, n)) for n in range(1, 1 + min(6, len(answer), len(reference)))]
    p, r = (np.mean([(a & b).total() / (a, b)[k].total() for a, b in both] or [0]) for k in (0, 1))
    return 5 * p * r / (4 * p + r) if p else 0.0
    # --- solution end


check_close("15.4", "chrF of 'ab' for 'abc'", chrf("ab", "abc"), 7 / 11, "two lengths, recall counts more")
check_close("15.4", "chrF of a–h for a–g", chrf("abcdefgh", "abcdefg"), 6695 / 7036, "mean of six: 7/8 … 2/3")
check_close("15.4", "chrF of 'aaa' for 'aab'", chrf("aaa", "aab"), 7 / 18, "the mean of 2/3, 1/2, 0, clipped")
check_close("15.4", "chrF of 'x' for 'abc'", chrf("x", "abc"), 0.0)
print("\n400 new dates:   exact match   BLEU of characters   chrF")
points = {}
for name, given in systems.items():
    exact = np.mean([g == r for g, r in zip(given, references, strict=True)])
    mean = np.mean([chrf(g, r) for g, r in zip(given, references, strict=True)])
    points[name] = exact, bleu(given, references), mean
    print("  {:13}  {:.3f}         {:.3f}                {:.3f}".format(name, *points[name]))
assert points["300 steps"][0] > 0.9, "dates should be learnt"
assert points["the nearest"][0] < 0.05 < 0.4 < points["the nearest"][2], "few right, half of the points"

# %% [markdown]
# ## Summaries (T2): ROUGE-L, and chat (T6)
#
# A summary should say what the reference says, in its order, perhaps with other words between. ROUGE-L takes
# the **longest common subsequence** of words. Let $L_{ij}$ be its length for the first $i$ and $j$ words. If
# word $i$ equals word $j$, the two can be the last pair: $L_{ij} = L_{i-1,j-1} + 1$. If not, one of them is
# not used: $L_{ij} = \max(L_{i-1,j}, L_{i,j-1})$, from $L_{0j} = L_{i0} = 0$, row by row. $P$ is $L$ over the
# answer's length, $R$ over the reference's, $F_1$ the measure. "the sat cat", "the cat sat": $L = 2$.
#
# **Exercise 15.5.** The length $L$.

# %%
# exercise 15.5: return the length of the longest common subsequence of two lists
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


for a, b, L in (("zabcdy", "abzycd", 4), ("abcbdab", "bdcaba", 4), ("ab", "aab", 2), ("", "ab", 0)):
    found = common(list(a), list(b))
    check("15.5", found == L, f"common('{a}', '{b}') is {found}, expected {L}")


def rouge_l(answer, reference):
    """F1 of the longest common subsequence of words."""
    a, r = answer.split(), reference.split()
    return 2 * common(a, r) / (len(a) + len(r))


reference = "returns are free for 30 days"
print(f"\nA chat's next answer, judged by the reference {reference!r}: BLEU with N = 2, ROUGE-L")
for text, most in (("you may send it back within a month", 0.0), ("returns are free for 90 days", 1.0)):
    both = bleu([text.split()], [reference.split()], 2), rouge_l(text, reference)
    print("  {:37} {:.2f}  {:.2f}".format(text, *both))
    assert most - 0.3 <= max(both) <= most, "the right one gets nothing, the wrong one much"

# %% [markdown]
# Overlap sees words, not truth. So people judge a **chat**: two systems' answers side by side, nobody told
# whose is which; the share of wins has the interval of 15.1. A summary stands beside a rule that knows the
# genre ("Deletes a …" of an operation's name), an answer beside that of the nearest known question;
# `python -m scratchlm.tasks` prints such baselines.
#
# ## A common mistake: a test that the training knows
#
# Split by lines, and the same date in another format stands in both parts: every system that remembers looks
# good. **How to notice:** the baseline *nearest* is far better than it should be. Split by the content.

# %%
lines = [date(*dates[k], american) for k in range(1000) for american in (0, 1)]
mixed = random.Random(17).sample(lines, len(lines))
leak = {}
for name, order in (("by lines", mixed), ("by dates", lines)):  # of `lines`, both formats are neighbours
    given = nearest(order[:1700], [s for s, _ in order[1700:]])
    leak[name] = np.mean([g == t for g, (_, t) in zip(given, order[1700:], strict=True)])
    print(f"Exact match of the nearest known date, split {name}: {leak[name]:.2f}")
assert leak["by lines"] - leak["by dates"] > 0.7, "nobody can remember a date that is new"

figure, (left, panel) = plt.subplots(1, 2, figsize=(10.5, 3.8))
left.hlines(range(4), *zip(*ends.values(), strict=True), lw=3)
left.plot([found.mean() for found in right.values()], range(4), "ko")
left.set(title="500 sentences: accuracy, interval", yticks=range(4), yticklabels=ends, xlim=(0.5, 1))
for k, (name, found) in enumerate(points.items()):
    panel.bar(np.arange(3) + 0.27 * (k - 1), found, 0.25, label=name)
measures = ["exact match", "BLEU", "chrF"]
panel.set(title="400 dates: three measures", ylim=(0, 1.3), xticks=range(3), xticklabels=measures)
panel.legend(ncols=3, fontsize=8)
save_picture(figure, "15_measures.png")
show_code(models.L1)

# %% [markdown]
# ## Sources
#
# The interval: Wilson 1927. Paired bootstrap: Efron 1979; Koehn 2004. BLEU: Papineni and others 2002. chrF:
# Popović 2015. ROUGE: Lin 2004. Precision and recall: van Rijsbergen 1979.
