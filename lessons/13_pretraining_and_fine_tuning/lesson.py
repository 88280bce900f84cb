# %% [markdown]
# # 13. Pretraining and fine-tuning
#
# Formulas: [cross_entropy], [linear_cross_entropy], [attention], [adam], P3, T7
# Time: 40 s
#
# **The question.** Labels are dear, text is cheap. How can a model learn from text that nobody has labelled,
# so that a few labels are enough afterwards? What is kept of it when the last layer is exchanged, and what is
# forgotten?
#
# Letters: $B$ batch, $T$ time, $D$ features, $V$ vocabulary, $C$ classes; $x_t$ the token at place $t$; θ the
# weights of the body, $W$ those of the last layer.

# %%
import copy
import math

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, optim
from scratchlm.lesson import check, check_close, save_picture, show_code
from scratchlm.text import IGNORE

# %% [markdown]
# ## Two ways to ask a text
#
# A text contains its own questions: hide a part, and ask for it.
#
# - **Causal** (GPT): at every place, which token is next? The model sees the places before. Each row of $T$
#   tokens asks $T - 1$ questions.
# - **Masked** (BERT): some tokens are hidden, which were they? The model sees both sides. Only the hidden
#   places ask: of 48 tokens, with a share of 15 %, 7 instead of 47. So it learns more slowly from the same
#   text; but where it looks, it sees more.
#
# In both the loss is the cross-entropy at the places that ask. A target of −100 says "does not count here":
# with $c_n$ 1 where place $n$ counts, else 0,
#
# $$L = \frac{\sum_n c_n\,\ell_n}{\sum_n c_n}, \qquad
# \frac{\partial L}{\partial z_{nv}} = \frac{c_n}{\sum_m c_m}\,(p_{nv} - [v = \text{target}_n]).$$
#
# With pencil: losses 1, 5, 3, of which the second does not count: $L = 2$; dividing by 3 would give 4/3.
#
# **Exercise 13.1.** Inputs and targets of the causal question, for rows that end earlier.

# %%
# exercise 13.1: ids (B, T), of row b only the first lengths[b] count. Return inputs (B, T − 1) and targets
# (B, T − 1): the next token, or −100 where the next one does not count
def next_token_pairs(ids, lengths):
    """What goes in, and what should come out."""
    # --- solution begin
    counted = np.arange(1, ids.shape[1]) < np.asarray(lengths)[:, None]
    return ids[:, :-1], np.where(counted, ids[:, 1:], -100)
    # --- solution end


ids = np.array([[5, 0, 7, 0, 0], [8, 9, 5, 6, 7]])
inputs, targets = next_token_pairs(ids, [3, 5])
check("13.1", ids.tolist() == [[5, 0, 7, 0, 0], [8, 9, 5, 6, 7]], "ids have changed")
check_close("13.1", "inputs", inputs, ids[:, :-1], "all but the last place")
check_close("13.1", "targets", targets, [[0, 7, -100, -100], [9, 5, 6, 7]], "5 asks for 0, 0 for 7")
rng = np.random.default_rng(13)
logits = sl.tensor(rng.standard_normal((8, 10)), requires_grad=True)
loss = F.cross_entropy(logits, targets.reshape(-1))
loss.backward()
p = np.exp(logits.numpy() - np.log(np.exp(logits.numpy()).sum(axis=1, keepdims=True)))
by_hand = [-math.log(p[n, t]) for n, t in enumerate(targets.reshape(-1)) if t != IGNORE]
assert math.isclose(loss.item(), sum(by_hand) / 6), "the mean over the six places that count"
assert not logits.grad.numpy()[2:4].any(), "places that do not count have gradient 0"

# %% [markdown]
# ## 80, 10, 10
#
# Of the chosen places, 80 % get a mask, 10 % a random token, 10 % stay as they are; all of them are asked.
# Why not always a mask?
#
# - With masks alone, nothing is ever asked at a place that shows a token: the features there may be anything.
#   But in use there are no masks, and it is these features that a classifier reads.
# - If tokens that stay were the only other case, the model would copy what it sees. So what it sees has to be
#   wrong at times. Let a place be asked and show a token, not the mask. Is it the right one? Of 20 % such
#   places half were kept; a drawn token is right by chance with $1/V$:
#
# $$P(\text{right} \mid \text{asked, shown}) = \frac{0.1 + 0.1/V}{0.2} = \frac12 + \frac1{2V}.$$
#
# So the best answer there is half copy, half what the other tokens say: both have to be known. With pencil,
# $V$ = 5: 0.6.
#
# **Exercise 13.2.** The rule.

# %%
# exercise 13.2: all arrays (B, T). Where `chosen`: mask if fate < 0.8, `drawn` if fate ≥ 0.9, else the token.
# Return inputs, and targets: the token where it was chosen, else −100
def hide(ids, chosen, fate, drawn, mask):
    """BERT's rule."""
    # --- solution begin
    inputs = np.where(chosen & (fate < 0.8), mask, ids)
    inputs = np.where(chosen & (fate >= 0.9), drawn, inputs)
    return inputs, np.where(chosen, ids, -100)
    # --- solution end


row = np.array([[5, 6, 7, 8, 9]])
chosen, fate = np.array([[1, 0, 1, 1, 0]], bool), np.array([[0.5, 0.5, 0.9, 0.8, 0.95]])
inputs, targets = hide(row, chosen, fate, np.array([[1, 2, 3, 4, 5]]), 0)
check_close("13.2", "inputs", inputs, [[0, 6, 3, 8, 9]], "masked, not chosen, drawn, kept, not chosen")
check_close("13.2", "targets", targets, [[5, -100, 7, 8, -100]], "kept tokens are asked, too; others are not")
check("13.2", row.tolist() == [[5, 6, 7, 8, 9]], "ids have changed")
many = rng.integers(0, 5, (4000, 20))
inputs, targets = models.mask_tokens(many, 5, -1, rng, 0.3)
shown = (targets != IGNORE) & (inputs != -1)
right = (inputs == targets)[shown].mean()
print(f"Asked and shown, by the engine's rule, V = 5: right in {right:.3f}, by the formula {0.5 + 0.5 / 5}")
assert abs(right - 0.6) < 0.02, "½ + 1/(2V)"
assert abs((inputs[targets != IGNORE] == -1).mean() - 0.8) < 0.02, "80 % of the chosen are masked"
print("\nThe engine's code\n")
show_code(models.MaskedLanguageModel.loss, models.SequenceClassifier.forward)

# %% [markdown]
# ## A language to learn
# Sentences of 8 words on one of 3 topics. Each topic has 20 words of its own, and 10 words are common to all.
# Which words belong together can only be seen from what stands in one sentence with what. The classes are the
# topics.

# %%
C, OWN, COMMON, T, D = 3, 20, 10, 8, 24
MASK = C * OWN + COMMON
V = MASK + 1


def sentences(n, rng):
    """Sentences (n, T), 60 % of the words common, and their topics (n)."""
    topic = rng.integers(0, C, n)
    own = OWN * topic[:, None] + rng.integers(0, OWN, (n, T))
    return np.where(rng.random((n, T)) < 0.4, own, C * OWN + rng.integers(0, COMMON, (n, T))), topic


def pretrain(kind, steps, everywhere=False):
    """A masked or a causal model of sentences without labels; the loss of each step."""
    sl.manual_seed(13)
    model, rng = kind(V, T, D, num_layers=1, num_heads=2), np.random.default_rng(1)
    optimizer, curve = optim.AdamW(model.parameters(), lr=5e-3), []
    for _ in range(steps):
        ids = sentences(32, rng)[0]
        if kind is models.MaskedLanguageModel:
            inputs, targets = models.mask_tokens(ids, V, MASK, rng, 0.3)
            loss = model.loss(inputs, ids if everywhere else targets)  # breakpoint here: look at targets
        else:
            loss, _ = model.loss(*next_token_pairs(ids, [T] * 32))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return model, np.array(curve)


bert, bert_curve = pretrain(models.MaskedLanguageModel, 500)
gpt, _ = pretrain(models.GPTLanguageModel, 300)  # asked at every place, it needs fewer steps
new_ids, new_topics = sentences(600, np.random.default_rng(2))


def scores_at(model, place):
    """Scores (600, V) of the word at a place of the new sentences, from what the model may see."""
    with sl.no_grad():
        if model is gpt:  # the words before; nothing at all for the first
            return model(new_ids[:, :place])[0].numpy()[:, -1] if place else np.zeros((600, V))
        hidden = new_ids.copy()
        hidden[:, place] = MASK
        return model(hidden).numpy()[:, place]


def share_of_topic(model, place):
    """How much of what the model gives to topics' words goes to the right topic."""
    p = np.exp(scores_at(model, place))[:, : C * OWN].reshape(600, C, OWN).sum(axis=2)
    return (p[np.arange(600), new_topics] / p.sum(axis=1)).mean()


both = {"masked model": bert, "causal model": gpt}
known = {name: [share_of_topic(model, t) for t in range(T)] for name, model in both.items()}
print("\nOf a hidden word's probability, the share of the right topic, place by place")
for name, shares in known.items():
    print(f"  {name} {np.round(shares, 2)}")
assert known["masked model"][1] > known["causal model"][1] + 0.15, "at first only the masked model sees much"
assert known["causal model"][-1] > known["causal model"][1] + 0.15, "the causal one sees more and more"

# %% [markdown]
# That is how to choose. To **understand** each place of a text that is there, take a model that sees both
# sides. To **write**, take the causal one: the next word is what it was asked all the time, and nothing need
# be read twice; a masked model would read everything again for each word.
#
# ## A new last layer
#
# The body turns tokens into features $(B, T, D)$; what it was asked for, the scores of $V$ words, needs
# another last layer than $C$ classes. So take over what has the same name **and** the same shape, and draw
# the rest anew. That is little: the features' last, largest and mean over time are $3D$ numbers, so $3D \cdot
# C + C$ = 219 are new, against thousands in the body. Few labels can determine few numbers.
#
# **Exercise 13.3.** What is kept.

# %%
# exercise 13.3: old and new are dicts of arrays by name. Return (state, fresh): for each name of `new` a copy
# of old's array where name and shape agree, else of new's; and the sorted names of the latter
def transfer(old, new):
    """The weights to begin fine-tuning with."""
    # --- solution begin
    state, fresh = {}, []
    for name, array in new.items():
        fits = name in old and old[name].shape == array.shape
        state[name] = (old[name] if fits else array).copy()
        if not fits:
            fresh.append(name)
    return state, sorted(fresh)
    # --- solution end


old = {"a": np.ones(3), "head": np.ones((3, 2)), "out": np.ones((2, 9)), "gone": np.ones(2)}
new = {"out": np.zeros((2, 3)), "head": np.zeros((2, 3)), "a": np.zeros(3), "bias": np.zeros(2)}
state, fresh = transfer(old, new)
check("13.3", list(fresh) == ["bias", "head", "out"], f"new are {fresh}: one has a new name, two new shapes")
check("13.3", set(state) == set(new), f"the state has {sorted(state)}, not the names of the new model")
for name, value in (("a", np.ones(3)), ("head", np.zeros((2, 3))), ("bias", np.zeros(2))):
    check_close("13.3", name, state[name], value, "old where name and shape agree, else new")
state["a"][:] = state["bias"][:] = 7
check("13.3", old["a"].max() == 1 > new["bias"].max(), "the given arrays change with the state: copy them")


def classifier(body):
    """A classifier on a copy of a body, with a new last layer, always the same."""
    sl.manual_seed(5)
    return models.SequenceClassifier(copy.deepcopy(body), D, C)


kept = {f"body.{name}": array.numpy() for name, array in bert.named_parameters()}
fresh = transfer(kept, {name: array.numpy() for name, array in classifier(bert).named_parameters()})[1]
print(f"\nNew in the classifier: {fresh}")
assert fresh == ["head.bias", "head.weight"], "all but the last layer is kept"
assert sum(a.size for a in classifier(bert).head.parameters()) == 3 * D * C + C == 219, "as on the page"

# %% [markdown]
# ## How fast each part may learn
#
# The new layer knows nothing and has far to go; the body knows much and can lose it. So there are three ways:
# the body **frozen** (rate 0), a small rate for it and a larger one for the new layer, or one rate for all.
#
# **Exercise 13.4.** A step of gradient descent in which each part has its rate.

# %%
# exercise 13.4: return new arrays θ − α ∂L/∂θ by name. `rates` maps beginnings of names to α; the longest
# that fits counts, "" fits every name, and what none fits is frozen
def step(parameters, gradients, rates):
    """One step with rates by part."""
    # --- solution begin
    moved = {}
    for name, theta in parameters.items():
        fitting = [begin for begin in rates if name.startswith(begin)]
        alpha = rates[max(fitting, key=len)] if fitting else 0.0
        moved[name] = theta - alpha * gradients[name]
    return moved
    # --- solution end


names = ("body.embedding", "body.head", "head")
ones, gradients = ({name: np.full(2, k) for name in names} for k in (1.0, 2.0))
for rates, right in (
    ({"": 0.1, "body": 0.01, "body.emb": 0.0}, [1, 0.98, 0.8]),
    ({"body.emb": 0.0, "body": 0.01, "": 0.1}, [1, 0.98, 0.8]),
    ({"head": 0.5}, [1, 1, 0]),
):
    moved = step(ones, gradients, rates)
    for name, value in zip(names, right, strict=True):
        check_close("13.4", f"{name} by {rates}", moved[name], np.full(2, value), "the longest beginning")
check("13.4", all((a == 1).all() and moved[n] is not a for n, a in ones.items()), "return only new arrays")


def fine_tune(body, ids, topics, body_rate, rehearse=False, steps=30):
    """A classifier trained on a few labelled sentences, the new layer with the rate 0.01."""
    model, rng = classifier(body), np.random.default_rng(3)
    parts = [{"params": model.head.parameters()}, {"params": model.body.parameters(), "lr": body_rate}]
    optimizer = optim.AdamW(parts if body_rate else parts[:1], lr=0.01)
    for _ in range(steps):
        loss = model.loss(ids, topics)
        if rehearse:  # the old question, too, on text without labels
            loss = loss + model.body.loss(*models.mask_tokens(sentences(32, rng)[0], V, MASK, rng, 0.3))
        model.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def accuracy(model):
    """On new sentences."""
    with sl.no_grad():
        return (model(new_ids).numpy().argmax(axis=1) == new_topics).mean()


def by_counting(ids, topics):
    """The baseline: which words were seen under which label (naive Bayes, one more of each)."""
    counts = np.ones((C, V))
    np.add.at(counts, (np.repeat(topics, T), ids.ravel()), 1)
    log_p = np.log(counts / counts.sum(axis=1, keepdims=True))
    prior = np.log(np.bincount(topics, minlength=C) + 1)
    return ((log_p[:, new_ids].sum(axis=2) + prior[:, None]).argmax(axis=0) == new_topics).mean()


sl.manual_seed(13)
blank = models.MaskedLanguageModel(V, T, D, num_layers=1, num_heads=2)
few = (6, 12, 36)
ways = ("counting words", "from scratch", "body frozen", "body at 0.001", "all at 0.01", "causal body, 0.001")
table = {way: [] for way in ways}
for n in few:
    runs = []
    for seed in range(3):
        ids, topics = sentences(n, np.random.default_rng(100 + seed))
        runs.append([
            by_counting(ids, topics),
            accuracy(fine_tune(blank, ids, topics, 0.01)),
            *(accuracy(fine_tune(bert, ids, topics, rate)) for rate in (0, 0.001, 0.01)),
            accuracy(fine_tune(gpt, ids, topics, 0.001)),
        ])
    for rows, column in zip(table.values(), np.mean(runs, axis=0), strict=True):
        rows.append(column)
print(f"\nAccuracy on new sentences after {few} labels, mean of three draws; guessing: {1 / C:.2f}")
for name, shares in table.items():
    print(f"  {name:15s} {np.round(shares, 2)}")
assert table["body at 0.001"][1] > table["from scratch"][1] + 0.1, "pretraining should be worth much here"
assert table["body at 0.001"][1] > table["counting words"][1] + 0.1, "and more than counting"

# %% [markdown]
# The reason is in the sentences: of 60 words with a topic, a few labels show less than half. Who counts knows
# nothing of the others; the pretrained body has them near those that it was shown. (The causal body does as
# well or better: of each sentence it was asked three times as much, and its last place sees all of a
# sentence. For a classifier of whole texts both will do; for a label of each word it takes both sides.)
#
# ## Forgetting
#
# Fine-tuning asks one question only. Nothing in its loss holds the answers to the old one in place: what the
# weights knew is overwritten, the more, the larger the steps (**catastrophic forgetting**). Two remedies: a
# small rate, or **rehearsal**, the old loss beside the new one. Neither is free: in as many steps, less is
# learnt of the new.

# %%
questions = models.mask_tokens(new_ids, V, MASK, np.random.default_rng(4), 0.3)


def old_loss(body):
    """Nats at hidden words of new sentences."""
    with sl.no_grad():
        return body.loss(*questions).item()


ids, topics = sentences(12, np.random.default_rng(100))
before, rates = old_loss(bert), (0.0003, 0.001, 0.003, 0.01, 0.03)
after = [old_loss(fine_tune(bert, ids, topics, rate).body) for rate in rates]
rehearsed = fine_tune(bert, ids, topics, 0.01, rehearse=True)
print(f"\nThe old loss: before {before:.2f}, of a blank model {old_loss(blank):.2f}; after rates of {rates}:")
print(f"  {np.round(after, 2)}; 0.01 with rehearsal {old_loss(rehearsed.body):.2f}, ", end="")
print(f"accuracy {accuracy(rehearsed):.2f}")
assert after[0] < before + 0.1 < after[-1], "large steps should forget more than small ones"
assert old_loss(rehearsed.body) < after[3], "rehearsal should help"

# %% [markdown]
# ## A common mistake: every place is asked
#
# Who takes the whole row as targets asks at each place that is not hidden for the word that stands there.
# That is answered by copying; the loss falls quickly and looks splendid, because most places are trivial; it
# says nothing about the model. **How to notice:** measure at hidden places alone, and compare the loss with
# that of words alone: one that is far too good is a copy.

# %%
copier, copier_curve = pretrain(models.MaskedLanguageModel, 300, everywhere=True)
of_words = np.bincount(sentences(4000, rng)[0].ravel(), minlength=V)[:MASK] / 32000
entropy = -(of_words * np.log(of_words)).sum()
wrong = copier_curve[-50:].mean()
print(f"\nWords alone have {entropy:.2f} nats. Every place asked: loss {wrong:.2f}, at hidden places", end="")
print(f" {old_loss(copier):.2f}; asked rightly {bert_curve[-50:].mean():.2f} and {before:.2f}")
assert wrong < before / 2, "the wrong loss looks better"
assert old_loss(copier) > before - 0.05, "the model is not"

figure, panels = plt.subplots(1, 3, figsize=(13, 3.7))
for name, shares in known.items():
    panels[0].plot(range(T), shares, "o-", label=name)
panels[0].set(title="the right topic at a hidden word", xlabel="place", ylim=(0, 1))
for name, shares in table.items():
    panels[1].semilogx(few, shares, "o-", label=name)
panels[1].set(title="accuracy after a few labels", xlabel="labels", ylim=(0.3, 1.02))
panels[1].set_xticks(few, few, minor=False)
panels[1].minorticks_off()
panels[2].semilogx(rates, after, "o-", label="after fine-tuning")
panels[2].axhline(before, color="k", linestyle=":", label="before")
panels[2].set(title="old loss, in nats", xlabel="rate of the body")
for panel in panels:
    panel.legend(fontsize=7)
save_picture(figure, "13_few_labels.png")

# %% [markdown]
# ## Sources
#
# Masked: Devlin and others 2019. Causal: Radford and others 2018. Rates by part: Howard and Ruder 2018.
# Forgetting: McCloskey and Cohen 1989; rehearsal: Robins 1995.
