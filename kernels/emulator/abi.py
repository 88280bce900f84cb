"""What Python and the C++ in runtime/ agree on.

Constants and lists stand here alone: the compiler gets them as -DEMU_FRONT=1024 and the like. Structures
stand here and in runtime/state.h: the compiler compares the place of each field (EMU_LAYOUT in runtime.cpp)
and refuses to build the runtime where they differ. All of it is part of a cached build's name.
"""

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass, fields
from enum import IntEnum

FRONT = 1024  # bytes before dynamic shared memory that nothing may touch
GAP = 256  # bytes before and after each shared array, so that an index past its end meets nothing
SLICE = 1 << 20  # steps (basic blocks) between two looks at the clock
WAIT = 1000  # steps that a wait counts as: 1024 threads do 100,000 waits in 20 s
SHADOW = 72  # bytes remembered for each byte of memory: sizeof(Shadow)
ORDERS = ("forward", "reversed", "shuffled")
READ, WRITE, ATOMIC = range(3)  # accesses
# What the runtime can find; report.py has a sentence for each.
Kind = IntEnum(
    "Kind",
    "NONE RACE OUT_OF_BOUNDS UNINITIALISED MISALIGNED BARRIERS_DIFFER EARLY_EXIT LANE_MISSING LANE_ABSENT "
    "NOT_IN_MASK ENDLESS TOO_SLOW INTERRUPTED ASSERTION DIVISION TOO_DEEP BEYOND WAITS IMPOSSIBLE MEMORY",
    start=0,
)

Poll = ctypes.CFUNCTYPE(c_int32)
IsOwn = ctypes.CFUNCTYPE(c_int32, c_char_p, c_int32, c_int32)


class Region(Structure):
    """Memory that the kernel may touch."""

    _fields_ = (("begin", c_void_p), ("end", c_void_p), ("shared", c_int32), ("shadow", c_void_p))


class Launch(Structure):
    """What is to be run, and how."""

    _fields_ = (
        ("call", c_void_p), ("arguments", c_void_p), ("grid", c_uint32 * 3), ("block", c_uint32 * 3),
        ("dynamic", c_uint64), ("order", c_int32), ("checking", c_int32), ("seed", c_uint64),
        ("max_slices", c_int64), ("poll", Poll), ("is_own", IsOwn),
        ("regions", POINTER(Region)), ("region_count", c_uint64), ("image_begin", c_void_p),
        ("image_end", c_void_p),
    )  # fmt: skip


class Report(Structure):
    """What the runtime says about a fault."""

    _fields_ = (
        ("kind", c_int32), ("thread", c_uint32), ("block", c_uint32), ("file", c_char_p), ("line", c_int32),
        ("pc", c_void_p), ("address", c_void_p), ("size", c_uint64), ("access", c_int32),
        ("other_access", c_int32), ("other_thread", c_uint32), ("other_block", c_uint32),
        ("other_file", c_char_p), ("other_line", c_int32), ("other_pc", c_void_p), ("text", c_char_p),
        ("again", c_int32), ("atomics", c_int32), ("column", c_int32), ("index", c_int64),
    )  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """What a launch did; None where a mode does not count it.

    Attributes:
        global_reads, global_writes, shared_reads, shared_writes: accesses, in mode "check" only; a float4 is
            one, so is a copy by memcpy; what is changed atomically is a write.
        global_bytes_read, global_bytes_written, shared_bytes_read, shared_bytes_written: their bytes.
        barriers, exchanges: waits of a block; shuffles, votes and __syncwarp of a warp.
        segments: what a warp does between two waits.
        divergent: segments in which lanes took different paths; not in mode "debug".
    """

    global_reads: int | None = None
    global_bytes_read: int | None = None
    global_writes: int | None = None
    global_bytes_written: int | None = None
    shared_reads: int | None = None
    shared_bytes_read: int | None = None
    shared_writes: int | None = None
    shared_bytes_written: int | None = None
    barriers: int | None = None
    exchanges: int | None = None
    segments: int | None = None
    divergent: int | None = None


class Totals(Structure):
    """Counts in C++."""

    _fields_ = tuple((field.name, c_uint64) for field in fields(Counts))

    def counts(self, mode: str) -> Counts:
        """Those that a mode counts."""
        missing = {"fast": ("global", "shared"), "debug": ("global", "shared", "divergent")}.get(mode, ())
        names = (field.name for field in fields(Counts) if not field.name.startswith(missing))
        return Counts(**{name: getattr(self, name) for name in names})


STRUCTURES = {"Region": Region, "Launch": Launch, "Report": Report, "Counts": Totals}


def definitions() -> list[str]:
    """The constants and lists, for the compiler."""
    numbers = {"FRONT": FRONT, "GAP": GAP, "SLICE": SLICE, "WAIT": WAIT}
    lists = {"KINDS": [kind.name for kind in Kind], "ORDERS": [order.upper() for order in ORDERS]}
    pairs = [*numbers.items(), *((name, ",".join(values)) for name, values in lists.items())]
    return [f"-DEMU_{name}={value}" for name, value in pairs]


def layout() -> str:
    """Where Python has each field of the structures, how large they are, and which number an access has."""
    rows = [f"SIZE(Shadow,{SHADOW})"]
    for name, structure in STRUCTURES.items():
        for field, *_ in structure._fields_:  # type: ignore[misc]
            place = getattr(structure, field)
            rows.append(f"FIELD({name},{field},{place.offset},{place.size})")
        rows.append(f"SIZE({name},{ctypes.sizeof(structure)})")
    accesses = {"READ": READ, "WRITE": WRITE, "ATOMIC": ATOMIC}
    rows += [f"ACCESS({name},{number})" for name, number in accesses.items()]
    return f"-DEMU_LAYOUT={''.join(rows)}"
