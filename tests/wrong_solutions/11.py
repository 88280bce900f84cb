"""Plausible wrong solutions of lesson 11: exercise, what is wrong, the lines for each pair of markers."""

R = "r = q * math.log(3 / 4) + (1 - q) * math.log(1 / 4)\n"
K = "k = q * math.log(q / 0.5) + (1 - q) * math.log((1 - q) / 0.5)\n"
WRONG = [
    ("11.1", "KL added", [f"{R}{K}return r + k"]),
    ("11.1", "KL the other way round", [
        f"{R}k = 0.5 * math.log(0.5 / q) + 0.5 * math.log(0.5 / (1 - q))\nreturn r - k"
    ]),
    ("11.1", "reconstruction alone", [f"{R}return r"]),
    ("11.1", "ln of the mean", [f"r = math.log(q * 3 / 4 + (1 - q) / 4)\n{K}return r - k"]),
    ("11.1", "minus the bound", [f"{R}{K}return k - r"]),
    ("11.2", "ℓ taken for σ", ["return (mean**2 + log_variance**2 - 1 - np.log(np.abs(log_variance) + 1e-9)) / 2, mean, log_variance"]),
    ("11.2", "ℓ taken for ln σ", [
        "v = np.exp(2 * log_variance)\nreturn (mean**2 + v - 1 - 2 * log_variance) / 2, mean, v - 1"
    ]),
    ("11.2", "without the half", ["v = np.exp(log_variance)\nreturn mean**2 + v - 1 - log_variance, 2 * mean, v - 1"]),
    ("11.2", "the slope of ℓ without −1", ["v = np.exp(log_variance)\nreturn (mean**2 + v - 1 - log_variance) / 2, mean, v / 2"]),
    ("11.2", "the sign of ℓ", [
        "v = np.exp(log_variance)\nreturn (mean**2 + v - 1 + log_variance) / 2, mean, (v + 1) / 2"
    ]),
    ("11.3", "the variance for σ", [
        "s = np.exp(log_variance) * noise\nreturn mean + s, lambda g: (g, g * s)"
    ]),
    ("11.3", "half forgotten", ["s = np.exp(log_variance / 2) * noise\nreturn mean + s, lambda g: (g, g * s)"]),
    ("11.3", "no noise in the slope", [
        "s = np.exp(log_variance / 2)\nreturn mean + s * noise, lambda g: (g, g * s / 2)"
    ]),
    ("11.3", "no gradient for ℓ", ["s = np.exp(log_variance / 2) * noise\nreturn mean + s, lambda g: (g, 0 * g)"]),
    ("11.3", "noise alone", ["return mean + noise, lambda g: (g, g * noise)"]),
    ("11.4", "F5 as printed", ["return -reconstruction - beta * divergence"]),
    ("11.4", "the bound itself", ["return reconstruction - beta * divergence"]),
    ("11.4", "β at the other part", ["return beta * reconstruction + divergence"]),
    ("11.4", "β forgotten", ["return reconstruction + divergence"]),
    ("11.4", "β at most 1", ["return reconstruction + divergence * min(beta, 1.0)"]),
    ("11.4", "the fixed KL of the first check", ["return reconstruction + divergence - (1 - beta) * 2"]),
]  # fmt: skip
