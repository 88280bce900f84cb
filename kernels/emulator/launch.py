"""The call of a kernel: arguments against parameters, memory laid out, the launch, the verdict."""

import ctypes
import signal
import threading
import time
from ctypes import POINTER, Structure, c_char_p, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import report
from .compiling import MODES, build
from .errors import KernelError
from .source import GAP, read
from .symbols import Image

ORDERS = ("forward", "reversed", "shuffled")
SHARED_LIMIT, SHARED_OPT_IN = 48 << 10, 227 << 10  # bytes a block may have, as it is and by choice (sm_90)
SLICE = 1 << 20  # steps between two looks at the clock, as in runtime.cpp
MARGIN = 1 << 12  # bytes around each array in mode "check": an index past its end meets no other array

Poll = ctypes.CFUNCTYPE(c_int32)


class _Region(Structure):
    _fields_ = (("begin", c_void_p), ("end", c_void_p), ("shared", c_int32), ("shadow", c_void_p))


class _Launch(Structure):
    _fields_ = (
        ("call", c_void_p), ("arguments", c_void_p), ("grid", c_uint32 * 3), ("block", c_uint32 * 3),
        ("dynamic", c_uint64), ("order", c_int32), ("checking", c_int32), ("seed", c_uint64),
        ("max_slices", c_int64), ("poll", Poll), ("regions", POINTER(_Region)), ("region_count", c_uint64),
        ("image_begin", c_void_p), ("image_end", c_void_p), ("shared_begin", c_void_p),
        ("shared_end", c_void_p),
    )  # fmt: skip


class Report(Structure):
    """What the runtime says about a fault; see state.h."""

    _fields_ = (
        ("kind", c_int32), ("thread", c_uint32), ("block", c_uint32), ("file", c_char_p), ("line", c_int32),
        ("pc", c_void_p), ("address", c_void_p), ("size", c_uint64), ("access", c_int32),
        ("other_access", c_int32), ("other_thread", c_uint32), ("other_block", c_uint32),
        ("other_file", c_char_p), ("other_line", c_int32), ("other_pc", c_void_p), ("text", c_char_p),
    )  # fmt: skip


class Counts(Structure):
    """What a launch did; reads and writes are counted in mode "check" only.

    A segment is what a warp does between two waits; divergent ones are those in which lanes took different
    paths.
    """

    _fields_ = tuple(
        (name, c_uint64)
        for name in (
            "global_reads", "global_writes", "shared_reads", "shared_writes", "barriers", "exchanges",
            "segments", "divergent",
        )
    )  # fmt: skip


SHADOW = 3 * 24  # bytes remembered for each byte of memory (struct Shadow in state.h)


@dataclass(frozen=True)
class Memory:
    """Memory that a kernel may touch: an argument or a shared array."""

    name: str
    begin: int
    size: int
    item: int  # bytes of an element; 0: as many as the access has
    shared: bool
    kernel: str = ""  # the kernel that declares it; "" for a helper's, which every kernel may use


class Pointers:
    """Arrays that a kernel gets as a table of addresses (`float* const*`), for as many of them as there are.

    Raises:
        KernelError: there are none, or they are of several types.
    """

    def __init__(self, arrays: list[np.ndarray]) -> None:
        types = {array.dtype for array in arrays}
        if len(types) != 1:
            raise KernelError(
                "argument", f"A table of addresses holds arrays of one type, not of {len(types)}."
            )
        self.arrays, self.dtype = list(arrays), types.pop()


_KINDS = (
    (np.ndarray, "an array", "*"),
    (np.generic, "a number", ""),
    (Pointers, "Pointers of arrays", "**"),
)


def _three(value: Any, what: str, kernel: str) -> tuple[int, int, int]:
    numbers = tuple(value) if isinstance(value, tuple | list) else (value,)
    whole = all(isinstance(n, int | np.integer) and n > 0 for n in numbers)
    if not (1 <= len(numbers) <= 3 and whole):
        raise KernelError(
            "launch", f"{kernel}: {what} is {value!r}: give one to three whole numbers above 0."
        )
    filled = [*map(int, numbers), 1, 1]
    return filled[0], filled[1], filled[2]


class Emulator:
    """A .cu, compiled for the CPU.

    Arguments:
        code: a path or the source itself.
        options: for the preprocessor, such as "-Dreal=double".
        mode: "fast", "check" (every access is checked) or "debug" (for gdb: not optimised, no time limit).
        order: in which threads and blocks run: "forward", "reversed" or "shuffled" (by `seed`).
        seconds: after which a launch is ended.
        steps: basic blocks that a thread may run between two waits.
    """

    def __init__(
        self,
        code: str | Path,
        options: tuple[str, ...] = (),
        mode: str = "fast",
        order: str = "forward",
        seed: int = 0,
        seconds: float = 60.0,
        steps: int = 100_000_000,
    ) -> None:
        if mode not in MODES or order not in ORDERS:
            raise KernelError(
                "launch",
                f"mode is {mode!r} and order {order!r}: choose a mode of {', '.join(MODES)} "
                f"and an order of {', '.join(ORDERS)}.",
            )
        self.mode, self.order, self.seed, self.seconds, self.steps = mode, order, seed, seconds, steps
        self.source = read(code)
        self._functions: dict[str, Function] = {}
        self.path = build(self.source, mode, tuple(options))
        self.image = Image(self.path)
        self.library = ctypes.CDLL(str(self.path))
        entry = ctypes.cast(self.library.emu_launch, c_void_p).value or 0
        self.base = entry - self.image.symbols["emu_launch"].address

    def get_function(self, name: str) -> "Function":
        """The kernel of that name, the same object every time."""
        if name in self._functions:
            return self._functions[name]
        if name not in self.source.kernels:
            known = ", ".join(self.source.kernels)
            raise KernelError("launch", f"{self.source.name} has no kernel {name}: it has {known}.")
        return self._functions.setdefault(name, Function(self, name))

    @cached_property
    def shared(self) -> list[Memory]:
        """The static shared arrays, by the object's symbols: `_ZZ7softmaxE14emu_shared_sum` and the like."""
        found = []
        for symbol in self.image.symbols.values():
            head, marked, tail = symbol.name.rpartition("emu_shared_")
            if not marked or symbol.name.startswith("__"):
                continue
            digits = head[len(head.rstrip("0123456789")) :]
            name = tail[: int(digits) - len(marked)] if digits else tail
            owner = [k for k in self.source.kernels if head.startswith(f"_ZZ{len(k)}{k}")]
            size = symbol.size - GAP  # the struct's padding counts as the array's: at most 15 bytes
            found.append(Memory(name, self.base + symbol.address, size, 0, True, owner[0] if owner else ""))
        return found


class Function:
    """One kernel; call it as CuPy's: `f(grid, block, args, shared_mem=0)`.

    Attributes:
        max_dynamic_shared_size_bytes: raise it to ask for more than 48 KB, as with CuPy.
        counts: what the last launch did.
    """

    _one_at_a_time = threading.Lock()  # threadIdx and the fibers are one set of variables

    def __init__(self, emulator: Emulator, name: str) -> None:
        self.emulator, self.name, self.counts = emulator, name, Counts()
        table, self.codes = POINTER(c_char_p).in_dll(emulator.library, f"emu_codes_{name}"), list[str]()
        while (code := table[len(self.codes)]) is not None:
            self.codes.append(code.decode())
        self.parameters = emulator.source.kernels[name]
        self.shared = [m for m in emulator.shared if m.kernel in ("", name)]
        self.max_dynamic_shared_size_bytes = SHARED_LIMIT

    def __call__(self, grid: Any, block: Any, args: tuple, shared_mem: int = 0) -> None:
        """Run the kernel.

        Raises:
            KernelError: the launch does not fit the kernel, or the kernel has a fault.
        """
        grid, block = _three(grid, "grid", self.name), _three(block, "block", self.name)
        if block[0] * block[1] * block[2] > 1024 or block[2] > 64:
            raise KernelError(
                "launch", f"{self.name}: a block of {block} threads: a card takes 1024 threads, 64 along z."
            )
        self._check_arguments(args)
        self._check_shared(shared_mem)
        with self._one_at_a_time:
            self._launch(grid, block, args, shared_mem)

    def _check_arguments(self, args: tuple) -> None:
        if len(args) != len(self.codes):
            expected = ", ".join(self.parameters)
            raise KernelError(
                "argument", f"{self.name} takes {len(self.codes)} arguments ({expected}), not {len(args)}."
            )
        for number, (argument, code, name) in enumerate(zip(args, self.codes, self.parameters, strict=True)):
            given, found = type(argument).__name__, ""
            for type_, what, stars in _KINDS:
                if isinstance(argument, type_):
                    given = f"{what} of {argument.dtype}"
                    found = f"{argument.dtype.kind}{argument.dtype.itemsize}{stars}"
            if found == code or (found and code == "?"):
                continue
            kind = "?" if code == "?" else np.dtype(code.rstrip("*")).name
            wanted = f"an array of {kind}" if code.endswith("*") else f"np.{kind}(…)"
            if code.endswith("**"):
                wanted = f"Pointers of arrays of {kind}"
            raise KernelError(
                "argument", f"{self.name}: argument {number + 1}, {name}, is {given}: pass {wanted}."
            )

    def _check_shared(self, dynamic: int) -> None:
        static = sum(memory.size for memory in self.shared)
        if static > SHARED_LIMIT:
            raise KernelError(
                "shared memory",
                f"{self.name} declares {static:,} bytes of shared memory, a block has {SHARED_LIMIT:,}: use "
                "smaller arrays, or dynamic shared memory with max_dynamic_shared_size_bytes.",
            )
        allowed = min(max(self.max_dynamic_shared_size_bytes, SHARED_LIMIT - static), SHARED_OPT_IN - static)
        if self.max_dynamic_shared_size_bytes <= SHARED_LIMIT:
            allowed = SHARED_LIMIT - static
        if not 0 <= dynamic <= allowed:
            raise KernelError(
                "shared memory",
                f"{self.name}: shared_mem={dynamic:,} beside {static:,} bytes of its own is more than the "
                f"{allowed:,} that are left: ask for less, or raise max_dynamic_shared_size_bytes "
                f"(a large card has {SHARED_OPT_IN:,} in all).",
            )

    def _launch(self, grid, block, args, shared_mem) -> None:
        emulator, image = self.emulator, self.emulator.image
        checking = emulator.mode == "check"
        pointed = [array for a in args if isinstance(a, Pointers) for array in a.arrays]
        staged = _Staged((*args, *pointed) if checking else ())
        values, kept = (c_void_p * max(len(args), 1))(), []
        memories = list[Memory]()
        for k, (argument, name) in enumerate(zip(args, self.parameters, strict=True)):
            if isinstance(argument, np.ndarray):
                memories.append(staged.memory(name, argument))
                cell: Any = c_void_p(staged.address(argument))
            elif isinstance(argument, Pointers):
                memories += [staged.memory(f"{name}[{i}]", a) for i, a in enumerate(argument.arrays)]
                table = np.array([staged.address(a) for a in argument.arrays], np.uint64)
                memories.append(Memory(name, table.ctypes.data, table.nbytes, table.itemsize, False))
                kept.append(table)
                cell = c_void_p(table.ctypes.data)
            else:
                cell = ctypes.create_string_buffer(argument.tobytes(), argument.itemsize)
            kept.append(cell)
            values[k] = ctypes.addressof(cell)
        dynamic = emulator.base + image.symbols["emu_dynamic"].address
        memories += [*self.shared, Memory("dynamic shared memory", dynamic, shared_mem, 0, True)]
        regions, shadows = (_Region * len(memories))(), []
        for region, memory in zip(regions, memories, strict=True):
            region.begin, region.end, region.shared = memory.begin, memory.begin + memory.size, memory.shared
            if checking:
                twin = [r for r, m in zip(regions, memories, strict=True) if m == memory and r.shadow]
                shadows.append(np.zeros(memory.size * SHADOW + 1, np.uint8))
                region.shadow = twin[0].shadow if twin else shadows[-1].ctypes.data
        section, _, length = image.section("emu_shared")
        clock = _Clock(emulator.seconds if emulator.mode != "debug" else float("inf"))
        call = getattr(emulator.library, f"emu_call_{self.name}")
        launch = _Launch(
            ctypes.cast(call, c_void_p), ctypes.addressof(values), (c_uint32 * 3)(*grid),
            (c_uint32 * 3)(*block), shared_mem, ORDERS.index(emulator.order), checking,
            emulator.seed, -(-emulator.steps // SLICE), Poll(clock.poll),
            regions, len(regions), emulator.base, emulator.base + image.size,
            emulator.base + section, emulator.base + section + length,
        )  # fmt: skip
        told, self.counts = Report(), Counts()
        with clock:
            failed = emulator.library.emu_launch(
                ctypes.byref(launch), ctypes.byref(told), ctypes.byref(self.counts)
            )
        staged.back()
        clock.pass_on()
        if failed:
            raise report.explain(told, self, memories, grid, block)


def _before(array: np.ndarray) -> int:
    """Bytes of an array that lie before its first element (negative strides)."""
    return sum(-s * (n - 1) for s, n in zip(array.strides, array.shape, strict=True) if s < 0 and array.size)


def _bytes(array: np.ndarray) -> int:
    """Bytes from an array's first to its last element."""
    if array.size == 0:
        return 0
    return array.itemsize + sum(abs(s) * (n - 1) for s, n in zip(array.strides, array.shape, strict=True))


class _Staged:
    """Copies of the arguments with a margin around each; arguments that overlap stay in one piece."""

    def __init__(self, args: tuple) -> None:
        spans = []
        for array in args:
            if isinstance(array, np.ndarray) and array.size:
                begin = array.ctypes.data - _before(array)
                spans.append([begin, begin + _bytes(array), array.flags.writeable])
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
        return Memory(name, self.address(array) - _before(array), _bytes(array), array.itemsize, False)

    def back(self) -> None:
        """Bring what the kernel wrote to the caller's arrays."""
        for begin, end, start, writeable, _ in self.pieces:
            if writeable:
                ctypes.memmove(begin, start, end - begin)


class _Clock:
    """Ends a launch after its time, or on Ctrl-C: Python's handlers run while the runtime asks here."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.interrupt: tuple | None = None
        self.handler: Any = None

    def poll(self) -> int:
        if self.interrupt is not None:
            return 1
        return 2 if time.monotonic() > self.end else 0

    def __enter__(self) -> "_Clock":
        if threading.current_thread() is threading.main_thread():
            self.handler = signal.signal(signal.SIGINT, self._remember)
        return self

    def _remember(self, *what: Any) -> None:
        self.interrupt = what

    def __exit__(self, *_: Any) -> None:
        if self.handler is not None:
            signal.signal(signal.SIGINT, self.handler)

    def pass_on(self) -> None:
        """Let the program's own handler have the Ctrl-C that came during the launch."""
        if self.interrupt is not None and callable(self.handler):
            self.handler(*self.interrupt)
