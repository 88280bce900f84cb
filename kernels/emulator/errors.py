"""What the emulator refuses or finds: one sentence with kernel, thread, block, line and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thread:
    """A thread that has part in a fault: its threadIdx and blockIdx (x, y, z), and its line, 0 if unknown."""

    index: tuple[int, int, int]
    block: tuple[int, int, int]
    line: int


class KernelError(RuntimeError):
    """A fault of a kernel, or of its launch.

    Attributes:
        kind: "race", "out of bounds", "uninitialised", "misaligned", "divergent barrier", "early exit",
            "missing lanes", "order", "endless loop", "assertion", "division", "stack", "undefined",
            "argument", "launch", "shared memory", "compile", "unsupported" or "compiler".
        file: name of the .cu, or "" where the fault has no place.
        line: line in it, or 0.
        threads: the thread that was stopped, then the other one where a fault takes two.
        advice: what to do, as the sentence ends; "" where nothing was run.
    """

    def __init__(
        self, kind: str, message: str, file: str = "", line: int = 0, threads: tuple[Thread, ...] = (),
        advice: str = "",
    ) -> None:  # fmt: skip
        super().__init__(f"{file}:{line}: {message}" if line else message)
        self.kind, self.file, self.line, self.threads, self.advice = kind, file, line, threads, advice

    @property
    def refused(self) -> bool:
        """Whether nothing was run: it does not compile, or not on a GPU either, or was called wrongly."""
        return self.kind in ("argument", "launch", "compiler", "unsupported", "compile", "shared memory")
