"""`scratchlm kernel`: CUDA kernels without a GPU; list, run, check and debug them on the emulator."""

import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import click

from .errors import OptionError, did_you_mean

# Numbers that a kernel of the contract is run with.
NUMBERS = {
    "ignore_index": -100, "smoothing": 0.1, "approximate": False, "eps": 1e-5, "causal": True, "p": 0.1,
    "seed": 0, "call": 0, "lr": 1e-3, "momentum": 0.9, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.999,
    "decoupled": True, "step": 1,
}  # fmt: skip
WIDTH = 110  # of tables, on every terminal
MODE = click.Choice(["fast", "check", "debug"])


@click.group()
def kernel() -> None:
    """Run, check and debug CUDA kernels without a GPU."""


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


@kernel.command("list")
def list_kernels() -> None:
    """List the CUDA kernels that come with scratchlm."""
    from scratchlm.kernels.cuda.launching import HERE
    from scratchlm.kernels.emulator.source import read

    for path in sorted(HERE.glob("*.cu")):
        for name, parameters in read(path).kernels.items():
            click.echo(f"{path.name:21} {name:30} {', '.join(parameters)}")


def _find(name: str) -> tuple[Any, Any]:
    """Row of the contract and function of a kernel or an earlier version of one, such as softmax_forward_1.

    `softmax` is short for softmax_forward.
    """
    from scratchlm.kernels import cuda
    from scratchlm.kernels.contract import CONTRACT
    from scratchlm.kernels.cuda import ladders

    rows = {row.name: row for row in CONTRACT}
    known = {row: cuda for row in rows if row != "matmul"} | dict.fromkeys(ladders.VERSIONS, ladders)
    found = name if name in known else f"{name}_forward"
    if found not in known:
        raise OptionError(
            f"There is no kernel '{name}'{did_you_mean(name, known)}: one of {', '.join(known)}."
        )
    return rows[re.sub(r"_\d+$", "", found)], getattr(known[found], found)


def _arguments(row: Any, shape: str | None) -> list[Any]:
    """Random arguments for a kernel of the contract, its lengths in the order in which the row names them."""
    import numpy as np

    rng = np.random.default_rng(0)
    shapes = [argument.shape for argument in row.arguments if argument.shape]
    letters = list(dict.fromkeys(part[-1] for letters in shapes for part in letters if not part.isdigit()))
    if shape and not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", shape):
        raise OptionError(f"--shape {shape} is no list of lengths: write --shape 64,1000.")
    given = [int(n) for n in shape.split(",")] if shape else []
    lengths: dict[str, Any]
    if letters in ([], ["…"]):
        lengths = dict.fromkeys(letters, tuple(given or [1000]))
    else:
        if shape and len(given) != len(letters):
            example = ",".join("8" * len(letters))
            raise OptionError(f"{row.name} has the lengths {', '.join(letters)}: write --shape {example}.")
        lengths = dict(zip(letters, given or [8] * len(letters), strict=True))
    size = tuple(given or [1000])

    def array(argument: Any) -> Any:
        if argument.kind == "number":
            return lengths["N"] if argument.name == "vocabulary" else NUMBERS[argument.name]
        if argument.kind == "list":
            return [abs(rng.standard_normal(size, np.float32))]
        whole: tuple = ()
        for part in argument.shape:
            n = 1 if part.isdigit() else lengths[part[-1]]
            whole += n if isinstance(n, tuple) else (int(part if part.isdigit() else part[:-1] or 1) * n,)
        if argument.kind == "float":
            return rng.standard_normal(whole, np.float32)
        if argument.name == "lengths":
            return rng.integers(1, lengths.get("S") or lengths["T"], whole, endpoint=True)
        return rng.integers(0, lengths.get("V") or lengths["N"], whole)

    return [array(argument) for argument in row.arguments]


@kernel.command()
@click.argument("name")
@click.option("--shape", metavar="N,…", help="Lengths, in the order of the kernel's arguments.")
@click.option("--mode", type=MODE, default="fast", show_default=True, help="check looks at every access.")
@click.option("--order", type=click.Choice(["forward", "reversed", "shuffled"]), default="forward")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the counts too (with --mode check).")
def run(name: str, shape: str | None, mode: str, order: str, picture: Path | None) -> None:
    """Run the kernel NAME, or an earlier version of it, on random numbers; say what it did."""
    from rich.console import Console

    from scratchlm.kernels.cuda import launching
    from scratchlm.kernels.emulator import KernelError

    if picture and mode != "check":
        raise OptionError("--picture draws what is counted in mode check: add --mode check.")
    row, function = _find(name)
    arguments = _arguments(row, shape)
    launches: list = []
    started = time.perf_counter()
    try:
        with launching.emulating(mode=mode, order=order), launching.watching(launches):
            function(*arguments)
    except KernelError as error:
        click.echo(error)
        sys.exit(1)
    seconds = time.perf_counter() - started
    table = _table("kernel", "blocks", "threads", "global", "shared", "barriers", "shuffles", "divergent")
    for kernel_name, blocks, threads, c in launches[:20]:
        accesses = [f"{c.global_reads:,}/{c.global_writes:,}", f"{c.shared_reads:,}/{c.shared_writes:,}"]
        waits = [f"{c.barriers:,}", f"{c.exchanges:,}", f"{c.divergent:,}/{c.segments:,}"]
        table.add_row(kernel_name, f"{blocks:,}", str(threads), *accesses, *waits)
    Console(width=WIDTH).print(table)
    click.echo(
        "global, shared: reads/writes; divergent: stretches between waits in which a warp's lanes part"
    )
    found = "no fault found" if mode == "check" else "use --mode check to look for faults and count accesses"
    click.echo(
        f"{function.__name__}: {len(launches)} launches, {seconds * 1000:.0f} ms with compiling; {found}."
    )
    if picture:
        from .cli_kernel_picture import draw_counts

        draw_counts(launches, f"{function.__name__} {shape or ''}", picture)
        click.echo(f"Picture: {picture}")


def _value(text: str, code: str) -> Any:
    """An argument from the command line: `float32[128]` random, `float32[2,64]=0` filled, or a number."""
    import numpy as np

    found = re.fullmatch(r"(\w+)\[(\d+(?:,\d+)*)\](?:=(.+))?", text)
    try:
        if found is None:
            return np.dtype(code.rstrip("*")).type(float(text) if code.startswith("f") else int(text))
        dtype, shape = np.dtype(found[1]), tuple(map(int, found[2].split(",")))
        if found[3] is not None:
            return np.full(shape, float(found[3]), dtype)
    except (TypeError, ValueError):
        message = f"'{text}' is no argument: write float32[128], float32[128]=0 or a number."
        raise OptionError(message) from None
    rng = np.random.default_rng(0)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 100, shape, dtype)


@kernel.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("values", nargs=-1)
@click.option("--kernel", "name", help="Which kernel of the file [its only one].")
@click.option("--grid", default="1", show_default=True, metavar="X[,Y[,Z]]", help="Blocks.")
@click.option("--block", default="32", show_default=True, metavar="X[,Y[,Z]]", help="Threads of a block.")
@click.option("--shared", default=0, show_default=True, help="Bytes of dynamic shared memory.")
@click.option("--args", "_", is_flag=True, help="What follows are the kernel's arguments.")
def check(
    file: Path, values: tuple[str, ...], name: str | None, grid: str, block: str, shared: int, _: bool
) -> None:
    """Check a kernel in FILE in three orders of its threads; exit code 1 where a fault is found.

    VALUES are its arguments: float32[128] is a random array, float32[128]=0 a filled one, 128 a number.
    """
    from scratchlm.kernels.emulator import Emulator, KernelError

    try:
        for order in ("forward", "reversed", "shuffled"):
            emulator = Emulator(file, mode="check", order=order)
            function = emulator.get_function(name or next(iter(emulator.source.kernels)))
            codes = [*function.codes, *["f4"] * len(values)]
            arguments = tuple(_value(text, code) for text, code in zip(values, codes, strict=False))
            blocks, threads = (tuple(int(n) for n in text.split(",")) for text in (grid, block))
            function(blocks, threads, arguments, shared_mem=shared)
    except KernelError as error:
        click.echo(error)
        sys.exit(1)
    except ValueError as error:
        raise OptionError(f"{error}: write whole numbers, such as --grid 2 --block 16,16.") from None
    click.echo(f"{file.name}: {function.name}: no fault found in three orders of the threads.")


@kernel.command()
@click.argument("name")
@click.option("--thread", default=0, show_default=True, help="threadIdx.x to stop in.")
@click.option("--block", default=0, show_default=True, help="blockIdx.x to stop in.")
@click.option("--shape", metavar="N,…", help="Lengths, in the order of the kernel's arguments.")
@click.option("--vscode", is_flag=True, help="Write .vscode/launch.json here in place of starting gdb.")
def debug(name: str, thread: int, block: int, shape: str | None, vscode: bool) -> None:
    """Start gdb on the kernel NAME, stopped in one of its threads.

    There: `next` a line, `print part` a shared array, `print threadIdx`, `continue`.
    """
    from scratchlm.kernels import cuda
    from scratchlm.kernels.cuda.launching import HERE
    from scratchlm.kernels.emulator.source import read

    row, function = _find(name)
    family = getattr(cuda, row.name).__module__.rpartition(".")[2]
    commands = ["set pagination off", "set breakpoint pending on", f"directory {HERE}"]
    where = f"threadIdx.x == {thread} && blockIdx.x == {block}"
    commands += [f"break {entry} if {where}" for entry in read(HERE / f"{family}.cu").kernels]
    arguments = [
        "-P",
        "-c",
        "from scratchlm.cli import main; main()",
        "kernel",
        "run",
        function.__name__,
        "--mode",
        "debug",
    ]
    arguments += ["--shape", shape] if shape else []
    if vscode:
        from .cli_kernel_vscode import add_configuration, configuration

        path = add_configuration(
            Path(), configuration(function.__name__, sys.executable, arguments, commands)
        )
        click.echo(
            f"{path} has 'scratchlm: {function.__name__}': start it under Run and Debug (extension C/C++). "
            "For breakpoints of your own in a .cu, set debug.allowBreakpointsEverywhere in the settings."
        )
        return
    gdb = shutil.which("gdb")
    if gdb is None:
        raise OptionError("gdb is not installed: install it with your system's packages (apt install gdb).")
    options = [part for command in [*commands, "run"] for part in ("-ex", command)]
    os.execv(gdb, [gdb, "-q", *options, "--args", sys.executable, *arguments])
