"""What a compiled object says about itself: where its variables are, and which line each instruction is from.

Reads ELF (System V ABI) and DWARF 4's line table, so that no tool besides the compiler is needed.
pyelftools needs 20 ms for the symbols, at each load, and 75 with the lines; this needs 1.2.
"""

import struct
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .toolchain import RUNTIME

HEADERS = [path.name for path in RUNTIME.rglob("*.h")]  # the table has their names without folders


@dataclass(frozen=True)
class Symbol:
    """A named piece of the image: address relative to where it is loaded, and size in bytes."""

    name: str
    address: int
    size: int
    variable: bool = False  # may be written


class Image:
    """A shared object on disk."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        (offset,) = struct.unpack_from("<Q", self.data, 0x28)
        size, count, names = struct.unpack_from("<HHH", self.data, 0x3A)
        headers = [struct.unpack_from("<IIQQQQIIQQ", self.data, offset + k * size) for k in range(count)]
        self.writable = [bool(header[2] & 1) for header in headers]
        start = headers[names][4]
        self.sections = {self._text(start + header[0]): header for header in headers}
        self.size = max(header[3] + header[5] for header in headers)  # bytes of memory when loaded

    def _text(self, at: int) -> str:
        return self.data[at : self.data.index(b"\0", at)].decode()

    def section(self, name: str) -> tuple[int, int, int]:
        """Address, file offset and size of a section; zeros where there is none."""
        header = self.sections.get(name)
        return (header[3], header[4], header[5]) if header else (0, 0, 0)

    @cached_property
    def symbols(self) -> dict[str, Symbol]:
        """All symbols that have an address."""
        _, offset, size = self.section(".symtab")
        _, strings, _ = self.section(".strtab")
        found = {}
        for at in range(offset, offset + size, 24):
            name, info, _, section, address, length = struct.unpack_from("<IBBHQQ", self.data, at)
            if name and section:
                text = self._text(strings + name)
                variable = info & 15 == 1 and section < len(self.writable) and self.writable[section]
                found[text] = Symbol(text, address, length, variable)
        return found

    @cached_property
    def _lines(self) -> list[tuple[int, str, int]]:
        """(address, file, line) for the first instruction of each line, in order of addresses."""
        _, offset, size = self.section(".debug_line")
        rows: list[tuple[int, str, int]] = []
        end = offset + size
        while offset < end:
            offset = _line_program(self.data, offset, rows)
        return sorted(rows)

    def line(self, address: int) -> tuple[str, int]:
        """File and line of the call that returns to this address.

        What was put in there from a header of ours is said to be of the line before it in the same function.
        """
        found = last = bisect_right(self._lines, (address - 1, chr(0x10FFFF), 0)) - 1
        if found < 0:
            return "", 0
        begin = max((s.address for s in self.symbols.values() if s.address < address), default=0)
        while self._lines[found][0] >= begin:
            if Path(self._lines[found][1]).name not in HEADERS:
                return self._lines[found][1:]
            found -= 1
        return self._lines[last][1:]


def _leb(data: bytes, at: int, signed: bool = False) -> tuple[int, int]:
    """A number of variable length, and where the next one starts."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not byte & 0x80:
            return (value - (1 << shift) if signed and byte & 0x40 else value), at


def _line_program(data: bytes, at: int, rows: list[tuple[int, str, int]]) -> int:
    """Run one line program (DWARF 4, section 6.2) and append its rows; returns where the next one starts."""
    length, version, header = struct.unpack_from("<IHI", data, at)
    end, program = at + 4 + length, at + 10 + header
    if version != 4:
        return end
    step, _, _, base, line_range, first_special = struct.unpack_from("<BBBbBB", data, at + 10)
    arguments = data[at + 16 : at + 15 + first_special]
    at += 15 + first_special
    while data[at]:  # folders: our files have full names
        at = data.index(b"\0", at) + 1
    files, at = [""], at + 1
    while data[at]:
        stop = data.index(b"\0", at)
        files.append(data[at:stop].decode())
        at = stop + 1
        for _ in range(3):
            _, at = _leb(data, at)
    at = program
    address, file, line = 0, 1, 1
    while at < end:
        code = data[at]
        at += 1
        if code >= first_special:
            address += (code - first_special) // line_range * step
            line += base + (code - first_special) % line_range
            rows.append((address, files[file], line))
        elif code == 0:  # extended: length, code, operand
            size, at = _leb(data, at)
            if data[at] == 1:  # end of a sequence
                rows.append((address, "", 0))
                address, file, line = 0, 1, 1
            elif data[at] == 2:
                (address,) = struct.unpack_from("<Q", data, at + 1)
            at += size
        elif code == 1:
            rows.append((address, files[file], line))
        elif code == 2:
            value, at = _leb(data, at)
            address += value * step
        elif code == 3:
            value, at = _leb(data, at, signed=True)
            line += value
        elif code == 4:
            file, at = _leb(data, at)
        elif code == 8:
            address += (255 - first_special) // line_range * step
        elif code == 9:
            address, at = address + struct.unpack_from("<H", data, at)[0], at + 2
        else:  # columns, statements, prologues: read over
            for _ in range(arguments[code - 1]):
                _, at = _leb(data, at)
    return end
