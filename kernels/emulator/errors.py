"""What the emulator refuses or finds: one sentence with kernel, thread, block, line and what to do."""


class KernelError(RuntimeError):
    """A fault of a kernel, or of its launch.

    Attributes:
        kind: "race", "out of bounds", "uninitialised", "misaligned", "divergent barrier", "early exit",
            "missing lanes", "order", "endless loop", "assertion", "division", "stack", "undefined",
            "argument", "launch", "shared memory", "compile", "unsupported" or "compiler".
        file: name of the .cu, or "" where the fault has no place.
        line: line in it, or 0.
    """

    def __init__(self, kind: str, message: str, file: str = "", line: int = 0) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else message)
        self.kind, self.file, self.line = kind, file, line
