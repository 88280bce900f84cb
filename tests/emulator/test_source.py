"""What becomes of a .cu: conditions, names, templates, what is refused, errors with the user's line."""

from pathlib import Path

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError, orders_differ, toolchain

from ..tolerance import rounding
from .test_launch import SCALE, A, N, X


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('asm("mov.u32 %0, 1;" : "=r"(n));', "inline PTX"),
        ("__pipeline_commit();", "cp.async"),
        ("wgmma_fence();", "tensor core"),
        ("cooperative_groups::this_grid().sync();", "whole grid"),
        (
            "scale<<<1, 1>>>(x, a, n);",
            "the host's part: leave it to the host's functions",
        ),
        ("cudaDeviceSynchronize(); malloc(4);", "`cudaDeviceSynchronize` .the host's part"),
        ("float* p = new float[4];", "`new` .the heap of a device is not emulated: give"),
        ("delete[] x;", "`delete` .the heap"),
        (
            "void* p = malloc(4);",
            "`malloc` .the heap.*; or put it between #ifndef EMULATOR and #endif",
        ),
        ("unsigned m = __activemask();", "which lanes run together: pass the mask that your algorithm knows"),
        ("auto g = cooperative_groups::coalesced_threads();", "`coalesced_threads` .a card decides"),
        (
            "cooperative_groups::labeled_partition(t, 1);",
            "this_thread_block and tiled_partition: add up",
        ),
        ("x[0] = clock64();", "clocks"),
        ("x[0] = __shfl_down(a, 1);", "`__shfl_down` .cards since 2017 do not have it: use the one with _"),
        ("atomicAdd_block(x, a);", "the emulator knows one scope: use the atomic without it"),
        (
            "x[0] = std::max(a, 1.f);",
            "`std::max` .nvcc wants --expt-relaxed-constexpr for it: write it without",
        ),
        (
            "x[0] = std::numeric_limits<float>::max();",
            "for it: write FLT_MAX, INT_MAX, INFINITY and the like",
        ),
    ],
)
def test_what_it_cannot_run_is_refused_by_name(line, says):
    with pytest.raises(KernelError, match=says) as caught:
        Emulator(SCALE.replace("    if", f"    // asm in a comment is fine\n    {line}\n    if"))
    assert (caught.value.kind, caught.value.line) == ("unsupported", 4)


@pytest.mark.parametrize(
    "part",
    [
        '#ifndef EMULATOR\n asm("exit;");\n#endif',
        '#ifndef EMULATOR\n#if N > 3\n asm("exit;");\n#else\n x[i]++;\n#endif\n asm("exit;");\n#endif',
        '#ifndef EMULATOR\n asm("exit;");\n#else\n x[i] *= a;\n#endif',
        '#ifdef EMULATOR\n x[i] *= a;\n#else\n asm("exit;");\n#endif',
        '#if defined(EMULATOR)\n x[i] *= a;\n#elif N > 2\n asm("exit;");\n#endif',
        '#if !defined EMULATOR\n asm("exit;");\n#elif defined N\n a = 0;\n#else\n x[i] *= a;\n#endif',
        "#if 0\n}\n__global__ void no() {\n#endif",
        '#ifdef N\n#ifndef EMULATOR\n asm("exit;");\n#endif\n a = 0;\n#else\n x[i] *= a;\n#endif',
    ],
)
def test_what_a_condition_leaves_out_is_not_read(part):
    emulator = Emulator(SCALE.replace("    if", f"{part}\n    if"))
    assert list(emulator.source.kernels) == ["scale"]
    emulator.get_function("scale")(1, 64, (x := X.copy(), A, N))
    assert x[0] == (4 if "x[i] *= a" in part else 2)
    with pytest.raises(KernelError, match=rf"^<source>:{4 + part.count(chr(10))}: The compiler says"):
        Emulator(SCALE.replace("    if (i < n)", f"{part}\n    if (i < m)"))


STRUCTURES = """template <class T, int M> struct V { T at[M]; };
struct Pair { float a, b; };
__global__ void k(V<float, 2> v, float4 w, int n) {}
__global__ void p(Pair* x, int n) { x[0].b = n; }
"""


def test_structures_as_arguments():
    k, p = map(Emulator(STRUCTURES).get_function, "kp")
    for args, says in (
        ((A, A, N), "k: parameter 1, v, is no number: pass its parts one by one"),
        ((A, A), r"takes 3 arguments \(v, w, n\)"),
    ):
        with pytest.raises(KernelError, match=says):
            k(1, 1, args)
    with pytest.raises(
        KernelError, match="argument 1, x, is a number of float32: pass an array of structures"
    ):
        p(1, 1, (A, N))
    p(1, 1, (x := np.zeros(2, np.float32), N))
    assert x.tolist() == [0, 100]
    one = Emulator("__global__ void k(float4 v) {}").get_function("k")
    with pytest.raises(KernelError, match="parameter 1, v, is no number"):
        one(1, 1, (A,))


def test_a_file_that_is_not_utf8(tmp_path):
    (tmp_path / "latin.cu").write_bytes(b"// \xb5\n" + SCALE.encode())
    with pytest.raises(KernelError, match=r"latin.cu is not UTF-8 at byte 4: save it with") as caught:
        Emulator(tmp_path / "latin.cu")
    assert caught.value.kind == "compile"


def test_files_that_are_none_are_one_sentence(tmp_path):
    (tmp_path / "empty.cu").write_text("")
    (tmp_path / "random.cu").write_text(f"#include <math.h>\n#include <curand_kernel.h>\n{SCALE}")
    for name, kind, says in (
        ("", "launch", "is a folder: name a .cu file in it"),
        ("empty.cu", "compile", "empty.cu has no kernel: write extern"),
        (
            "random.cu",
            "unsupported",
            "^random.cu:2: The emulator has no <curand_kernel.h>: leave it out, or put",
        ),
    ):
        with pytest.raises(KernelError, match=says) as caught:
            Emulator(tmp_path / name)
        assert caught.value.kind == kind
        assert "\n" not in str(caught.value)


def test_a_compile_error_names_the_line():
    with pytest.raises(KernelError, match=r"<source>:2: The compiler says: .*thread_id") as caught:
        Emulator(SCALE.replace("threadIdx", "thread_id"))
    assert caught.value.kind == "compile"
    with pytest.raises(KernelError, match="has no kernel: write extern"):
        Emulator("int nothing;")
    with pytest.raises(KernelError, match="has no kernel sclae: it has scale"):
        Emulator(SCALE).get_function("sclae")
    with pytest.raises(KernelError, match="There is no kernel file"):
        Emulator(Path("missing.cu"))


NAMES = ["a", "x", "args", "arguments", "launch", "kernel", "index", "max", "min", "abs", "exp", "round"]


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_kernels_with_names_of_other_things(mode):
    text = "__global__ void {}(float* x, int max_n = 4) {{ x[threadIdx.x] = max(fabsf(-2.f), exp(0.f)); }}\n"
    other = "__device__ void launch(float* x) { x[0] = 1; }\n"
    emulator = Emulator(other + "".join(map(text.format, NAMES)), mode=mode)
    for name in NAMES:
        x = np.zeros(32, np.float32)
        emulator.get_function(name)(1, 32, (x, np.int32(4)))
        assert (x == 2).all()
    assert emulator.source.kernels["max"] == ("x", "max_n")


TEMPLATE = """template <int N, class T> __device__ T sum(const T* x) {
    __shared__ T part[N];
    part[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    T all = 0;
    for (int k = 0; k < N; k++) all += part[k];
    return all;
}
__device__ inline float first(const float* x) {
    __shared__ float one;
    if (threadIdx.x == 0) one = x[0];
    __syncthreads();
    return one;
}
__global__ void eight(float* x, float* y) { y[threadIdx.x] = sum<8, float>(x) + first(x); }
__global__ void four(float* x, float* y);
void __global__ __launch_bounds__(64) four(float* x, float* y) {
    __shared__ float none[3];
    if (threadIdx.x == 0) none[0] = 0;
    y[threadIdx.x] = sum<4, float>(x);
}
"""


@pytest.mark.parametrize("mode", ["fast", "check", "debug"])
def test_templates_of_helpers_with_shared_memory(mode):
    emulator, x, y = Emulator(TEMPLATE, mode=mode), np.arange(1, 9, dtype=np.float32), np.zeros(8, np.float32)
    emulator.get_function("eight")(1, 8, (x, y))
    assert (y == 37).all()
    emulator.get_function("four")(1, 4, (x, y))
    assert (y[:4] == 10).all()
    if mode == "check":
        with pytest.raises(KernelError, match=r":3: four, thread 4, block 0, writes part\[4\], but it has"):
            emulator.get_function("four")(1, 8, (x, y))


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        (
            "\ntemplate <int N> __global__ void k(float* x) { x[0] = N; }",
            "unsupported",
            "k is a template: add an instance behind it, such as `template __global__ void k<4>",
        ),
        ("\n__global__ void (*k)(float*);", "compile", "and takes numbers and plain pointers.: write extern"),
        ("\n__global__ int k(float* x) { return 0; }", "compile", "can be read .it returns void"),
        (
            '\nextern "C" __global__ void erf(float* x) {}',
            "compile",
            "a function of C has this name: give",
        ),
        (
            "struct S { double a, b; };\n__global__ void k(S* x) { __shfl_sync(~0u, x[0], 0); }",
            "compile",
            "shuffles move up to 8 bytes",
        ),
    ],
)
def test_kernels_that_cannot_be_compiled_name_the_users_line(source, kind, says):
    with pytest.raises(KernelError, match=rf"^<source>:2: .*{says}") as caught:
        Emulator(source)
    assert caught.value.kind == kind


def test_a_local_variable_that_is_read_before_it_is_written():
    source = '\nextern "C" __global__ void k(float* x) {\n    float v;\n    v += x[0];\n    x[1] = v;\n}\n'
    Emulator(source)
    with pytest.raises(
        KernelError, match=r"^<source>:4: .*v.* uninitialized.*; give it a value first"
    ) as caught:
        Emulator(source, mode="check")
    assert caught.value.kind == "uninitialised"


def test_words_that_are_refused_elsewhere():
    """In a string, as a deleted constructor, as parts of names."""
    Emulator(SCALE.replace("    if", '    printf("new best, delete asm <<< %d", n);\n    if'))
    Emulator("struct S { S(const S&) = delete; int renew, new_one, free; };\n" + SCALE)


MOVE = """template <class T, int M> __global__ void move(const T* x, T* y, int n) {
    __shared__ T s[M];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    if (threadIdx.x < n) y[threadIdx.x] = s[M - 1 - threadIdx.x];
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_instances_of_a_template(mode):
    instances = (
        "template __global__ void move<float, 4>(const float*, float*, int);\n"
        "template __global__ void move< double,8 >(const double*, double*, int);\n"
    )
    emulator = Emulator(MOVE + instances, mode=mode)
    assert emulator.source.kernels == dict.fromkeys(("move<float, 4>", "move<double, 8>"), ("x", "y", "n"))
    for name, dtype in (("move<float, 4>", np.float32), ("move<double, 8>", np.float64)):
        x, y = np.arange(8, dtype=dtype), np.zeros(8, dtype)
        emulator.get_function(name)(1, int(name[-2]), (x, y, np.int32(3)))
        assert y[:4].tolist() == [*range(int(name[-2]) - 1, int(name[-2]) - 4, -1), 0]
    if mode == "check":
        with pytest.raises(KernelError, match=r":3: move<float, 4>, thread 4, block 0, writes s\[4\]"):
            emulator.get_function("move<float, 4>")(1, 8, (X[:8], X[:8].copy(), np.int32(3)))
    with pytest.raises(KernelError, match=r"`template __global__ void move<float, 4>\(…\);` with its param"):
        Emulator(MOVE)


def test_enumerations_are_their_integers():
    source = "enum class Way : unsigned char {{ UP, DOWN }};\nenum Sign {{ PLUS, MINUS = -1 }};\n{}"
    kernel = "__global__ void k(int* y, Way way, Sign sign) { y[0] = way == Way::DOWN ? sign : 0; }"
    k, y = Emulator(source.format(kernel)).get_function("k"), np.zeros(1, np.int32)
    k(1, 1, (y, np.uint8(1), np.int32(-1)))
    assert y[0] == -1
    with pytest.raises(KernelError, match=r"argument 2, way, is a number of int32: pass np.uint8"):
        k(1, 1, (y, np.int32(1), np.int32(-1)))


@pytest.mark.parametrize("kind", ["float", "int", "double"])
def test_a_local_variable_without_a_value_gives_each_order_other_results(kind):
    source = f"""extern "C" __global__ void k(const {kind}* x, {kind}* y, int n) {{
    {kind} s;
    for (int i = threadIdx.x; i < n; i += 32)
        s += x[i];
    y[threadIdx.x] = s;
}}
"""
    results = []
    for order in ("forward", "reversed", "shuffled"):
        k = Emulator(source, mode="check", order=order).get_function("k")
        x = np.arange(100, dtype={"float": "f4", "int": "i4", "double": "f8"}[kind])
        k(1, 32, (x, y := x[:32].copy(), N))
        results.append(y.tobytes())
    assert len(set(results)) == 3
    error = orders_differ(k, "y", 1.0)
    if "g++" in toolchain.compiler()[0]:
        assert (error.file, error.line) == ("<source>", 2)
        assert "s, declared here, may be read before it has a value: give it one." in str(error)


STD = """#include <cmath>
#include <cstddef>
__global__ void k(const double* x, double* y) {
    std::size_t i = threadIdx.x;
    y[i] = std::sqrt(x[i]) + std::abs(-1.5f) + std::isnan(x[0]) + isinf(1.0f / 0) + std::fmax(1.0, 2.0);
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_mathematics_of_the_standard_library(mode):
    x, y = np.arange(8, dtype=np.float64), np.zeros(8)
    Emulator(STD, mode=mode).get_function("k")(1, 8, (x, y))
    assert np.allclose(y, np.sqrt(x) + 4.5, 0, rounding(4, 8, np.float64))


def test_a_brace_that_is_never_closed():
    with pytest.raises(KernelError, match=r"^<source>:1: This { is never closed: put its }\.") as caught:
        Emulator(SCALE.rpartition("}")[0])
    assert caught.value.kind == "compile"
    with pytest.raises(KernelError, match=r"^<source>:3: The compiler says"):
        Emulator(SCALE.replace("x[i] *= a", "x[i] *= b"))


def test_headers_of_cuda_between_quotes(tmp_path):
    (tmp_path / "own.cu").write_text(
        '#include "cuda_runtime.h"\n#include "device_launch_parameters.h"\n' + SCALE
    )
    Emulator(tmp_path / "own.cu").get_function("scale")(2, 64, (x := X.copy(), A, N))
    assert (x == 2).all()
