"""Compiles every kernel with NVRTC, NVIDIA's compiler, which needs no GPU: registers and spills in a table.

    python -m scratchlm.kernels.cuda.compile_check

NVRTC comes in the package nvidia-cuda-nvrtc (extra `check`). A kernel that spills keeps variables in slow
memory: the check fails, unless SPILLS gives a reason.
"""

import ctypes
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ..contract import sources
from ..emulator import KernelError
from ..emulator.front import expand
from ..emulator.nvrtc import compiled, open_nvrtc

CARDS = ("sm_75", "sm_80", "sm_90", "sm_100")
SPILLS: dict[str, str] = {}  # kernel → why it may


@dataclass(frozen=True)
class Compiled:
    """What a GPU's compiler says about one kernel."""

    kernel: str
    card: str
    real: str
    registers: int
    spilled: int  # bytes stored and loaded


def compile_file(nvrtc: ctypes.CDLL, path: Path, card: str, real: str) -> list[Compiled]:
    """Compile one .cu for one card.

    Raises:
        KernelError: it does not compile.
    """
    options = (
        f"--gpu-architecture={card}", "-std=c++17", "-ftz=true", f"-Dreal={real}", "--ptxas-options=-v",
    )  # fmt: skip
    takes, log = compiled(nvrtc, expand(path), path.name, options)
    if not takes:
        raise KernelError("compile", f"{path.name} for {card}, real = {real}: {log.strip()}")
    found = []
    for part in log.split("Compiling entry function '")[1:]:
        spilled = sum(map(int, re.findall(r"(\d+) bytes spill", part)))
        registers = re.search(r"Used (\d+) registers", part)
        found.append(Compiled(part.split("'")[0], card, real, int(registers[1]) if registers else 0, spilled))
    return found


def compile_all(cards: tuple[str, ...] = CARDS) -> list[Compiled]:
    """Every kernel for every GPU, for float and double.

    Raises:
        KernelError: NVRTC is not installed, or a kernel does not compile.
    """
    from rich.console import Console
    from rich.progress import track

    nvrtc, files = open_nvrtc(), sources()
    shown = track(files, "compiling", console=Console(stderr=True), transient=True)  # half a minute
    return [
        one
        for path in shown
        for real in ("float", "double")
        for card in cards
        for one in compile_file(nvrtc, path, card, real)
    ]


def main() -> int:
    """Print the table; 1 where a kernel spills without a reason or does not compile, 2 without NVRTC."""
    rows: dict[tuple[str, str], dict[str, Compiled]] = {}
    try:
        found = compile_all()
    except KernelError as error:
        print(error, file=sys.stderr)
        return 2 if error.kind == "compiler" else 1
    for one in found:
        rows.setdefault((one.kernel, one.real), {})[one.card] = one
    print(f"{'registers, +bytes spilled':34}" + "".join(f"{card:>10}" for card in CARDS))
    for (kernel, real), cards in rows.items():
        cells = (f"{c.registers}{f'+{c.spilled}' if c.spilled else ''}" for c in cards.values())
        print(f"{kernel:27}{real:7}" + "".join(f"{cell:>10}" for cell in cells))
    spilling = {c.kernel for cards in rows.values() for c in cards.values() if c.spilled} - set(SPILLS)
    if spilling:
        print(f"These kernels spill: {', '.join(sorted(spilling))}. Simplify them, or say why in SPILLS.")
    return int(bool(spilling))


if __name__ == "__main__":
    sys.exit(main())
