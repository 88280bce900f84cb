#!/usr/bin/env bash
# torch.sinh and torch.cosh of float32 numbers between about 88.72 and 89.41, whose results float32 can hold.
#
# torch 2.13.0 (CPU, x86-64), NumPy 2.4.6, CPython 3.11, 2026-11-28. sinh 88.8 = 1.84e38, the largest float32 is
# 3.40e38. A tensor of 8 elements gives that; in one of 33 equal elements the first are inf (those that go through
# the vector code) and the last is 1.84e38: equal inputs in one tensor have unequal results. NumPy gives 1.84e38.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$work"
found=$(
  venv/bin/python - <<'PYTHON'
import numpy as np
import torch

few, many = torch.full((8,), 88.8), torch.full((33,), 88.8)
for function in (torch.sinh, torch.cosh):
    y = function(many)
    print(f"{function(few)[0]:.3g} {y[0]:.3g} {y[-1]:.3g} {np.sinh(np.float32(88.8)):.3g}")
PYTHON
)
echo "$found"
expected='1.84e+38 inf 1.84e+38 1.84e+38
1.84e+38 inf 1.84e+38 1.84e+38'
[ "$found" = "$expected" ] || { echo "it behaves otherwise now; expected: $expected" >&2; exit 1; }
