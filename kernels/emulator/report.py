"""A fault as a sentence: kernel, thread, block, line, and what to do."""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from . import abi
from .abi import ATOMIC, READ, WRITE, Kind
from .errors import KernelError, Thread
from .front import Source
from .staging import Memory
from .symbols import Image

DID = {READ: "reads", WRITE: "writes", ATOMIC: "changes atomically"}
HAD = {READ: "read", WRITE: "wrote", ATOMIC: "changed atomically"}
FAR = 1 << 16  # bytes beyond which an address is not called an index of the nearest array
PAGE = 1 << 12  # addresses below are those of null pointers
# What may be wrong in a kernel of which mode "check" says nothing.
NOT_SEEN = (
    "not looked for: local variables that are read before they have a value, where no result shows it; "
    "local arrays indexed through pointers or macros (compiled by clang or zig: also arrays in structures); "
    "writes to a const array by a cast; "
    "plain reads of what others change by atomics, by a line that at other times reads an atomicCAS's first "
    "guess; "
    "numbers that overflow or become NaN; faults that only other sizes, inputs or orders bring about"
)


# Of each fault: its kind, what happens, and what to do; t is the _Fault.
LOOP = "see whether the loop around it ends, or raise steps (--steps)"
SENTENCES = {
    Kind.RACE: ("race", "{t.race[0]}", "{t.race[1]}"),
    Kind.OUT_OF_BOUNDS: ("out of bounds", "{t.outside[0]}", "{t.outside[1]}"),
    Kind.BEYOND: (
        "out of bounds",
        "uses {t.indexed}[{t.told.index}], but it has {t.length} elements",
        "test the index before it is used",
    ),
    Kind.UNINITIALISED: (
        "uninitialised", "reads {t.array[0]}, which no thread of the block has written", "write it first",
    ),
    Kind.MISALIGNED: (
        "misaligned",
        "{t.did} {t.told.size} bytes at {t.first}, an address that is no multiple of {t.told.size}",
        "start vectors at such multiples, or use single elements",
    ),
    Kind.BARRIERS_DIFFER: (
        "divergent barrier",
        "waits at this __syncthreads() while {t.other} waits at {t.other_barrier}",
        "put the barrier where all threads of the block come by",
    ),
    Kind.EARLY_EXIT: (
        "early exit",
        "waits at this __syncthreads(), but {t.other} has left the kernel",
        "let all threads reach every barrier, and test the index around the work instead",
    ),
    Kind.LANE_MISSING: (
        "missing lanes",
        "waits here for lane {t.lane} of its warp, which the mask names, but {t.other} {t.elsewhere}",
        "call it with all lanes of the mask, outside of the `if`",
    ),
    Kind.LANE_ABSENT: (
        "missing lanes",
        "takes a value from lane {t.lane} of its warp, which does not take part",
        "let all lanes of the warp call it, or name fewer in mask and width",
    ),
    Kind.NOT_IN_MASK: (
        "missing lanes", "calls this, but its own lane is not in the mask", "put it in, or do not call",
    ),
    Kind.ASSERTION: ("assertion", "ends here by {t.text}", "see which value it does not expect"),
    Kind.DIVISION: (
        "division",
        "divides an integer by 0, or the smallest one by -1; a card goes on with any number",
        "test the divisor first",
    ),
    Kind.IMPOSSIBLE: (
        "undefined",
        "reaches code that the compiler took to be impossible, such as an integer divided by 0 or a "
        "write through a null pointer",
        'mode "check" names it',
    ),
    Kind.MEMORY: (
        "launch", "ends here, the emulator has no memory left", "start fewer blocks or threads",
    ),
    Kind.TOO_DEEP: (
        "stack",
        "needs more than 240 KB for its calls and local variables",
        "see whether a function that calls itself comes to an end, and make local arrays smaller",
    ),
    Kind.ENDLESS: (
        "endless loop",
        "ran {t.launched.steps:,} steps without a wait and was still in this loop",
        "see whether its condition can become false ({t.needs}), or raise steps (--steps)",
    ),
    Kind.WAITS: ("endless loop", "waits here, and has waited {t.waits:,} times in all", LOOP),
    Kind.TOO_SLOW: (
        "endless loop",
        "was still running after {t.launched.seconds:g} s",
        "see whether every loop ends, start fewer blocks, or raise seconds (--seconds)",
    ),
}  # fmt: skip
WITH_ANOTHER = (Kind.RACE, Kind.BARRIERS_DIFFER, Kind.EARLY_EXIT, Kind.LANE_MISSING, Kind.LANE_ABSENT)
Size = tuple[int, int, int]


@dataclass(frozen=True)
class Launched:
    """A launch, as far as sentences tell of it.

    Attributes:
        base: where the image is loaded.
        memories: what the kernel might touch.
    """

    kernel: str
    source: Source
    image: Image
    base: int
    mode: str
    steps: int
    seconds: float
    memories: list[Memory]
    grid: Size
    block: Size


def _index(number: int, size: Size) -> Size:
    """threadIdx or blockIdx of a thread of a block or a block of a grid."""
    return number % size[0], number // size[0] % size[1], number // (size[0] * size[1])


def _point(number: int, size: Size) -> str:
    """The same in words: 3, or (3, 1) where there are two axes."""
    x, y, z = _index(number, size)
    if size[2] > 1:
        return f"({x}, {y}, {z})"
    return f"({x}, {y})" if size[1] > 1 else str(x)


class _Fault:
    """What the runtime told, in the words that SENTENCES asks for."""

    def __init__(self, told: abi.Report, launched: Launched) -> None:
        self.told, self.launched = told, launched
        self.here = self._place(told.file, told.line, told.pc)
        self.there = self._place(told.other_file, told.other_line, told.other_pc)
        self.did = DID.get(told.access, "")
        self.other = f"thread {_point(told.other_thread, launched.block)}"
        self.lane = told.other_thread % 32
        self.waits = launched.steps // abi.WAIT

    def _place(self, file: bytes | None, line: int, pc: int | None) -> tuple[str, int]:
        if file:
            return Path(file.decode()).name, line
        name, line = self.launched.image.line(pc - self.launched.base) if pc else ("", 0)
        return Path(name).name, line

    def _other_wait(self, before: str = "") -> str:
        if (self.told.other_file, self.told.other_line) == (self.told.file, self.told.line):
            return "another one on this line"
        return f"{before} line {self.there[1]}".strip()

    @property
    def other_barrier(self) -> str:
        """Where the other thread waits."""
        return self._other_wait("the one in")

    @property
    def elsewhere(self) -> str:
        """The same, if it waits."""
        return f"waits at {self._other_wait()}" if self.told.other_line else "runs to the end without it"

    @cached_property
    def array(self) -> tuple[str, str]:
        """The element that was touched, and how many there are."""
        told, address = self.told, self.told.address or 0
        if address < PAGE:
            return "through a null pointer", "give it the address of an array"
        memories = self.launched.memories
        gaps = [max(m.begin - address, address + 1 - m.begin - m.size, 0) for m in memories]
        distance = min(gaps)
        memory = memories[gaps.index(distance)]
        if distance > FAR:
            return f"address {address:#x}, far from every array", "the pointer or the index is wrong"
        item = memory.item or told.size
        bytes_ = f"{told.size:,} bytes at " if told.size > item else ""
        if not memory.item and address == memory.begin and told.size == memory.size:
            return memory.name, "it is one number"
        element = f"{bytes_}{memory.name}[{(address - memory.begin) // item}]"
        return element, f"it has {memory.size // item} elements"

    @property
    def first(self) -> str:
        """The first element of several."""
        return self.array[0].rpartition(" at ")[2]

    @property
    def indexed(self) -> str:
        """The local array that was indexed."""
        told = self.told
        return self.launched.source.indexed(told.file.decode(), told.line, told.column) or "a local array"

    @property
    def text(self) -> str:
        """What the runtime says in words."""
        return self.told.text.decode()

    @property
    def length(self) -> str:
        """Of a local array, by its type: 'float [4]'."""
        return re.search(r"\[(\d+)\]", self.text)[1]  # type: ignore[index]

    @property
    def needs(self) -> str:
        """What an endless loop may wait for in vain."""
        if math.prod(self.launched.grid) == 1:
            return "waiting for another thread needs a barrier"
        return (
            "waiting for another thread needs a barrier; blocks run one after another here: one that waits "
            "for another takes its number from an atomicAdd, not from blockIdx"
        )

    @cached_property
    def race(self) -> tuple[str, str]:
        """Who met whom at which element, and what would order them."""
        told = self.told
        if told.other_block != told.block:
            other = f"{self.other} of block {_point(told.other_block, self.launched.grid)}"
            advice = (
                "blocks run side by side and in any order: let one block alone have each element, "
                "use atomics, or split the kernel in two launches"
            )
            if told.atomics:
                advice += "; where an atomic hands it over, put __threadfence() before that atomic"
        else:
            other = self.other
            advice = "put __syncthreads() between the two (inside one warp __syncwarp() is enough)"
            if told.atomics:
                advice += ", or __threadfence() before the atomic where a lock hands it over"
        if self.here == self.there and told.access == told.other_access == WRITE:
            # A barrier cannot stand inside a line.
            advice = (
                "let one thread alone write it, or use an atomic (if all write the same: `if` one thread)"
            )
        if told.access == READ and told.other_access == ATOMIC:
            advice += "; or read it by an atomic too: atomicAdd(p, 0)"
        where = f"line {self.there[1]} with nothing to order them"
        if told.again:
            where += ", and then writes it too"
            advice = "use atomicAdd or its like, or let one thread alone have it"
            if told.other_access == ATOMIC:
                advice = "read and write it in one atomic (atomicAdd, or a loop of atomicCAS)"
            if told.atomics:
                advice += ", or put __threadfence() before the atomic where a lock hands it over"
        return f"{self.did} {self.array[0]}, which {other} {HAD[told.other_access]} at {where}", advice

    @cached_property
    def outside(self) -> tuple[str, str]:
        """What was touched outside of every array, and what to do."""
        element, size = self.array
        what, advice = f"{self.did} {element}, but {size}", "test the index before it is used"
        if "dynamic shared" in element:
            advice += ", or ask for more with shared_mem (--shared)"
            if size.startswith("it has 0 "):
                what = f"{self.did} {element}, but it has no bytes"
                advice = "ask for some with shared_mem (--shared)"
        if element.startswith(("through", "address")):
            what, advice = f"{self.did} {element}", size
        if self.launched.mode != "check":
            advice += '; mode "check" finds more of this kind, and earlier'
        return what, advice

    def thread(self, number: int, block: int, line: int) -> Thread:
        """A thread, for those who do not read the sentence."""
        return Thread(_index(number, self.launched.block), _index(block, self.launched.grid), line)


def explain(told: abi.Report, launched: Launched) -> KernelError:
    """The error for what the runtime reported."""
    fault = _Fault(told, launched)
    kind, what, advice = (text.format(t=fault) for text in SENTENCES[Kind(told.kind)])
    thread, block = _point(told.thread, launched.block), _point(told.block, launched.grid)
    text = f"{launched.kernel}, thread {thread}, block {block}, {what}: {advice}."
    threads = [fault.thread(told.thread, told.block, fault.here[1])]
    if told.kind in WITH_ANOTHER:
        block = told.other_block if told.kind == Kind.RACE else told.block
        threads.append(fault.thread(told.other_thread, block, fault.there[1]))
    return KernelError(kind, text, *fault.here, tuple(threads), advice)
