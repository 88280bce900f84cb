"""What a .cu may not have: words that mean something on a GPU or on its host alone."""

import re

from ..errors import KernelError
from .preprocess import STRING, blank, certain, place

HOST = "the host's part: leave it to the host's functions, and launch the kernel from Python"
# What has no meaning on a CPU that runs one thread after another, and what to do instead.
REFUSED = {
    r"\basm\b": "inline PTX: give it a plain C++ path",
    r"\bcp_async|__pipeline_\w+|\bcuda::pipeline\b|\bmemcpy_async\b": "cp.async: use plain loads and stores",
    r"\bwgmma\w*|\bmma_sync\b|\bwmma\b|\bmma\.h\b": "tensor cores: give it a path with plain products",
    r"\bgrid_group\b|\bthis_grid\b": "a wait for the whole grid: launch twice",
    r"\bcoalesced_(?:threads|group)\b|\b__activemask\b": (
        "a card decides which lanes run together: pass the mask that your algorithm knows, such as that of a "
        "__ballot_sync before the branch"
    ),
    r"\bcooperative_groups/(?!reduce|scan)\w+\.h|\b(?:labeled|binary)_partition\b": (
        "of cooperative_groups there are this_thread_block and tiled_partition: add up with their shfl_down"
    ),
    r"\bcuda::barrier\b|\bmbarrier\w*|\bcluster_\w+": "barriers in memory and clusters: use __syncthreads",
    r"\bmalloc(?=\s*\()|\bfree(?=\s*\()|\bnew(?=\s+[\w:])|\bdelete(?=\s*(?:\[\s*\]\s*)?[\w(*])": (
        "the heap of a device is not emulated: give the kernel an array instead"
    ),
    r"<<<": HOST,
    r"\b(?:con|de)structor(?=\s*\)\s*\))": "a GPU calls nothing before or after a kernel: call it there",
    r"\bcuda(?:Malloc|Free|Mem(?:cpy|set)|[GS]et[A-Z]|Device|Event|Stream|Launch|Error|Func)\w*": HOST,
    r"\b__nanosleep\b|\bclock64\b|\bclock(?=\s*\()": "clocks: time kernels on a GPU",
    r"\bstd\s*::\s*(?:min|max)\b": "nvcc wants --expt-relaxed-constexpr for it: write it without std::",
    r"\bstd\s*::\s*numeric_limits\b": (
        "nvcc wants --expt-relaxed-constexpr for it: write FLT_MAX, INT_MAX, INFINITY and the like"
    ),
    r"\b__(?:shfl(?:_up|_down|_xor)?|ballot|any|all)(?=\s*\()": (
        "cards since 2017 do not have it: use the one with _sync, whose first argument is the mask of lanes"
    ),
    r"\batomic\w+_(?:block|system)\b": "the emulator knows one scope: use the atomic without it",
    r"\btex[123]D\w*|\bsurf[123]D\w*": "textures: read the array itself",
}

# What CuPy's compiler, NVRTC, does not have of itself, by the header that has it.
WORDS = {
    "float": r"(?:FLT|DBL)_(?:MAX|MIN|EPSILON|DIG|MANT_DIG)",
    "math": r"INFINITY|NAN|HUGE_VALF?"
    r"|M_(?:PI(?:_[24])?|[12]_PI|2_SQRTPI|E|LN2|LN10|LOG2E|LOG10E|SQRT2|SQRT1_2)",
    "limits": r"CHAR_BIT|(?:S?CHAR|SHRT|INT|LONG|LLONG)_M(?:AX|IN)|U(?:CHAR|SHRT|INT|LONG|LLONG)_MAX",
    "stdint": r"u?int(?:8|16|32|64|ptr)_t|INT(?:8|16|32|64)_M(?:AX|IN)|UINT(?:8|16|32|64)_MAX",
    "math_constants": r"CUDART_\w+",
    "cuda_fp16": r"__half2?|__half2float|__float2half\w*",
    "cuda_bf16": r"__nv_bfloat162?|__bfloat162float|__float2bfloat16\w*",
}
# What nvcc has without a word: it begins each file with <cuda_runtime.h>, which has <math.h> and <limits.h>.
# Whether it has <stdint.h> too depends on what else is included, and on the host's library.
OF_NVCC = {"math", "limits", "stdint"}


def names_of_nvcc(text: str) -> str:
    """Declarations of the types that nvcc has from the host's <sys/types.h>, as far as a text uses them."""
    kinds = {"uint": "int", "ushort": "short", "ulong": "long"}
    used = [
        k
        for k in kinds
        if re.search(rf"\b{k}\b", text) and not re.search(rf"\b(?:typedef\b[^;]*|using\s+){k}\b", text)
    ]
    return "".join(f"typedef unsigned {kinds[name]} {name};\n" for name in used)


def refuse_missing(text: str, included: set[str], for_nvcc: bool) -> str:
    """Refuse the first word whose header is not among those `included`, as NVIDIA's compilers do.

    Returns something for each of the other words, for NVRTC, which has not even the headers.

    Raises:
        KernelError: there is one.
    """
    known = included | OF_NVCC if for_nvcc else included
    known |= {"float", "stdint"} if "cooperative_groups" in included else set()
    plain, given = re.sub(STRING, blank, text), []
    sure = certain(text)  # else the compiler says it, should it choose that branch
    here = re.sub(STRING, blank, sure)
    for header, words in WORDS.items():
        for word in dict.fromkeys(re.findall(rf"\b(?:{words})\b", plain)):
            own = rf"#\s*define\s+{word}\b"
            own += rf"|\b(?:typedef\b[^;]*|using\s+|const\w*\s+\w+\s+){word}\b"
            if re.search(own, plain):
                continue
            if header not in known and re.search(rf"\b{word}\b", here):
                message = f"nvcc knows `{word}` from <{header}.h> alone: include that."
                if header in OF_NVCC:
                    message = (
                        f"CuPy's compiler does not know `{word}`: write the value or the type itself; "
                        f"or, where nvcc compiles this file, include <{header}.h>."
                    )
                at = re.search(rf"\b{word}\b", here).start()  # type: ignore[union-attr]
                raise KernelError("compile", message, *place(sure, at))
            given.append(_given(word))
    return "".join(given)


def _given(word: str) -> str:
    """A declaration of the right type; nothing is computed with it."""
    if not word.endswith("_t"):
        return f"#define {word} {'1' if '_MAX' in word and word[:3] not in ('FLT', 'DBL') else '1.0'}\n"
    bits = re.search(r"\d+", word)
    kind = {"8": "char", "16": "short", "32": "int"}.get(bits[0] if bits else "", "long long")
    return f"typedef {'unsigned' if word[0] == 'u' else 'signed'} {kind} {word};\n"


def refuse(text: str, where: tuple[str, int] | None = None) -> None:
    """Refuse the first word that cannot run, of a line if one is named.

    Raises:
        KernelError: there is one.
    """
    plain = re.sub(STRING, blank, text)
    found = [
        (match, advice)
        for word, advice in REFUSED.items()
        for match in re.finditer(word, plain)
        if where in (None, place(text, match.start()))
    ]
    if not found:
        return
    match, advice = min(found, key=lambda pair: pair[0].start())
    more = "" if advice == HOST else "; or put it between #ifndef EMULATOR and #endif"
    message = f"The emulator cannot run `{match[0]}` ({advice}{more})."
    raise KernelError("unsupported", message, *place(text, match.start()))
