"""Where compiled kernels are kept: a folder of the user's cache, named after what they were compiled from."""

import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path


def cache_home() -> Path:
    """The user's cache folder of scratchlm (environment variable SCRATCHLM_CACHE)."""
    if home := os.environ.get("SCRATCHLM_CACHE"):
        return Path(home)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "scratchlm"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scratchlm"


def digest(parts: Iterable[bytes]) -> str:
    """Twelve hexadecimal digits for these bytes."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
