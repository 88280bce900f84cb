"""What lessons share: pictures, the engine's code on the page, exercises that numbers judge.

>>> check("2.1", 3 * 2**2 == 12, "the slope of x³ at 2 is 12")
"""

import builtins
import inspect
import linecache
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from .fonts import drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

language = "en"  # of what checks say; a lesson in Chinese sets it to "zh"
SENTENCES = {
    "en": {
        "wrong": "exercise {name}: {found}",
        "none": "{name} is None: is there a return?",
        "shape": "{name} has the shape {found}, expected {expected}",
        "type": "{name} is of {found}, expected numbers",
        "number": "{name} is {found:.6g}, expected {expected:.6g}",
        "ended": "{name} ended with {found}",
        "check": "its check ended with {found}; does {name} return what the exercise asks for?",
        "picture": "picture: {name}",
    },
    "zh": {
        "wrong": "练习 {name}：{found}",
        "none": "{name} 是 None：是不是忘了 return？",
        "shape": "{name} 的形状是 {found}，应为 {expected}",
        "type": "{name} 的类型是 {found}，应为数字",
        "number": "{name} 是 {found:.6g}，应为 {expected:.6g}",
        "ended": "{name} 运行出错：{found}",
        "check": "检查时出错：{found}；{name} 返回的是练习所要求的吗？",
        "picture": "图：{name}",
    },
}
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
    """Write a figure to a file; in a notebook, show it too. Chinese is drawn with a font that has it."""
    import matplotlib.pyplot as plt
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    shown, families = drawable([text.get_text() for text in texts])
    if len(families) > 1:
        for text, characters in zip(texts, shown, strict=True):
            text.set(text=characters, fontfamily=families)
    folder().mkdir(parents=True, exist_ok=True)
    figure.savefig(folder() / name, dpi=110, bbox_inches="tight")
    print("  " + _said("picture", name))
    plt.show() if NOTEBOOK else plt.close(figure)


def show_code(*things: Any) -> None:
    """Print the source of classes and functions, as they run."""
    print("\n".join(inspect.getsource(thing) for thing in things))


def _said(sentence: str, name: str, found: Any = None, expected: Any = None) -> str:
    return SENTENCES[language][sentence].format(name=name, found=found, expected=expected)


def _wrong(exercise: str, message: str) -> AssertionError:
    return AssertionError(_said("wrong", exercise, message))


def check(exercise: str, holds: Any, message: str) -> None:
    """End the lesson with "exercise N.M: message" unless `holds` is True, or an array of it everywhere.

    Raises:
        TypeError: it is neither, as a generator, which would always pass.
    """
    truths = np.asarray(getattr(holds, "_data", holds))
    if truths.dtype != bool or truths.size == 0:
        raise TypeError(f"exercise {exercise}: a check is True or False, or an array of them.")
    if not truths.all():
        raise _wrong(exercise, message)


@contextmanager
def tried(exercise: str, what: str) -> Iterator[None]:
    """Around a call of a student's function: what it raises names the exercise, too."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        said = _said("ended", what, f"{type(error).__name__}: {error}")
        raise _wrong(exercise, said) from error


def blamed(error: BaseException) -> str | None:
    """Which exercise an error belongs to, and whether its function or its check ended; None for any other.

    An error that is not a check's belongs to the exercise above it in the same cell of the lesson.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    top = next(((f.f_code, line) for f, line in frames if f.f_code.co_name == "<module>"), None)
    if top is None or isinstance(error, AssertionError):
        return None
    cell = "".join(linecache.getlines(top[0].co_filename)[: top[1]]).rpartition("\n# %%")[2]
    heads = re.findall(
        r"^# (?:exercise|练习) (\d+\.\d+).*\n(?:#.*\n)*(?:def|class) (\w+)", cell, re.MULTILINE
    )
    if not heads:
        return None
    number, function = heads[-1]
    if isinstance(error, NotImplementedError):
        return _said("wrong", number, error)
    inside = any(f.f_code.co_qualname.split(".")[0] == function for f, _ in frames)
    said = _said("ended" if inside else "check", function, f"{type(error).__name__}: {error}")
    return _said("wrong", number, said)


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, BrokenPipeError | KeyboardInterrupt):  # `| head`, Ctrl-C: nothing to be told
        os._exit(141 if kind is BrokenPipeError else 130)
    sys.__excepthook__(kind, error, trace)
    if sentence := blamed(error):
        print(sentence, file=sys.stderr)


if sys.excepthook is sys.__excepthook__:
    sys.excepthook = _hook


def check_shape(exercise: str, name: str, found: Any, shape: tuple[int, ...]) -> None:
    """End the lesson unless `found` is an array, a tensor or a number of that shape."""
    if found is None:
        raise _wrong(exercise, _said("none", name))
    got = getattr(found, "shape", np.shape(found))
    check(exercise, got == shape, _said("shape", name, got, shape))


def check_close(
    exercise: str, name: str, found: Any, expected: Any, hint: str = "", rtol: float = 1e-5
) -> None:
    """End the lesson unless `found` has the shape and, up to rounding, the numbers of `expected`.

    The message has the first number that differs, and the hint.
    """
    want, have = (np.asarray(getattr(x, "_data", x)) for x in (expected, found))
    check_shape(exercise, name, found, want.shape)
    if have.dtype.kind not in "fiu":
        raise _wrong(exercise, _said("type", name, have.dtype))
    size = np.abs(want[np.isfinite(want)]).max(initial=0.0)
    share = (
        rtol if np.float32 in (want.dtype, have.dtype) else 1e-9
    )  # of the largest: what rounding leaves of it
    off = ~np.isclose(have, want, rtol=rtol, atol=share * size + 1e-12, equal_nan=True)
    if off.any():
        place = tuple(int(k) for k in np.argwhere(off)[0])
        where = "".join(f"[{k}]" for k in place)
        numbers = _said("number", name + where, have[place], want[place])
        raise _wrong(exercise, numbers + (f": {hint}" if hint else ""))
