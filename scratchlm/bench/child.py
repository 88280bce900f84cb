"""One peer, one workload, one fresh process: `python -m scratchlm.bench.child W1 ours 20 2 cpu`.

Prints a JSON object: seconds of each step, seconds from the start of the process to the end of the first
step, and the most memory taken, in bytes: of the process, or of the card by the library's pool.
A step on a card ends when the card has done all of it.
"""

import json
import os
import sys
import time
from dataclasses import replace

WARM_UP = 5  # steps on a card that are not timed: memory pools grow, torch.compile looks at several steps


def started_before() -> float:
    """Seconds since this process was started, from the operating system where it tells (Linux)."""
    try:
        with open("/proc/self/stat") as file:
            ticks = float(file.read().rsplit(")", 1)[1].split()[19])
        with open("/proc/uptime") as file:
            return float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.process_time()


def main() -> None:
    """Run the steps and print what they took."""
    workload, peer, steps, threads, device = sys.argv[1:]
    os.environ["SCRATCHLM_THREADS"] = os.environ["OMP_NUM_THREADS"] = threads  # ours; PyTorch's
    from .growth import POINTS
    from .steps import PEERS, same_precision, waiting
    from .workloads import WORKLOADS

    chosen = (WORKLOADS | POINTS)[workload]
    if peer == "ours":
        step = chosen.ours(device)
    else:
        same_precision()
        step = chosen.torch(replace(PEERS[peer], device=device))
    wait, memory = waiting(peer, device)
    loss = step()
    wait()
    first = started_before()
    for _ in range(WARM_UP if device != "cpu" else 0):
        step()
    wait()
    times = []
    for _ in range(int(steps)):
        begin = time.perf_counter()
        loss = step()
        wait()
        times.append(time.perf_counter() - begin)
    used = memory() if memory else peak_memory()
    print(json.dumps({"seconds": times, "first": first, "memory": used, "loss": loss}))


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
