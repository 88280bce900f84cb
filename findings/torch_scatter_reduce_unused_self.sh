#!/usr/bin/env bash
# The gradient of PyTorch's scatter_reduce("amax", include_self=False) where an element that does not count
# happens to equal the largest of those that do.
#
# torch 2.13.0 (CPU), NumPy 2.4.6, CPython 3.11, 2026-11-28. y = max of the sources alone, so ∂y/∂source = 1 for
# the only largest one. PyTorch answers 0.5 where x, which is left out, has the same value, and 1 where it has
# another; the other half goes nowhere (the gradient of x is 0 in both). A difference quotient gives 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$work"
found=$(
  venv/bin/python - <<'PYTHON'
import torch


def largest(start, source):
    x = torch.tensor([start], dtype=torch.float64, requires_grad=True)
    s = torch.tensor([source, 0.0], dtype=torch.float64, requires_grad=True)
    y = x.scatter_reduce(0, torch.tensor([0, 0]), s, "amax", include_self=False)
    y.sum().backward()
    return y.item(), x.grad.tolist(), s.grad.tolist()


step = 1e-6
quotient = (largest(1.0, 1 + step)[0] - largest(1.0, 1 - step)[0]) / (2 * step)
print(largest(1.0, 1.0), largest(-5.0, 1.0), round(quotient, 6))
PYTHON
)
echo "$found"
expected='(1.0, [0.0], [0.5, 0.0]) (1.0, [0.0], [1.0, 0.0]) 1.0'
[ "$found" = "$expected" ] || { echo "it behaves otherwise now; expected: $expected" >&2; exit 1; }
