"""Memory of the cpu set: kept when it is freed, in large pages where Linux has them."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

CODE = """
import re, resource
import numpy as np
import scratchlm.kernels.cpu
def large():
    with open("/proc/self/smaps_rollup") as file:
        return int(re.search(r"AnonHugePages: *([0-9]+)", file.read())[1])
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
arrays = [np.ones(1 << 17) for _ in range(40)]  # 1 MB each: of larger ones NumPy asks for large pages itself
del arrays
before = faults()
arrays = [np.ones(1 << 17) for _ in range(40)]
print(large(), faults() - before)
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc"
)
def test_arrays_that_come_again_live_in_large_pages_that_are_there_already():
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    kilobytes, faults = map(int, found.stdout.split())
    assert faults < 100  # 10,000 where freed memory is given back
    if not PAGES.exists() or "[never]" in PAGES.read_text():
        pytest.skip("this Linux has no large pages")
    assert kilobytes >= 30 * 1024
