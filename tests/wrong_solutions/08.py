"""Plausible wrong solutions of lesson 8: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("8.1", "a mean over all numbers", ["return ((X - Y) ** 2).mean(), 2 * (Y - X) / X.size"]),
    ("8.1", "the other sign", ["return ((X - Y) ** 2).sum() / len(X), 2 * (X - Y) / len(X)"]),
    ("8.1", "without the 2", ["return ((X - Y) ** 2).sum() / len(X), (Y - X) / len(X)"]),
    ("8.1", "distances, no squares", ["return np.linalg.norm(X - Y, axis=1).mean(), 2 * (Y - X) / len(X)"]),
    ("8.1", "a sum", ["return ((X - Y) ** 2).sum(), 2 * (Y - X)"]),
    ("8.1", "half the square", ["return ((X - Y) ** 2).sum() / len(X) / 2, (Y - X) / len(X)"]),
    ("8.1", "divided by the features", ["D = X.shape[1]\nreturn ((X - Y) ** 2).sum() / D, 2 * (Y - X) / D"]),
    ("8.2", "the largest ones", ["return np.linalg.eigvalsh(X.T @ X / len(X))[::-1][:Z].sum()"]),
    ("8.2", "not divided by N", ["return np.linalg.eigvalsh(X.T @ X)[: X.shape[1] - Z].sum()"]),
    ("8.2", "divided by N − 1", ["return np.linalg.eigvalsh(np.cov(X.T))[: X.shape[1] - Z].sum()"]),
    ("8.2", "all but the Z smallest", ["return np.linalg.eigvalsh(X.T @ X / len(X))[Z:].sum()"]),
    ("8.2", "roots", ["return np.sqrt(np.linalg.eigvalsh(X.T @ X / len(X)).clip(0))[: X.shape[1] - Z].sum()"]),
    ("8.3", "tanh after the code", [
        "return nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, Z), nn.Tanh(), nn.Linear(Z, H), nn.Tanh(), nn.Linear(H, D))"
    ]),
    ("8.3", "no hidden layer in the decoder", [
        "return nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, Z), nn.Linear(Z, D))"
    ]),
    ("8.3", "linear throughout", [
        "return nn.Sequential(nn.Linear(D, H), nn.Linear(H, Z), nn.Linear(Z, H), nn.Linear(H, D))"
    ]),
    ("8.3", "H and Z exchanged", [
        "return nn.Sequential(nn.Linear(D, Z), nn.Tanh(), nn.Linear(Z, H), nn.Linear(H, Z), nn.Tanh(), nn.Linear(Z, D))"
    ]),
    ("8.3", "tanh at the output", [
        "return nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, Z), nn.Linear(Z, H), nn.Tanh(), nn.Linear(H, D), nn.Tanh())"
    ]),
    ("8.3", "no biases", [
        "def line(a, b):\n    return nn.Linear(a, b, bias=False)\n"
        "return nn.Sequential(line(D, H), nn.Tanh(), line(H, Z), line(Z, H), nn.Tanh(), line(H, D))"
    ]),
    ("8.4", "for one sign", ["return np.log2(V)"]),
    ("8.4", "in nats", ["return T * np.log(V)"]),
    ("8.4", "log of a product", ["return np.log2(T * V)"]),
    ("8.4", "bases exchanged", ["return V * np.log2(T)"]),
]  # fmt: skip
