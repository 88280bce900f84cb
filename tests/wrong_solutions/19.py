"""Plausible wrong solutions of lesson 19: exercise, what is wrong, the lines for each pair of markers."""

LOOP = (
    "for start in range(0, len(k), block):\n    a = q @ k[start : start + block].T / math.sqrt(q.shape[1])\n"
    "    m = a.max(axis=1)\n    e = np.exp(a - m[:, None])\n    total = e.sum(axis=1)\n"
)
BACK = (
    "delta = (grad_y * y).sum(axis=1, keepdims=True)\nfor start in range(0, len(k), block):\n"
    "    part = slice(start, start + block)\n    P = np.exp(q @ k[part].T * scale - lse[:, None])\n"
)
CHUNK = (
    "for start in range(0, len(x), rows):\n    part = slice(start, start + rows)\n    z = x[part] @ W.T\n"
    "    z -= z.max(axis=1, keepdims=True)\n    p = np.exp(z)\n    p /= p.sum(axis=1, keepdims=True)\n"
    "    own = np.arange(len(p)), t[part]\n    loss -= np.log(p[own]).sum()\n    p[own] -= 1\n"
)
END = "    p /= len(x)\n    grad_x[part] = p @ W\n    grad_W += p.T @ x[part]\nreturn loss / len(x), grad_x, grad_W"
WRONG = [
    ("19.1", "the old sums as they are", [
        "m = np.maximum(m1, m2)\ntotal = l1 + l2\nreturn m, total, (l1[:, None] * y1 + l2[:, None] * y2) / total[:, None]"
    ]),
    ("19.1", "only the second is scaled", [
        "m = np.maximum(m1, m2)\ns1, s2 = l1, l2 * np.exp(m2 - m)\ntotal = s1 + s2\n"
        "return m, total, (s1[:, None] * y1 + s2[:, None] * y2) / total[:, None]"
    ]),
    ("19.1", "not divided again", [
        "m = np.maximum(m1, m2)\ns1, s2 = l1 * np.exp(m1 - m), l2 * np.exp(m2 - m)\n"
        "return m, s1 + s2, s1[:, None] * y1 + s2[:, None] * y2"
    ]),
    ("19.1", "a plain mean of both", [
        "m = np.maximum(m1, m2)\ns1, s2 = l1 * np.exp(m1 - m), l2 * np.exp(m2 - m)\nreturn m, s1 + s2, (y1 + y2) / 2"
    ]),
    ("19.1", "the smaller maximum", [
        "m = np.minimum(m1, m2)\nwith np.errstate(all='ignore'):\n    s1, s2 = l1 * np.exp(m1 - m), l2 * np.exp(m2 - m)\n"
        "    return m, s1 + s2, (s1[:, None] * y1 + s2[:, None] * y2) / (s1 + s2)[:, None]"
    ]),
    ("19.2", "softmax of each block alone", [
        LOOP + "    state = m, total, state[2] + e @ v[start : start + block] / total[:, None]\nm, total, y = state\n"
        "return y, m + np.log(total)"
    ]),
    ("19.2", "no √D", [
        LOOP.replace(" / math.sqrt(q.shape[1])", "")
        + "    state = join(state, (m, total, e @ v[start : start + block] / total[:, None]))\nm, total, y = state\n"
        "return y, m + np.log(total)"
    ]),
    ("19.2", "the last keys are left out", [
        LOOP.replace("range(0, len(k), block)", "range(0, len(k) - block + 1, block)")
        + "    state = join(state, (m, total, e @ v[start : start + block] / total[:, None]))\nm, total, y = state\n"
        "return y, m + np.log(np.maximum(total, 1e-300))"
    ]),
    ("19.2", "ℓ for its logarithm", [
        LOOP + "    state = join(state, (m, total, e @ v[start : start + block] / total[:, None]))\nm, total, y = state\n"
        "return y, m + total"
    ]),
    ("19.3", "δ left out", [
        BACK + "    a = P * (grad_y @ v[part].T) * scale\n    grad_q += a @ k[part]\n    grad_k[part] = a.T @ q\n"
        "    grad_v[part] = P.T @ grad_y\nreturn grad_q, grad_k, grad_v"
    ]),
    ("19.3", "δ of the block alone", [
        BACK + "    g = grad_y @ v[part].T\n    a = P * (g - (g * P).sum(axis=1, keepdims=True)) * scale\n"
        "    grad_q += a @ k[part]\n    grad_k[part] = a.T @ q\n    grad_v[part] = P.T @ grad_y\nreturn grad_q, grad_k, grad_v"
    ]),
    ("19.3", "only the last block's ∂L/∂q", [
        BACK + "    a = P * (grad_y @ v[part].T - delta) * scale\n    grad_q = a @ k[part]\n    grad_k[part] = a.T @ q\n"
        "    grad_v[part] = P.T @ grad_y\nreturn grad_q, grad_k, grad_v"
    ]),
    ("19.3", "√D forgotten", [
        BACK + "    a = P * (grad_y @ v[part].T - delta)\n    grad_q += a @ k[part]\n    grad_k[part] = a.T @ q\n"
        "    grad_v[part] = P.T @ grad_y\nreturn grad_q, grad_k, grad_v"
    ]),
    ("19.4", "a mean of each chunk", [
        CHUNK + "    p /= len(p)\n    grad_x[part] = p @ W\n    grad_W += p.T @ x[part]\nreturn loss / len(x), grad_x, grad_W"
    ]),
    ("19.4", "only the last chunk's ∂L/∂W", [
        CHUNK + "    p /= len(x)\n    grad_x[part] = p @ W\n    grad_W = p.T @ x[part]\nreturn loss / len(x), grad_x, grad_W"
    ]),
    ("19.4", "the sum of the losses", [
        CHUNK + "    p /= len(x)\n    grad_x[part] = p @ W\n    grad_W += p.T @ x[part]\nreturn loss, grad_x, grad_W"
    ]),
    ("19.4", "the 1 forgotten", [
        CHUNK.replace("    p[own] -= 1\n", "")
        + "    p /= len(x)\n    grad_x[part] = p @ W\n    grad_W += p.T @ x[part]\nreturn loss / len(x), grad_x, grad_W"
    ]),
    ("19.1", "no [:, None]", [
        "m = np.maximum(m1, m2)\ns1, s2 = l1 * np.exp(m1 - m), l2 * np.exp(m2 - m)\n"
        "return m, s1 + s2, (s1 * y1 + s2 * y2) / (s1 + s2)"
    ]),
    ("19.1", "one maximum for all queries", [
        "m = np.full_like(m1, max(m1.max(), m2.max()))\ns1, s2 = l1 * np.exp(m1 - m), l2 * np.exp(m2 - m)\n"
        "t = s1 + s2\nreturn m, t, (s1[:, None] * y1 + s2[:, None] * y2) / t[:, None]"
    ]),
    ("19.2", "the whole matrix", [
        "a = q @ k.T / math.sqrt(q.shape[1])\nm = a.max(axis=1)\ne = np.exp(a - m[:, None])\n"
        "return e @ v / e.sum(axis=1)[:, None], m + np.log(e.sum(axis=1))"
    ]),
    ("19.2", "no maximum", [
        "t, y = np.zeros(T), np.zeros((T, v.shape[1]))\nfor s in range(0, len(k), block):\n"
        "    e = np.exp(q @ k[s : s + block].T / math.sqrt(q.shape[1]))\n    t += e.sum(axis=1)\n"
        "    y += e @ v[s : s + block]\nreturn y / t[:, None], np.log(t)"
    ]),
    ("19.3", "the whole matrix", [
        "P = np.exp(q @ k.T * scale - lse[:, None])\ng = grad_y @ v.T\n"
        "a = P * (g - (P * g).sum(axis=1, keepdims=True)) * scale\nreturn a @ k, a.T @ q, P.T @ grad_y"
    ]),
    ("19.4", "all rows at once", [
        "z = x @ W.T\nz -= z.max(axis=1, keepdims=True)\np = np.exp(z)\np /= p.sum(axis=1, keepdims=True)\n"
        "i = np.arange(len(x)), t\nloss = -np.log(p[i]).mean()\np[i] -= 1\np /= len(x)\n"
        "return loss, p @ W, p.T @ x"
    ]),
    ("19.4", "no maximum", [CHUNK.replace("    z -= z.max(axis=1, keepdims=True)\n", "") + END]),
    ("19.4", "the maximum of the chunk", [CHUNK.replace("z.max(axis=1, keepdims=True)", "z.max()") + END]),
]  # fmt: skip
