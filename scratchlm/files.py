"""Files that are whole or absent: written aside, then renamed over what was there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import CheckpointError

ASIDE = ".aside"  # how the name of a file ends that is not yet whole


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it to `path` at the end of the block.

    A crash, a kill or a full disk at any moment leaves what was at `path` as it was.

    Raises:
        CheckpointError: the folder cannot be written to, or the disk is full.
    """
    aside = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=ASIDE, dir=path.parent)
        os.close(handle)
        aside = Path(name)
        yield aside
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())  # the bytes first, then the name
        os.chmod(aside, 0o666 & ~_umask())
        os.replace(aside, path)
    except OSError as error:
        raise CheckpointError(
            f"Cannot write {path}: {error.strerror or error}; nothing that was there is lost. "
            "Free some space, or choose another folder."
        ) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, or leave it as it was. Errors as `written_aside`."""
    with written_aside(path) as aside:
        aside.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Replace the file at `path` by UTF-8 text, or leave it as it was. Errors as `written_aside`."""
    write_bytes(path, content.encode())


def remove_asides(folder: Path) -> None:
    """Remove what a killed process was writing in a folder and never renamed."""
    for path in folder.glob(f".*{ASIDE}"):
        path.unlink(missing_ok=True)
