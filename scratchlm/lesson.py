"""What lessons share: pictures, the engine's code on the page, exercises that numbers judge.

>>> check("2.1", 3 * 2**2 == 12, "the slope of x³ at 2 is 12")
"""

import builtins
import inspect
import os
import sys
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
    """End the lesson with "exercise N.M: message" unless everything in `holds` is true."""
    if not np.all(holds):
        raise AssertionError(f"exercise {exercise}: {message}")


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
    want = np.asarray(getattr(expected, "data", expected), np.float64)
    check_shape(exercise, name, found, want.shape)
    have = np.asarray(getattr(found, "data", found), np.float64)
    size = np.abs(want[np.isfinite(want)]).max(initial=0.0)
    off = ~np.isclose(have, want, rtol=rtol, atol=rtol * size + 1e-12, equal_nan=True)
    if off.any():
        place = tuple(int(k) for k in np.argwhere(off)[0])
        where = "".join(f"[{k}]" for k in place)
        numbers = f"{name}{where} is {have[place]:.6g}, expected {want[place]:.6g}"
        raise AssertionError(f"exercise {exercise}: {numbers}" + (f": {hint}" if hint else ""))
