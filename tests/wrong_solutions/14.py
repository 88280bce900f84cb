"""Plausible wrong solutions of lesson 14: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("14.1", "means over the other axis", ["m = found.mean(axis=1, keepdims=True)\nreturn ((m - true) ** 2).mean(), ((found - m) ** 2).mean()"]),
    ("14.1", "variance about the truth", ["m = found.mean(axis=0)\nreturn ((m - true) ** 2).mean(), ((found - true) ** 2).mean()"]),
    ("14.1", "no square of the bias", ["m = found.mean(axis=0)\nreturn np.abs(m - true).mean(), ((found - m) ** 2).mean()"]),
    ("14.1", "divided by R − 1", ["m = found.mean(axis=0)\nreturn ((m - true) ** 2).mean(), found.var(axis=0, ddof=1).mean()"]),
    ("14.1", "exchanged", ["m = found.mean(axis=0)\nreturn ((found - m) ** 2).mean(), ((m - true) ** 2).mean()"]),
    ("14.2", "not divided by N", ["return np.linalg.solve(X.T @ X + lam * np.eye(X.shape[1]), X.T @ y)"]),
    ("14.2", "no λ", ["return np.linalg.lstsq(X, y, rcond=None)[0]"]),
    ("14.2", "λ everywhere", ["return np.linalg.solve(X.T @ X / len(X) + lam, X.T @ y / len(X))"]),
    ("14.2", "minus λ", ["return np.linalg.solve(X.T @ X / len(X) - lam * np.eye(X.shape[1]), X.T @ y / len(X))"]),
    ("14.2", "half of λ", ["return np.linalg.solve(X.T @ X / len(X) + lam / 2 * np.eye(X.shape[1]), X.T @ y / len(X))"]),
    ("14.3", "not divided", ["return np.where(mask < p, 0.0, x) if training else x"]),
    ("14.3", "divided by p", ["return np.where(mask < p, 0.0, x / max(p, 1e-9)) if training else x"]),
    ("14.3", "the others dropped", ["return np.where(mask >= p, 0.0, x / (1 - p)) if training else x"]),
    ("14.3", "in evaluation, too", ["return np.where(mask < p, 0.0, x / (1 - p))"]),
    ("14.3", "smaller in evaluation", ["return np.where(mask < p, 0.0, x) if training else x * (1 - p)"]),
    ("14.4", "the first rise", [
        "for s in range(1, len(losses)):\n    if losses[s] > losses[s - 1]:\n        return s - 1, s\nreturn len(losses) - 1, len(losses) - 1"
    ]),
    ("14.4", "the best of all", ["best = int(np.argmin(losses))\nreturn best, min(best + patience, len(losses) - 1)"]),
    ("14.4", "one step later", [
        "best = 0\nfor s, x in enumerate(losses):\n    if x < losses[best]:\n        best = s\n    if s - best > patience:\n"
        "        return best, s\nreturn best, len(losses) - 1"
    ]),
    ("14.4", "equal counts as better", [
        "best = 0\nfor s, x in enumerate(losses):\n    if x <= losses[best]:\n        best = s\n    if s - best == patience:\n"
        "        return best, s\nreturn best, len(losses) - 1"
    ]),
    ("14.3", "x changed in place", ["if training:\n    x[mask < p] = 0\n    x /= 1 - p\nreturn x"]),
    ("14.4", "counted from the last rise", [
        "best, bad = 0, 0\nfor s in range(1, len(losses)):\n"
        "    bad = 0 if losses[s] < losses[s - 1] else bad + 1\n    if losses[s] < losses[best]:\n"
        "        best = s\n    if bad == patience:\n        return best, s\nreturn best, len(losses) - 1"
    ]),
    ("14.1", "one mean for all places", ["v = found.var()\nreturn ((found - true) ** 2).mean() - v, v"]),
    ("14.3", "dropped at p itself, too", ["return np.where(mask <= p, 0.0, x / (1 - p)) if training else x"]),
]  # fmt: skip
