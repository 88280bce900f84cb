"""Plausible wrong solutions of lesson 4: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("4.1", "the limit of lesson 2", ["alpha = 2 / largest\nreturn alpha, 1 - alpha * smallest"]),
    ("4.1", "one over the largest", ["return 1 / largest, 1 - smallest / largest"]),
    ("4.1", "κ as a factor", ["return 2 / (smallest + largest), (largest / smallest - 1)"]),
    ("4.1", "a mean", ["alpha = 1 / (smallest + largest)\nreturn alpha, 1 - alpha * smallest"]),
    ("4.1", "the factor alone", ["alpha = 2 / (smallest + largest)\nreturn 1 - alpha * smallest"]),
    ("4.1", "rounded", ["alpha = 2 / (smallest + largest)\nreturn round(alpha, 4), round(1 - alpha * smallest, 4)"]),
    ("4.2", "the old velocity", ["return theta - alpha * v, mu * v + gradient"]),
    ("4.2", "a running mean", ["v = mu * v + (1 - mu) * gradient\nreturn theta - alpha * v, v"]),
    ("4.2", "α inside v", ["v = mu * v + alpha * gradient\nreturn theta - v, v"]),
    ("4.2", "uphill", ["v = mu * v + gradient\nreturn theta + alpha * v, v"]),
    ("4.2", "in place", ["v *= mu\nv += gradient\ntheta -= alpha * v\nreturn theta, v"]),
    ("4.2", "the gradient changed", ["gradient += mu * v\nreturn theta - alpha * gradient, gradient"]),
    ("4.3", "no hats", [
        "m = beta1 * m + (1 - beta1) * gradient\ns = beta2 * s + (1 - beta2) * gradient**2\n"
        "return theta - alpha * m / (np.sqrt(s) + eps), m, s"
    ]),
    ("4.3", "one hat", [
        "m = beta1 * m + (1 - beta1) * gradient\ns = beta2 * s + (1 - beta2) * gradient**2\n"
        "return theta - alpha * m / (1 - beta1**t) / (np.sqrt(s) + eps), m, s"
    ]),
    ("4.3", "hats kept in m and s", [
        "m = (beta1 * m + (1 - beta1) * gradient) / (1 - beta1**t)\n"
        "s = (beta2 * s + (1 - beta2) * gradient**2) / (1 - beta2**t)\n"
        "return theta - alpha * m / (np.sqrt(s) + eps), m, s"
    ]),
    ("4.3", "|g| for g²", [
        "m = beta1 * m + (1 - beta1) * gradient\ns = beta2 * s + (1 - beta2) * np.abs(gradient)\n"
        "return theta - alpha * (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + eps), m, s"
    ]),
    ("4.3", "no root", [
        "m = beta1 * m + (1 - beta1) * gradient\ns = beta2 * s + (1 - beta2) * gradient**2\n"
        "return theta - alpha * (m / (1 - beta1**t)) / (s / (1 - beta2**t) + eps), m, s"
    ]),
    ("4.3", "the betas exchanged", [
        "m = beta2 * m + (1 - beta2) * gradient\ns = beta1 * s + (1 - beta1) * gradient**2\n"
        "return theta - alpha * (m / (1 - beta2**t)) / (np.sqrt(s / (1 - beta1**t)) + eps), m, s"
    ]),
    ("4.3", "the usual betas by heart", [
        "m = 0.9 * m + 0.1 * gradient\ns = 0.999 * s + 0.001 * gradient**2\n"
        "return theta - alpha * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + eps), m, s"
    ]),
    ("4.4", "0 at the first step", [
        "if t < warmup:\n    return t / warmup\n"
        "return 0.5 * (1 + math.cos(math.pi * (t - warmup) / (total - warmup)))"
    ]),
    ("4.4", "the cosine over all steps", [
        "if t < warmup:\n    return (t + 1) / warmup\nreturn 0.5 * (1 + math.cos(math.pi * t / total))"
    ]),
    ("4.4", "a whole wave", [
        "if t < warmup:\n    return (t + 1) / warmup\n"
        "return 0.5 * (1 + math.cos(2 * math.pi * (t - warmup) / (total - warmup)))"
    ]),
    ("4.4", "a straight line", ["if t < warmup:\n    return (t + 1) / warmup\nreturn 1 - (t - warmup) / (total - warmup)"]),
    ("4.4", "one step of warm-up too many", [
        "if t <= warmup:\n    return min(1.0, (t + 1) / warmup)\n"
        "return 0.5 * (1 + math.cos(math.pi * (t - warmup) / (total - warmup)))"
    ]),
    ("4.4", "4 for the warm-up", [
        "if t < warmup:\n    return (t + 1) / warmup\nreturn 0.5 * (1 + math.cos(math.pi * (t - warmup) / (total - 4)))"
    ]),
]  # fmt: skip
