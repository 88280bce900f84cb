"""Plausible wrong solutions of lesson 3: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("3.1", "no σ in the hidden layer", ["h = X @ W.T + b\nreturn h, 1 / (1 + np.exp(-(h @ Wo.T + bo)))"]),
    ("3.1", "no σ at the output", ["h = 1 / (1 + np.exp(-(X @ W.T + b)))\nreturn h, h @ Wo.T + bo"]),
    ("3.1", "W not transposed", ["h = 1 / (1 + np.exp(-(X @ W + b)))\nreturn h, 1 / (1 + np.exp(-(h @ Wo.T + bo)))"]),
    ("3.1", "the sign of the exponent", ["h = 1 / (1 + np.exp(X @ W.T + b))\nreturn h, 1 / (1 + np.exp(h @ Wo.T + bo))"]),
    ("3.1", "the output bias forgotten", ["h = 1 / (1 + np.exp(-(X @ W.T + b)))\nreturn h, 1 / (1 + np.exp(-(h @ Wo.T)))"]),
    ("3.1", "y without its column", [
        "h = 1 / (1 + np.exp(-(X @ W.T + b)))\nreturn h, 1 / (1 + np.exp(-(h @ Wo[0] + bo)))"
    ]),
    ("3.1", "b forgotten", ["h = 1 / (1 + np.exp(-(X @ W.T)))\nreturn h, 1 / (1 + np.exp(-(h @ Wo.T + bo)))"]),
    ("3.2", "or", ["return np.full((2, 2), 20.0), np.array([-10.0, -10.0]), np.full((1, 2), 20.0), np.array([-10.0])"]),
    ("3.2", "nand", ["return np.full((2, 2), -20.0), np.full(2, 30.0), np.full((1, 2), 20.0), np.array([-30.0])"]),
    ("3.2", "too soft", [
        "return np.full((2, 2), 2.0), np.array([-1.0, -3.0]), np.array([[2.0, -4.0]]), np.array([-1.0])"
    ]),
    ("3.2", "Wo as a vector", [
        "return np.full((2, 2), 20.0), np.array([-10.0, -30.0]), np.array([20.0, -40.0]), np.array([-10.0])"
    ]),
    ("3.3", "without 1/B", [
        "zo = (y - t) * y * (1 - y)\nz = zo @ Wo * h * (1 - h)\nreturn z.T @ X, z.sum(axis=0), zo.T @ h, zo.sum(axis=0)"
    ]),
    ("3.3", "no slope at the output", [
        "zo = (y - t) / len(X)\nz = zo @ Wo * h * (1 - h)\nreturn z.T @ X, z.sum(axis=0), zo.T @ h, zo.sum(axis=0)"
    ]),
    ("3.3", "no slope in the hidden layer", [
        "zo = (y - t) / len(X) * y * (1 - y)\nz = zo @ Wo\nreturn z.T @ X, z.sum(axis=0), zo.T @ h, zo.sum(axis=0)"
    ]),
    ("3.3", "the other sign", [
        "zo = (t - y) / len(X) * y * (1 - y)\nz = zo @ Wo * h * (1 - h)\n"
        "return z.T @ X, z.sum(axis=0), zo.T @ h, zo.sum(axis=0)"
    ]),
    ("3.3", "a mean for the bias", [
        "zo = (y - t) / len(X) * y * (1 - y)\nz = zo @ Wo * h * (1 - h)\n"
        "return z.T @ X, z.mean(axis=0), zo.T @ h, zo.mean(axis=0)"
    ]),
    ("3.3", "shapes of the transposed", [
        "zo = (y - t) / len(X) * y * (1 - y)\nz = zo @ Wo * h * (1 - h)\n"
        "return X.T @ z, z.sum(axis=0), h.T @ zo, zo.sum(axis=0)"
    ]),
    ("3.4", "the correlation", ["return (zi * zj).sum() / np.sqrt((zi * zi).sum() * (zj * zj).sum())"]),
    ("3.4", "of zi on zj", ["return (zi * zj).sum() / (zj * zj).sum()"]),
    ("3.4", "a mean of quotients", ["return (zj / zi).mean()"]),
    ("3.4", "with an intercept", ["a = zi - zi.mean()\nreturn (a * (zj - zj.mean())).sum() / (a * a).sum()"]),
    ("3.4", "never negative", ["return abs((zi * zj).sum()) / (zi * zi).sum()"]),
]  # fmt: skip
