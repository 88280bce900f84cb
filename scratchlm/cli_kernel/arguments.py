"""What `scratchlm kernel` runs and on what: kernels by name, and arguments drawn for them."""

import re
from typing import Any

import click

from ..errors import OptionError, did_you_mean

# Numbers that a kernel of the contract is run with.
NUMBERS = {
    "ignore_index": -100, "smoothing": 0.1, "approximate": False, "eps": 1e-5, "causal": True, "p": 0.1,
    "seed": 0, "call": 0, "lr": 1e-3, "momentum": 0.9, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.999,
    "decoupled": True, "step": 1,
}  # fmt: skip
LIMIT = 64 << 20  # bytes of an array: mode "check" remembers 72 bytes for each


class Three(click.ParamType):
    """Blocks of a grid or threads of a block, as CUDA writes them: 4 or 16,16."""

    name = "x,y,z"
    least, what, such = 1, "size: write one to three whole numbers above 0", "2 or 16,16"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """One to three whole numbers."""
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"\d+(,\d+){0,2}", value) or min(map(int, value.split(","))) < self.least:
            self.fail(f"{value} is no {self.what}, such as {self.such}.")
        return tuple(int(n) for n in value.split(","))


class Index(Three):
    """threadIdx or blockIdx: 3 or 3,1."""

    least, what, such = 0, "index: write one to three whole numbers, from 0 on", "3 or 3,1"


def runnable() -> dict[str, tuple[Any, Any]]:
    """Row of the contract and function of every kernel, then of the earlier versions of some.

    Matrix products and what is made of other kernels are left out: nothing is launched for them alone.
    """
    from scratchlm.kernels import cuda
    from scratchlm.kernels.contract import CONTRACT
    from scratchlm.kernels.cuda import ladders

    rows = {row.name: row for row in CONTRACT}
    found = {name: (row, getattr(cuda, name)) for name, row in rows.items()}
    found = {name: pair for name, pair in found.items() if family(pair) not in ("matmul", "generation")}
    for name in ladders.VERSIONS:
        found[name] = rows[re.sub(r"_\d+$", "", name)], getattr(ladders, name)
    return found


def family(pair: tuple[Any, Any]) -> str:
    """The .cu of a kernel, without its ending."""
    from scratchlm.kernels import cuda

    return getattr(cuda, pair[0].name).__module__.rpartition(".")[2]


def find(name: str) -> tuple[Any, Any]:
    """Row and function of the kernel `name`; `softmax` is short for softmax_forward.

    Raises:
        OptionError: there is none, or it is a part that others launch.
    """
    from scratchlm.kernels.contract import CONTRACT
    from scratchlm.kernels.cuda.launching import HERE
    from scratchlm.kernels.emulator.front import read

    known = runnable()
    for full in (name, f"{name}_forward"):
        if full in known:
            return known[full]
    if name in {row.name for row in CONTRACT}:
        raise OptionError(
            f"{name} has no CUDA kernel of its own: it is made of others and of matrix products, which "
            "cuBLAS does on a card and NumPy here. matmul_1, matmul_2 and matmul_3 show how one is done."
        )
    if name.endswith(".cu"):
        raise OptionError(
            f"{name}: a file is for `scratchlm kernel check` or `debug`; this runs the kernels of scratchlm."
        )
    for path in sorted(HERE.glob("*.cu")):
        if name in read(path).kernels:
            users = [user for user, pair in known.items() if family(pair) == path.stem]
            raise OptionError(
                f"{name} is a part that others in {path.name} launch: run one of {', '.join(users)}."
            )
    near = did_you_mean(name, [*known, *(full.removesuffix("_forward") for full in known)])
    raise OptionError(f"There is no kernel '{name}'{near}: `scratchlm kernel list` shows all.")


def letters(row: Any) -> list[str]:
    """The lengths that a kernel's arguments have, in the order of --shape; ["…"] for any shape."""
    shapes = [argument.shape for argument in row.arguments if argument.shape]
    found = list(dict.fromkeys(part[-1] for shape in shapes for part in shape if not part.isdigit()))
    return found or ["…"]


def draw(row: Any, shape: str | None) -> list[Any]:
    """Random arguments for a kernel of the contract; without a shape every length is 8.

    Raises:
        OptionError: the shape does not fit the kernel, or an array is too large.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    names = letters(row)
    if shape and not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", shape):
        if re.fullmatch(r"\d+(,\d+)*", shape):
            raise OptionError(f"--shape {shape}: give lengths above 0, such as --shape 64,1000.")
        raise OptionError(f"--shape {shape} is no list of lengths: write --shape 64,1000.")
    given = tuple(int(n) for n in shape.split(",")) if shape else ()
    lengths: dict[str, Any]
    if names == ["…"]:
        lengths = {"…": given or (1000,)}
    else:
        if shape and len(given) != len(names):
            example = ",".join("8" * len(names))
            raise OptionError(f"{row.name} has the lengths {', '.join(names)}: write --shape {example}.")
        lengths = dict(zip(names, given or [8] * len(names), strict=True))

    def size(argument: Any) -> tuple[int, ...]:
        whole: tuple = ()
        for part in argument.shape or ("…",):
            n = 1 if part.isdigit() else lengths[part[-1]]
            whole += n if isinstance(n, tuple) else (int(part if part.isdigit() else part[:-1] or 1) * n,)
        refuse_large(f"{argument.name} of --shape {shape}", whole, 8)
        return whole

    def array(argument: Any) -> Any:
        if argument.kind == "number":
            return lengths["N"] if argument.name == "vocabulary" else NUMBERS[argument.name]
        if argument.kind == "list":
            return [abs(rng.standard_normal(size(argument), np.float32))]
        if argument.kind == "float":
            return rng.standard_normal(size(argument), np.float32)
        if argument.name == "lengths":
            return rng.integers(1, lengths.get("S") or lengths["T"], size(argument), endpoint=True)
        return rng.integers(0, lengths.get("V") or lengths["N"], size(argument))

    return [array(argument) for argument in row.arguments]


def refuse_large(what: str, shape: tuple[int, ...], item: int) -> None:
    """Refuse an array of more than LIMIT bytes; `item` are those of an element, `what` names it."""
    size = item
    for n in shape:
        size *= n
    if size > LIMIT:
        raise OptionError(
            f"{what} has {size / 2**20:,.0f} MB, which the emulator would take hours for: "
            f"stay below {LIMIT >> 20} MB an array."
        )
