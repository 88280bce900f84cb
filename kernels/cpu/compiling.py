"""How kernels are compiled and kept on disk.

Numba compiles a kernel at its first call for the types it sees (float32 when training, float64 in gradient
checks) and keeps the machine code on disk. Numba notices a change in the kernel's own file only, not in a
helper's: so the cache folder's name contains a hash of the machinery here and of every family's cpu.py.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numba
from llvmlite.binding import get_host_cpu_features
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.runtime import rtsys
from numba.core.typed_passes import NativeLowering

from ..cache import cache_home, digest, lasts, say_not_kept
from .plain import PLAIN

KEPT = 8  # caches of other states of the sources: of the last changes, of other installations


def cache_folder() -> Path:
    """Where compiled kernels are kept: a folder of the user's cache, one for each state of these sources."""
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *here.parent.glob("*/cpu.py")])
    return cache_home() / f"kernels-{digest(path.read_bytes() for path in sources)}"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
    except OSError as error:  # compiled code then lives as long as the process
        say_not_kept(f"{folder} cannot be written to: {error.strerror}")
        return False
    with suppress(OSError):  # another process removes the same ones
        others = (path for path in folder.parent.glob("kernels-*") if path != folder)
        for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    return True


if PLAIN:
    numba.config.DISABLE_JIT = 1  # type: ignore[attr-defined]
elif numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ValueError(
        "NUMBA_DISABLE_JIT is set, but the kernels of the device 'cpu' have to be compiled: unset it, or use "
        "the device 'reference', which needs NumPy alone. To step through the kernels: SCRATCHLM_PLAIN=1."
    )
CACHE = not PLAIN and _writable(cache_folder()) and lasts()


def _use_wide_vectors() -> None:
    """Vectors of 512 bits where the processor has them; LLVM would take 256 (GELU 1.6 times slower)."""
    features = get_host_cpu_features()
    if numba.config.CPU_FEATURES is None and features.get("avx512f"):  # type: ignore[attr-defined]
        numba.config.CPU_FEATURES = f"{features.flatten()},-prefer-256-bit"  # type: ignore[attr-defined]


_use_wide_vectors()

# Vectors need reordered sums and fused multiply-add; "nnan" is left out, because a NaN has to come through.
OPTIONS: Any = {"error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}


@contextmanager
def kept_on_disk() -> Iterator[None]:
    """What is declared inside a `with` block is kept in our folder of the cache."""
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]


class _Context:
    """Numba's context for code that is compiled already.

    Before it loads any, Numba imports everything that it could compile with, SciPy's linear algebra too:
    25 MB and 0.3 s. A kernel that has to be compiled after all imports it then.
    """

    def __init__(self, context: Any):
        self._context = context

    def refresh(self) -> None:
        """Only what compiled code calls at run time: arrays' memory."""
        rtsys.initialize(self._context)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class _OurFolder(CompileResultCacheImpl):
    """Numba would take a kernel's own __pycache__ where our folder fails, and miss changes in helpers."""

    _locator_classes = [UserProvidedCacheLocator]  # noqa: RUF012 (as in Numba)


class _Cache(FunctionCache):
    """Numba's cache, which only saves time: its faults are no reason to stop."""

    _impl_class = _OurFolder

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Compiled code, or None where there is none, or a file of it that was emptied or cut."""
        try:
            return super().load_overload(sig, _Context(target_context))
        except Exception:  # pickle raises whatever the rest of a file makes it do
            try:
                self.flush()  # the index too may be what was cut, and is read again before code is saved
            except OSError:
                self.disable()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code where there is room for it."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            say_not_kept(f"{self.cache_path} cannot be written to: {error.strerror}")


def keep(compiled: Any, function: Callable) -> Any:
    """Let Numba's compiled function be kept in our folder of the cache, where that can be written to."""
    if CACHE:
        try:
            with kept_on_disk():
                compiled._cache = _Cache(function)
        except RuntimeError:  # of Numba, which could not write to a folder inside ours
            say_not_kept(f"a folder in {cache_folder()} cannot be written to")
    return compiled


def kernel(function: Callable) -> Any:
    """Compile with Numba at the first call; keep the result; release Python's lock while running."""
    if PLAIN:
        return function
    return keep(numba.njit(nogil=True, **OPTIONS)(function), function)


# ------------------------------------------------------------------------------- parts of kernels
class _Part(JITCodeLibrary):
    """LLVM's code of a function that only kernels call.

    Numba would optimise it and make machine code of it by itself, and then again in every kernel that it is a
    part of: 7 of 18 s of a GPT's first step.
    """

    def _optimize_final_module(self) -> None:
        """Left to the kernel."""

    def _finalize_final_module(self) -> None:
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _LowerPart(NativeLowering):
    """Numba's last step for such a function."""

    _name = "lower_part"

    def run_pass(self, state: Any) -> bool:
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        # Numba tells functions apart by what Python would call, which has to be built in and to take *args
        # and **kwargs. This one belongs to the library alone, and refuses what nearly all kernels take.
        name = {"library": state.library}.update
        state.targetctx.insert_user_function(name, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=name)
        return True


class _Parts(CompilerBase):
    """Numba's compiler with that step."""

    def define_pipelines(self) -> list[Any]:
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        place = [step for step, _ in steps.passes].index(NativeLowering)
        steps.passes[place] = (_LowerPart, "code of a part")
        steps.finalize()
        return [steps]


def inner(function: Callable) -> Any:
    """Compile with Numba as part of the kernels that call it, which are kept on disk with it.

    Python itself cannot call it.
    """
    if PLAIN:
        return function
    unused = {"no_cfunc_wrapper": True, "no_cpython_wrapper": True}
    return numba.njit(nogil=True, pipeline_class=_Parts, **unused, **OPTIONS)(function)
