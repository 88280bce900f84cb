"""Plausible wrong solutions of lesson 13: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("13.1", "nothing is hidden behind the end", ["return ids[:, :-1], ids[:, 1:]"]),
    (
        "13.1",
        "targets not shifted",
        [
            "counted = np.arange(ids.shape[1] - 1) < np.asarray(lengths)[:, None]\n"
            "return ids[:, :-1], np.where(counted, ids[:, :-1], -100)"
        ],
    ),
    (
        "13.1",
        "one target too many",
        [
            "counted = np.arange(ids.shape[1] - 1) < np.asarray(lengths)[:, None]\n"
            "return ids[:, :-1], np.where(counted, ids[:, 1:], -100)"
        ],
    ),
    (
        "13.1",
        "0 instead of −100",
        [
            "counted = np.arange(1, ids.shape[1]) < np.asarray(lengths)[:, None]\n"
            "return ids[:, :-1], np.where(counted, ids[:, 1:], 0)"
        ],
    ),
    (
        "13.1",
        "the whole row goes in",
        [
            "counted = np.arange(1, ids.shape[1]) < np.asarray(lengths)[:, None]\n"
            "return ids, np.where(counted, ids[:, 1:], -100)"
        ],
    ),
    ("13.2", "always a mask", ["return np.where(chosen, mask, ids), np.where(chosen, ids, -100)"]),
    (
        "13.2",
        "kept tokens are not asked",
        [
            "inputs = np.where(chosen & (fate < 0.8), mask, ids)\ninputs = np.where(chosen & (fate >= 0.9), drawn, inputs)\n"
            "return inputs, np.where(chosen & (inputs != ids), ids, -100)"
        ],
    ),
    (
        "13.2",
        "drawn wherever fate says so",
        [
            "inputs = np.where(chosen & (fate < 0.8), mask, ids)\n"
            "return np.where(fate >= 0.9, drawn, inputs), np.where(chosen, ids, -100)"
        ],
    ),
    (
        "13.2",
        "every place is asked",
        [
            "inputs = np.where(chosen & (fate < 0.8), mask, ids)\n"
            "return np.where(chosen & (fate >= 0.9), drawn, inputs), ids"
        ],
    ),
    (
        "13.2",
        "ids are changed",
        [
            "targets = np.where(chosen, ids, -100)\nids[chosen & (fate >= 0.9)] = drawn[chosen & (fate >= 0.9)]\n"
            "ids[chosen & (fate < 0.8)] = mask\nreturn ids, targets"
        ],
    ),
    (
        "13.2",
        "drawn and kept exchanged",
        [
            "inputs = np.where(chosen & (fate < 0.8), mask, ids)\n"
            "inputs = np.where(chosen & (fate >= 0.8) & (fate < 0.9), drawn, inputs)\n"
            "return inputs, np.where(chosen, ids, -100)"
        ],
    ),
    (
        "13.3",
        "by name alone",
        [
            "state = {name: (old[name] if name in old else a).copy() for name, a in new.items()}\n"
            "return state, sorted(set(new) - set(old))"
        ],
    ),
    (
        "13.3",
        "all of the old names, too",
        [
            "state = {**{n: a.copy() for n, a in new.items()}, **{n: a.copy() for n, a in old.items() "
            "if n not in new or new[n].shape == a.shape}}\n"
            "return state, sorted(n for n in new if n not in old or old[n].shape != new[n].shape)"
        ],
    ),
    (
        "13.3",
        "no copies",
        [
            "fits = {n: n in old and old[n].shape == a.shape for n, a in new.items()}\n"
            "return {n: old[n] if fits[n] else new[n] for n in new}, sorted(n for n in new if not fits[n])"
        ],
    ),
    (
        "13.3",
        "names of what was kept",
        [
            "fits = {n: n in old and old[n].shape == a.shape for n, a in new.items()}\n"
            "return {n: (old[n] if fits[n] else new[n]).copy() for n in new}, sorted(n for n in new if fits[n])"
        ],
    ),
    ("13.3", "everything new", ["return {n: a.copy() for n, a in new.items()}, ['bias', 'head', 'out']"]),
    (
        "13.4",
        "the first that fits",
        [
            "moved = {}\nfor name, theta in parameters.items():\n"
            "    alpha = next((r for b, r in rates.items() if name.startswith(b)), 0.0)\n"
            "    moved[name] = theta - alpha * gradients[name]\nreturn moved"
        ],
    ),
    (
        "13.4",
        "the last that fits",
        [
            "moved = {}\nfor name, theta in parameters.items():\n"
            "    alpha = ([r for b, r in rates.items() if name.startswith(b)] or [0.0])[-1]\n"
            "    moved[name] = theta - alpha * gradients[name]\nreturn moved"
        ],
    ),
    (
        "13.4",
        "in place",
        [
            "for name, theta in parameters.items():\n"
            "    fitting = [b for b in rates if name.startswith(b)]\n"
            "    theta -= (rates[max(fitting, key=len)] if fitting else 0.0) * gradients[name]\nreturn parameters"
        ],
    ),
    (
        "13.4",
        "the other sign",
        [
            "moved = {}\nfor name, theta in parameters.items():\n"
            "    fitting = [b for b in rates if name.startswith(b)]\n"
            "    moved[name] = theta + (rates[max(fitting, key=len)] if fitting else 0.0) * gradients[name]\nreturn moved"
        ],
    ),
    (
        "13.4",
        "what none fits moves",
        [
            "moved = {}\nfor name, theta in parameters.items():\n"
            "    fitting = [b for b in rates if name.startswith(b)]\n"
            "    moved[name] = theta - (rates[max(fitting, key=len)] if fitting else 0.1) * gradients[name]\nreturn moved"
        ],
    ),
    ("13.1", "padding guessed from the id 0", ["return ids[:, :-1], np.where(ids[:, 1:] != 0, ids[:, 1:], -100)"]),
    ("13.1", "ids are changed", [
        "t = ids[:, 1:]\nt[np.arange(1, ids.shape[1]) >= np.asarray(lengths)[:, None]] = -100\n"
        "return ids[:, :-1].copy(), t"
    ]),
    ("13.1", "ids are changed after the inputs are copied", [
        "i, t = ids[:, :-1].copy(), ids[:, 1:]\n"
        "t[np.arange(1, ids.shape[1]) >= np.asarray(lengths)[:, None]] = -100\nreturn i, t"
    ]),
    ("13.3", "size instead of shape", [
        "s, f = {}, []\nfor n, a in new.items():\n    ok = n in old and old[n].size == a.size\n"
        "    s[n] = (old[n] if ok else a).copy()\n    f += [] if ok else [n]\nreturn s, sorted(f)"
    ]),
    ("13.3", "first axis alone", [
        "s, f = {}, []\nfor n, a in new.items():\n    ok = n in old and len(old[n]) == len(a)\n"
        "    s[n] = (old[n] if ok else a).copy()\n    f += [] if ok else [n]\nreturn s, sorted(f)"
    ]),
    ("13.3", "the new model's arrays not copied", [
        "s, f = {}, []\nfor n, a in new.items():\n    ok = n in old and old[n].shape == a.shape\n"
        "    s[n] = old[n].copy() if ok else a\n    f += [] if ok else [n]\nreturn s, sorted(f)"
    ]),
    ("13.4", "anywhere in the name", [
        "m = {}\nfor n, p in parameters.items():\n    fit = [b for b in rates if b in n]\n"
        "    m[n] = p - (rates[max(fit, key=len)] if fit else 0.0) * gradients[n]\nreturn m"
    ]),
    ("13.4", "frozen ones are the old arrays", [
        "m = {}\nfor n, p in parameters.items():\n    fit = [b for b in rates if n.startswith(b)]\n"
        "    m[n] = p - rates[max(fit, key=len)] * gradients[n] if fit else p\nreturn m"
    ]),
    ("13.4", "whole parts between dots alone", [
        'm = {}\nfor n, p in parameters.items():\n    parts = n.split(".")\n'
        '    fit = [b for b in rates if b in ["", *(".".join(parts[:i + 1]) for i in range(len(parts)))]]\n'
        "    m[n] = p - (rates[max(fit, key=len)] if fit else 0.0) * gradients[n]\nreturn m"
    ]),
    ("13.2", "fate 0.8 taken for less, 0.9 not for more", [
        "i = np.where(chosen & (fate <= 0.8), mask, ids)\ni = np.where(chosen & (fate > 0.9), drawn, i)\n"
        "return i, np.where(chosen, ids, -100)"
    ]),
]  # fmt: skip
