"""A fault as a sentence: kernel, thread, block, line, and what to do."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import KernelError

if TYPE_CHECKING:
    from .launch import Function, Memory, Report

# As in state.h.
(
    _, RACE, OUT_OF_BOUNDS, UNINITIALISED, MISALIGNED, BARRIERS_DIFFER, EARLY_EXIT, LANE_MISSING, LANE_ABSENT,
    NOT_IN_MASK, ENDLESS, TOO_SLOW, INTERRUPTED, ASSERTION,
) = range(14)  # fmt: skip
DID = {0: "reads", 1: "writes", 2: "changes atomically"}
HAD = {0: "read", 1: "wrote", 2: "changed atomically"}
FAR = 1 << 16  # bytes beyond which an address is not called an index of the nearest array


def _point(number: int, size: tuple[int, int, int]) -> str:
    """A thread of a block or a block of a grid: 3, or (3, 1) where there are two axes."""
    x, y, z = number % size[0], number // size[0] % size[1], number // (size[0] * size[1])
    if size[2] > 1:
        return f"({x}, {y}, {z})"
    return f"({x}, {y})" if size[1] > 1 else str(x)


class _Sentence:
    def __init__(self, told: "Report", function: "Function", memories: list["Memory"], grid, block) -> None:
        self.told, self.function, self.memories, self.grid, self.block = told, function, memories, grid, block

    def place(self, file: bytes | None, line: int, pc: int | None) -> tuple[str, int]:
        if file:
            return Path(file.decode()).name, line
        emulator = self.function.emulator
        name, line = emulator.image.line(pc - emulator.base) if pc else ("", 0)
        return Path(name).name, line

    def thread(self, number: int) -> str:
        return f"thread {_point(number, self.block)}"

    def line_of_other(self) -> str:
        told = self.told
        return f"line {self.place(told.other_file, told.other_line, told.other_pc)[1]}"

    def array(self) -> tuple[str, str]:
        """The element that was touched, and how many there are."""
        told, address = self.told, self.told.address
        near = [
            (max(m.begin - address, address + 1 - m.begin - m.size, 0), k)
            for k, m in enumerate(self.memories)
        ]
        distance, k = min(near)
        memory = self.memories[k]
        if distance > FAR:
            return f"address {address:#x}, far from every array", "the pointer or the index is wrong"
        item = memory.item or told.size
        return f"{memory.name}[{(address - memory.begin) // item}]", f"it has {memory.size // item} elements"

    def race(self) -> str:
        told = self.told
        element, _ = self.array()
        whose = self.thread(told.other_thread)
        if told.other_block != told.block:
            other = f"{whose} of block {_point(told.other_block, self.grid)} {HAD[told.other_access]}"
            advice = (
                "blocks run side by side and in any order: let one block alone have each element, "
                "use atomics, or split the kernel in two launches"
            )
        else:
            other = f"{whose} {HAD[told.other_access]}"
            advice = "put __syncthreads() between the two (inside one warp __syncwarp() is enough)"
        where = f"{self.line_of_other()} with nothing to order them"
        return f"{DID[told.access]} {element}, which {other} at {where}: {advice}."

    def text(self) -> tuple[str, str]:
        """Kind and what happened."""
        told = self.told
        if told.kind == RACE:
            return "race", self.race()
        if told.kind == OUT_OF_BOUNDS:
            element, size = self.array()
            return (
                "out of bounds",
                f"{DID[told.access]} {element}, but {size}: test the index before it is used.",
            )
        if told.kind == UNINITIALISED:
            element, _ = self.array()
            return (
                "uninitialised",
                f"reads {element}, which no thread of the block has written: write it first.",
            )
        if told.kind == MISALIGNED:
            element, _ = self.array()
            return "misaligned", (
                f"{DID[told.access]} {told.size} bytes at {element}, an address that is no multiple of "
                f"{told.size}: start vectors at such multiples, or use single elements."
            )
        if told.kind == BARRIERS_DIFFER:
            return "divergent barrier", (
                f"waits at this __syncthreads() while {self.thread(told.other_thread)} waits at the one in "
                f"{self.line_of_other()}: put the barrier where all threads of the block come by."
            )
        if told.kind == EARLY_EXIT:
            return "early exit", (
                f"waits at this __syncthreads(), but {self.thread(told.other_thread)} has left the kernel: "
                "let all threads reach every barrier, and test the index around the work instead."
            )
        if told.kind == LANE_MISSING:
            where = f"waits at {self.line_of_other()}" if told.other_line else "is elsewhere"
            return "missing lanes", (
                f"waits here for lane {told.other_thread % 32} of its warp, which the mask names, but "
                f"{self.thread(told.other_thread)} {where}: call it with all lanes of the mask, "
                "outside of the `if`."
            )
        if told.kind == LANE_ABSENT:
            return "missing lanes", (
                f"takes a value from lane {told.other_thread % 32} of its warp, which does not take part: "
                "let all lanes of the warp call it, or name fewer in mask and width."
            )
        if told.kind == NOT_IN_MASK:
            return (
                "missing lanes",
                "calls this, but its own lane is not in the mask: put it in, or do not call.",
            )
        if told.kind == ASSERTION:
            return "assertion", f"does not have {told.text.decode()}."
        if told.kind == ENDLESS:
            steps = self.function.emulator.steps
            return "endless loop", (
                f"ran {steps:,} steps without a wait and was still in this loop: see whether its condition "
                "can become false (waiting for another thread needs a barrier), or raise `steps`."
            )
        seconds = self.function.emulator.seconds
        return "endless loop", (
            f"was still running after {seconds:g} s: see whether every loop ends, or raise `seconds`."
        )


def explain(
    told: "Report", function: "Function", memories: list["Memory"], grid: Any, block: Any
) -> KernelError:
    """The error for what the runtime reported."""
    sentence = _Sentence(told, function, memories, grid, block)
    kind, text = sentence.text()
    who = f"{function.name}, thread {_point(told.thread, block)}, block {_point(told.block, grid)},"
    file, line = sentence.place(told.file, told.line, told.pc)
    return KernelError(kind, f"{who} {text}", file, line)
