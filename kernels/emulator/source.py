"""From a .cu to C++ that a CPU compiler takes: includes put in, shared variables found, kernels listed.

Lines keep their numbers: everything is replaced within its line, and `#line` names the file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from .errors import KernelError

# What has no meaning on a CPU that runs one thread after another, and what to do instead.
REFUSED = {
    r"\basm\b": "inline PTX: give it a plain C++ path",
    r"\bcp_async|__pipeline_\w+|\bcuda::pipeline\b|\bmemcpy_async\b": "cp.async: use plain loads and stores",
    r"\bwgmma\w*|\bmma_sync\b|\bwmma\b|\bmma\.h\b": "tensor cores: give it a path with plain products",
    r"\bcooperative_groups\b|\bgrid_group\b|\bthis_grid\b": "a wait for the whole grid: launch twice",
    r"\bcuda::barrier\b|\bmbarrier\w*|\bcluster_\w+": "barriers in memory and clusters: use __syncthreads",
    r"<<<": "launches from a kernel: launch from Python",
    r"\bcuda_fp16\.h|\bcuda_bf16\.h|\b__half2?\b|\b__nv_bfloat16\b": "16-bit floats: compute in float",
    r"\b__activemask\b": "__activemask: pass the mask that you mean",
    r"\b__nanosleep\b|\bclock64\b|\bclock\s*\(": "clocks: time kernels on a GPU",
    r"\btex[123]D\w*|\bsurf[123]D\w*": "textures: read the array itself",
}
GAP = 256  # bytes after each shared array, so that an index past its end meets nothing


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


def expand(path: Path, seen: set[Path] | None = None) -> str:
    """The text of a file with its own `#include "…"` put in, once each; NVRTC takes it too."""
    seen = set() if seen is None else seen
    seen.add(path.resolve())
    lines = [f'#line 1 "{path.as_posix()}"']
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
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

    Static ones become members of a struct with a gap behind, dynamic ones pointers into the one buffer.
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
            result.append(f"EMU_SHARED struct {{ {member}; char emu_gap[{GAP}]; }} emu_shared_{name};")
            result.append(f"auto &{name} = emu_shared_{name}.emu_value;")
    return " ".join(result) + lines


def _kernels(text: str) -> dict[str, tuple[str, ...]]:
    bounds = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
    pattern = rf"__global__\s+{bounds}void\s+{bounds}(\w+)\s*\(([^)]*)\)\s*\{{"
    found = {}
    for match in re.finditer(pattern, text):
        parameters = [p for p in match[2].split(",") if p.strip() not in ("", "void")]
        found[match[1]] = tuple(re.findall(r"\w+", parameter)[-1] for parameter in parameters)
    return found


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
    text = re.sub(r"#\s*ifndef\s+EMULATOR\b.*?#\s*endif", _blank, without_comments(text), flags=re.S)
    _refuse(text)
    kernels = _kernels(text)
    if not kernels:
        raise KernelError(
            "compile", f'{name} has no kernel: write extern "C" __global__ void NAME(...) {{ ... }}.'
        )
    text = re.sub(r"\b(extern\s+)?__shared__\s+([^;{}=()]*(?:\([^)]*\)[^;{}=()]*)?)(?=;)", _shared, text)
    text += '\n#line 1 "<emulator>"\n' + "".join(f"EMU_KERNEL({kernel})\n" for kernel in kernels)
    return Source(name, text, kernels)
