"""What `scratchlm bench --json FILE` wrote, as Markdown: `python -m scratchlm.bench.table FILE…`."""

import json
import sys
from pathlib import Path
from typing import Any

from ..errors import DataError, ScratchLMError

HEAD = ("what", "ours", "peer", "ratio (pairs)", "memory", "first step after (without compiled kernels)")


def rows(*texts: str) -> list[str]:
    """The lines of a Markdown table, two of its head and one a workload and peer, from JSON texts.

    Raises:
        DataError: a text is not what `scratchlm bench --json` writes.
    """
    try:
        found = [r for text in texts for r in json.loads(text)["workloads"]]
        return [_line(HEAD), "|---" * len(HEAD) + "|", *map(_row, found)]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"This is not what `scratchlm bench --json FILE` of this version writes ({error}): measure again."
        ) from None


def _row(r: dict[str, Any]) -> str:
    cold, share = r["cold_first_step_seconds"], r["share_of_bound"]
    products = f" ({r['gflops_per_second']:.0f} GFLOP/s, {100 * share:.0f} % of the bound)" if share else ""
    without = f" ({cold:.2f} s)" if cold is not None else ""
    return _line(
        (
            f"{r['name']}: {r['description']}",
            f"{r['milliseconds']:.2f} ms{products}",
            f"{r['peer']} {r['peer_milliseconds']:.2f} ms",
            f"{r['ratio']:.2f}× ({r['ratio_low']:.2f} to {r['ratio_high']:.2f}, {r['pairs']} pairs)",
            f"{r['memory_mb']:.0f} of {r['peer_memory_mb']:.0f} MB: {r['memory_ratio']:.2f}×",
            f"{r['first_step_seconds']:.2f} s{without}, {r['peer']} {r['peer_first_step_seconds']:.2f} s",
        )
    )


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table of the files named on the command line."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m scratchlm.bench.table FILE.json…")
    try:
        print("\n".join(rows(*(Path(name).read_text(encoding="utf-8") for name in sys.argv[1:]))))
    except (ScratchLMError, OSError) as error:
        print(f"scratchlm: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
