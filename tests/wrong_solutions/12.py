"""Plausible wrong solutions of lesson 12: exercise, what is wrong, the lines for each pair of markers."""

REST = "return grad_x, (grad_y * x_hat).sum(axis=0), grad_y.sum(axis=0)"
LINES = "G = grad_y * gamma\ngrad_x = {}\n" + REST
WRONG = [
    ("12.1", "μ and σ as constants", [LINES.format("G / s")]),
    ("12.1", "the path through μ alone", [LINES.format("(G - G.mean(axis=1, keepdims=True)) / s")]),
    ("12.1", "γ forgotten", [
        "G = grad_y\ngrad_x = (G - G.mean(axis=1, keepdims=True) - x_hat * (G * x_hat).mean(axis=1, keepdims=True)) / s\n" + REST
    ]),
    ("12.1", "times s", [
        LINES.format("(G - G.mean(axis=1, keepdims=True) - x_hat * (G * x_hat).mean(axis=1, keepdims=True)) * s")
    ]),
    ("12.1", "means over the batch", [
        LINES.format("(G - G.mean(axis=0) - x_hat * (G * x_hat).mean(axis=0)) / s")
    ]),
    ("12.1", "γ's gradient by x", [
        "G = grad_y * gamma\n"
        "grad_x = (G - G.mean(axis=1, keepdims=True) - x_hat * (G * x_hat).mean(axis=1, keepdims=True)) / s\n"
        "return grad_x, (grad_y * x).sum(axis=0), grad_y.sum(axis=0)"
    ]),
    ("12.2", "by reshape alone", [
        "B, T, D = x.shape\nreturn x.reshape(B, H, T, D // H)", "B, H, T, d = x.shape\nreturn x.reshape(B, T, H * d)"
    ]),
    ("12.2", "features and heads exchanged", [
        "B, T, D = x.shape\nreturn x.reshape(B, T, D // H, H).transpose(0, 3, 1, 2)",
        "B, H, T, d = x.shape\nreturn x.transpose(0, 2, 3, 1).reshape(B, T, H * d)",
    ]),
    ("12.2", "no way back", [
        "B, T, D = x.shape\nreturn x.reshape(B, T, H, D // H).transpose(0, 2, 1, 3)",
        "B, H, T, d = x.shape\nreturn x.reshape(B, T, H * d)",
    ]),
    ("12.2", "time before heads", [
        "B, T, D = x.shape\nreturn x.reshape(B, T, H, D // H)", "B, T, H, d = x.shape\nreturn x.reshape(B, T, H * d)"
    ]),
    ("12.3", "no way around attention", [
        "y, _ = block.self_attn(block.norm1(x), causal=True)\nx = y\nreturn x + block.linear2(F.gelu(block.linear1(block.norm2(x))))"
    ]),
    ("12.3", "no norm", [
        "y, _ = block.self_attn(x, causal=True)\nx = x + y\nreturn x + block.linear2(F.gelu(block.linear1(x)))"
    ]),
    ("12.3", "norms after", [
        "y, _ = block.self_attn(x, causal=True)\nx = block.norm1(x + y)\n"
        "return block.norm2(x + block.linear2(F.gelu(block.linear1(x))))"
    ]),
    ("12.3", "not causal", [
        "y, _ = block.self_attn(block.norm1(x))\nx = x + y\nreturn x + block.linear2(F.gelu(block.linear1(block.norm2(x))))"
    ]),
    ("12.3", "relu", [
        "y, _ = block.self_attn(block.norm1(x), causal=True)\nx = x + y\n"
        "return x + block.linear2(F.relu(block.linear1(block.norm2(x))))"
    ]),
    ("12.3", "norm1 twice", [
        "y, _ = block.self_attn(block.norm1(x), causal=True)\nx = x + y\n"
        "return x + block.linear2(F.gelu(block.linear1(block.norm1(x))))"
    ]),
    ("12.4", "weights alone", ["return 12 * D * D"]),
    ("12.4", "no norms", ["return 12 * D * D + 9 * D"]),
    ("12.4", "one norm", ["return 12 * D * D + 11 * D"]),
    ("12.4", "an MLP of D units", ["return 6 * D * D + 10 * D"]),
    ("12.2", "batches mixed by reshape", [
        "B, T, D = x.shape\nreturn np.array(np.split(x, H, axis=-1)).reshape(B, H, T, D // H)",
        "B, H, T, d = x.shape\nreturn x.transpose(0, 2, 1, 3).reshape(B, T, H * d)"
    ]),
    ("12.2", "first row of the batch alone", [
        "B, T, D = x.shape\nreturn x[0].reshape(1, T, H, D // H).transpose(0, 2, 1, 3)",
        "return np.concatenate(list(x[0]), axis=-1)[None]"
    ]),
]  # fmt: skip
