"""The call of a kernel: arguments against parameters, memory laid out, the launch, the verdict."""

import ctypes
import re
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_uint32, c_void_p
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import abi, report
from .errors import KernelError
from .front import Source, place, read
from .staging import Memory, Staged
from .symbols import Image
from .toolchain import MODES, RELAXED, build
from .variables import base_name, computed_statics, shared_arrays, variables

SHARED_LIMIT, SHARED_OPT_IN = 48 << 10, 227 << 10  # bytes a block may have, as it is and by choice (sm_90)
LIMITS = {"grid": (2**31 - 1, 65535, 65535), "block": (1024, 1024, 64)}  # of every card so far
BLOCK_LIMIT = 1024  # threads of a block in all


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
    x, y, z = [*map(int, numbers), 1, 1][:3]
    most = LIMITS[what]
    if x > most[0] or y > most[1] or z > most[2]:
        at_most = "{:,} along x, {:,} along y and {:,} along z".format(*most)
        raise KernelError("launch", f"{kernel}: {what} is {value!r}: a card takes {at_most}.")
    if what == "block" and x * y * z > BLOCK_LIMIT:
        raise KernelError(
            "launch", f"{kernel}: block is {value!r}, {x * y * z:,} threads: a card takes {BLOCK_LIMIT:,}."
        )
    return x, y, z


class Emulator:
    """A .cu, compiled for the CPU.

    Arguments:
        code: a path, the text of a .cu, or what `front.read` made of one.
        options: for the preprocessor, such as "-Dreal=double"; and nvcc's --expt-relaxed-constexpr.
        mode: "fast", "check" (every access is checked) or "debug" (for gdb: not optimised, no time limit).
        order: in which threads and blocks run: "forward", "reversed" or "shuffled" (by `seed`).
        seconds: after which a launch is ended.
        steps: basic blocks that a thread may run between two waits; a wait counts as 1,000, and all waits of
            a thread together may not be more either (100,000 waits for 100 million steps).
    """

    def __init__(
        self,
        code: str | Path | Source,
        options: tuple[str, ...] = (),
        mode: str = "fast",
        order: str = "forward",
        seed: int = 0,
        seconds: float = 60.0,
        steps: int = 100_000_000,
    ) -> None:
        if mode not in MODES or order not in abi.ORDERS:
            raise KernelError(
                "launch",
                f"mode is {mode!r} and order {order!r}: choose a mode of {', '.join(MODES)} "
                f"and an order of {', '.join(abi.ORDERS)}.",
            )
        self.mode, self.order, self.seed, self.seconds, self.steps = mode, order, seed, seconds, steps
        self.options = tuple("-DEMU_OF_HOST=" if option == RELAXED else option for option in options)
        self.source = code if isinstance(code, Source) else read(code)
        self._functions: dict[str, KernelFunction] = {}
        self.path = build(self.source, mode, self.options)
        self.image = Image(self.path)
        for name in computed_statics(self.image):
            message = (
                f"The static variable {name} starts with a value that a function computes, and a card takes "
                "one that the compiler knows: leave out static."
            )
            used = re.search(rf"\bstatic\b[^;]*\b{name}\b", self.source.text)
            raise KernelError("compile", message, *(place(self.source.text, used.start()) if used else ()))
        self.loaded = self._load()
        entry = ctypes.cast(self.loaded.emu_launch, c_void_p).value or 0
        self.base = entry - self.image.symbols["emu_launch"].address
        self.is_own = abi.IsOwn(cache(self._is_own))

    def _load(self) -> ctypes.CDLL:
        """A copy of its own, so that `__device__` variables begin anew; gdb wants the file to stay.

        It goes with the object: stacks of 1024 threads take some megabytes.
        """
        from _ctypes import dlclose  # not on Windows, where `build` has said so

        if self.mode == "debug":
            return ctypes.CDLL(str(self.path))
        try:
            room = tempfile.TemporaryDirectory(dir=self.path.parent)
        except OSError:  # a cache that only others may fill
            room = tempfile.TemporaryDirectory()
        with room as folder:
            library = ctypes.CDLL(str(shutil.copyfile(self.path, Path(folder) / self.path.name)))
        weakref.finalize(self, dlclose, library._handle)
        return library

    def _is_own(self, file: bytes, line: int, column: int) -> bool:
        return self.source.is_own(file.decode(), line, column)

    def get_function(self, name: str) -> "KernelFunction":
        """The kernel of that name, the same object every time."""
        if name in self._functions:
            return self._functions[name]
        if name not in self.source.kernels:
            known = ", ".join(self.source.kernels)
            raise KernelError("launch", f"{self.source.name} has no kernel {name}: it has {known}.")
        if f"emu_codes_{list(self.source.kernels).index(name)}" not in self.image.symbols:
            message = (
                f"{name} is in a branch of #if that was not taken: define what it asks for, as with -DNAME."
            )
            raise KernelError("launch", message, *self.source.places[name])
        return self._functions.setdefault(name, KernelFunction(self, name))

    @cached_property
    def shared(self) -> list[Memory]:
        """The static shared arrays."""
        return shared_arrays(self.image, self.base, self.source)

    @cached_property
    def variables(self) -> list[Memory]:
        """The variables of the file, of functions also the static ones."""
        return variables(self.image, self.base, self.source)


class KernelFunction:
    """One kernel; call it as CuPy's: `f(grid, block, args, shared_mem=0)`.

    Attributes:
        max_dynamic_shared_size_bytes: raise it to ask for more than 48 KB, as with CuPy.
        counts: what the last launch did.
        atomics: whether it used an atomic; known in mode "check" only.
    """

    _one_at_a_time = threading.Lock()  # threadIdx and the fibers are one set of variables

    def __init__(self, emulator: Emulator, name: str) -> None:
        self.emulator, self.name, self.counts, self.atomics = emulator, name, abi.Counts(), False
        self.number = list(emulator.source.kernels).index(name)
        table = POINTER(c_char_p).in_dll(emulator.loaded, f"emu_codes_{self.number}")
        self.codes: list[str] = []
        while (code := table[len(self.codes)]) is not None:
            self.codes.append(code.decode())
        self.parameters = emulator.source.kernels[name]
        self.shared = [m for m in emulator.shared if m.kernel in ("", base_name(name))]
        self.max_dynamic_shared_size_bytes = SHARED_LIMIT

    def __call__(self, grid: Any, block: Any, args: tuple, shared_mem: int = 0) -> None:
        """Run the kernel.

        Raises:
            KernelError: the launch does not fit the kernel, or the kernel has a fault.
        """
        grid, block = _three(grid, "grid", self.name), _three(block, "block", self.name)
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
            if code == "?":
                raise KernelError(
                    "unsupported",
                    f"{self.name}: parameter {number + 1}, {name}, is no number: pass its parts one by one.",
                )
            if found == code or (code == "?*" and found.endswith("*") and not found.endswith("**")):
                continue
            kind = "structures" if code[0] == "?" else np.dtype(code.rstrip("*")).name
            wanted = f"an array of {kind}" if code.endswith("*") else f"np.{kind}(…)"
            if code.endswith("**"):
                wanted = f"Pointers of arrays of {kind}"
            raise KernelError(
                "argument", f"{self.name}: argument {number + 1}, {name}, is {given}: pass {wanted}."
            )

    def _check_shared(self, dynamic: int) -> None:
        if not isinstance(dynamic, int | np.integer) or dynamic < 0:
            raise KernelError(
                "launch", f"{self.name}: shared_mem is {dynamic!r}: give a number of bytes, 0 or more."
            )
        static = sum(memory.size for memory in self.shared)
        if static > SHARED_LIMIT:
            raise KernelError(
                "shared memory",
                f"{self.name} declares {static:,} bytes of shared memory, a block has {SHARED_LIMIT:,}: use "
                "smaller arrays, or dynamic shared memory (shared_mem, --shared) with a larger "
                "max_dynamic_shared_size_bytes of the kernel.",
            )
        allowed = min(max(self.max_dynamic_shared_size_bytes, SHARED_LIMIT - static), SHARED_OPT_IN - static)
        if self.max_dynamic_shared_size_bytes <= SHARED_LIMIT:
            allowed = SHARED_LIMIT - static
        if dynamic > allowed:
            raise KernelError(
                "launch",
                f"{self.name}: shared_mem={dynamic:,} beside {static:,} bytes of its own is more than the "
                f"{allowed:,} that are left: ask for less, or raise max_dynamic_shared_size_bytes, as "
                f"--shared does (a large card has {SHARED_OPT_IN:,} in all).",
            )

    def _launch(self, grid, block, args, shared_mem) -> None:
        emulator, image = self.emulator, self.emulator.image
        checking = emulator.mode == "check"
        pointed = [array for a in args if isinstance(a, Pointers) for array in a.arrays]
        staged = Staged((*args, *pointed) if checking else ())
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
        dynamic = emulator.base + image.symbols["emu_room"].address + abi.FRONT
        memories += [*emulator.variables, *self.shared]
        memories.append(Memory("dynamic shared memory", dynamic, shared_mem, 0, True))
        regions, shadows = (abi.Region * len(memories))(), dict[tuple[int, int], np.ndarray]()
        for region, memory in zip(regions, memories, strict=True):
            region.begin, region.end, region.shared = memory.begin, memory.begin + memory.size, memory.shared
            if checking:
                piece = begin, size = staged.piece(memory)
                if piece not in shadows:
                    shadows[piece] = np.zeros(size * abi.SHADOW + 1, np.uint8)
                region.shadow = shadows[piece].ctypes.data + (memory.begin - begin) * abi.SHADOW
        clock = _Clock(emulator.seconds if emulator.mode != "debug" else float("inf"))
        call = getattr(emulator.loaded, f"emu_call_{self.number}")
        launch = abi.Launch(
            ctypes.cast(call, c_void_p), ctypes.addressof(values), (c_uint32 * 3)(*grid),
            (c_uint32 * 3)(*block), shared_mem, abi.ORDERS.index(emulator.order), checking,
            emulator.seed, -(-emulator.steps // abi.SLICE), abi.Poll(clock.polls.__next__), emulator.is_own,
            regions, len(regions), emulator.base, emulator.base + image.size,
        )  # fmt: skip
        told, totals = abi.Report(), abi.Totals()
        failed = emulator.loaded.emu_launch(ctypes.byref(launch), ctypes.byref(told), ctypes.byref(totals))
        self.counts, self.atomics = totals.counts(emulator.mode), bool(told.atomics)
        staged.back()
        clock.pass_on()
        if failed:
            raise report.explain(told, report.Launched(
                self.name, emulator.source, image, emulator.base, emulator.mode, emulator.steps,
                emulator.seconds, memories, grid, block,
            ))  # fmt: skip


class _Clock:
    """Ends a launch after its time, or when a signal's handler raises, as Ctrl-C's does."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.raised: BaseException | None = None
        self.polls = self._polls()
        next(self.polls)

    def _polls(self) -> Iterator[int]:
        """What the runtime asks for now and then: 1, end the launch; 2, its time is over; else 0.

        Python runs the handlers of signals when it resumes, here inside the `try`. In a function it would run
        them before the first line, and ctypes would swallow what they raise.
        """
        try:
            while True:
                yield 2 if time.monotonic() > self.end else 0
        except GeneratorExit:
            raise
        except BaseException as raised:
            self.raised = raised
        yield 1

    def pass_on(self) -> None:
        """Raise what a handler raised during the launch."""
        if self.raised is not None:
            raise self.raised
