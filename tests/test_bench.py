"""The comparison beside PyTorch: what a child process is started with."""

import sys
from types import SimpleNamespace

from scratchlm.bench import compare


def test_a_child_process_does_not_find_the_checkout_it_is_started_in(monkeypatch):
    seen = []

    def run(command, **_):
        seen.extend(command)
        return SimpleNamespace(returncode=0, stdout='{"seconds": [1]}\n', stderr="")

    monkeypatch.setattr(compare.subprocess, "run", run)
    assert compare._child("W1", "ours", 20, 2) == {"seconds": [1]}
    assert seen[0] == sys.executable
    assert "-P" in seen[: seen.index("-m")]
    assert seen[seen.index("-m") + 1 :] == ["scratchlm.bench.child", "W1", "ours", "20", "2"]
