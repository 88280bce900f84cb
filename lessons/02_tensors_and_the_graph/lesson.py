# %% [markdown]
# # 2. Tensors and the computation graph
#
# Formulas: F4, [add], [tanh], [sgd]
# Time: 10 s
#
# **The question.** A program turns numbers θ (the parameters) into one number L (the loss). We want
# to know for every parameter at once: if I turn it up a little and leave the others, does L rise or fall, and
# how fast? (That speed is the partial derivative $\partial L/\partial\theta_i$; all of them together are the
# vector $\nabla L$.) For a
# language model these are millions of derivatives. How can they cost no more than about two further runs of
# the program?
#
# Letters: $B$ batch, $D$ features; $L$ the loss, $\theta$ all parameters, $\alpha$ the learning rate.

# %%
import math
import sys

import matplotlib.pyplot as plt
import numpy as np

import scratchlm as sl
from scratchlm import autograd, optim
from scratchlm.functions import elementwise
from scratchlm.kernels import reference
from scratchlm.lesson import check_close, save_picture, show_code
from scratchlm.nn import Parameter

# %% [markdown]
# ## The derivation: every user sends back its share
#
# Break the program into small steps, each so simple that we know its derivative: $c = ab$, $d = c + a$,
# $L = cd$. Draw an arrow from each number to the steps that use it: that is the **computation graph**. Write
# $\bar x$ for $\partial L/\partial x$, the *gradient* of $x$. A number $x$ reaches $L$ only through the steps
# $u$ that use it, so the chain rule says
#
# $$\bar x \;=\; \sum_{u \text{ uses } x} \bar u\,\frac{\partial u}{\partial x}.$$
#
# Two things follow. **Gradients add up**: one term for each use. And there is an **order**: we may hand $\bar
# x$ on to what $x$ was made of only when all users of $x$ have sent their share. An order that has every node
# after all its users is called *reverse topological*. Going through the graph once in this order is
# **back-propagation**: each arrow is walked once, for one product and one sum, where the program itself did
# one operation for its one or two arrows. So all derivatives together cost at most about two further runs.
#
# ## A tiny autograd

# %%
class Node:
    """A number, the nodes it was made of, and the slope ∂(this)/∂(input) for each of them."""

    def __init__(self, value, inputs=(), slopes=(), name=""):
        self.value, self.inputs, self.slopes, self.name = value, inputs, slopes, name
        self.grad = 0.0  # ∂L/∂(this), complete when all users have added their share

    def __add__(self, other):
        return Node(self.value + other.value, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Node(self.value * other.value, (self, other), (other.value, self.value))

    def tanh(self):
        y = math.tanh(self.value)
        return Node(y, (self,), (1 - y * y,))


def output_first(root):
    """All nodes below `root`, each one before its inputs: depth first, with a stack of our own."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))  # comes back when everything below it is in `order`
            stack.extend((below, False) for below in node.inputs)
    return order[::-1]


def backward(order):
    """Hand gradients from each node to its inputs, in the given order; the first node is L."""
    order[0].grad = 1.0  # ∂L/∂L
    for node in order:
        for below, slope in zip(node.inputs, node.slopes, strict=True):
            below.grad += node.grad * slope  # breakpoint here: look at node.name, below.name, below.grad

# %% [markdown]
# ## With pencil: two inputs, three steps
#
# $a = 2$, $b = 3$: $c = ab = 6$, $d = c + a = 8$, $L = cd = 48$. From the right to the left:
#
# * $\bar L = 1$ and $\bar d = c = 6$;
# * $c$ has two users: $\bar c = d + \bar d \cdot 1 = 8 + 6 = 14$;
# * $a$ has two users: $\bar a = \bar c\,b + \bar d = 42 + 6 = 48$, and $\bar b = \bar c\,a = 28$.
#
# Check without a graph: $L = a^2b^2 + a^2b$, so $\bar a = 2ab^2 + 2ab$ and $\bar b = 2a^2b + a^2$.

# %%
def pencil_example():
    """Return the nodes of the example by name."""
    a, b = Node(2.0, name="a"), Node(3.0, name="b")
    c = a * b
    d = c + a
    L = c * d
    c.name, d.name, L.name = "c", "d", "L"
    return {node.name: node for node in (a, b, c, d, L)}


print("The pencil example, in reverse topological order")
nodes = pencil_example()
order = output_first(nodes["L"])
backward(order)
for node in order:
    print(f"  {node.name} = {node.value:4.0f}    dL/d{node.name} = {node.grad:4.0f}")
a, b = nodes["a"].value, nodes["b"].value
assert nodes["a"].grad == 2 * a * b**2 + 2 * a * b, "∂L/∂a differs from the formula without a graph"
assert nodes["b"].grad == 2 * a**2 * b + a**2, "∂L/∂b differs from the formula without a graph"

# %%
# The picture: values on the way forward, gradients on the way back
places = {"a": (0, 1), "b": (0, 0), "c": (1.5, 0.5), "d": (3, 1), "L": (4.5, 0.5)}
figure, axes = plt.subplots(figsize=(8, 2.9))
for node in nodes.values():
    x, y = places[node.name]
    for below, slope in zip(node.inputs, node.slopes, strict=True):
        x0, y0 = places[below.name]
        axes.annotate("", (x, y), (x0, y0), arrowprops={"arrowstyle": "->", "shrinkA": 26, "shrinkB": 26})
        axes.text((x + x0) / 2, (y + y0) / 2, f"slope {slope:g}", ha="center", backgroundcolor="white")
    axes.scatter([x], [y], s=1900, color="white", edgecolors="tab:blue", zorder=3)
    axes.text(x, y + 0.05, f"{node.name} = {node.value:g}", ha="center", fontsize=9, zorder=4)
    axes.text(x, y - 0.13, f"grad {node.grad:g}", ha="center", fontsize=9, color="tab:red", zorder=4)
axes.set(xlim=(-0.5, 5), ylim=(-0.35, 1.35), title="values go right, gradients (red) left, times the slope")
axes.axis("off")
save_picture(figure, "02_graph.png")

# %% [markdown]
# ## What goes wrong in another order
#
# Take $c$ *before* $d$. When $c$ hands its gradient on, the share from $d$ has not arrived. Look at the
# result: $\bar c$ itself ends up right, only too late. What lies below it is wrong, and nothing complains.

# %%
print("\nWrong order (L, c, d, a, b): c is processed before its user d")
early = pencil_example()
backward([early[name] for name in "Lcdab"])
for name in "cab":
    print(f"  dL/d{name} = {early[name].grad:4.0f}    right: {nodes[name].grad:4.0f}")
assert early["c"].grad == nodes["c"].grad, "c gets both shares, though late"
assert early["a"].grad != nodes["a"].grad, "the order should matter"

# %% [markdown]
# ## Why not by recursion
#
# The order is most easily written as a function that calls itself for each input. Python allows about 1000
# such calls inside each other; a recurrent network over 300 characters already makes a chain of more steps.

# %%
def output_first_recursive(root):
    """The same order by recursion: shorter, but it ends where Python's call stack does."""
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for below in node.inputs:
                visit(below)
            order.append(node)

    visit(root)
    return order[::-1]


depth = sys.getrecursionlimit() + 1000
x = chain = Node(0.5)
for _ in range(depth):
    chain = chain.tanh()
trace = sys.gettrace()  # a debugger's, which ends in the same error; Python then switches it off
try:
    output_first_recursive(chain)
    recursion = "went through"
except RecursionError as error:
    recursion = f"RecursionError ({error})"
sys.settrace(trace)
backward(output_first(chain))
print(f"\nA chain of {depth} tanh\n  by recursion: {recursion}\n  own stack:    dL/dx = {x.grad:.3e}")
assert recursion.startswith("RecursionError"), "a chain deeper than the limit should end the recursion"

# %% [markdown]
# ## The same in the engine
#
# A `Tensor` is an array instead of one number, and remembers the `Function` that made it. A `Function` has
# the formula in `forward` and its derivative in `backward`. Here are [tanh] and the product, as they run:

# %%
print("\nThe engine's code\n")
show_code(elementwise.Multiply)
show_code(reference.tanh_backward)
show_code(autograd.output_first)

a, b = sl.tensor(2.0, requires_grad=True), sl.tensor(3.0, requires_grad=True)
c = a * b
L = c * (c + a)
L.backward()  # breakpoint here: step into it and watch `grads`
print(f"The engine on the pencil example: dL/da = {a.grad.item():.0f}, dL/db = {b.grad.item():.0f}")
assert (a.grad.item(), b.grad.item()) == (nodes["a"].grad, nodes["b"].grad), "engine and page differ"

x_engine = y_engine = sl.tensor(np.array(0.5), requires_grad=True)  # float64, as Python's numbers
for _ in range(depth):
    y_engine = y_engine.tanh()
y_engine.backward()
assert math.isclose(x_engine.grad.item(), x.grad, rel_tol=1e-9), "the long chain differs from the page"

# %% [markdown]
# **Exercise 2.1.** A Function of your own: $y = x^3$, by the rule $\bar x = 3x^2\,\bar y$.

# %%
# exercise 2.1: fill in forward and backward, as in Multiply: self.save(x) keeps arrays for the way back, and
# self.saved is the tuple of them, (x,) = self.saved
class Cube(sl.Function):
    """y = x³."""

    def forward(self, x):
        # --- solution begin
        self.save(x)
        return x * x * x
        # --- solution end

    def backward(self, grad_y):
        # --- solution begin
        (x,) = self.saved
        return 3 * x * x * grad_y
        # --- solution end

x = sl.tensor([1.0, -2.0, 0.5, 0.0], requires_grad=True)
y = Cube()(x)
check_close("2.1", "Cube()(x)", y, [1.0, -8.0, 0.125, 0.0], "x³ of 1, −2, ½ and 0")
check_close("2.1", "x afterwards", x, [1.0, -2.0, 0.5, 0.0], "forward is not to change the array it is given")
(y * sl.tensor([1.0, 10.0, 100.0, 1.0])).sum().backward()  # each number has a gradient of its own
check_close("2.1", "x.grad", x.grad, [3.0, 120.0, 75.0, 0.0], "x̄ = 3x² ȳ, and ȳ is 1, 10, 100, 1 here")

# %% [markdown]
# ## A check that knows nothing of graphs: finite differences
#
# $\dfrac{f(x+h) - f(x-h)}{2h} = f'(x) + \dfrac{h^2}{6} f'''(x) + \dots$: small $h$ is good (**truncation**).
# But the computer stores $f$ with a relative error $\varepsilon$, which the division blows up to about
# $\varepsilon |f| / h$: small $h$ is bad (**rounding**). The sum $h^2 |f'''|/6 + \varepsilon|f|/h$ is least
# where its derivative $h|f'''|/3 - \varepsilon|f|/h^2$ is 0, at $h = \sqrt[3]{3\varepsilon|f| / |f'''|}$:
# about $10^{-5}$ in float64, $10^{-2}$ in float32. The one-sided $(f(x+h) - f(x))/h$ has a truncation error
# $\frac{h}{2} f''$ and needs a smaller $h$.

# %%
def slope_error(f, derivative, x, h, central):
    """|finite difference − derivative|, all in the float type of x."""
    h = x.dtype.type(h)
    slope = (f(x + h) - f(x - h)) / (2 * h) if central else (f(x + h) - f(x)) / h
    return abs(float(slope) - float(derivative))


point, steps = 0.7, np.logspace(-12, 0, 145)
t = math.tanh(point)
third = abs((1 - t * t) * (6 * t * t - 2))  # |tanh'''|
figure, axes = plt.subplots(figsize=(7, 4))
print("\nFinite differences of tanh at 0.7: error at the predicted best step h, and beside it")
for dtype, colour in ((np.float64, "tab:blue"), (np.float32, "tab:orange")):
    for central, style in ((False, ":"), (True, "-")):
        errors = [slope_error(np.tanh, 1 - t * t, dtype(point), h, central) for h in steps]
        label = dtype.__name__ + (", two-sided slope" if central else ", one-sided slope")
        axes.loglog(steps, np.maximum(errors, 1e-14), style, color=colour, label=label)
    epsilon = np.finfo(dtype).eps / 2
    predicted = (3 * epsilon * t / third) ** (1 / 3)
    least = 1.5 * epsilon * t / predicted  # rounding and truncation together, at the predicted step
    at_best, too_large = (slope_error(np.tanh, 1 - t * t, dtype(point), k * predicted, True) for k in (1, 30))
    too_small = np.median([e for h, e in zip(steps, errors, strict=True) if h < predicted / 1000])
    axes.axvline(predicted, color=colour, alpha=0.4)
    print(f"  {dtype.__name__}: error {at_best:.0e} at h = {predicted:.0e}, ", end="")
    print(f"{too_large:.0e} at 30 h, {too_small:.0e} below h/1000")
    assert at_best < 5 * least < min(too_small, too_large), "the predicted step should be the best"
axes.set(xlabel="step h", ylabel="error of the slope", title="left: rounding, right: truncation")
axes.legend(fontsize=8)
save_picture(figure, "02_finite_differences.png")

# %% [markdown]
# ## Broadcasting's gradient is a sum
#
# In $Y = X + b$ with $X$ $(B, D)$ and $b$ $(D)$, NumPy uses each $b_d$ once for every row. So $b_d$ has $B$
# users, and its gradient is the sum of theirs: $\bar b_d = \sum_n \bar Y_{nd}$. Nothing new: gradients add
# up.
#
# **Exercise 2.2.** Write this sum for any shapes; the engine's own `sum_to` is the check.

# %%
# exercise 2.2: sum `grad` over the axes along which NumPy repeated an array of `shape`
def sum_back(grad, shape):
    """∂L/∂x for an x of `shape` that was broadcast to grad.shape."""
    # --- solution begin
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)  # axes that NumPy put in front
    for axis, length in enumerate(shape):
        if length == 1:
            grad = grad.sum(axis=axis, keepdims=True)  # axes of length 1 that it repeated
    return grad
    # --- solution end


rng = np.random.default_rng(0)
for shape in ((), (3,), (1, 3), (2, 1), (4, 1, 1), (1, 2, 1), (4, 2, 3)):
    grad = rng.standard_normal((4, 2, 3))
    name = f"sum_back(grad (4, 2, 3), {shape})"
    check_close(
        "2.2", name, sum_back(grad.copy(), shape), elementwise.sum_to(grad, shape),
        "sum over what was repeated",
    )

X, bias = sl.tensor(rng.standard_normal((4, 3))), sl.tensor(np.zeros(3), requires_grad=True)
((X + bias) * X).sum().backward()
print(f"\nBroadcasting: gradient of b {bias.grad.numpy()}\n                 X summed {X.numpy().sum(axis=0)}")
assert np.allclose(bias.grad.numpy(), X.numpy().sum(axis=0)), "the gradient of b is the sum over rows"

# %% [markdown]
# ## F4: gradient descent
#
# $$\theta \leftarrow \theta - \alpha \nabla_\theta L(\theta)$$
#
# The gradient points where $L$ rises fastest, so we step the other way. How large may $\alpha$ be? Near a
# minimum $\theta^*$ the loss is a bowl: with $\delta = \theta - \theta^*$, $L \approx L^* + \frac12
# \delta^\top\! A\, \delta$ and $\nabla L = A\delta$. There are directions that $A$ only stretches, $A v =
# \lambda v$: its *eigenvectors* $v$ with their *eigenvalues* $\lambda$ (the axes of the bowl, and how steep
# it is along them; every symmetric $A$ has as many as there are numbers in θ, at right angles). Along such a
# $v$ one step turns $\delta$ into $\delta - \alpha\lambda\delta$: the distance is multiplied by
# $1 - \alpha\lambda$. It shrinks only if $|1 - \alpha\lambda| < 1$, so $\alpha < 2/\lambda_{\max}$. We fit a
# line $y = wx + b$ with $L = \frac12 \cdot$ the mean of $(wx + b - y)^2$. With the columns $x$ and 1 in a
# matrix $X$, $\nabla L = \frac1n X^\top (X\theta - y)$, and its derivative is $A = \frac1n X^\top X$.

# %%
x_data = rng.uniform(-1, 2, 40)
y_data = 1.5 * x_data - 0.5 + 0.1 * rng.standard_normal(40)
columns = np.stack([x_data, np.ones(40)], axis=1)  # (B, 2)
A = columns.T @ columns / 40
limit = 2 / np.linalg.eigvalsh(A).max()
best = np.linalg.solve(A, columns.T @ y_data / 40)  # the minimum, without any descent


def line_loss(theta):
    """½ · mean (w·x + b − y)², θ = (w, b)."""
    error = sl.tensor(x_data) * theta[0] + theta[1] - sl.tensor(y_data)
    return 0.5 * (error * error).mean()


def descend(alpha, steps, forget=True):
    """Gradient descent from θ = (−1, 2) with the engine's SGD; return all θ on the way (steps + 1, 2)."""
    theta = Parameter(np.array([-1.0, 2.0]))
    optimizer = optim.SGD([theta], lr=alpha)
    path = [theta.numpy().copy()]
    for _ in range(steps):
        if forget:
            optimizer.zero_grad()
        line_loss(theta).backward()
        optimizer.step()  # breakpoint here: look at theta.data and theta.grad before and after
        path.append(theta.numpy().copy())
    return np.array(path)


print("\nThe engine's code for F4\n")
show_code(reference.sgd_step)
print(f"Gradient descent on a line: limit for the learning rate 2/λ = {limit:.3f}")
grid_w, grid_b = np.meshgrid(np.linspace(-1.5, 3.5, 60), np.linspace(-2.5, 2.5, 60))
bowl = 0.5 * ((grid_w[..., None] * x_data + grid_b[..., None] - y_data) ** 2).mean(axis=-1)
figure, axes = plt.subplots(figsize=(6.5, 4.2))
axes.contour(grid_w, grid_b, bowl, levels=np.logspace(-2, 1, 12), colors="lightgrey")
for share in (0.1, 0.9, 1.1):
    path = descend(share * limit, 60)
    start, distance = np.linalg.norm(path[[0, -1]] - best, axis=1)
    axes.plot(*path[:13].T, "o-", markersize=3, label=f"α = {share:g} of the limit")
    print(f"  α = {share * limit:.3f} ({share:g} of it): after 60 steps {distance:.1e} from the minimum")
    assert (distance < start) == (share < 1), "it must shrink below the limit and grow above it"
axes.plot(*best, "k*", markersize=12, label="minimum")
axes.set(xlabel="w", ylabel="b", xlim=(-1.5, 3.5), ylim=(-2.5, 2.5), title="12 steps of F4 on a bowl")
axes.legend(fontsize=8)
save_picture(figure, "02_gradient_descent.png")

# %% [markdown]
# ## A common mistake: the gradient of the step before is still there
#
# `backward` *adds* to `.grad`, since gradients add up. Who forgets `zero_grad()` steps along the sum of all
# gradients so far. **How to notice:** hold `.grad` against finite differences, not in the first step but in
# the second.

# %%
right, wrong = descend(0.5 * limit, 60), descend(0.5 * limit, 60, forget=False)
print("\nWithout zero_grad(): distance to the minimum after 60 steps")
print(f"  right {np.linalg.norm(right[-1] - best):.1e}   forgotten {np.linalg.norm(wrong[-1] - best):.1e}")
theta = sl.tensor(np.array([-1.0, 2.0]), requires_grad=True)
for call in (1, 2):
    line_loss(theta).backward()
    up, down = (line_loss(sl.tensor(theta.numpy() + np.array([h, 0]))).item() for h in (1e-5, -1e-5))
    ratio = theta.grad.numpy()[0] / ((up - down) / 2e-5)
    print(f"  call {call}: .grad / finite difference = {ratio:.4f}")
    assert math.isclose(ratio, call, rel_tol=1e-6), "n calls without zero_grad leave n gradients"
assert np.linalg.norm(wrong[-1] - best) > 0.1 > np.linalg.norm(right[-1] - best), "the mistake should show"
