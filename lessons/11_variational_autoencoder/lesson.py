# %% [markdown]
# # 11. The variational autoencoder
#
# Formulas: F5, L4, [linear], [sigmoid], [adam]
# Time: 25 s
#
# **The question.** An autoencoder squeezes each example into a few numbers, its code. Which codes are good
# is its own secret: a code drawn at random often gives rubbish. How must it be trained so that drawn codes
# give new examples? And why does a document's formula for it (F5) make everything worse?
#
# Letters: $x$ an example, $z$ its code, $Z$ numbers in a code; $p(z)$ how codes are drawn, $p(x \mid z)$ the
# decoder, $q(z \mid x)$ the encoder; $\mu, \sigma$ mean and deviation; E the mean over many draws.

# %%
import math
import textwrap

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn, optim
from scratchlm.debugger import numerical_gradient
from scratchlm.errors import ShapeError
from scratchlm.lesson import check_close, save_picture, show_code
from scratchlm.models.listings import L4, L4AsPrinted, weights_of_lstm

# %% [markdown]
# ## From the likelihood to a bound
#
# We want a decoder under which the examples are likely: $p(x) = \sum_z p(z)\,p(x \mid z)$ large, for codes
# drawn from a $p(z)$ that we choose. (For codes that are real numbers the sum is an integral and $p(z)$ a
# density; every step below stays.) The sum has far too many terms, nearly all of them 0. So let an encoder
# $q(z \mid x)$ say where to look. For **any** $q$, because $\ln p(x)$ does not depend on $z$, and $p(x)\,p(z
# \mid x) = p(x, z)$:
#
# $$\ln p(x) = E_q[\ln p(x)] = E_q\Big[\ln \frac{p(x,z)}{p(z \mid x)}\Big]
# = \underbrace{E_q\Big[\ln \frac{p(x,z)}{q(z \mid x)}\Big]}_{\text{the bound}}
# + \underbrace{E_q\Big[\ln \frac{q(z \mid x)}{p(z \mid x)}\Big]}_{KL(q \,\|\, p(z \mid x)) \ \ge\ 0}.$$
#
# The last part is a Kullback–Leibler divergence, which is never negative (lesson 5 showed it from $\ln x \le
# x - 1$). So the first is a lower bound of $\ln p(x)$, the **ELBO**, and touches it where $q$ is the true
# $p(z \mid x)$. Split $p(x,z) = p(x \mid z)\,p(z)$:
#
# $$\text{ELBO} = E_q[\ln p(x \mid z)] - KL\big(q(z \mid x) \,\|\, p(z)\big).$$
#
# Both parts can be computed. We **maximise** the ELBO, or minimise its negative.
#
# With pencil: $z$ is 0 or 1, each with ½; the decoder gives our $x$ with ¾ for $z=0$ and ¼ for $z=1$. Then
# $p(x) = \frac12 \cdot \frac34 + \frac12 \cdot \frac14 = \frac12$, and truly (after $x$ is seen: the
# *posterior*) $p(z=0 \mid x) = p(z=0)\,p(x \mid z=0)/p(x) = (\frac12 \cdot \frac34)/\frac12 = \frac34$.
#
# **Exercise 11.1.** The bound for this $x$ and an encoder that says $z = 0$ with probability $q$.

# %%
# exercise 11.1: return E_q[ln p(x|z)] − KL(q ‖ ½, ½), for 0 < q < 1
def bound(q):
    """The ELBO of the pencil example, in nats."""
    # --- solution begin
    reconstruction = q * math.log(3 / 4) + (1 - q) * math.log(1 / 4)
    kl = q * math.log(q / 0.5) + (1 - q) * math.log((1 - q) / 0.5)
    return reconstruction - kl
    # --- solution end


check_close("11.1", "bound(3/4)", bound(3 / 4), math.log(1 / 2), "for the true p(z|x), the bound is ln p(x)")
check_close("11.1", "bound(1/2)", bound(1 / 2), math.log(3 / 16) / 2, "KL is 0 here: ½ ln ¾ + ½ ln ¼ is left")
gap = 0.9 * math.log(0.9 / 0.75) + 0.1 * math.log(0.1 / 0.25)  # KL(q ‖ p(z|x))
check_close(
    "11.1", "ln p(x) − bound(0.9)", math.log(1 / 2) - bound(0.9), gap,
    "it is KL(q ‖ p(z|x)): is KL subtracted?",
)
print("With pencil: q, the bound, ln p(x)")
for q in (0.1, 0.5, 0.75, 0.9):
    print(f"  {q:4}  {bound(q):.4f}  {math.log(1 / 2):.4f}")

# %% [markdown]
# ## KL in closed form
#
# The usual choice: codes drawn from $N(0,1)$, and for each example an encoder that says $\mu$ and $\sigma$
# for each of the $Z$ numbers. Then KL needs no draws. For one number, with $\ln q =
# -\frac{(z-\mu)^2}{2\sigma^2} - \ln\sigma - c$ and $\ln p = -\frac{z^2}{2} - c$ (the same $c = \frac12 \ln
# 2\pi$: the density of a normal law is $e^{-(z-\mu)^2/2\sigma^2} / (\sigma \sqrt{2\pi})$), take the mean over
# $z \sim N(\mu, \sigma^2)$, where $E[(z-\mu)^2] = \sigma^2$ and $E[z^2] = \mu^2 + \sigma^2$:
#
# $$KL = E_q[\ln q - \ln p] = -\tfrac12 - \ln\sigma + \tfrac12(\mu^2 + \sigma^2)
# = \tfrac12\big(\mu^2 + \sigma^2 - 1 - \ln\sigma^2\big).$$
#
# The network gives $\ell = \ln\sigma^2$, which may be any number. With pencil: $\mu = 0, \sigma = 1$: 0. $\mu
# = 1, \sigma = 1$: ½. $\mu = 0$, $\sigma^2 = e$: $\frac12(e - 2)$.
#
# **Exercise 11.2.** That, and its slopes.

# %%
# exercise 11.2: return KL of each number, and its slopes with regard to mean and log_variance (ln σ²)
def kl(mean, log_variance):
    """½(μ² + σ² − 1 − ln σ²), ∂KL/∂μ, ∂KL/∂ln σ², each in the shape of `mean`."""
    # --- solution begin
    variance = np.exp(log_variance)
    return (mean**2 + variance - 1 - log_variance) / 2, mean, (variance - 1) / 2
    # --- solution end


mean, log_variance = np.array([0.0, 1.0, 0.0, -2.0]), np.array([0.0, 0.0, 1.0, -1.0])
found = kl(mean, log_variance)
expected = [0, 0.5, (math.e - 2) / 2, (4 + math.exp(-1)) / 2]
check_close("11.2", "KL", found[0], expected, "½(μ² + e^ℓ − 1 − ℓ), ℓ = ln σ² is what is given")
for k, (name, array) in enumerate((("mean", mean), ("log_variance", log_variance)), 1):
    differences = numerical_gradient(lambda: kl(mean, log_variance)[0].sum(), array)
    check_close("11.2", f"the slope for {name}", found[k], differences, "by finite differences", rtol=1e-6)
tensors = [sl.tensor(a, requires_grad=True) for a in (mean, log_variance)]
F.gaussian_kl(*tensors).sum().backward()
for tensor, slope in zip(tensors, found[1:], strict=True):
    assert np.allclose(tensor.grad.numpy(), slope), "the engine differs from the page"
draws = np.random.default_rng(0).standard_normal((200_000, 1)) * np.exp(log_variance / 2) + mean
ratio = -((draws - mean) ** 2) / (2 * np.exp(log_variance)) - log_variance / 2 + draws**2 / 2  # ln q − ln p
print(f"\nKL by the formula {found[0].round(3)}, as a mean of 200,000 draws {ratio.mean(axis=0).round(3)}")
assert np.allclose(ratio.mean(axis=0), found[0], atol=0.02), "the formula should be the mean of ln q − ln p"
show_code(F.gaussian_kl_composed)

# %% [markdown]
# ## A slope through a draw
#
# $E_q[\ln p(x \mid z)]$ is estimated with one $z$ drawn from $N(\mu,\sigma^2)$. How can a gradient reach μ
# through a draw? Draw $\varepsilon \sim N(0,1)$, which depends on nothing, and **compute** $z = \mu +
# \sigma\varepsilon$: the same distribution, but now μ and σ are inputs of a sum like any other (the
# *reparameterisation*). With $\sigma = e^{\ell/2}$:
#
# $$\frac{\partial z}{\partial \mu} = 1, \qquad
# \frac{\partial z}{\partial \ell} = \tfrac12 e^{\ell/2}\varepsilon = \tfrac12 \sigma\varepsilon.$$
#
# **Exercise 11.3.** The draw and the way back.

# %%
# exercise 11.3: return z, and a function that turns ∂L/∂z into ∂L/∂mean and ∂L/∂log_variance
def draw(mean, log_variance, noise):
    """z = μ + σ ε for noise ε of the same shape."""
    # --- solution begin
    spread = np.exp(log_variance / 2) * noise
    return mean + spread, lambda grad_z: (grad_z, grad_z * spread / 2)
    # --- solution end


rng = np.random.default_rng(11)
mean, log_variance, noise, slope = rng.standard_normal((4, 3, 2))
z, back = draw(mean, log_variance, noise)
check_close(
    "11.3", "z", z, mean + np.exp(log_variance) ** 0.5 * noise, "σ is e^(ℓ/2), the root of the variance"
)
for name, array, gradient in zip(("mean", "log_variance"), (mean, log_variance), back(slope), strict=True):
    differences = numerical_gradient(lambda: (draw(mean, log_variance, noise)[0] * slope).sum(), array)
    check_close("11.3", f"∂L/∂{name}", gradient, differences, "by finite differences, ε fixed", rtol=1e-6)

# %% [markdown]
# ## Examples to learn from: bars
#
# Pictures of 4 × 4 dots with one horizontal or vertical bar, or two parallel ones: 20 different ones of
# 65,536. The encoder has one hidden layer (lesson 3), the decoder two, the code two numbers, so that we can
# draw it. The decoder says for each dot $d$ with what probability $y_d$ it is black, so
#
# $$p(x \mid z) = \prod_d y_d^{x_d} (1-y_d)^{1-x_d}, \qquad
# -\ln p(x \mid z) = -\sum_d \big( x_d \ln y_d + (1-x_d) \ln (1-y_d) \big):$$
#
# the cross-entropy of lesson 5 with two signs, black and white, **summed** over the dots; $y_d = \sigma$ of a
# logit.

# %%
def bars():
    """All pictures (20, 16) of 0 and 1."""
    pictures = []
    for across in (False, True):
        for i in range(4):
            for j in range(i, 4):
                picture = np.zeros((4, 4), np.float32)
                picture[[i, j]] = 1
                pictures.append((picture.T if across else picture).ravel())
    return np.array(pictures)


DATA = bars()
LEGAL = {tuple(picture) for picture in DATA}


class VAE(nn.Module):
    """Encoder 16 → 32 → μ, ln σ² (2 each); decoder 2 → 32 → 32 → logits of 16 dots."""

    def __init__(self):
        self.encode = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 4))
        self.decode = nn.Sequential(
            nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 16)
        )

    def parts(self, x, rng):
        """−E_q[ln p(x|z)] with one draw, and KL: nats an example."""
        code = self.encode(x)
        mean, log_variance = code[:, :2], code[:, 2:]
        noise = sl.tensor(rng.standard_normal(mean.shape).astype(np.float32))
        z = mean + (log_variance / 2).exp() * noise  # breakpoint here: look at mean and log_variance
        dots = F.binary_cross_entropy_with_logits(self.decode(z), x, reduction="sum")
        return dots / len(x), F.gaussian_kl(mean, log_variance).sum() / len(x)


# %% [markdown]
# **Exercise 11.4.** The number to minimise. F5 as printed is $\min_{\varphi,\theta} E_q[\log p(x \mid z)] -
# \beta\,KL(q(z \mid x) \,\|\, p(z))$: it makes the *likelihood* small and the *divergence* large. (β = 1 is
# the bound; other β weigh its parts.)

# %%
# exercise 11.4: from −E_q[ln p(x|z)] (`reconstruction`) and KL, return what is to be minimised
def loss_of(reconstruction, divergence, beta=1.0):
    """−(E_q[ln p(x|z)] − β KL)."""
    # --- solution begin
    return reconstruction + beta * divergence
    # --- solution end


hint = "minus the bound: −E ln p + β KL, and the first argument is −E ln p already"
check_close("11.4", "loss_of(3, 2)", loss_of(3.0, 2.0), 5.0, hint)
check_close("11.4", "loss_of(3, 2, β = ½)", loss_of(3.0, 2.0, 0.5), 4.0, hint)
check_close("11.4", "loss_of(1, 3, β = 4)", loss_of(1.0, 3.0, 4.0), 13.0, hint)


def train(loss_of, steps=1500, seed=0):
    """Train on all bars; returns the model, reconstruction and KL at the end, and the curve of their sum."""
    sl.manual_seed(seed)
    rng, model, curve = np.random.default_rng(seed), VAE(), []
    optimizer, x = optim.Adam(model.parameters(), lr=0.005), sl.tensor(DATA)
    for _ in range(steps):
        reconstruction, divergence = model.parts(x, rng)
        optimizer.zero_grad()
        loss_of(reconstruction, divergence).backward()
        optimizer.step()
        curve.append(reconstruction.item() + divergence.item())
    with sl.no_grad():
        ends = np.mean([[part.item() for part in model.parts(x, rng)] for _ in range(50)], axis=0)
    return model, *ends, curve


def legal(model, draws=500):
    """The share of codes drawn from N(0, 1) that decode to one of the 20 pictures."""
    z = np.random.default_rng(1).standard_normal((draws, 2)).astype(np.float32)
    with sl.no_grad():
        dots = model.decode(sl.tensor(z)).numpy() > 0
    return np.mean([tuple(picture.astype(np.float32)) in LEGAL for picture in dots])


print("\nTrained on the 20 bars: −E ln p, KL (nats an example), and how many drawn codes decode to a bar")
models = {}
for beta in (0.0, 1.0, 8.0):
    models[beta], reconstruction, divergence, curve = train(lambda r, k, b=beta: loss_of(r, k, b))
    print(f"  β = {beta}: {reconstruction:6.2f} {divergence:8.2f}  {legal(models[beta]):.0%}")
    if beta == 1.0:
        assert reconstruction + divergence < 6, "the bound should be learnt"
        good_curve = curve
    if beta == 8.0:
        assert divergence < 0.2, "a large β lets the code say nothing: collapse"
assert legal(models[1.0]) > legal(models[0.0]) + 0.1, "KL is what makes drawn codes mean something"

# %% [markdown]
# β = 0 is a plain autoencoder: perfect on its examples, but many drawn codes fall between them. β = 8 makes
# KL 0: every example has the same code, and the decoder gives the mean picture (**posterior collapse**).
#
# And with the sign as printed:

# %%
_, reconstruction, divergence, bad_curve = train(lambda r, k: -r - k, steps=60)
print(f"\nF5 as printed, after 60 steps: −E ln p = {reconstruction:.1f}, KL = {divergence:.1f}, and rising")
print(f"  16 dots by tossing a coin cost {16 * math.log(2):.1f}")
assert reconstruction > 16 * math.log(2), "the printed sign unlearns: worse than tossing a coin"
assert bad_curve[-1] > bad_curve[30] > bad_curve[0], "there is no end to it: the loss has no minimum"

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 3.9))
left.semilogy(good_curve, label="minus the bound")
left.semilogy(bad_curve, label="F5 as printed")
left.set(title="−E ln p + KL", xlabel="step")
left.legend()
with sl.no_grad():
    for beta, mark in ((1.0, "o"), (0.0, "x")):
        codes = models[beta].encode(sl.tensor(DATA)).numpy()[:, :2]
        middle.scatter(*codes.T, marker=mark, label=f"β = {beta:g}")
    steps = np.linspace(-2, 2, 9, dtype=np.float32)
    plane = np.stack(np.meshgrid(steps, steps[::-1]), axis=-1).reshape(-1, 2)
    dots = models[1.0].decode(sl.tensor(plane)).sigmoid().numpy().reshape(9, 9, 4, 4)
middle.set(title="codes μ of the 20 bars", xlabel="z₁", ylabel="z₂")
middle.add_patch(plt.Circle((0, 0), 2, fill=False, linestyle=":"))
middle.legend(fontsize=8)
tiles = np.pad(dots, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0.5)
right.imshow(tiles.transpose(0, 2, 1, 3).reshape(45, 45), cmap="Greys", extent=(-2.25, 2.25, -2.25, 2.25))
right.set(title="decoded from codes −2 … 2, β = 1", xlabel="z₁", ylabel="z₂")
right.set(xticks=range(-2, 3), yticks=range(-2, 3))  # a tile lies around its code
save_picture(figure, "11_bars.png")

# %% [markdown]
# ## A common mistake: a mean over the dots
#
# Loss functions take the mean by default. Who divides −E ln p by the 16 dots but not KL by the same, has in
# truth trained with β = 16: collapse, and all samples look alike. **How to notice:** print KL; if it is near
# 0 while −E ln p is near that of the mean picture, the code says nothing.

# %%
_, reconstruction, divergence, _ = train(lambda r, k: r / 16 + k)
mean = DATA.mean(axis=0)
of_mean = -(DATA * np.log(mean) + (1 - DATA) * np.log(1 - mean)).sum(axis=1).mean()
print(f"\nWith the mean over dots: KL = {divergence:.3f}, −E ln p = {reconstruction:.2f}")
print(f"  the mean picture's −E ln p: {of_mean:.2f}")
assert divergence < 0.1, "the code should say nothing"
assert abs(reconstruction - of_mean) < 0.5, "and the decoder should give the mean picture"

# %% [markdown]
# ## Listing L4
#
# A document prints a "variational autoencoder" for text: an LSTM whose last step goes into an LSTM of 10000
# units that is to write. The decoder gets one vector where it needs a sequence, so nothing runs; and nothing
# is drawn, so it is no VAE. Corrected, the code is repeated over time (an autoencoder, lesson 8); for the
# VAE, draw it as above: `scratchlm train vae`. Today's Keras (3.15.1) says the same when it makes the second
# LSTM: "expected ndim=3, found ndim=2" (three axes are needed, two are there); the engine below says that the
# code has no time axis, and what to do.

# %%
sentences = rng.integers(0, 50, (2, 6))
try:
    L4AsPrinted(vocabulary=50, features=8, units=8)(sentences)
    said = ""
except ShapeError as error:
    said = str(error)
print("\nL4 as printed:\n" + textwrap.fill(said, 100, initial_indent="  ", subsequent_indent="  "))
print(f"  weights of its decoder with 10000 units: {weights_of_lstm(256, 10000):,}")
print(f"  corrected: logits {L4(50, 8)(sentences).shape}")
assert "no time axis" in said, "the printed listing should fail"

# %% [markdown]
# ## Sources
#
# Kingma and Welling 2014; Rezende, Mohamed and Wierstra 2014. β: Higgins and others 2017. Collapse in models
# of text, and remedies: Bowman and others 2016. F5 and L4 are printed in the document that the catalogue
# calls 004.
