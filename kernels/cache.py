"""Where compiled kernels are kept: a folder of the user's cache, named after what they were compiled from."""

import atexit
import functools
import hashlib
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path


def cache_home() -> Path:
    """The user's cache folder of scratchlm (environment variable SCRATCHLM_CACHE).

    A user who has no home folder gets one that goes with the process.
    """
    return _lasting() or _passing()


def lasts() -> bool:
    """Whether the cache is there for the next process."""
    return _lasting() is not None


def _lasting() -> Path | None:
    variable, folder = "XDG_CACHE_HOME", ".cache"
    if sys.platform == "win32":
        variable, folder = "LOCALAPPDATA", "."
    if home := os.environ.get("SCRATCHLM_CACHE"):
        return Path(home)
    if home := os.environ.get(variable):
        return Path(home) / "scratchlm"
    try:
        return Path.home() / folder / "scratchlm"
    except RuntimeError:  # a user number without an entry, and no HOME
        return None


@functools.cache
def _passing() -> Path:
    say_not_kept("this user has no home folder")
    folder = Path(tempfile.mkdtemp(prefix="scratchlm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache  # once
def say_not_kept(why: str) -> None:
    """Warn that compiled kernels will not be there for the next process."""
    warnings.warn(
        f"Compiled kernels are not kept ({why}), so that every process compiles them anew: set "
        "SCRATCHLM_CACHE to a folder that has room and can be written to.",
        stacklevel=2,
    )


def digest(parts: Iterable[bytes]) -> str:
    """Twelve hexadecimal digits for these bytes."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
