"""What `scratchlm bench --json FILE` wrote, as Markdown: `python -m scratchlm.bench.table FILE…`."""

import json
import sys
from pathlib import Path
from typing import Any

from ..errors import DataError, ScratchLMError


def rows(*texts: str) -> list[str]:
    """The lines of a Markdown table from JSON texts: a row a workload, a column a peer.

    A peer's cell is the median ratio of the pairs, with the smallest and the largest; above 1 ours is ahead.
    Ours, memory and first step are those of the workload's first comparison.

    Raises:
        DataError: a text is not what `scratchlm bench --json` writes.
    """
    try:
        found: dict[str, dict[str, dict[str, Any]]] = {}  # name → peer → result
        for text in texts:
            for r in json.loads(text)["workloads"]:
                found.setdefault(r["name"], {})[r["peer"]] = r
        peers = list(dict.fromkeys(peer for by_peer in found.values() for peer in by_peer))
        peers = [peer for peer in peers if peer]  # "" where ours ran alone
        head = ("what", "ours", *(f"beside {peer}" for peer in peers), "memory", "first step")
        return [_line(head), "|---" * len(head) + "|", *(_row(by_peer, peers) for by_peer in found.values())]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"This is not what `scratchlm bench --json FILE` of this version writes ({error}): measure again."
        ) from None


def _row(by_peer: dict[str, dict[str, Any]], peers: list[str]) -> str:
    r = next(iter(by_peer.values()))
    cold, share = r["cold_first_step_seconds"], r["share_of_bound"]
    return _line(
        (
            f"{r['name']}: {r['description']}",
            f"{r['milliseconds']:.2f} ms" + (f", {100 * share:.0f} % of the bound" if share else ""),
            *(_ratio(by_peer.get(peer)) for peer in peers),
            f"{r['memory_mb']:.0f} MB" + (f", {r['memory_ratio']:.2f}× {r['peer']}'s" if r["peer"] else ""),
            f"{r['first_step_seconds']:.1f} s" + (f", cold {cold:.1f} s" if cold is not None else ""),
        )
    )


def _ratio(r: dict[str, Any] | None) -> str:
    return "" if r is None else f"{r['ratio']:.2f}× ({r['ratio_low']:.2f} to {r['ratio_high']:.2f})"


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
