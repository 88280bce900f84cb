# %% [markdown]
# # 8. The autoencoder
#
# Formulas: F2, L2, [linear], [tanh], [lstm.sequence]
# Time: 30 s
#
# **The question.** Most data has no answers written beside it. Can a network learn from examples alone, by
# giving back its own input through a narrow place? What does it then know, and when does it know nothing at
# all? A document calls one listing (L2) an autoencoder: is it one?
#
# Letters: $X$ $(N, D)$ examples, $\hat X$ what comes back, $Z < D$ numbers in a code; $w$ a direction of
# length 1.

# %%
import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn, optim
from scratchlm.debugger import numerical_gradient
from scratchlm.lesson import check, check_close, save_picture, show_code
from scratchlm.models.listings import L2

# %% [markdown]
# ## F2: the squared distance
#
# $$L_{ae} = \frac1N \sum_i \lVert X_i - \hat X_i \rVert^2.$$
#
# $\lVert\cdot\rVert^2$ is the **sum** over the $D$ features, and the mean is over examples alone. Each number
# of $\hat X$ occurs in one square: $\partial L/\partial \hat X_{id} = \frac2N (\hat X_{id} - X_{id})$.
#
# With pencil: $X$ = (1, 2), (3, 0), $\hat X$ = (1, 0), (2, 1): distances² 4 and 2, $L = 3$, and the gradient
# is (0, −2), (−1, 1).
#
# **Exercise 8.1.** Both.

# %%
# exercise 8.1: return F2 (a number) and its gradient with regard to Y = X̂ (N, D)
def autoencoder_loss(X, Y):
    """The mean over examples of the squared distance, and ∂L/∂Y."""
    # --- solution begin
    return ((X - Y) ** 2).sum() / len(X), 2 * (Y - X) / len(X)
    # --- solution end


X, Y = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[1.0, 0.0], [2.0, 1.0]])
loss, gradient = autoencoder_loss(X, Y)
check_close("8.1", "L", loss, 3.0, "the sum over features, the mean over examples")
check_close("8.1", "∂L/∂Y", gradient, [[0, -2], [-1, 1]], "2/N (Y − X)")
rng = np.random.default_rng(8)
X, Y = rng.standard_normal((2, 5, 3))
differences = numerical_gradient(lambda: float(autoencoder_loss(X, Y)[0]), Y)
check_close(
    "8.1", "∂L/∂Y of drawn numbers", autoencoder_loss(X, Y)[1], differences, "by finite differences"
)
by_engine = F.mse_loss(sl.tensor(Y), sl.tensor(X), "sum").item() / len(X)
check_close("8.1", "L of drawn numbers", autoencoder_loss(X, Y)[0], by_engine, "divided by N = 5, not D = 3")
print(f"F2 by the page {autoencoder_loss(X, Y)[0]:.6f}, by the engine's mse_loss {by_engine:.6f}")

# %% [markdown]
# ## One linear number: the longest axis
#
# Let the code be one weighted sum $z = w \cdot x$ and the way back $\hat x = z w$, with $\lVert w \rVert = 1$
# and data of mean 0. Multiply out, with $\lVert w \rVert^2 = 1$:
#
# $$\lVert x - (w \cdot x) w \rVert^2 = \lVert x \rVert^2 - 2 (w \cdot x)^2 + (w \cdot x)^2 \lVert w \rVert^2
# = \lVert x \rVert^2 - (w \cdot x)^2.$$
#
# The first part does not depend on $w$. So the best $w$ makes the mean of $(w \cdot x)^2 = w^\top C w$
# largest, with $C = \frac1N \sum_i x_i x_i^\top$. $C$ is symmetric, so there are $D$ directions $v_k$ of
# length 1, at right angles to each other, that it only stretches, $C v_k = \lambda_k v_k$ (its eigenvectors;
# $\lambda_1 \ge \lambda_2 \ge \dots$). Write $w = \sum_k a_k v_k$, with $\sum_k a_k^2 = 1$: $w^\top C w =
# \sum_k \lambda_k a_k^2 \le \lambda_1$, with equality for the eigenvector of the **largest** eigenvalue. What
# is lost is the sum of the others, for $\sum_k \lambda_k$ is the mean of $\lVert x \rVert^2$.
#
# For $Z$ numbers take $Z$ such $w$ at right angles. Let $s_k$ be how much of $v_k$ lies in what they span
# (the sum of their $a_k^2$): $0 \le s_k \le 1$, and $\sum_k s_k = Z$. So $\sum_k \lambda_k s_k$ is largest
# when the first $Z$ have $s_k = 1$: the $Z$ longest axes. This is *principal component analysis*: a linear
# autoencoder is nothing else. (Other weights on the way back than on the way there do not help: see the
# sources.)
#
# With pencil: (2, 0), (−2, 0), (0, 1), (0, −1): $C$ has 2 and ½ on its diagonal; $w = (1, 0)$, and
# $L = (0 + 0 + 1 + 1)/4 = \frac12$.
#
# **Exercise 8.2.** The least possible loss.

# %%
# exercise 8.2: return the least F2 of any linear autoencoder with Z numbers, for X (N, D) of mean 0
def least_linear_loss(X, Z):
    """The sum of all but the Z largest eigenvalues of C."""
    # --- solution begin
    values = np.linalg.eigvalsh(X.T @ X / len(X))  # from the smallest to the largest
    return values[: X.shape[1] - Z].sum()
    # --- solution end


four = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
check_close(
    "8.2", "of the four points, Z = 1", least_linear_loss(four, 1), 0.5, "what the longest axis leaves over"
)
check_close(
    "8.2", "of the four points, Z = 0", least_linear_loss(four, 0), 2.5, "without a code all is lost: 2 + ½"
)
check_close(
    "8.2", "1 + that of the four points, Z = 2", 1 + least_linear_loss(four, 2), 1.0,
    "with all axes nothing is lost",
)
turned = np.linalg.qr(rng.standard_normal((6, 6)))[0]
data = rng.standard_normal((300, 6)) @ np.diag([3, 2, 1, 0.5, 0.3, 0.1]) @ turned
data -= data.mean(axis=0)
left_over = np.linalg.svd(data, compute_uv=False)[2:] ** 2
check_close(
    "8.2", "of drawn points, Z = 2", least_linear_loss(data, 2), left_over.sum() / 300,
    "smaller axes are lost",
)


def train(model, X, steps, lr=0.01, batch=None, seed=0):
    """Train with F2; returns the losses on the way."""
    optimizer, losses, rng = optim.Adam(model.parameters(), lr=lr), [], np.random.default_rng(seed)
    for _ in range(steps):
        rows = X if batch is None else X[rng.integers(0, len(X), batch)]
        x = sl.tensor(rows.astype(np.float32))
        loss = F.mse_loss(model(x), x, "sum") / len(rows)  # breakpoint here: look at model(x) and x
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


sl.manual_seed(8)
linear = nn.Sequential(nn.Linear(6, 2), nn.Linear(2, 6))
losses = train(linear, data, 1500)
least = least_linear_loss(data, 2)
print(f"\nA linear autoencoder, 6 → 2 → 6: loss {losses[-1]:.4f}, the least possible {least:.4f}")
assert least - 1e-4 < losses[-1] < 1.02 * least, "training should find it"

# %% [markdown]
# ## A bent axis
#
# Points on an arc: one number says where on the arc, but no straight axis does. With a hidden layer on either
# side, encoder and decoder can bend.
#
# **Exercise 8.3.** Build it out of layers.

# %%
# exercise 8.3: return a Sequential D → H → Z → H → D, tanh after each hidden layer and nowhere else
def bent(D, H, Z):
    """An autoencoder with one hidden layer in the encoder and one in the decoder."""
    # --- solution begin
    encoder = nn.Linear(D, H), nn.Tanh(), nn.Linear(H, Z)
    return nn.Sequential(*encoder, nn.Linear(Z, H), nn.Tanh(), nn.Linear(H, D))
    # --- solution end


layers = list(bent(5, 7, 2))
kinds = "".join("T" if isinstance(layer, nn.Tanh) else "L" for layer in layers)
check("8.3", kinds == "LTLLTL", f"the layers are {kinds}, expected LTLLTL (L linear, T tanh)")
sizes = [tuple(layer.weight.shape) for layer in layers if isinstance(layer, nn.Linear)]
check("8.3", sizes == [(7, 5), (2, 7), (7, 2), (5, 7)], f"the weights are {sizes}, for D = 5, H = 7, Z = 2")
biases = [getattr(layer, "bias", None) is not None for layer in layers]
check("8.3", biases == [kind == "L" for kind in kinds], "every linear layer has a bias")

angle = np.random.default_rng(1).uniform(-2.2, 2.2, 300)
arc = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.03 * rng.standard_normal((300, 2))
arc -= arc.mean(axis=0)
sl.manual_seed(3)
curved = bent(2, 16, 1)
curve = train(curved, arc, 2500)
print("\nPoints on an arc, one number: ", end="")
print(f"linear at best {least_linear_loss(arc, 1):.4f}, with hidden layers {curve[-1]:.4f}")
assert curve[-1] < 0.1 * least_linear_loss(arc, 1), "bending should help"

# %% [markdown]
# ## A common mistake: the place is not narrow
#
# With $Z \ge D$ the network can copy: the loss falls to 0, and nothing is learnt about the data. **How to
# notice:** give it noise. A real autoencoder gives back what is like its data, and nothing else.

# %%
sl.manual_seed(3)
wide = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 6))
copied = train(wide, data, 1500)
noise = (3 * np.random.default_rng(5).standard_normal((300, 6))).astype(np.float32)
print(f"\nLoss on the data, and on noise (of mean square size {(noise**2).sum(axis=1).mean():.0f})")
for name, model, own in (("6 → 2 → 6", linear, losses[-1]), ("6 → 8 → 6", wide, copied[-1])):
    with sl.no_grad():
        strange = F.mse_loss(model(sl.tensor(noise)), sl.tensor(noise), "sum").item() / len(noise)
    print(f"  {name}: {own:.4f}  {strange:.4f}")
assert copied[-1] < 1e-3, "the wide one copies its data"
assert strange < 0.1, "and it copies noise as well"

# %% [markdown]
# ## Listing L2: called an autoencoder, and called sequence-to-sequence
#
# A document prints Embedding → LSTM → Dense over the vocabulary and calls it both. As printed, Keras
# (3.15.1 on PyTorch 2.13.0) runs it, gives **one** token for a whole text, and refuses a target at every
# place. Let it answer at every place, as a sequence asks for: its output at place $t$ is made when $x_1
# \dots x_t$ have been read: to give back $x_t$ it has to remember nothing. There is **no narrow place**.
# (As a language model, with $x_{t+1}$ as target, it is right: lesson 7.) The real one reads the whole
# sequence, keeps one vector, and writes the sequence from that vector (and from what it has written: of
# digits that are drawn independently, that tells nothing).
#
# Test: random digits cannot be foretold. A network that gives back 8 of them through a code of $Z$ numbers
# must have put them there.

# %%
V, T = 10, 8
START = V  # a token of its own


def teach(loss_of, parameters, steps, lr=0.01):
    """Train on ever new random digits (32, T); returns the losses in nats a digit."""
    rng, optimizer, losses = np.random.default_rng(9), optim.Adam(list(parameters), lr=lr), []
    for _ in range(steps):
        digits = rng.integers(0, V, (32, T))
        loss = loss_of(digits)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def shifted(digits):
    """What the decoder reads: the start token, then the digits but the last."""
    return np.concatenate([np.full((len(digits), 1), START), digits[:, :-1]], axis=1)


sl.manual_seed(8)
listing = L2(V + 1, 24)
as_printed = teach(lambda d: listing.loss(d, d)[0], listing.parameters(), 150)
sl.manual_seed(8)
squeezed = models.SequenceAutoencoder(V + 1, 16, 64, 32)
real = teach(lambda d: squeezed.loss(d, shifted(d), d), squeezed.parameters(), 500)
print(f"\nGiving back 8 random digits: loss in nats a digit (ln 10 = {np.log(10):.2f} is guessing)")
print(f"  L2 at every place, 150 steps     {as_printed[-1]:.3f}: it copies each digit as it comes")
print(f"  through one vector, after 500    {real[-1]:.3f}")
assert as_printed[-1] < 0.05, "copying needs no code"
assert real[-1] < 0.7 * np.log(10), "the code should hold a good part of the digits"

figure, (one, two, three) = plt.subplots(1, 3, figsize=(12.5, 3.6))
one.scatter(*arc.T, s=5, color="lightgrey", label="points")
with sl.no_grad():
    back = curved(sl.tensor(arc.astype(np.float32))).numpy()
axis = np.linalg.eigh(arc.T @ arc)[1][:, -1]
one.scatter(*back.T, s=5, color="tab:orange", label="one number, bent")
one.scatter(*np.outer(arc @ axis, axis).T, s=5, color="tab:blue", label="one number, straight")
one.set(title="what comes back", aspect="equal")
one.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.1))
two.semilogy(losses, label="6 → 2 → 6")
two.semilogy(copied, label="6 → 8 → 6: copies")
two.axhline(least, linestyle=":", color="grey", label="least, Z = 2")
two.set(title="F2", xlabel="step")
two.legend(fontsize=7)
three.plot(as_printed, label="L2 at every place")
three.plot(real, label="through one vector")
three.axhline(np.log(10), linestyle=":", color="grey", label="guessing")
three.set(title="8 random digits: nats a digit", xlabel="step")
three.legend(fontsize=7)
save_picture(figure, "08_narrow.png")

# %% [markdown]
# F2 and text: distances between *numbers of signs* mean nothing (7 is not
# nearer to 8 than to 2), so for text the loss is the cross-entropy of each sign.
#
# **Exercise 8.4.** How much must a code hold?

# %%
# exercise 8.4: return how many bits it takes to tell T signs of V equally likely ones apart
def bits_needed(V, T):
    """log₂ of the number of different sequences."""
    # --- solution begin
    return T * np.log2(V)
    # --- solution end


check_close("8.4", "bits_needed(2, 8)", bits_needed(2, 8), 8.0, "a bit for each coin")
check_close("8.4", "bits_needed(10, 8)", bits_needed(10, 8), np.log2(10.0**8), "10⁸ different sequences")
with sl.no_grad():
    digits = np.random.default_rng(10).integers(0, V, (500, T))
    logits, _ = squeezed(shifted(digits), squeezed.start(digits))
    places = (logits.numpy().argmax(axis=-1) == digits).mean(axis=0)
held = bits_needed(V, T) - T * real[-1] / np.log(2)
print(f"\nRight digits at each of the 8 places: {places.round(2)}")
print(f"  of {bits_needed(V, T):.1f} bits, the 32 numbers of the code hold about {held:.0f}")
assert 0.5 * bits_needed(V, T) < held < bits_needed(V, T), "a good part, but not all"
show_code(models.SequenceAutoencoder.start_from)

# %% [markdown]
# ## Sources
#
# Autoencoders: Rumelhart, Hinton and Williams 1986. Principal components: Pearson 1901; that a linear
# autoencoder finds them: Baldi and Hornik 1989. For sequences: Dai and Le 2015. F2 and L2 are printed in the
# document that the catalogue calls 002.
