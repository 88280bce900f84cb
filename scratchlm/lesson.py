"""What lessons share: pictures, the engine's code on the page, exercises that numbers judge.

>>> check("2.1", 3 * 2**2 == 12, "the slope of x³ at 2 is 12")
"""

import builtins
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTEBOOK = hasattr(builtins, "__IPYTHON__")
if not NOTEBOOK:
    os.environ.setdefault("MPLBACKEND", "Agg")  # needs no screen
    if "matplotlib" in sys.modules:  # which has read that already
        sys.modules["matplotlib"].use(os.environ["MPLBACKEND"])
for stream in (sys.stdout, sys.stderr):
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # a Chinese Windows writes GBK into files, which has no 𝜃


def folder() -> Path:
    """Where pictures go: SCRATCHLM_PICTURES, or `pictures` beside the lesson that runs."""
    if "SCRATCHLM_PICTURES" in os.environ:
        return Path(os.environ["SCRATCHLM_PICTURES"])
    main = getattr(sys.modules["__main__"], "__file__", None)
    return (Path(main).parent if main and not NOTEBOOK else Path.cwd()) / "pictures"


def save_picture(figure: "Figure", name: str) -> None:
    """Write a figure to a file; in a notebook, show it too."""
    import matplotlib.pyplot as plt

    folder().mkdir(parents=True, exist_ok=True)
    figure.savefig(folder() / name, dpi=110, bbox_inches="tight")
    print(f"  picture: {name}")
    plt.show() if NOTEBOOK else plt.close(figure)


def show_code(*things: Any) -> None:
    """Print the source of classes and functions, as they run."""
    print("\n".join(inspect.getsource(thing) for thing in things))


def check(exercise: str, holds: Any, message: str) -> None:
    """End the lesson with "exercise N.M: message" unless `holds` is True, or an array of it everywhere.

    Raises:
        TypeError: it is neither, as a generator, which would always pass.
    """
    truths = np.asarray(getattr(holds, "_data", holds))
    if truths.dtype != bool or truths.size == 0:
        raise TypeError(f"exercise {exercise}: a check is True or False, or an array of them.")
    if not truths.all():
        raise AssertionError(f"exercise {exercise}: {message}")


@contextmanager
def tried(exercise: str, what: str) -> Iterator[None]:
    """Around a call of a student's function: what it raises names the exercise, too."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise AssertionError(f"exercise {exercise}: {what} ended with {said}") from error


def check_shape(exercise: str, name: str, found: Any, shape: tuple[int, ...]) -> None:
    """End the lesson unless `found` is an array, a tensor or a number of that shape."""
    if found is None:
        raise AssertionError(f"exercise {exercise}: {name} is None: is there a return?")
    got = getattr(found, "shape", np.shape(found))
    check(exercise, got == shape, f"{name} has the shape {got}, expected {shape}")


def check_close(
    exercise: str, name: str, found: Any, expected: Any, hint: str = "", rtol: float = 1e-5
) -> None:
    """End the lesson unless `found` has the shape and, up to rounding, the numbers of `expected`.

    The message has the first number that differs, and the hint.
    """
    want, have = (np.asarray(getattr(x, "_data", x)) for x in (expected, found))
    check_shape(exercise, name, found, want.shape)
    if have.dtype.kind not in "fiu":
        raise AssertionError(f"exercise {exercise}: {name} is of {have.dtype}, expected numbers")
    size = np.abs(want[np.isfinite(want)]).max(initial=0.0)
    share = (
        rtol if np.float32 in (want.dtype, have.dtype) else 1e-9
    )  # of the largest: what rounding leaves of it
    off = ~np.isclose(have, want, rtol=rtol, atol=share * size + 1e-12, equal_nan=True)
    if off.any():
        place = tuple(int(k) for k in np.argwhere(off)[0])
        where = "".join(f"[{k}]" for k in place)
        numbers = f"{name}{where} is {have[place]:.6g}, expected {want[place]:.6g}"
        raise AssertionError(f"exercise {exercise}: {numbers}" + (f": {hint}" if hint else ""))
