"""What a kernel may touch, and copies of the arguments that leave room for indices past their ends."""

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.lib.array_utils import byte_bounds

MARGIN = 1 << 12  # bytes around each array in mode "check": an index past its end meets no other array


@dataclass(frozen=True)
class Memory:
    """Memory that a kernel may touch: an argument or a shared array."""

    name: str
    begin: int
    size: int
    item: int  # bytes of an element; 0: as many as the access has
    shared: bool
    kernel: str = ""  # the kernel that declares it; "" for a helper's, which every kernel may use


def _span(array: np.ndarray) -> tuple[int, int]:
    """Where an array's memory begins and ends, whatever the sign of its strides."""
    return byte_bounds(array) if array.size else (array.ctypes.data, array.ctypes.data)


class Staged:
    """Copies of the arguments with a margin around each; arguments that overlap stay in one piece."""

    def __init__(self, args: tuple) -> None:
        spans = []
        for array in args:
            if isinstance(array, np.ndarray) and array.size:
                spans.append([*_span(array), array.flags.writeable])
        self.pieces: list[tuple[int, int, int, bool, np.ndarray]] = []
        merged: list[list] = []
        for span in sorted(spans):
            if merged and span[0] < merged[-1][1]:
                merged[-1][1:] = max(merged[-1][1], span[1]), merged[-1][2] or span[2]
            else:
                merged.append(span)
        for begin, end, writeable in merged:
            room = np.empty(end - begin + 2 * MARGIN + 256, np.uint8)
            start = room.ctypes.data + MARGIN
            start += (begin - start) % 256  # a vector load is as well aligned as in the original
            ctypes.memmove(start, begin, end - begin)
            self.pieces.append((begin, end, start, writeable, room))

    def address(self, array: np.ndarray) -> int:
        """Where the kernel finds this array."""
        at = array.ctypes.data
        for begin, end, start, _, _ in self.pieces:
            if begin <= at < end:
                return start + at - begin
        return at

    def memory(self, name: str, array: np.ndarray) -> Memory:
        """What the kernel may touch of it."""
        begin, end = _span(array)
        moved = self.address(array) - array.ctypes.data
        return Memory(name, begin + moved, end - begin, array.itemsize, False)

    def piece(self, memory: Memory) -> tuple[int, int]:
        """Begin and size of the piece that holds this memory and what overlaps with it; else its own."""
        for begin, end, start, _, _ in self.pieces:
            if start <= memory.begin < start + end - begin:
                return start, end - begin
        return memory.begin, memory.size

    def back(self) -> None:
        """Bring what the kernel wrote to the caller's arrays."""
        for begin, end, start, writeable, _ in self.pieces:
            if writeable:
                ctypes.memmove(begin, start, end - begin)
