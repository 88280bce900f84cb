"""How the kernels of this folder are compiled, and the functions of a number that they share.

Numba compiles a kernel at its first call for the types it sees (float32 when training, float64 in gradient
checks) and keeps the machine code on disk. Numba notices a change in the kernel's own file only, not in a
helper's: so the cache folder's name contains a hash of all files here.
"""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.runtime import rtsys
from numba.core.typed_passes import NativeLowering
from numba.extending import intrinsic, overload

from ..cache import cache_home, digest
from .native import Loop

KEPT = 8  # caches of other states of the sources: of the last changes, of other installations


def cache_folder() -> Path:
    """Where compiled kernels are kept: a folder of the user's cache, one for each state of these sources."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return cache_home() / f"kernels-{digest(path.read_bytes() for path in sources)}"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = (path for path in folder.parent.glob("kernels-*") if path != folder)
        for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return os.access(folder, os.W_OK)
    except OSError:
        return False  # compiled code then lives as long as the process


CACHE = _writable(cache_folder())


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


class _Cache(FunctionCache):
    def load_overload(self, sig: Any, target_context: Any) -> Any:
        return super().load_overload(sig, _Context(target_context))


def keep(compiled: Any, function: Callable) -> Any:
    """Let Numba's compiled function be kept in our folder of the cache, where that can be written to."""
    if CACHE:
        with kept_on_disk():
            compiled._cache = _Cache(function)
    return compiled


def kernel(function: Callable) -> Any:
    """Compile with Numba at the first call; keep the result; release Python's lock while running."""
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
    unused = {"no_cfunc_wrapper": True, "no_cpython_wrapper": True}
    return numba.njit(nogil=True, pipeline_class=_Parts, **unused, **OPTIONS)(function)


def loop(function: Callable) -> Any:
    """A function (first, last, …) for `threads.split`, compiled as part of the kernels that split it."""
    return Loop(inner(function))


# ------------------------------------------------------------------------------------------ e to the x
@intrinsic
def _float32_of_bits(typingctx, bits):
    """The float32 whose 32 bits are those of an int32."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(types.float32))

    return types.float32(types.int32), codegen


LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH = np.float32(0.693359375)  # ln 2 in two parts: k·LN2_HIGH is exact for |k| < 2⁹
LN2_LOW = np.float32(-2.12194440e-4)


def exp(x):
    """eˣ, which LLVM turns into vector instructions; x up to 88."""
    return np.exp(x)


def expm1(x):
    """eˣ − 1 without cancellation near 0; x up to 88."""
    return np.expm1(x)


@numba.njit(**OPTIONS)
def _reduced(x):
    """Return p, s with eˣ = s (1 + p): x = k ln 2 + r, s = 2ᵏ, p = eʳ − 1 by Taylor, |r| ≤ ½ ln 2.

    The first term left out is r⁸/8!, at most 1.5·10⁻⁸ of r: below half a unit of float32.
    """
    x = np.float32(-87.0) if x < np.float32(-87.0) else x  # written so that NaN stays NaN
    x = np.float32(88.0) if x > np.float32(88.0) else x
    k = np.floor(x * LOG2_E + np.float32(0.5))
    r = x - k * LN2_HIGH - k * LN2_LOW
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(1 / 2)
    p = p * r * r + r
    return p, _float32_of_bits((np.int32(k) + np.int32(127)) << np.int32(23))  # type: ignore[call-arg]


@overload(exp, jit_options=OPTIONS)
def _exp(x):
    def single(x):
        p, s = _reduced(x)
        return np.float32(0.0) if x < np.float32(-87.0) else s + s * p

    def double(x):
        return np.exp(x)

    return single if x == types.float32 else double


@overload(expm1, jit_options=OPTIONS)
def _expm1(x):
    def single(x):
        p, s = _reduced(x)
        return s * p + (s - np.float32(1.0))

    def double(x):
        return np.expm1(x)

    return single if x == types.float32 else double


def sigmoid(x):
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


def tanh(x):
    """(e²ˣ − 1) / (e²ˣ + 1)."""
    return np.tanh(x)


@overload(sigmoid, jit_options=OPTIONS)
def _sigmoid(x):
    one = np.float32(1) if x == types.float32 else np.float64(1)
    return lambda x: one / (one + exp(-x))


@overload(tanh, jit_options=OPTIONS)
def _tanh(x):
    def single(x):
        v = np.float32(-10) if x < np.float32(-10) else x  # tanh 10 is 1 in float32
        v = np.float32(10) if v > np.float32(10) else v
        e = expm1(v + v)
        return e / (e + np.float32(2))

    def double(x):
        return np.tanh(x)

    return single if x == types.float32 else double


def normal(x):
    """Φ(x) = ½ (1 + erf(x/√2)), and e^(−x²/2), which both Φ and its derivative take."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2))), math.exp(-0.5 * x * x)


# erfc(a) ≈ (c₁t + … + c₅t⁵) e^(−a²) with t = 1/(1 + 0.3275911 a), a ≥ 0, off by at most 1.5·10⁻⁷:
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. The factor ½ of Φ is in the constants.
ERFC = tuple(np.float32(c / 2) for c in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))
ERFC_T = np.float32(0.3275911 / math.sqrt(2))


@overload(normal, jit_options=OPTIONS)
def _normal(x):
    c1, c2, c3, c4, c5 = ERFC

    def single(x):
        a = -x if x < np.float32(0) else x
        t, e = np.float32(1) / (np.float32(1) + ERFC_T * a), exp(np.float32(-0.5) * x * x)
        tail = ((((c5 * t + c4) * t + c3) * t + c2) * t + c1) * t * e
        return tail if x < np.float32(0) else np.float32(1) - tail, e

    def double(x):
        return 0.5 * (1 + math.erf(x * 0.7071067811865476)), np.exp(-0.5 * x * x)

    return single if x == types.float32 else double
