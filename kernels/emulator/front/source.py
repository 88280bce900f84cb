"""From a .cu to C++ that a CPU compiler takes: includes put in, shared variables found, kernels listed.

Lines keep their numbers: everything is replaced within its line, and `#line` names the file.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ..errors import KernelError
from .host import bodies, device_part, without_idle_macros
from .preprocess import (
    HOSTS,
    KNOWN,
    OWN,
    blank,
    certain,
    chosen,
    expand,
    full_place,
    place,
    without_comments,
)  # fmt: skip
from .refused import names_of_nvcc, refuse, refuse_missing

DEFINED = r"(?m)^[ \t]*#[ \t]*define\b(?:\\\n|[^\n])*"
OWNER = r"\w+(?:\[[^\[\]]*\])*\s*(?:\.|->)\s*"  # of a member


@dataclass(frozen=True)
class Source:
    """A .cu, ready to compile.

    Attributes:
        name: for messages; the file's name or "<source>".
        text: C++ for the compiler.
        kernels: parameter names of each kernel, in order.
        places: file and line of each kernel's heading; of an instance, the template's.
        device: what NVIDIA's compiler is asked about: the .cu without the host's part.
        host: the names of that part, and whether each is a "function" or a "variable".
        for_nvcc: whether it has such a part, or includes what only nvcc has.
    """

    name: str
    text: str
    kernels: dict[str, tuple[str, ...]]
    places: dict[str, tuple[str, int]]
    device: str
    host: dict[str, str]
    for_nvcc: bool

    def indexed(self, file: str, line: int, column: int) -> str:
        """The array whose name (clang), `]` or, in templates, `[` (g++) is at a line's column of bytes."""
        return self._indexed(file, line, column)[0]

    def _indexed(self, file: str, line: int, column: int) -> tuple[str, int]:
        """And which of its axes has the index: 1 for the first; 0 where only its name is known."""
        row, _ = self._rows.get((file, line), ("", 0))
        column = len(row.encode()[: column - 1].decode(errors="ignore")) + 1
        if row[column - 1 : column] not in ("[", "]"):
            return re.match(r"[\w.]*", row[column - 1 :])[0], 0  # type: ignore[index]
        axis = int(row[column - 1] == "[")
        at = column - axis
        while row[:at].endswith("]"):
            depth = 1
            while depth and at > 1:
                at -= 1
                depth += (row[at - 1] == "]") - (row[at - 1] == "[")
            at, axis = len(row[: at - 1].rstrip()), axis + 1
        return re.search(rf"(?:{OWNER})*\w*$", row[:at])[0], axis  # type: ignore[index]

    def is_own(self, file: str, line: int, column: int) -> bool:
        """Whether the array indexed there is declared as a thread's own, or as a constant of the file.

        No other memory has an owner who can be asked: a row of a shared tile or of an argument, seen as
        `float (*rows)[17]`, may be left as long as the tile is not, which is checked by the address. A member
        of a structure may not, as the next member lies behind it; but its rows may.
        """
        whole, axis = self._indexed(file, line, column)
        if axis == 1 and re.search(OWNER, whole):
            return True
        name = re.match(r"\w*", whole)[0]  # type: ignore[index]
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

    def without_value(self, kernel: str) -> tuple[str, str, int]:
        """The local variables that a kernel declares without a value, and the first one's file and line.

        Where it has none, "" and the place of the kernel.
        """
        for begin, body, end in self._functions:
            if not re.search(rf"__global__[^;{{}}]*\b{kernel}\s*\(", self.text[begin:body]):
                continue
            heading = begin + self.text[begin:body].index("__global__")
            found = [m for m in re.finditer(BARE, self.text[body:end]) if "emu_" not in m[0]]
            at = body + found[0].start(1) if found else heading
            return ", ".join(re.sub(r"\[[^\]]*\]|\*\s*", "", m[1]) for m in found), *place(self.text, at)
        return "", "", 0

    def refuse_arrays(self, names: list[str]) -> None:
        """Refuse a kernel's use of one of the host's constant arrays, unless a constant is computed from it.

        Raises:
            KernelError: there is one.
        """
        for name in names:
            for begin, body, end in self._functions:
                function = self.text[begin:end]
                own = _declares(self.text[body:end], name) or re.search(
                    rf"[*&\s]{name}\s*[,)\[]", self.text[begin:body]
                )
                for used in () if own else re.finditer(rf"(?<![\w.>:]){name}\b", function):
                    statement = re.split(r"[;{}]", function[: used.start()])[-1]
                    if not re.search(r"\b(?:constexpr|static_assert|case)\b|^\s*[\w ]+\[[^\]=]*$", statement):
                        message = (
                            f"{name} is a constant array of the host, which nvcc keeps from kernels: put "
                            "__constant__ before it."
                        )
                        raise KernelError("compile", message, *place(self.text, begin + used.start()))

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


# `float v;`, `unsigned long v[4], *w;`
BARE = (
    r"(?<=[;{}])\s*(?!(?:return|else|goto|typedef|using|static|extern|delete)\b)(?:\w+\s+)*[\w:]+[\s*]+"
    r"(\w+(?:\[[^\]]*\])*(?:\s*,[\s*]*\w+(?:\[[^\]]*\])*)*)\s*(?=;)"
)


def _declares(text: str, name: str) -> bool:
    """Whether a variable of that name, no pointer or reference, is declared: `float name[4], …`."""
    text, changed = re.sub(r"=\s*{[^;]*?}(?=\s*[,;])", "= 0", text), 1
    while changed:  # what stands in parentheses declares nothing, but for the start of a `for`
        text, changed = re.subn(r"\([^();]+\)", "()", text)
    kind = r"(?<![\w*&.])(?!(?:return|else|case|goto|typedef|extern|new|delete)\b)[\w:<>]*[\w>]"
    first = rf"{kind}\s+{name}\s*[\[=;,{{]"
    later = rf"(?:^|[;{{}}(])\s*(?:\w+\s+)*{kind}\s+\w+\b(?:[^;()]|\(\))*,\s*{name}\s*[\[=;,{{]"
    return re.search(first, text) is not None or re.search(later, text) is not None


WRITTEN = r"(?:struct|union)\s*\w*\s*\{[^{}]*\}"  # a type written where it is used


def _shared(found: re.Match) -> str:
    """A declaration of shared variables in C++.

    Static ones become members of a struct with a gap on both sides, dynamic ones pointers into one buffer.
    """
    dynamic, declaration = (found[1] or "").startswith("extern"), found[2]
    alignment = re.search(r"__align__\(\s*\w+\s*\)|alignas\(\s*\w+\s*\)", declaration)
    plain = declaration.replace(alignment[0], " ") if alignment else declaration
    first = re.match(
        rf"\s*({WRITTEN}\s*|(?:[\w:]+\s+)*[\w:]+[\s*]+)(\w+\s*(?:\[[^\]]*\]\s*)*(?:,.*)?)$", plain, flags=re.S
    )
    if not first:
        return found[0]  # the compiler says what is wrong with it
    kind, lines = " ".join(first[1].replace("volatile", "").split()), "\n" * found[0].count("\n")
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
            gaps = f"char emu_front[EMU_GAP]; {member}; char emu_gap[EMU_GAP];"
            result.append(f"EMU_SHARED struct {{ {gaps} }} emu_shared_{name};")
            result.append(f"auto &{name} = emu_shared_{name}.emu_value;")
    return " ".join(result) + lines


BOUNDS = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
TEMPLATE = r'\btemplate\s*(?:<([^;{}()]*)>)?\s*(?:static\s*|inline\s*|extern\s*"C"\s*)*$'
KERNEL = (
    rf"__global__\s+(?:static\s+|inline\s+)*{BOUNDS}void\s+{BOUNDS}(\w+)\s*\(([^()]*)\)\s*([{{;])"
    rf"|\bvoid\s+__global__\s+{BOUNDS}(\w+)\s*\(([^()]*)\)\s*([{{;])"
)


HEAD = rf"\btemplate\s+(?:__global__\s+)?{BOUNDS}void\s+(?:__global__\s+)?"
INSTANCE = rf"{HEAD}(\w+)\s*<([^;{{}}()]*)>\s*\(([^()]*)\)\s*;"


class _Kernel(NamedTuple):
    parameters: str  # as they are written
    at: int  # position; of an instance, its own
    names: tuple[str, ...]  # of the parameters
    heading: int  # position; of an instance, the template's
    end: int  # where its body, or its instance, ends


def _kernels(text: str) -> list[tuple[str, _Kernel]]:
    """Every kernel with its name; several of a name may stand in branches of #if.

    Of a template, every explicit instantiation is one: `template __global__ void f<float>(float*);`.

    Raises:
        KernelError: a kernel's heading cannot be read, or there are only templates, never instantiated.
    """
    found, ends = list[tuple[str, _Kernel]](), dict(bodies(text, KERNEL))
    templates: dict[str, tuple[tuple[str, ...], int]] = {}
    unmade: KernelError | None = None
    instances = list(re.finditer(INSTANCE, text))
    read_at = {m.start() + m[0].index("__global__") for m in instances if "__global__" in m[0]}
    for match in re.finditer(KERNEL, text):
        name, parameters, end = match.group(*((1, 2, 3) if match[1] else (4, 5, 6)))
        at = match.start() + match[0].index("__global__")
        line = text[text.rfind("\n", 0, at) + 1 : at]
        read_at.add(at)
        if line.lstrip().startswith("#"):
            continue  # what a macro will make, nobody has read yet
        if "..." in parameters:
            message = f"{name} takes any number of arguments (...): a kernel is launched with a fixed one."
            raise KernelError("unsupported", message, *place(text, at))
        made_of = re.search(TEMPLATE, text[:at])
        if made_of and name not in [m[1] for m in instances]:
            example = _example(made_of[1] or "")
            message = (
                f"{name} is a template: add an instance behind it, such as `template __global__ void "
                f"{name}<{example}>(…);` with its parameters' types, and call it as '{name}<{example}>'."
            )
            unmade = unmade or KernelError("unsupported", message, *place(text, at))
        elif made_of:
            templates[name] = _names(parameters), at
        elif end == "{":
            last = ends.get(match.end() - 1, len(text) - 1)
            found.append((name, _Kernel(parameters, at, _names(parameters), at, last + 1)))
    for match in instances:
        name = f"{match[1]}<{', '.join(' '.join(part.split()) for part in match[2].split(','))}>"
        names, heading = templates.get(match[1], (_names(match[3]), match.start()))
        found.append((name, _Kernel(match[3], match.start(), names, heading, match.end())))
    for match in re.finditer(r"__global__", text):
        row = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if match.start() not in read_at and not row.lstrip().startswith("#"):
            message = (
                "No heading of a kernel that can be read (it returns void, and takes numbers and plain "
                'pointers): write extern "C" __global__ void NAME(float* x, int n) {.'
            )
            raise KernelError("compile", message, *place(text, match.start()))
    if unmade and not found:
        raise unmade
    return found


def _example(parameters: str) -> str:
    """Arguments for a template's parameters `class T, int N`: float, 4."""
    kinds = [re.match(r"\s*(typename|class|bool)\b", part) for part in parameters.split(",")]
    return ", ".join("4" if kind is None else "true" if kind[1] == "bool" else "float" for kind in kinds)


def _entry(text: str, number: int, name: str, kernel: _Kernel) -> str:
    """What Python calls for a kernel, and the codes of what it takes.

    It stands behind the kernel, in the same namespace and branch of #if. The parameters pick the kernel where
    functions have the same name; `#line` gives errors the user's line.
    """
    (file, line), (path, after) = place(text, kernel.at), full_place(text, kernel.end)
    types = re.sub(r"=[^,]*", "", " ".join(kernel.parameters.split()))
    return (
        f'\n#line {line} "{file}"\n'
        f"EMU_ENTRY void emu_call_{number}(void **emu_a) {{ emu_call((void (*)({types})){name}, emu_a); }} "
        f"EMU_ENTRY const char *const *emu_codes_{number}; "
        f"const char *const *emu_codes_{number} = emu_signature<void({types})>::codes;\n"
        f'#line {after} "{path}"\n'
    )


def read(code: str | Path) -> Source:
    """Read a .cu (a path) or its text.

    Raises:
        KernelError: it needs what only a GPU has, or has no kernel.
    """
    if isinstance(code, Path):
        if code.is_dir():
            raise KernelError("launch", f"{code} is a folder: name a .cu file in it.")
        if not code.is_file():
            raise KernelError("launch", f"There is no kernel file {code}: check the path.")
        name, text = code.name, expand(code.resolve())
    else:
        name, text = "<source>", '#line 1 "<source>"\n' + code.removeprefix("\ufeff") + "\n"
    text = chosen(without_comments(text))
    text = re.sub(rf'^([ \t]*#[ \t]*include[ \t]*)"({KNOWN}|{OWN}|{HOSTS})"', r"\1<\2>", text, flags=re.M)
    include = r"^[ \t]*#[ \t]*include[ \t]*<"
    included = {
        name for names in re.findall(rf"{include}(?:c?(\w+)|(\w+)\.h)>", text, re.M) for name in names
    }
    to_nvcc = re.search(rf"{include}{HOSTS}>", text, re.M)
    if "cublas_v2" in included or "cublasLt" in included:  # they bring both
        included |= {"cuda_fp16", "cuda_bf16"}
    text = re.sub(rf"{include}(?!{OWN}>)(?:{KNOWN}|{HOSTS})>", blank, text, flags=re.M)
    text, host, arrays = device_part(text)
    text = without_idle_macros(text)  # a check of the host's calls, say
    refuse(certain(text))
    for found in re.finditer(r'\bextern\s*"C"[^;{}()]*\b(\w+)\s*\([^;{}]*\)\s*;', text):
        if not re.search(rf"\b{found[1]}\s*\([^;{{}}]*\)\s*{{", text):  # the linker might find one of C's
            message = f"{found[1]} is declared but nowhere defined: write its body."
            raise KernelError("compile", message, *place(text, found.start(1)))
    for_nvcc = bool(to_nvcc or host)
    text = names_of_nvcc(text) + text if for_nvcc else text
    device = refuse_missing(text, included, for_nvcc) + text
    written = _kernels(text)
    kernels = dict(written)
    if not kernels:
        raise KernelError(
            "compile", f'{name} has no kernel: write extern "C" __global__ void NAME(...) {{ ... }}.'
        )
    if given := re.search(r"\b__shared__\b[^;(){}]*=", text):
        message = "A shared variable takes no initial value: let a thread write it, then put __syncthreads()."
        raise KernelError("compile", message, *place(text, given.end() - 1))
    places = {name: place(text, kernel.heading) for name, kernel in kernels.items()}
    numbers = {name: k for k, name in enumerate(kernels)}
    entries = [
        (kernel.end, _entry(text, numbers[name], name, kernel))
        for name, kernel in written
        if kernel.parameters == kernels[name].parameters
    ]
    for end, entry in sorted(entries, reverse=True):
        text = text[:end] + entry + text[end:]
    text = re.sub(
        rf"\b(extern\s+|static\s+)?__shared__\s+((?:{WRITTEN})?[^;{{}}=()]*(?:\([^)]*\)[^;{{}}=()]*)?)(?=;)",
        _shared,
        text,
    )
    for begin, end in reversed(list(bodies(text, KERNEL))):
        first = place(text, begin)[1]
        left = re.sub(r"\breturn\s*;", f"return emu_returns({first});", text[begin:end])
        # That of a lambda has not left the kernel.
        text = f'{text[:begin]}{left} emu_returns(0, "", 0); {text[end:]}'
    # What stands in a macro may be anywhere: it counts as before every call.
    text = re.sub(DEFINED, lambda m: re.sub(r"\breturn\s*;", "return emu_returns(INT_MAX);", m[0]), text)
    parameters = {name: kernel.names for name, kernel in kernels.items()}
    source = Source(name, text, parameters, places, device, host, for_nvcc)
    if for_nvcc:
        source.refuse_arrays(arrays)
    return source


def _names(parameters: str) -> tuple[str, ...]:
    outside = re.split(r",(?![^<>]*>)", parameters)  # of the arguments of a template
    written = [re.sub(r"=.*", "", p, flags=re.S) for p in outside]
    return tuple(re.findall(r"\w+", p)[-1] for p in written if p.strip() not in ("", "void"))
