#!/usr/bin/env bash
# A NumPy array that is not in C order, such as the transpose of a matrix, saved by safetensors and read back.
#
# safetensors 0.8.0, NumPy 2.4.6, CPython 3.11, 2026-11-27. The file's header has the transposed shape, its bytes
# are those of the original order: [[0, 3], [1, 4], [2, 5]] is read back as [[0, 1], [2, 3], [4, 5]], without an
# error or a warning. np.ascontiguousarray before saving helps; scratchlm does so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$work"
found=$(
  venv/bin/python - <<'PYTHON'
import numpy as np
from safetensors.numpy import load_file, save_file

matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
save_file({"turned": matrix.T, "in order": np.ascontiguousarray(matrix.T)}, "arrays.safetensors")
read = load_file("arrays.safetensors")
print(read["turned"].tolist(), read["in order"].tolist())
PYTHON
)
echo "$found"
expected='[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]] [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]'
[ "$found" = "$expected" ] || { echo "it behaves otherwise now; expected: $expected" >&2; exit 1; }
