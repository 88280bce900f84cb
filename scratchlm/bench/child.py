"""One peer, one workload, one fresh process: `python -m scratchlm.bench.child W1 ours 20 2`.

Prints a JSON object: seconds of each step, seconds from the start of the process to the end of the first
step, and the largest resident memory in bytes.
"""

import json
import os
import sys
import time


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
    workload, peer, steps, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    os.environ["SCRATCHLM_THREADS"] = os.environ["OMP_NUM_THREADS"] = threads  # ours; PyTorch's
    from .workloads import WORKLOADS

    chosen = WORKLOADS[workload]
    step = chosen.ours() if peer == "ours" else chosen.torch(fused=peer == "torch-fused")
    loss = step()
    first = started_before()
    times = []
    for _ in range(steps):
        begin = time.perf_counter()
        loss = step()
        times.append(time.perf_counter() - begin)
    print(json.dumps({"seconds": times, "first": first, "memory": peak_memory(), "loss": loss}))


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
