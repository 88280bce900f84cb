"""From a .cu to C++ that a CPU compiler takes: includes put in, shared variables found, kernels listed.

Lines keep their numbers: everything is replaced within its line, and `#line` names the file.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .errors import KernelError

# What has no meaning on a CPU that runs one thread after another, and what to do instead.
REFUSED = {
    r"\basm\b": "inline PTX: give it a plain C++ path",
    r"\bcp_async|__pipeline_\w+|\bcuda::pipeline\b|\bmemcpy_async\b": "cp.async: use plain loads and stores",
    r"\bwgmma\w*|\bmma_sync\b|\bwmma\b|\bmma\.h\b": "tensor cores: give it a path with plain products",
    r"\bcooperative_groups\b|\bgrid_group\b|\bthis_grid\b": "a wait for the whole grid: launch twice",
    r"\bcuda::barrier\b|\bmbarrier\w*|\bcluster_\w+": "barriers in memory and clusters: use __syncthreads",
    r"<<<": "launches in C++: launch from Python",
    r"\bcuda_fp16\.h|\bcuda_bf16\.h|\b__half2?\b|\b__nv_bfloat16\b": "16-bit floats: compute in float",
    r"\b__activemask\b": "__activemask: pass the mask that you mean",
    r"\b__nanosleep\b|\bclock64\b|\bclock\s*\(": "clocks: time kernels on a GPU",
    r"\btex[123]D\w*|\bsurf[123]D\w*": "textures: read the array itself",
}
GAP = 256  # bytes before and after each shared array, so that an index past its end meets nothing
# What cuda.h has already; as far as they are C's, they would put back an `assert` that ends the process.
KNOWN = r"c?assert|c?(?:float|limits|math|stdint|stdio|stdlib|string)|cuda|cuda_runtime\w*|device_\w+"


@dataclass(frozen=True)
class Source:
    """A .cu, ready to compile.

    Attributes:
        name: for messages; the file's name or "<source>".
        text: C++ for the compiler.
        kernels: parameter names of each kernel, in order.
    """

    name: str
    text: str
    kernels: dict[str, tuple[str, ...]]

    def indexed(self, file: str, line: int, column: int) -> str:
        """The array whose name (clang), `]` or, in templates, `[` (g++) is at a line's column of bytes."""
        row, _ = self._rows.get((file, line), ("", 0))
        column = len(row.encode()[: column - 1].decode(errors="ignore")) + 1
        if row[column - 1 : column] not in ("[", "]"):
            return re.match(r"[\w.]*", row[column - 1 :])[0]  # type: ignore[index]
        at = column - (row[column - 1] == "[")
        while row[:at].endswith("]"):
            depth = 1
            while depth and at > 1:
                at -= 1
                depth += (row[at - 1] == "]") - (row[at - 1] == "[")
            at = len(row[: at - 1].rstrip())
        return re.search(r"[\w.]*$", row[:at])[0]  # type: ignore[index]

    def is_own(self, file: str, line: int, column: int) -> bool:
        """Whether the array indexed there is declared as a thread's own, or as a constant of the file.

        No other memory has an owner who can be asked: a row of a shared tile or of an argument, seen as
        `float (*rows)[17]`, may be left as long as the tile is not, which is checked by the address.
        """
        name = re.match(r"\w*", self.indexed(file, line, column))[0]  # type: ignore[index]
        _, at = self._rows.get((file, line), ("", 0))
        for begin, body, end in self._functions:
            if not (name and begin <= at < end):
                continue
            if _declares(self.text[body:end], name):
                return True
            if re.search(rf"\b{name}\s*[,)\[=]", self.text[begin:body]):
                return False  # a parameter
            if re.search(rf"&{name} =|\*const {name}\)? *[=\[]", self.text[body:end]):
                return False  # shared
        outside, last = "", 0
        for begin, _, end in self._functions:
            outside, last = outside + self.text[last:begin] + ";", end
        return name != "" and _declares(outside + self.text[last:], name)

    @cached_property
    def _functions(self) -> list[tuple[int, int, int]]:
        """Where each function's heading, body and end are in the text."""
        found, depth, body, start, inside = [], 0, 0, 0, 0
        for token in re.finditer(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'|[{};]', self.text):
            if token[0] == "{":
                depth += 1
                if not inside and self.text[start : token.start()].rstrip().endswith(")"):
                    inside, body = depth, token.start()
            elif token[0] == "}":
                if depth == inside:
                    found.append((start, body, token.end()))
                    inside = 0
                depth -= 1
            if not inside and token[0] in "{};":
                start = token.end()
        return found

    @cached_property
    def _rows(self) -> dict[tuple[str, int], tuple[str, int]]:
        """The text of each line of each file, and where it begins in the whole."""
        rows: dict[tuple[str, int], tuple[str, int]] = {}
        file, number, at = "", 0, 0
        for row in self.text.split("\n"):
            if found := re.match(r'#line (\d+) "(.*)"', row):
                file, number = found[2], int(found[1])
            else:
                rows.setdefault((file, number), (row, at))  # what is added for a kernel has the kernel's line
                number += 1
            at += len(row) + 1
        return rows


def _declares(text: str, name: str) -> bool:
    """Whether a variable of that name, no pointer or reference, is declared: `float name[4], …`."""
    text, changed = re.sub(r"=\s*{[^;]*?}(?=\s*[,;])", "= 0", text), 1
    while changed:  # what stands in parentheses declares nothing, but for the start of a `for`
        text, changed = re.subn(r"\([^();]+\)", "()", text)
    kind = r"(?<![\w*&.])(?!(?:return|else|case|goto|typedef|extern|new|delete)\b)[\w:<>]*[\w>]"
    first = rf"{kind}\s+{name}\s*[\[=;,{{]"
    later = rf"(?:^|[;{{}}(])\s*(?:\w+\s+)*{kind}\s+\w+\b(?:[^;()]|\(\))*,\s*{name}\s*[\[=;,{{]"
    return re.search(first, text) is not None or re.search(later, text) is not None


def expand(path: Path, seen: set[Path] | None = None) -> str:
    """The text of a file with its own `#include "…"` put in, once each; NVRTC takes it too."""
    seen = set() if seen is None else seen
    seen.add(path.resolve())
    lines = [f'#line 1 "{path.as_posix()}"']
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"{path.name} is not UTF-8 at byte {error.start + 1:,}: save it with that encoding."
        raise KernelError("compile", message) from None
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if not found:
            lines.append(line)
            continue
        inner = path.parent / found[1]
        if not inner.is_file():
            raise KernelError("compile", f"There is no file {found[1]} to include.", path.name, number)
        if inner.resolve() not in seen:
            lines.append(expand(inner, seen))
        lines.append(f'#line {number + 1} "{path.as_posix()}"')
    return "\n".join(lines) + "\n"


def _blank(found: re.Match) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def without_comments(text: str) -> str:
    """Comments as blanks of the same length; strings stay."""
    pattern = r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/'
    return re.sub(pattern, lambda m: m[0] if m[0][0] == '"' else _blank(m), text, flags=re.S)


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


def place(text: str, at: int) -> tuple[str, int]:
    """File and line of a position, by the last #line before it."""
    file, line = "<source>", 1
    for row in text[:at].split("\n")[:-1]:
        found = re.match(r'#line (\d+) "(.*)"', row)
        file, line = (found[2], int(found[1])) if found else (file, line + 1)
    return Path(file).name, line


def _refuse(text: str) -> None:
    for pattern, advice in REFUSED.items():
        if found := re.search(pattern, text):
            message = (
                f"The emulator cannot run `{found[0].strip()}` ({advice}, under #ifndef EMULATOR if need be)."
            )
            raise KernelError("unsupported", message, *place(text, found.start()))


def _shared(found: re.Match) -> str:
    """A declaration of shared variables in C++.

    Static ones become members of a struct with a gap on both sides, dynamic ones pointers into one buffer.
    """
    dynamic, declaration = found[1], found[2]
    alignment = re.search(r"__align__\(\s*\w+\s*\)|alignas\(\s*\w+\s*\)", declaration)
    plain = declaration.replace(alignment[0], " ") if alignment else declaration
    first = re.match(r"\s*((?:[\w:]+\s+)*[\w:]+[\s*]+)(\w+\s*(?:\[[^\]]*\]\s*)*(?:,.*)?)$", plain, flags=re.S)
    if not first:
        return found[0]  # the compiler says what is wrong with it
    kind, lines = first[1].strip().replace("volatile", ""), "\n" * found[0].count("\n")
    volatile, result = "volatile " if "volatile" in first[1] else "", []
    for declarator in re.split(r",(?![^\[]*\])", first[2]):
        name = re.match(r"\s*(\w+)", declarator)[1]  # type: ignore[index]
        sizes = declarator.strip()[len(name) :]
        if dynamic:
            inner = re.sub(r"^\s*\[[^\]]*\]", "", sizes)
            pointer = (
                f"{volatile}{kind} (*const {name}){inner}"
                if inner.strip()
                else f"{volatile}{kind} *const {name}"
            )
            cast = f"{volatile}{kind} (*){inner}" if inner.strip() else f"{volatile}{kind} *"
            result.append(f"{pointer} = ({cast})emu_dynamic;")
        else:
            aligned = alignment[0] if alignment else ""
            member = f"{aligned} {volatile}{kind} emu_value{sizes}"
            gaps = f"char emu_front[{GAP}]; {member}; char emu_gap[{GAP}];"
            result.append(f"EMU_SHARED struct {{ {gaps} }} emu_shared_{name};")
            result.append(f"auto &{name} = emu_shared_{name}.emu_value;")
    return " ".join(result) + lines


BOUNDS = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
KERNEL = (
    rf"__global__\s+(?:static\s+|inline\s+)*{BOUNDS}void\s+{BOUNDS}(\w+)\s*\(([^()]*)\)\s*([{{;])"
    rf"|\bvoid\s+__global__\s+{BOUNDS}(\w+)\s*\(([^()]*)\)\s*([{{;])"
)


def _kernels(text: str) -> dict[str, tuple[str, int]]:
    """Parameters, as they are written, and position of every kernel.

    Raises:
        KernelError: a kernel's heading cannot be read, or is a template.
    """
    found: dict[str, tuple[str, int]] = {}
    read_at = set()
    for match in re.finditer(KERNEL, text):
        name, parameters, end = match.group(*((1, 2, 3) if match[1] else (4, 5, 6)))
        at = match.start() + match[0].index("__global__")
        line = text[text.rfind("\n", 0, at) + 1 : at]
        read_at.add(at)
        if line.lstrip().startswith("#"):
            continue  # what a macro will make, nobody has read yet
        if re.search(r'\btemplate\s*(<[^;{}()]*>)?\s*(static\s*|inline\s*|extern\s*"C"\s*)*$', text[:at]):
            message = (
                f"{name} is a template: make it a `template … __device__` function, and call it from a "
                f'kernel with its numbers, extern "C" __global__ void {name}_4(…) {{ {name}<4>(…); }}.'
            )
            raise KernelError("unsupported", message, *place(text, at))
        if end == "{":
            found[name] = parameters, at
    for match in re.finditer(r"__global__", text):
        row = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if match.start() not in read_at and not row.lstrip().startswith("#"):
            message = 'No heading of a kernel: write extern "C" __global__ void NAME(float* x, int n) {.'
            raise KernelError("compile", message, *place(text, match.start()))
    return found


def _entry(text: str, number: int, name: str, parameters: str, at: int) -> str:
    """What Python calls for a kernel, and the codes of what it takes.

    The parameters pick the kernel where functions have the same name; `#line` gives errors the user's line.
    """
    file, line = place(text, at)
    types = re.sub(r"=[^,]*", "", " ".join(parameters.split()))
    return (
        f'\n#line {line} "{file}"\n'
        f"EMU_ENTRY void emu_call_{number}(void **emu_a) {{ emu_call((void (*)({types})){name}, emu_a); }} "
        f"EMU_ENTRY const char *const *emu_codes_{number}; "
        f"const char *const *emu_codes_{number} = emu_signature<void({types})>::codes;\n"
    )


def read(code: str | Path) -> Source:
    """Read a .cu (a path) or its text.

    Raises:
        KernelError: it needs what only a GPU has, or has no kernel.
    """
    if isinstance(code, Path):
        if not code.is_file():
            raise KernelError("launch", f"There is no kernel file {code}: check the path.")
        name, text = code.name, expand(code.resolve())
    else:
        name, text = "<source>", f'#line 1 "<source>"\n{code}\n'
    text = chosen(without_comments(text))
    text = re.sub(rf"^[ \t]*#[ \t]*include[ \t]*<({KNOWN})(\.h)?>", _blank, text, flags=re.M)
    _refuse(text)
    kernels = _kernels(text)
    if not kernels:
        raise KernelError(
            "compile", f'{name} has no kernel: write extern "C" __global__ void NAME(...) {{ ... }}.'
        )
    entries = [_entry(text, k, name, *kernel) for k, (name, kernel) in enumerate(kernels.items())]
    text = re.sub(
        r"\b(extern\s+)?__shared__\s+([^;{}=()]*(?:\([^)]*\)[^;{}=()]*)?)(?=;)",
        _shared,
        text,
    )
    parameters = {name: _names(written) for name, (written, _) in kernels.items()}
    return Source(name, text + "".join(entries), parameters)


def _names(parameters: str) -> tuple[str, ...]:
    outside = re.split(r",(?![^<>]*>)", parameters)  # of the arguments of a template
    written = [re.sub(r"=.*", "", p, flags=re.S) for p in outside]
    return tuple(re.findall(r"\w+", p)[-1] for p in written if p.strip() not in ("", "void"))
