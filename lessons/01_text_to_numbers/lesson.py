# %% [markdown]
# # 1. From text to numbers
#
# Formulas: P1, [embedding]
# Time: 10 s
#
# **The question.** A network reads whole numbers, a text is letters, words, Chinese signs, and a good deal of
# rubbish. Which numbers shall stand for which pieces of the text, so that nothing is lost, nothing is
# unknown, and the list of pieces stays short? And what has to be thrown away first?
#
# Letters: $V$ pieces in the vocabulary, $N$ pieces in a text; $c(\cdot)$ how often something occurs. The
# engine's first step with these numbers is [embedding], a row of a table for each of them. (Names in brackets
# are the engine's formulas, docs/formulas.md; F, L, P, T with a digit are formulas, listings and tasks of
# documents that circulate among students, some of them wrong, which these lessons try one by one:
# docs/ids.md.)

# %%
import unicodedata
from collections import Counter
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import text
from scratchlm.lesson import check, check_close, save_picture, show_code

# %% [markdown]
# ## Cleaning (P1)
#
# What looks the same must *be* the same, or the network learns it twice. "é" can be one code point (a number
# in Unicode's list, U+00E9) or two (e and a combining accent): Unicode's **NFC** makes both the first. Line
# ends come as `\n` or `\r\n`, spaces in a dozen kinds, and files bring control signs that nobody sees.

# %%
composed, combined = "caf\u00e9", "cafe\u0301"
print("Two spellings that look the same")
for name, word in (("one code point", composed), ("two code points", combined)):
    normal = unicodedata.normalize("NFC", word)
    print(f"  {name:16s} {len(word)} code points, {len(word.encode())} bytes; as NFC {len(normal)}")
assert composed != combined, "to a program these are different words"
assert text.one_form(composed) == text.one_form(combined), "one form makes them the same"
dirty = "A\u00a0line\r\nand\u200banother\x07 one"
print(f"  {dirty!r} → {text.clean(dirty)!r}")

# %% [markdown]
# ## Duplicates
#
# A page that is copied a thousand times is learnt by heart, and what stands both in the training text and in
# the test makes the test worthless. Exact copies are found by comparing. **Near** copies (another date,
# another footer) are found by their **shingles**, all runs of $k$ signs: the Jaccard similarity of two sets
# is
#
# $$J(A, B) = \frac{|A \cap B|}{|A \cup B|}.$$
#
# With pencil, $k = 2$: "abcd" has ab, bc, cd; "abce" has ab, bc, ce: 2 in common of 4 together, $J = ½$.
#
# **Exercise 1.1.** This number.

# %%
# exercise 1.1: return |A ∩ B| / |A ∪ B| for the sets of all runs of k signs; a shorter text is its own run
def similarity(a, b, k=5):
    """The Jaccard similarity of two texts."""
    # --- solution begin
    A, B = ({t[i : i + k] for i in range(max(1, len(t) - k + 1))} for t in (a, b))
    return len(A & B) / len(A | B)
    # --- solution end


check_close(
    "1.1", 'similarity("abcd", "abce", k=2)', similarity("abcd", "abce", k=2), 2 / 4, "in common / together"
)
check_close(
    "1.1", 'similarity("abab", "ab", k=2)', similarity("abab", "ab", k=2), 1 / 2,
    "sets: ab counts once, and ba is another run",
)
check_close("1.1", 'similarity("ab", "ab", k=5)', similarity("ab", "ab"), 1.0, "a short text is its own run")
check_close("1.1", 'similarity("ab", "abc", k=5)', similarity("ab", "abc"), 0.0, "the runs are ab and abc")
check_close(
    "1.1", "two sentences", similarity("the cat sat", "the cat ran"), 4 / 10, "k = 5 where nothing is said"
)
docs = ["the cat sat on the mat", "the cat sat on the mat!", "the cat sat on the mat", "a dog ran"]
kept = text.remove_near_duplicates(text.remove_exact_duplicates(docs), 0.7)
print(f"\nOf {docs}\n  stay {kept}")
assert kept == [docs[0], docs[3]], "copies and near copies should go"

# %% [markdown]
# The engine does not compare all pairs, which for a million pages would be 500 billion: under a random hash,
# two sets have the same **smallest** value with probability $J$ (each element of the union is the smallest
# with equal chance, and in $|A \cap B|$ cases it lies in both). Pages with equal smallest values go into one
# bucket, and only pages of one bucket are compared (MinHash).

# %%
rng = np.random.default_rng(1)
a, b = set(range(60)), set(range(20, 80))  # J = 40/80
smallest = np.array([[h[list(s)].min() for s in (a, b)] for h in (rng.permutation(80) for _ in range(4000))])
same = (smallest[:, 0] == smallest[:, 1]).mean()
print(f"\nMinHash: J = {len(a & b) / len(a | b)}, equal smallest values in {same:.3f} of 4000 random orders")
assert abs(same - 0.5) < 0.03, "the share of equal minima should be J"

# %% [markdown]
# ## Signs and words
#
# **Characters**: a short vocabulary, nothing but rare signs unknown, but a long sequence. **Words**: a short
# sequence, but a vocabulary without end: very many of the different words occur only once (Zipf's law: the
# $r$-th most frequent occurs about $1/r$ times as often as the first). What is not in the vocabulary becomes
# `<unk>`, and is lost. Chinese writes no spaces: here each sign is a word.
#
# **Exercise 1.2.** A vocabulary, and a text in its numbers.

# %%
# exercise 1.2: return the list of tokens: "<unk>" first, then the pieces that occur at least min_count times,
# the most frequent first, of equally frequent ones the one that comes first in the alphabet
def vocabulary(pieces, min_count=1):
    """The tokens; the place in the list is the number."""
    # --- solution begin
    counts = Counter(pieces)
    often = [piece for piece, count in counts.items() if count >= min_count]
    return ["<unk>", *sorted(often, key=lambda piece: (-counts[piece], piece))]
    # --- solution end


def encode(pieces, tokens):
    """Numbers of pieces, 0 for what is not in the vocabulary."""
    number = {token: k for k, token in enumerate(tokens)}
    return [number.get(piece, 0) for piece in pieces]  # breakpoint here: look at number


words = ["to", "be", "or", "not", "to", "be", "that", "is", "the", "question"]
tokens = vocabulary(words)
right = ["<unk>", "be", "to", "is", "not", "or", "question", "that", "the"]
check("1.2", tokens == right, f"the vocabulary is {tokens}, expected {right}")
check("1.2", words[:3] == ["to", "be", "or"], "the list that is given is not to be changed")
tokens = vocabulary(words, min_count=2)
check("1.2", tokens == ["<unk>", "be", "to"], f"with min_count=2 it is {tokens}, expected <unk>, be, to")
check("1.2", vocabulary([]) == ["<unk>"], "without pieces there is <unk> alone")
short = vocabulary(words, min_count=2)
print(f"\n{' '.join(words)}\n  in the numbers of {short}: {encode(words, short)}")

# %% [markdown]
# ## Byte-pair encoding: something in between
#
# Start from single bytes, so that nothing can be unknown. Then, again and again, join the **pair of
# neighbours that occurs most often** to a new token. Frequent words become one token, rare ones stay in
# pieces. (Pairs are counted inside words, so no token joins two of them.)
#
# With pencil, on "aab", "aab", "ab": the pairs are aa 2 times, ab 3 times. Join ab: the words are a·ab, a·ab,
# ab; now a·ab occurs twice: join it.
#
# **Exercise 1.3.** One merge.

# %%
# exercise 1.3: `words` maps tuples of tokens to counts. Return the most frequent pair of neighbours (of
# equally frequent ones the smallest), and the words with every such pair joined, from the left, to one token
def merge(words):
    """((left, right), {new tuple: count})."""
    # --- solution begin
    pairs = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            pairs[pair] += count
    best = min(pairs, key=lambda pair: (-pairs[pair], pair))
    joined = Counter()
    for word, count in words.items():
        new, i = [], 0
        while i < len(word):
            take = 2 if word[i : i + 2] == best else 1
            new.append("".join(word[i : i + take]))
            i += take
        joined[tuple(new)] += count
    return best, dict(joined)
    # --- solution end


state = {tuple("aab"): 2, tuple("ab"): 1}
best, state = merge(state)
check("1.3", best == ("a", "b"), f"the first pair is {best}, expected ('a', 'b'), which occurs 3 times")
right = {("a", "ab"): 2, ("ab",): 1}
check("1.3", state == right, f"after it the words are {state}, expected {right}")
best, state = merge(state)
check("1.3", best == ("a", "ab"), f"the second pair is {best}, expected ('a', 'ab')")
best, state = merge({("xa", "b"): 1, ("a", "b"): 2})
check("1.3", state == {("xa", "b"): 1, ("ab",): 2}, f"it made {list(state)}: xa and b are no a b")
_, state = merge({("a", "b"): 2, ("ab",): 3})
check("1.3", state == {("ab",): 5}, f"a·b twice and ab 3 times made {state}: equal words add their counts")
best, state = merge({tuple("xyxyx"): 1, tuple("ba"): 2})
check("1.3", best == ("b", "a"), f"of pairs that occur twice, {best} was taken, expected the smallest, b a")
best, state = merge({tuple("aaaa"): 1, tuple("aaa"): 1, tuple("b"): 1, tuple("cd"): 3})
check("1.3", best == ("a", "a"), f"{best} was taken, expected a a: 3 times in aaaa and twice in aaa")
right = {("aa", "aa"): 1, ("aa", "a"): 1, ("b",): 1, ("c", "d"): 3}
check("1.3", state == right, f"joined from the left, aaaa and aaa are {list(state)}, expected {list(right)}")

often = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
state, ours = {tuple(word): count for word, count in often.items()}, []
for _ in range(5):
    pair, state = merge(state)
    ours.append("".join(pair))
lines = [word for word, count in often.items() for _ in range(count)]
theirs = text.BPETokenizer.train("\n".join(lines), vocab_size=256 + 5).tokens[256:]
print(f"\nFive merges on {often}\n  the page {ours}\n  the engine {theirs}")
assert ours == theirs, "the engine differs from the page"

# %% [markdown]
# ## A common mistake: the vocabulary from the whole text
#
# If the vocabulary is made of training **and** test text, hardly a test word is unknown: the test is easier
# than life. **How to notice:** the share of `<unk>` in the test is next to 0, but in new text it is not. The
# vocabulary belongs to the training text alone.

# %%
corpus = text.default_corpus()
cut = round(0.9 * len(corpus.text))
train, test = corpus.text[:cut], corpus.text[cut:]
honest = text.train_tokenizer("words", train)
leaky = text.train_tokenizer("words", corpus.text)
shares = [np.mean(t.encode(test) == t.unknown_id) for t in (honest, leaky)]
print(f"\n{corpus}")
print(f"  unknown words in the test: {shares[0]:.2%}; with a vocabulary from the whole text {shares[1]:.2%}")
assert shares[1] < shares[0] / 20, "the leak hides unknown words"

# %% [markdown]
# ## Measured: three ways to cut the same text
#
# A good way has few pieces *and* few different ones, and loses nothing. The text is Python's own manual, in
# English. (A word here is a word or a punctuation mark, of which a manual has many; spaces are not kept, so
# words do lose something.) The number of bits is not comparable
# between them, since they have different pieces: compare bits per **character** (lesson 5 measures with it).

# %%
rows = {}
for name, kind, options in (
    ("single characters", "characters", {}),
    ("BPE, 512", "bpe", {"vocab_size": 512}),
    ("BPE, 2048", "bpe", {"vocab_size": 2048}),
    ("whole words", "words", {}),
):
    tokenizer = text.train_tokenizer(kind, train, **options)
    ids = tokenizer.encode(test)
    unknown = 0.0 if tokenizer.unknown_id is None else float(np.mean(ids == tokenizer.unknown_id))
    rows[name] = tokenizer.vocab_size, len(test) / len(ids), unknown
print("\n                   pieces  signs a piece  unknown in the test")
for name, (size, length, unknown) in rows.items():
    print(f"  {name:17s}{size:6}  {length:13.2f}  {unknown:19.2%}")
assert rows["BPE, 2048"][1] > rows["BPE, 512"][1] > rows["single characters"][1], "more merges, longer pieces"
assert rows["BPE, 2048"][2] == 0 < rows["whole words"][2], "bytes know every text, words do not"

counts = np.array(sorted(Counter(text.train_tokenizer("words", train).encode(train).tolist()).values())[::-1])
once = (counts == 1).mean()
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6))
rank = np.arange(1, len(counts) + 1)
left.loglog(rank, counts, label="words of the text")
left.loglog(rank, counts[0] / rank, ":", label="Zipf: first / rank")
left.set(title="how often the r-th word occurs", xlabel="rank r")
left.legend()
right.scatter([row[0] for row in rows.values()], [row[1] for row in rows.values()])
for name, (size, length, _) in rows.items():
    right.annotate(name, (size, length), textcoords="offset points", xytext=(5, 4), fontsize=8)
right.set(title="vocabulary and length", xscale="log", xlabel="different pieces", ylabel="signs a piece")
right.set_xlim(right=3 * max(row[0] for row in rows.values()))
save_picture(figure, "01_pieces.png")
print(f"  of {len(counts)} different words, {once:.0%} occur once")

# %% [markdown]
# ## Stop words, and Chinese
#
# "the", "of", 的, 了 are a large part of a text and say little of its subject. For **counting** subjects one
# drops them; a **language model** must keep them, for it has to write them. And Chinese: a sign is a word
# here, or words are cut by a program such as jieba; both give numbers as above.

# %%
stops = text.stop_words("en")
seen = Counter(word for word in train.lower().split() if word.isalpha())
without = Counter({word: count for word, count in seen.items() if word not in stops})
print(f"\nMost frequent words: {[word for word, _ in seen.most_common(8)]}")
print(f"  without stop words: {[word for word, _ in without.most_common(8)]}")
share = 1 - sum(without.values()) / sum(seen.values())
print(f"  stop words are {share:.0%} of the text")
assert share > 0.25, "a few words are a large part of every text"
chinese = "我爱北京,我爱语言。"
by_sign = text.train_tokenizer("words", chinese)
by_byte = text.train_tokenizer("bpe", chinese, vocab_size=256)
print(f"  {chinese}: {len(by_sign.encode(chinese))} signs, {len(by_byte.encode(chinese))} bytes in UTF-8")
assert by_byte.decode(by_byte.encode(chinese)) == chinese, "nothing is lost"

# The numbers reach the network as rows of a table: the first step of every model in these lessons.
ids = honest.encode("the language")
table = sl.tensor(np.eye(honest.vocab_size, 3, dtype=np.float32))
assert F.embedding(table, ids).shape == (len(ids), 3), "a row for each piece"
show_code(vocabulary, encode)

# %% [markdown]
# ## Sources
#
# Normal forms: Unicode Standard Annex 15. Shingles and MinHash: Broder 1997. Zipf 1949. Byte-pair encoding:
# Gage 1994; for language models Sennrich, Haddow and Birch 2016; over bytes: Radford and others 2019.
