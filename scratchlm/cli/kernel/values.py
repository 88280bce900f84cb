"""What is written after --args, as the arguments of a kernel; each mistake is one sentence."""

import re
from typing import TYPE_CHECKING, Any, NoReturn

from ...errors import OptionError
from .arguments import refuse_large

if TYPE_CHECKING:
    from scratchlm.kernels.emulator import KernelFunction

AXES = 32  # that NumPy 1 knows
TRUTHS = {"0": 0, "1": 1, "false": 0, "true": 1}


def read_values(function: "KernelFunction", texts: tuple[str, ...]) -> tuple[Any, ...]:
    """The arguments of a kernel: `float32[128]` random, `float32[2,64]=0` filled, or a number.

    Raises:
        OptionError: they are too few or too many, or one does not fit its parameter.
    """
    for text in texts:
        if text.startswith("--"):
            raise OptionError(f"'{text}' is not an option: `scratchlm kernel check --help` lists them.")
    if len(texts) != len(function.codes):
        wanted = f"{function.name} takes {len(function.codes)} arguments"
        if not function.codes:
            raise OptionError(f"{wanted}, not {len(texts)}: remove --args.")
        such = " ".join(map(_example, function.codes))
        raise OptionError(
            f"{wanted} ({', '.join(function.parameters)}), not {len(texts)}: write, say, --args {such}."
        )
    return tuple(
        _Value(f"{function.name}: argument {k + 1}, {name},", text).read(code, k)
        for k, (name, text, code) in enumerate(zip(function.parameters, texts, function.codes, strict=True))
    )


def _example(code: str) -> str:
    """What might be written for a parameter of this type."""
    return f"'{_kind(code)}[64]'" if code.endswith("*") else "1"


def _kind(code: str) -> str:
    """The name of a type: float32 for "f4" and "f4*"; that of any for a structure, which has none."""
    import numpy as np

    return "float32" if code[0] == "?" else np.dtype(code.rstrip("*")).name


class _Value:
    """One argument: the beginning of its sentence, and what was written."""

    def __init__(self, which: str, text: str) -> None:
        self.which, self.text = which, text

    def refuse(self, advice: str) -> NoReturn:
        raise OptionError(f"{self.which} is '{self.text}': {advice}.") from None

    def read(self, code: str, seed: int) -> Any:
        """The array or number for a parameter of type `code`, as the emulator has it: "f4", "i4*".

        Each array is drawn with another seed, so that none is mistaken for another.
        """
        import numpy as np

        if code == "?":
            raise OptionError(f"{self.which} is a structure: let the kernel take its parts one by one.")
        if code.endswith("**"):
            raise OptionError(
                f"{self.which} is a table of addresses, which cannot be written here: call the kernel from "
                "Python (scratchlm.kernels.emulator.Pointers)."
            )
        found = re.fullmatch(r"(\w+)\[(.*?)\](?:=(.*))?", self.text)
        if not code.endswith("*"):
            if found:
                self.refuse(f"give a number ({_kind(code)}), not an array")
            return self.number(self.text, np.dtype(code), "give")
        if not found:
            self.refuse(f"give an array, {_kind(code)}[64] (random) or {_kind(code)}[64]=0")
        return self.array(found, code, seed)

    def array(self, found: re.Match[str], code: str, seed: int) -> Any:
        """What `float32[2,64]=0` means."""
        import numpy as np

        name, lengths, fill = found.groups()
        try:
            dtype = np.dtype(name)
        except TypeError:
            self.refuse(f"give an array of {_kind(code)}; {name} is not a type")
        if not re.fullmatch(r"\d+(,\d+)*", lengths):
            such = "64" if "." in lengths else ",".join(re.findall(r"\d+", lengths)) or "64"
            self.refuse(f"write its lengths as whole numbers with commas between, such as {name}[{such}]")
        if dtype.kind not in "fiub" or (code != "?*" and dtype.name != _kind(code)):
            self.refuse(f"give an array of {_kind(code)}, {_kind(code)}[{lengths}]")
        shape = tuple(map(int, lengths.split(",")))
        if len(shape) > AXES:
            self.refuse(f"write at most {AXES} lengths")
        refuse_large(self.text, shape, dtype.itemsize)
        if fill is not None:
            return np.full(shape, self.number(fill, dtype, "fill it with"))
        rng = np.random.default_rng(seed)
        if dtype.kind == "f":
            return rng.standard_normal(shape).astype(dtype)
        return rng.integers(0, 2 if dtype.kind == "b" else 100, shape).astype(dtype)

    def number(self, text: str, dtype: Any, do: str) -> Any:
        """A number of this type; `do` begins the advice."""
        import numpy as np

        if dtype.kind == "b":
            if text not in TRUTHS:
                self.refuse(f"{do} 0 or 1 ({dtype.name})")
            return dtype.type(TRUTHS[text])
        try:
            with np.errstate(over="ignore"):
                value = dtype.type(float(text) if dtype.kind == "f" else int(text))
        except ValueError:
            self.refuse(f"{do} a {'number' if dtype.kind == 'f' else 'whole number'} ({dtype.name})")
        except OverflowError:
            about = np.iinfo(dtype)
            self.refuse(f"{do} a whole number from {about.min:,} to {about.max:,} ({dtype.name})")
        if dtype.kind == "f" and np.isinf(value) and np.isfinite(float(text)):
            most = np.finfo(dtype).max
            self.refuse(f"{do} a number between {-most:.1e} and {most:.1e} ({dtype.name})")
        return value
