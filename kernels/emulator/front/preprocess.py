"""The text of a .cu as a preprocessor sees it: files put in, comments and left-out branches blank.

Lines keep their numbers, and `#line` names the file.
"""

import re
from pathlib import Path

from ..errors import KernelError

# What cuda.h has already, as far as a kernel may use it, and what only the host uses.
KNOWN = r"(?:(?:assert|float|limits|math|stddef|stdint|string|math_constants)\.h"
KNOWN += r"|cooperative_groups(?:/reduce|/scan)?\.h"
KNOWN += r"|c(?:assert|float|limits|math|stddef|stdint|string)|device_\w+(?:\.h)?)"
OWN = r"(?:cuda_(?:fp|bf)16|cuComplex|cublas(?:Lt|_v2))\.h"  # in runtime/include
HOSTS = r"(?:cuda(?:_runtime\w*|_profiler_api|Profiler)?(?:\.h)?|cu(?:blas|dnn|fft|solver|sparse)\w*\.h"
HOSTS += r"|(?:complex|ctype|curand|errno|inttypes|omp|setjmp|signal|stdarg|stdbool|stdio|stdlib|time)\.h"
HOSTS += r"|unistd\.h|sys/\w+\.h|thrust/[\w/]+\.h|(?!cuda)[a-z_]+)"


def expand(path: Path, seen: set[Path] | None = None) -> str:
    """The text of a file with its own `#include "…"` put in, once each; NVRTC takes it too."""
    seen = set() if seen is None else seen
    seen.add(path.resolve())
    lines = [f'#line 1 "{path.as_posix()}"']
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path.name} is not UTF-8 at byte {error.start + 1:,}: save it with that encoding."
        raise KernelError("compile", message) from None
    except OSError as error:
        raise KernelError("launch", f"{path} cannot be read: {error.strerror}.") from None
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        inner = path.parent / found[1] if found else path
        if not found or (not inner.is_file() and re.fullmatch(f"{KNOWN}|{OWN}|{HOSTS}", found[1])):
            lines.append(line)
            continue
        if not inner.is_file():
            raise KernelError("compile", f"There is no file {found[1]} to include.", path.name, number)
        if inner.resolve() not in seen:
            lines.append(expand(inner, seen))
        lines.append(f'#line {number + 1} "{path.as_posix()}"')
    return "\n".join(lines) + "\n"


STRING = r'"(?:\\.|[^"\\\n])*"'


def blank(found: re.Match) -> str:
    """What was found as blanks; lines stay."""
    return re.sub(r"[^\n]", " ", found[0])


def without_comments(text: str) -> str:
    """Comments as blanks of the same length; strings stay."""
    pattern = rf"{STRING}|//[^\n]*|/\*.*?\*/"
    return re.sub(pattern, lambda m: m[0] if m[0][0] == '"' else blank(m), text, flags=re.S)


# What is said of EMULATOR, which is defined, and of nothing else.
HOLDS = r"ifdef EMULATOR|if (1|EMULATOR|defined ?\(? ?EMULATOR ?\)?)"
FAILS = r"ifndef EMULATOR|if (0|! ?EMULATOR|! ?defined ?\(? ?EMULATOR ?\)?)"


def _value(condition: str) -> bool | None:
    """Of `ifdef EMULATOR`, `if 0` and the like; None where only the compiler can tell."""
    plain = " ".join(condition.removeprefix("el").split())
    return True if re.fullmatch(HOLDS, plain) else False if re.fullmatch(FAILS, plain) else None


def chosen(text: str) -> str:
    """The text without what its conditions on EMULATOR leave out: no kernels, and nothing to refuse."""
    rows, outer = text.split("\n"), list[tuple[bool, bool | None]]()
    here = True  # does this row count?
    taken: bool | None = True  # has a branch of its #if been taken? None: perhaps
    for k, row in enumerate(rows):
        found = re.match(r"\s*#\s*((if|ifdef|ifndef|elif|else|endif)\b.*)", row)
        if row.startswith("#line ") or (not found and here):
            continue
        rows[k] = ""
        if not found:
            continue
        if found[2].startswith("if"):
            outer.append((here, taken))
            value = _value(found[1])
            rows[k] = row if here and value is None else ""
            here, taken = here and value is not False, value
        elif outer and found[2] in ("elif", "else"):
            around = outer[-1][0]
            value = True if found[2] == "else" else _value(found[1])
            if taken is None:  # the compiler has the #if
                rows[k], here = row if around else "", around and value is not False
            elif taken:
                here = False
            else:
                rows[k] = row.replace("elif", "if", 1) if around and value is None else ""
                here, taken = around and value is not False, value
        elif outer:
            (here, before), known = outer.pop(), taken
            rows[k], taken = row if here and known is None else "", before
    return "\n".join(rows)


def certain(text: str) -> str:
    """The text without branches that only the compiler can choose: what has no meaning may stand there."""
    rows, hidden = text.split("\n"), list[bool]()
    for k, row in enumerate(rows):
        if found := re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b", row):
            if found[1].startswith("if"):
                hidden.append(found[1] != "ifndef")  # most often the guard of a header
            elif hidden:
                hidden.pop()
                hidden += [found[1] == "elif"] if found[1] != "endif" else []
        elif any(hidden) and not row.startswith("#line "):
            rows[k] = ""
    return "\n".join(rows)


def place(text: str, at: int) -> tuple[str, int]:
    """File and line of a position, by the last #line before it."""
    path, line = full_place(text, at)
    return Path(path).name, line


def full_place(text: str, at: int) -> tuple[str, int]:
    """The same with the whole path, as #line has it."""
    file, line = "<source>", 1
    for row in text[:at].split("\n")[:-1]:
        found = re.match(r'#line (\d+) "(.*)"', row)
        file, line = (found[2], int(found[1])) if found else (file, line + 1)
    return file, line


def unclosed(text: str) -> tuple[str, int] | None:
    """File and line of the first { that has no }; None where each has one."""
    opened = []
    for token in re.finditer(rf"{STRING}|'(?:\\.|[^'\\\n])+'|[{{}}]", text):
        if token[0] == "{":
            opened.append(token.start())
        elif token[0] == "}" and opened:
            opened.pop()
    return place(text, opened[0]) if opened else None
