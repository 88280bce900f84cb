"""Compiles kernels for the CPU with g++ or clang++, else with the compiler of the package ziglang.

The result is kept in the user's cache under a hash of everything that went into it. Several processes may
compile the same kernel at once: each writes a file of its own and renames it, so nobody sees half of one.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from stat import S_ISREG

from ..cache import cache_home, digest
from . import abi, nvrtc
from .errors import KernelError
from .front import Source, place, refuse, unclosed

RUNTIME = Path(__file__).parent / "runtime"
# CUDA's words, and the headers that a .cu includes by their names.
WORDS = ["-include", str(RUNTIME / "cuda.h"), "-I", str(RUNTIME / "include")]
GDB = RUNTIME / "gdb.txt"  # commands for gdb before a kernel is stepped through
COMMON = ["-std=c++17", "-fPIC", "-nostdinc++", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti"]
COMMON += ["-fno-threadsafe-statics"]  # kernels have no such, see Emulator
COMMON += ["-fno-stack-protector"]  # which would end the process, where a fault of a kernel is to be reported
# Steps are counted by a call in every basic block, so that an endless loop is noticed; not under gdb, where
# a person decides. No contraction: the same bits in every mode.
COUNTED, NO_FMA, SIZED = "-fsanitize-coverage=trace-pc", "-ffp-contract=off", "-Werror=vla"
SMALL = {"emu_small<5, 10>": "__half", "emu_small<8, 7>": "__nv_bfloat16"}
NAMES = r"operator(?:\(\)|[^\w\s(‘’']+| \w+)|~?\w+"
RELAXED = "--expt-relaxed-constexpr"  # kernels may call the host's constexpr functions
SANITIZERS = ["-fsanitize=thread", "-fsanitize=bounds"]
UNWRITTEN = ["-Werror=uninitialized", "-Wno-sometimes-uninitialized", "-Wno-unknown-warning-option"]
KEPT = 200 << 20  # bytes of compiled kernels; of one that is small, about 0.1 MB
MODES = {
    "fast": ["-O2", "-gdwarf-4", COUNTED, NO_FMA, SIZED],
    "check": ["-O0", "-gdwarf-4", COUNTED, NO_FMA, SIZED, *SANITIZERS, *UNWRITTEN, "-DEMU_CHECK"],
    "debug": ["-O0", "-gdwarf-4", NO_FMA, SIZED],
}


@cache
def compiler() -> tuple[str, ...]:
    """The command of the compiler (environment variable SCRATCHLM_CXX, or the first that is found).

    Raises:
        KernelError: there is none.
    """
    if sys.platform != "linux":
        raise KernelError(
            "compiler", "The emulator runs on Linux (or Windows' subsystem for it): start it there."
        )
    if chosen := os.environ.get("SCRATCHLM_CXX"):
        if shutil.which(chosen.split()[0]) is None:
            raise KernelError(
                "compiler", f"SCRATCHLM_CXX names {chosen}, which is not a command: correct it."
            )
        return tuple(chosen.split())
    for name in ("g++", "clang++"):
        if path := shutil.which(name):
            return (path,)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined")
    raise KernelError(
        "compiler",
        "The emulator compiles kernels for the CPU and found no compiler: install g++ or clang, "
        "or run `pip install ziglang`.",
    )


@cache
def _version() -> bytes:
    return subprocess.run([*compiler(), "--version"], capture_output=True).stdout


def _run(arguments: list[str], source: Source | None) -> None:
    done = subprocess.run([*compiler(), *arguments], capture_output=True, text=True)
    if done.returncode == 0:
        return
    first = re.search(r"^(.*?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$", done.stderr, re.M)
    apart = re.search(r'static.assert.*[ "](\w[\w.]*)"?$', done.stderr, re.M)
    if source is None and apart:
        raise KernelError("compiler", f"{apart[1]} in runtime/ is not what abi.py has: make them the same.")
    lost = re.search(r"undefined (?:reference to|symbol:) [`']?(vtable for )?([^(<\[\n']*)", done.stderr)
    name = re.findall(r"\w+", lost[2])[-1] if lost else ""
    if source and lost and (used := re.search(rf"\b{name}\b", source.text)):
        message = f"{name} is declared but nowhere defined, nor does the emulator have it: write its body."
        if lost[1]:
            message = f"{name} has a virtual function that is declared but nowhere defined: write its body."
        raise KernelError("compile", message, *place(source.text, used.start()))
    if source and first is None:
        refuse(source.device)
    if source is None or first is None:
        raise KernelError("compiler", f"{compiler()[0]} failed: {done.stderr.strip()[-2000:]}")
    if brace := unclosed(source.text):
        raise KernelError("compile", "This { is never closed: put its }.", *brace)
    places = [first, *re.finditer(r"^(?:In file included from )?(\S.*?):(\d+)[:,]", done.stderr, re.M)]
    # An error in cuda.h came from a line of the kernel's that stands around it.
    own = (p for p in places if RUNTIME not in Path(p[1]).parents and p[1] != "<built-in>")
    at = next(own, first)
    refuse(source.device, (Path(at[1]).name, int(at[2])))  # it stood in a branch that the compiler has chosen
    if missing := re.match(r"'?([^':]+)'?(?:: No such file or directory| file not found)", first[3]):
        raise KernelError(
            "unsupported",
            f"The emulator has no <{missing[1]}>: leave it out, or put it and what needs it between "
            "#ifndef EMULATOR and #endif.",
            Path(at[1]).name,
            int(at[2]),
        )
    kind, says = _in_other_words(first[3], source, done.stderr)
    raise KernelError(kind, f"The compiler says: {says}.", Path(at[1]).name, int(at[2]))


def _in_other_words(says: str, source: Source, stderr: str) -> tuple[str, str]:
    """The kind of what the compiler says, and the same in words that tell what to do."""
    small = any(type_ in (stderr if "no viable" in says else says) for type_ in SMALL)
    says = re.sub(r" ?[{(]aka [^})]*[})]", "", says)
    for written, type_ in SMALL.items():
        says = says.replace(written, type_)
    if "emu_value" in says or ("in enclosing function" in says and "emu_value[" in stderr):
        return "compile", (
            "a shared array's size must be a constant; extern __shared__ float s[] takes it from the launch"
        )
    if computed := re.search(r"call to .(?:[^(]* )?(?:\w+::)*(\w+).* declared with .*EMU_OF_HOST", says):
        return "compile", (
            f"{computed[1]} is a constexpr function of the host: put __host__ __device__ before it for "
            f"kernels to call, or give nvcc and the emulator the option {RELAXED}"
        )
    if name := next((name for name in _names(says, source, stderr) if name in source.host), None):
        others = {"function": "call", "variable": "use; or hand it over as an argument"}[source.host[name]]
        return "compile", (
            f"{name} is a {source.host[name]} of the host: put __device__ before it for kernels to {others}"
        )
    if array := re.match(r"variable.length array\w* (?:.(\w+). )?", says):
        return (
            "compile",
            f"the size of {array[1] or 'an array'} must be a constant, as that of every local array",
        )
    if (none := re.search(r"deleted function .(?:void )?(\w+)", says)) and "EMU_NONE" in stderr:
        return (
            "compile",
            f"there is no {none[1]} of 16-bit floats: write which type is meant, as in (float)x",
        )
    if small:
        return "compile", f"{says}; write which type is meant, as in (float)x"
    if "initialized" in says:
        return "uninitialised", re.sub(r" \[-W.*", "; give it a value first", says)
    if re.search("declaration of C function|conflicting types for", says):
        return (
            "compile",
            f'{says}; a function of C has this name: give yours another one, or leave out extern "C"',
        )
    return "compile", says


def _names(says: str, source: Source, stderr: str) -> list[str]:
    """The names that may be meant; clang has some in a note, or leaves them to the line that it shows."""
    notes = re.findall(r"note: '([^']+)' has been explicitly marked deleted", stderr)
    names = re.findall(NAMES, " ".join([re.sub(r"operator '(\S+?)'", r"operator\1", says), *notes]))
    shown = re.search(r"invalid operands to binary expression.*\n(.*)", stderr)
    operators = [name for name in source.host if re.match(r"operator\W", name)]
    return names + [name for name in operators if shown and name[len("operator") :] in shown[1]]


def read_too_early(source: Source, options: tuple[str, ...]) -> tuple[str, str, int] | None:
    """The first local variable that the compiler takes to lack a value: its name, and where it is declared.

    g++ guesses from how it optimises, and names some that have their value on every path that is taken.
    """
    flags = ["-O1", "-Wuninitialized", "-Wmaybe-uninitialized", "-DEMULATOR", *options]
    with tempfile.TemporaryDirectory() as work:
        text = Path(work) / "kernel.cpp"
        text.write_text(source.text, encoding="utf-8")
        flags += [*WORDS, "-S", "-o", os.devnull, str(text)]
        command = [*compiler(), *COMMON, *abi.definitions(), *flags]
        says = subprocess.run(command, capture_output=True, text=True).stderr
    found = re.search(r"^(.*?):(\d+):\d+: note: .(\w+). was declared here", says, re.M)
    return (found[3], Path(found[1]).name, int(found[2])) if found else None


def _made(name: str, key: str, make) -> Path:
    """The file `name` of this key in the cache; made by `make(folder)` where missing."""
    folder = cache_home() / "emulator"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"scratchlm-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{key}-{name}"
    with suppress(OSError):  # missing, or in a cache that only others may fill
        os.utime(path)  # used now
    if not _whole(path):
        with tempfile.TemporaryDirectory(dir=folder) as work:
            made = make(Path(work))
            content = made.read_bytes()
            made.write_bytes(content + _seal(content))
            os.replace(made, path)
        _forget(folder)
    return path


def _seal(content: bytes) -> bytes:
    """What stands behind a file's content, where linkers and loaders do not look."""
    return digest([content]).encode()


def _whole(path: Path) -> bool:
    """Whether a file is there as it was made: a full disk or a lost power supply leaves half of it."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    size = len(_seal(b""))
    return content[-size:] == _seal(content[:-size])


def _forget(folder: Path) -> None:
    """Remove what was not used for the longest time, until the rest has KEPT bytes.

    What other processes have loaded stays theirs; what they are about to load is among the last used.
    """
    files = []
    for path in folder.iterdir():
        with suppress(OSError):  # another process has removed it
            found = path.stat()
            files += [(found.st_mtime_ns, found.st_size, path)] if S_ISREG(found.st_mode) else []
    kept = 0
    for _, size, path in sorted(files, reverse=True):
        kept += size
        if kept > KEPT:
            with suppress(OSError):
                path.unlink()


def _runtime() -> list[Path]:
    """The objects of the runtime, the same for all modes."""
    files = sorted([*RUNTIME.rglob("*.h"), *RUNTIME.glob("*.cpp")])
    flags = [*COMMON, *abi.definitions(), abi.layout()]
    key = digest([_version(), *(file.read_bytes() for file in files), *map(str.encode, flags)])

    def build(source: Path):
        def make(work: Path) -> Path:
            out = work / "object.o"
            _run([*flags, "-O2", "-c", str(source), "-o", str(out)], None)
            return out

        return make

    return [_made(f"{file.stem}.o", key, build(file)) for file in files if file.suffix == ".cpp"]


def build(source: Source, mode: str, options: tuple[str, ...]) -> Path:
    """Compile and link; returns the shared object.

    Raises:
        KernelError: no compiler, or the kernel does not compile.
    """
    objects = _runtime()
    flags = [*COMMON, *abi.definitions(), *MODES[mode], "-DEMULATOR", *options]
    if b"clang" in _version():  # its group `bounds` also has a part that traps; x += 1 is a read too
        flags = [flag.replace("=bounds", "=array-bounds") for flag in flags]
        flags += ["-mllvm", "-tsan-instrument-read-before-write"] if mode == "check" else []
    if "ziglang" in compiler():  # it would add the sanitizer's library, and a C++ library for that
        flags = [part for flag in flags for part in (("-Xclang", flag) if "=thread" in flag else (flag,))]
    asked = nvrtc.version().encode()
    key = digest(
        [source.text.encode(), *map(str.encode, flags), asked, *(path.name.encode() for path in objects)]
    )

    def make(work: Path) -> Path:
        text, compiled, linked = work / "kernel.cpp", work / "kernel.o", work / "kernel.so"
        text.write_text(source.text, encoding="utf-8")
        _run([*flags, *WORDS, "-c", str(text), "-o", str(compiled)], source)
        nvrtc.refuse(source, options)
        bound = ["-shared", "-Wl,-Bsymbolic", "-Wl,-z,defs", "-o", str(linked)]
        _run([str(compiled), *map(str, objects), *bound, "-lm"], source)
        return linked

    return _made(f"{Path(source.name).stem.strip('<>')}-{mode}.so", key, make)
