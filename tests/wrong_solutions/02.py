"""Plausible wrong solutions of lesson 2: exercise, what is wrong, the lines for each pair of markers."""

WRONG = [
    ("2.1", "forward gives 0", ["return 0 * x", "return 0 * grad_y"]),
    ("2.1", "a square", ["self.save(x)\nreturn x * x", "(x,) = self.saved\nreturn 2 * x * grad_y"]),
    ("2.1", "no incoming gradient", ["self.save(x)\nreturn x**3", "(x,) = self.saved\nreturn 3 * x * x"]),
    ("2.1", "the factor 3 forgotten", ["self.save(x)\nreturn x**3", "(x,) = self.saved\nreturn x * x * grad_y"]),
    ("2.1", "the slope of x²", ["self.save(x)\nreturn x**3", "(x,) = self.saved\nreturn 2 * x * grad_y"]),
    ("2.1", "y saved for x", ["y = x**3\nself.save(y)\nreturn y", "(y,) = self.saved\nreturn 3 * y * y * grad_y"]),
    ("2.1", "3y/x, no number at 0", [
        "y = x * x * x\nself.save(x, y)\nreturn y", "x, y = self.saved\nreturn 3 * y / x * grad_y"
    ]),
    ("2.1", "x overwritten by y", [
        "self.save(x.copy())\nx *= x * x\nreturn x", "(x,) = self.saved\nreturn 3 * x * x * grad_y"
    ]),
    ("2.2", "as it came", ["return grad"]),
    ("2.2", "axes in front alone", ["while grad.ndim > len(shape):\n    grad = grad.sum(axis=0)\nreturn grad"]),
    ("2.2", "a number always", ["return grad.sum()"]),
    ("2.2", "a mean", [
        "while grad.ndim > len(shape):\n    grad = grad.mean(axis=0)\n"
        "for axis, n in enumerate(shape):\n    if n == 1:\n        grad = grad.mean(axis=axis, keepdims=True)\n"
        "return grad"
    ]),
    ("2.2", "the first row", [
        "while grad.ndim > len(shape):\n    grad = grad[0]\n"
        "for axis, n in enumerate(shape):\n    if n == 1:\n        grad = grad.take([0], axis=axis)\nreturn grad"
    ]),
    ("2.2", "without keepdims", [
        "while grad.ndim > len(shape):\n    grad = grad.sum(axis=0)\n"
        "for axis, n in reversed(list(enumerate(shape))):\n    if n == 1:\n        grad = grad.sum(axis=axis)\nreturn grad"
    ]),
    ("2.2", "nothing returned", ["grad.sum(axis=0)"]),
]  # fmt: skip
