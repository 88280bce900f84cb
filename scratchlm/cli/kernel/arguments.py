"""What `scratchlm kernel` runs and on what: kernels by name, and arguments drawn for them."""

import re
from typing import Any

import click

from ...errors import OptionError, did_you_mean

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
    """Declaration and function of every kernel, then of the earlier versions of some.

    Matrix products and what is made of other kernels are left out: nothing is launched for them alone.
    """
    from scratchlm.kernels.contract import CONTRACT, earlier_versions, kernel_set

    cuda = kernel_set("cuda")
    rows = [row for row in CONTRACT if row.family not in ("matmul", "token")]
    return {row.name: (row, getattr(cuda, row.name)) for row in rows} | earlier_versions()


def find(name: str) -> tuple[Any, Any]:
    """Row and function of the kernel `name`; `softmax` is short for softmax_forward.

    Raises:
        OptionError: there is none, or it is a part that others launch.
    """
    from scratchlm.kernels.contract import CONTRACT, sources
    from scratchlm.kernels.emulator.front import read

    known = runnable()
    for full in (name, f"{name}_forward"):
        if full in known:
            return known[full]
    if name in {row.name for row in CONTRACT}:
        raise OptionError(
            f"{name} has no CUDA kernel of its own: it is made of others and of matrix products, which "
            "cuBLAS does on a GPU and NumPy here. matmul_1, matmul_2 and matmul_3 show how one is done."
        )
    if name.endswith(".cu"):
        raise OptionError(
            f"{name}: a file is for `scratchlm kernel check` or `debug`; this runs the kernels of scratchlm."
        )
    for path in sources():
        if name in read(path).kernels:
            users = [user for user, pair in known.items() if pair[0].family == path.stem]
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
    from scratchlm.kernels.examples import Example

    names = letters(row)
    if shape and not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", shape):
        if re.fullmatch(r"\d+(,\d+)*", shape):
            raise OptionError(f"--shape {shape}: give lengths above 0, such as --shape 64,1000.")
        raise OptionError(f"--shape {shape} is no list of lengths: write --shape 64,1000.")
    given = tuple(int(n) for n in shape.split(",")) if shape else ()
    lengths: dict[str, Any] = {}
    if names == ["…"]:
        lengths["…"] = given or (1000,)
    elif given:
        if len(given) != len(names):
            such = ",".join("8" * len(names))
            raise OptionError(f"{row.name} has the lengths {', '.join(names)}: write --shape {such}.")
        lengths = dict(zip(names, given, strict=True))
        lengths.setdefault("V", lengths.get("N"))  # of embedding_backward, whose table has as many rows
    example = Example(lengths)
    for argument in row.arguments:
        if argument.kind != "number":
            refuse_large(f"{argument.name} of --shape {shape}", example.shape(argument.shape or ("…",)), 8)
    return list(example.arguments(row).values())


def refuse_large(what: str, shape: tuple[int, ...], item: int) -> None:
    """Refuse an array of more than LIMIT bytes; `item` are those of an element, `what` names it."""
    size = item
    for n in shape:
        size *= max(n, 1)  # beside a length of 0 NumPy refuses a huge one too
    if size > LIMIT:
        raise OptionError(
            f"{what} has {size / 2**20:,.0f} MB, which the emulator would take hours for: "
            f"stay below {LIMIT >> 20} MB an array."
        )
