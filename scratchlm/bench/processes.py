"""Fresh processes, one after another, and whether other work disturbs them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from ..errors import OptionError


def run_child(
    name: str, peer: str, steps: int, threads: int, device: str, cold: bool = False
) -> dict[str, Any]:
    """What one run of a workload took: `seconds` of each step, `first` (seconds), `memory` (bytes), `loss`.

    Args:
        cold: with an empty cache of compiled kernels, which is deleted afterwards.

    Raises:
        OptionError: the process failed; the peer may not be installed.
    """
    arguments = name, peer, str(steps), str(threads), device
    if not cold:
        return run_module("child", arguments, f"{peer} could not run {name}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        empty = {"SCRATCHLM_CACHE": folder, "CUPY_CACHE_DIR": folder}
        return run_module("child", arguments, f"{peer} could not run {name} with an empty cache", empty)


def run_module(
    module: str, arguments: tuple[str, ...], complaint: str, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object in the last line that `python -m scratchlm.bench.MODULE ARGUMENTS` prints.

    -P: a checkout in the current folder must not hide the installed package.

    Raises:
        OptionError: the process failed; the sentence begins with `complaint`.
    """
    command = [sys.executable, "-P", "-m", f"scratchlm.bench.{module}", *arguments]
    surroundings = {**os.environ, **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        hint = "; install it with pip install torch" if "No module named 'torch'" in last else ""
        raise OptionError(f"{complaint}: {last}{hint}.")
    return json.loads(done.stdout.splitlines()[-1])


def busy_processors(seconds: float = 0.5) -> float:
    """How many processors other programs keep busy while this one sleeps; 0 where Linux does not tell.

    The load average would not do: it still holds what the pairs before have caused.
    """

    def times() -> tuple[int, int]:
        with open("/proc/stat") as file:
            numbers = [int(number) for number in file.readline().split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]  # all ticks; idle and waiting for a disk

    try:
        before = times()
        time.sleep(seconds)
        after = times()
    except OSError:
        return 0.0
    every, idle = after[0] - before[0], after[1] - before[1]
    return (os.cpu_count() or 1) * (1 - idle / every) if every else 0.0
