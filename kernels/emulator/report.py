"""A fault as a sentence: kernel, thread, block, line, and what to do."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .compiling import read_too_early
from .errors import KernelError
from .variables import base_name

if TYPE_CHECKING:
    from .launch import Function, Report
    from .staging import Memory

# As in state.h.
(
    _, RACE, OUT_OF_BOUNDS, UNINITIALISED, MISALIGNED, BARRIERS_DIFFER, EARLY_EXIT, LANE_MISSING, LANE_ABSENT,
    NOT_IN_MASK, ENDLESS, TOO_SLOW, INTERRUPTED, ASSERTION, DIVISION, TOO_DEEP, BEYOND, WAITS, IMPOSSIBLE,
    MEMORY,
) = range(20)  # fmt: skip
DID = {0: "reads", 1: "writes", 2: "changes atomically"}
HAD = {0: "read", 1: "wrote", 2: "changed atomically"}
FAR = 1 << 16  # bytes beyond which an address is not called an index of the nearest array
PAGE = 1 << 12  # addresses below are those of null pointers
STEPS_OF_A_WAIT = 1000  # as in runtime.cpp
# What may be wrong in a kernel of which mode "check" says nothing.
NOT_SEEN = (
    "not looked for: local variables that are read before they have a value, where no result shows it; "
    "local arrays indexed through pointers or macros (compiled by clang or zig: also arrays in structures); "
    "writes to a const array by a cast; "
    "plain reads of what others change by atomics, by a line that at other times reads an atomicCAS's first "
    "guess; "
    "numbers that overflow or become NaN; faults that only other sizes, inputs or orders bring about"
)


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

    def other_wait(self, before: str = "") -> str:
        """Where the other thread waits."""
        if (self.told.other_file, self.told.other_line) == (self.told.file, self.told.line):
            return "another one on this line"
        return f"{before} {self.line_of_other()}".strip()

    def array(self) -> tuple[str, str]:
        """The element that was touched, and how many there are."""
        told, address = self.told, self.told.address or 0
        if address < PAGE:
            return "through a null pointer", "give it the address of an array"
        near = [
            (max(m.begin - address, address + 1 - m.begin - m.size, 0), k)
            for k, m in enumerate(self.memories)
        ]
        distance, k = min(near)
        memory = self.memories[k]
        if distance > FAR:
            return f"address {address:#x}, far from every array", "the pointer or the index is wrong"
        item = memory.item or told.size
        bytes_ = f"{told.size:,} bytes at " if told.size > item else ""
        if not memory.item and address == memory.begin and told.size == memory.size:
            return memory.name, "it is one number"
        element = f"{bytes_}{memory.name}[{(address - memory.begin) // item}]"
        return element, f"it has {memory.size // item} elements"

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
            if told.atomics:
                advice += "; where an atomic hands it over, put __threadfence() before that atomic"
        else:
            other = f"{whose} {HAD[told.other_access]}"
            advice = "put __syncthreads() between the two (inside one warp __syncwarp() is enough)"
            if told.atomics:
                advice += ", or __threadfence() before the atomic where a lock hands it over"
        here, there = (
            self.place(told.file, told.line, told.pc),
            self.place(told.other_file, told.other_line, told.other_pc),
        )
        if here == there and told.access == told.other_access == 1:  # a barrier cannot stand inside a line
            advice = (
                "let one thread alone write it, or use an atomic (if all write the same: `if` one thread)"
            )
        if told.access == 0 and told.other_access == 2:
            advice += "; or read it by an atomic too: atomicAdd(p, 0)"
        where = f"{self.line_of_other()} with nothing to order them"
        if told.again:
            where += ", and then writes it too"
            advice = "use atomicAdd or its like, or let one thread alone have it"
            if told.other_access == 2:
                advice = "read and write it in one atomic (atomicAdd, or a loop of atomicCAS)"
            if told.atomics:
                advice += ", or put __threadfence() before the atomic where a lock hands it over"
        return f"{DID[told.access]} {element}, which {other} at {where}: {advice}."

    def text(self) -> tuple[str, str]:
        """Kind and what happened."""
        told = self.told
        if told.kind == RACE:
            return "race", self.race()
        if told.kind == OUT_OF_BOUNDS:
            return "out of bounds", self.out_of_bounds()
        if told.kind == BEYOND:
            source = self.function.emulator.source
            name = source.indexed(told.file.decode(), told.line, told.column) or "a local array"
            size = re.search(r"\[(\d+)\]", told.text.decode())[1]  # type: ignore[index]
            return "out of bounds", (
                f"uses {name}[{told.index}], but it has {size} elements: test the index before it is used."
            )
        if told.kind == UNINITIALISED:
            element, _ = self.array()
            return (
                "uninitialised",
                f"reads {element}, which no thread of the block has written: write it first.",
            )
        if told.kind == MISALIGNED:
            element = self.array()[0].rpartition(" at ")[2]
            return "misaligned", (
                f"{DID[told.access]} {told.size} bytes at {element}, an address that is no multiple of "
                f"{told.size}: start vectors at such multiples, or use single elements."
            )
        if told.kind == BARRIERS_DIFFER:
            return "divergent barrier", (
                f"waits at this __syncthreads() while {self.thread(told.other_thread)} waits at "
                f"{self.other_wait('the one in')}: put the barrier where all threads of the block come by."
            )
        if told.kind == EARLY_EXIT:
            return "early exit", (
                f"waits at this __syncthreads(), but {self.thread(told.other_thread)} has left the kernel: "
                "let all threads reach every barrier, and test the index around the work instead."
            )
        if told.kind == LANE_MISSING:
            where = f"waits at {self.other_wait()}" if told.other_line else "is elsewhere"
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
            return "assertion", f"ends here by {told.text.decode()}: see which value it does not expect."
        if told.kind == DIVISION:
            return "division", (
                "divides an integer by 0, or the smallest one by -1; a card goes on with any number: "
                "test the divisor first."
            )
        if told.kind == IMPOSSIBLE:
            return "undefined", (
                "reaches code that the compiler took to be impossible, such as an integer divided by 0 or a "
                'write through a null pointer: mode "check" names it.'
            )
        if told.kind == MEMORY:
            return "launch", "ends here, the emulator has no memory left: start fewer blocks or threads."
        if told.kind == TOO_DEEP:
            return "stack", (
                "needs more than 240 KB for its calls and local variables: see whether a function that calls "
                "itself comes to an end, and make local arrays smaller."
            )
        emulator = self.function.emulator
        if told.kind == ENDLESS:
            needs = "waiting for another thread needs a barrier"
            if math.prod(self.grid) > 1:
                needs += (
                    "; blocks run one after another here: one that waits for another takes its number from "
                    "an atomicAdd, not from blockIdx"
                )
            return "endless loop", (
                f"ran {emulator.steps:,} steps without a wait and was still in this loop: see whether its "
                f"condition can become false ({needs}), or raise steps (--steps)."
            )
        if told.kind == WAITS:
            return "endless loop", (
                f"waits here, and has waited {emulator.steps // STEPS_OF_A_WAIT:,} times in all: "
                "see whether the loop around it ends, or raise steps (--steps)."
            )
        return "endless loop", (
            f"was still running after {emulator.seconds:g} s: see whether every loop ends, start fewer "
            "blocks, or raise seconds (--seconds)."
        )

    def out_of_bounds(self) -> str:
        told = self.told
        element, size = self.array()
        text = f"{DID[told.access]} {element}, but {size}: test the index before it is used"
        if "dynamic shared" in element:
            text += ", or ask for more with shared_mem (--shared)"
        if "dynamic shared" in element and size.startswith("it has 0 "):
            text = (
                f"{DID[told.access]} {element}, but it has no bytes: ask for some with shared_mem (--shared)"
            )
        if element.startswith(("through", "address")):
            text = f"{DID[told.access]} {element}: {size}"
        if self.function.emulator.mode == "check":
            return f"{text}."
        return f'{text}; mode "check" finds more of this kind, and earlier.'


def explain(
    told: "Report", function: "Function", memories: list["Memory"], grid: Any, block: Any
) -> KernelError:
    """The error for what the runtime reported."""
    sentence = _Sentence(told, function, memories, grid, block)
    kind, text = sentence.text()
    who = f"{function.name}, thread {_point(told.thread, block)}, block {_point(told.block, grid)},"
    file, line = sentence.place(told.file, told.line, told.pc)
    return KernelError(kind, f"{who} {text}", file, line)


def orders_differ(function: "Function", array: str, off: float) -> KernelError:
    """The error for an array that another order of the threads fills with numbers up to `off` apart.

    It is one where the kernel uses no atomics (`function.atomics`), as with them sums differ by rounding, and
    where `off` is not finite.
    """
    source = function.emulator.source
    guess = read_too_early(source, function.emulator.options)
    names, file, line = guess or source.without_value(base_name(function.name))
    declared = f" ({names}: declared without one)" if names else ""
    advice = f"see what a thread reads before it has a value{declared}, or while another changes it"
    if guess:
        advice = f"{names}, declared here, may be read before it has a value: give it one"
    amount, why = (f" (by up to {off:.1e})", "no atomic") if math.isfinite(off) else ("", "no rounding")
    text = (
        f"{function.name}: the numbers in {array} depend on the order in which threads run{amount}, and "
        f"{why} explains it: {advice}."
    )
    return KernelError("order", text, file, line)
