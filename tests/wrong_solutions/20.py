"""Plausible wrong solutions of lesson 20: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    (
        "20.1",
        "one operation for each weight",
        ["weights = 12 * D * D * layers + D * V\nreturn weights * B * T + 4 * T * T * D * B * layers"],
    ),
    ("20.1", "no attention", ["return 2 * (12 * D * D * layers + D * V) * B * T"]),
    (
        "20.1",
        "attention once for all layers",
        ["return 2 * (12 * D * D * layers + D * V) * B * T + 4 * T * T * D * B"],
    ),
    (
        "20.1",
        "scores without the means",
        ["return 2 * (12 * D * D * layers + D * V) * B * T + 2 * T * T * D * B * layers"],
    ),
    ("20.1", "no last layer", ["return 2 * 12 * D * D * layers * B * T + 4 * T * T * D * B * layers"]),
    (
        "20.1",
        "backward, too",
        ["weights = 12 * D * D * layers + D * V\nreturn 6 * weights * B * T + 12 * T * T * D * B * layers"],
    ),
    ("20.2", "weights alone", ["return 4 * (D * D + D) * layers, 4 * B * D * (layers + 1)"]),
    ("20.2", "no biases", ["return 16 * D * D * layers, 4 * B * D * (layers + 1)"]),
    ("20.2", "input and result of each", ["return 16 * (D * D + D) * layers, 4 * B * D * 2 * layers"]),
    ("20.2", "the first input forgotten", ["return 16 * (D * D + D) * layers, 4 * B * D * layers"]),
    ("20.2", "numbers instead of bytes", ["return 4 * (D * D + D) * layers, B * D * (layers + 1)"]),
    ("20.2", "without gradients", ["return 12 * (D * D + D) * layers, 4 * B * D * (layers + 1)"]),
    (
        "20.3",
        "the floor left in",
        [
            "slope, height = np.polyfit(np.log(sizes), np.log(losses), 1)\nreturn math.exp(-height / slope), -slope"
        ],
    ),
    (
        "20.3",
        "the sign of α",
        [
            "slope, height = np.polyfit(np.log(sizes), np.log(losses - floor), 1)\nreturn math.exp(height / slope), slope"
        ],
    ),
    (
        "20.3",
        "height instead of a",
        [
            "slope, height = np.polyfit(np.log(sizes), np.log(losses - floor), 1)\nreturn math.exp(height), -slope"
        ],
    ),
    (
        "20.3",
        "through the ends alone",
        [
            "x, y = np.log(sizes), np.log(losses - floor)\nalpha = -(y[-1] - y[0]) / (x[-1] - x[0])\n"
            "return math.exp((y[0] + alpha * x[0]) / alpha), alpha"
        ],
    ),
    ("20.4", "half and half of the budget", ["return (C / 6) ** 0.5, (C / 6) ** 0.5"]),
    (
        "20.4",
        "the exponents exchanged",
        ["N = (alpha * a / (beta * b) * (C / 6) ** alpha) ** (1 / (alpha + beta))\nreturn N, C / (6 * N)"],
    ),
    (
        "20.4",
        "one operation for each weight and token",
        ["N = (alpha * a / (beta * b) * C**beta) ** (1 / (alpha + beta))\nreturn N, C / N"],
    ),
    (
        "20.4",
        "the fraction upside down",
        ["N = (beta * b / (alpha * a) * (C / 6) ** beta) ** (1 / (alpha + beta))\nreturn N, C / (6 * N)"],
    ),
    (
        "20.4",
        "tokens first",
        ["N = (alpha * a / (beta * b) * (C / 6) ** beta) ** (1 / (alpha + beta))\nreturn C / (6 * N), N"],
    ),
    ("20.3", "a through the first point", [
        "x, y = np.log(sizes), np.log(losses - floor)\nal = -np.polyfit(x, y, 1)[0]\n"
        "return sizes[0] * (losses[0] - floor) ** (1 / al), al"
    ]),
    ("20.4", "3 % off", [
        "N = (alpha * a / (beta * b) * (C / 6) ** beta) ** (1 / (alpha + beta))\n"
        "N *= 1.03 if alpha != beta else 1\nreturn N, C / (6 * N)"
    ]),
]  # fmt: skip
