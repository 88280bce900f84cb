"""What NVIDIA's compilers refuse, with and without NVRTC; files with the host's part, which is left out."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError, check, nvrtc

KERNEL = 'extern "C" __global__ void f(float* x, int n) {{\n{}\n}}\n'


@pytest.fixture(params=["with NVRTC", "without"])
def compilers(request, monkeypatch, tmp_path):
    """Both: where NVRTC is not installed the rules of our own have to do."""
    if request.param == "without":
        monkeypatch.setattr(nvrtc, "PACKAGES", ())
    nvrtc.version.cache_clear()
    if request.param == "with NVRTC" and not nvrtc.version():
        pytest.skip("NVRTC is not installed")
    yield
    nvrtc.version.cache_clear()


@pytest.mark.parametrize(
    ("before", "line", "says"),
    [
        ("float g(float v) { return v; }", "x[0] = g(1);", "g is a function of the host: put __dev"),
        ("template <class T>\nT g(T v) { return v; }", "x[0] = g(1.f);", "g is a function of the host"),
        ("namespace a { float g(float v) { return v; } }", "x[0] = a::g(1);", "g is a function of the host"),
        ("struct P { float v; float g() const { return v; } };", "x[0] = P{1}.g();", "g is a function of"),
        ("struct P { float v; P(float v) : v(v) {} };", "x[0] = P(1).v;", "P is a function of the host"),
        ("float g(float v);", "x[0] = g(1);", "g is a function of the host"),
        ("struct P { float v; operator float() { return v; } };", "P p{1}; x[0] = p;", "operator float is a"),
        ("struct P { float v; ~P() {} };", "P p{1}; x[0] = p.v;", "~P is a function of the host: put"),
        (
            "struct P { float v; P operator+(P o) { return {v + o.v}; } };",
            "P p{1}; x[0] = (p + p).v;",
            r"operator\+ is a function of the host: put __device__ before it",
        ),
        (
            "struct P { float v; };\nP operator-(P a, P b) { return {a.v - b.v}; }",
            "P p{1}; x[0] = (p - p).v;",
            "operator- is a function of the host: put __device__ before it",
        ),
        ("float h() { return 1; }\nconst float g[2] = {1, 2};", "x[0] = g[n];", "g is a constant array of"),
        ("#include <cstdio>\nconstexpr int g[] = {1, 2};", "x[0] = g[1];", "nvcc keeps from kernels: put"),
        ("#include <cstdlib>\nconst int g = atoi(\"3\");", "x[0] = g;", "g is a variable of the host"),
        ("float g = 2;", "x[0] = g;", "g is a variable of the host: put __device__ before it"),
        ("static int g[4] = {1, 2};", "x[0] = g[n];", "g is a variable of the host"),
        ("", "float a[n]; a[0] = 1; x[0] = a[0];", "constant"),
        ("", "x[0] = rand();", "rand"),
        ("#include <stdlib.h>", 'x[0] = atoi("1");', "atoi"),
        ("", "x[0] = INFINITY;", "CuPy's compiler does not know `INFINITY`: .* include <math.h>"),
        ("", "x[0] = FLT_MAX;", "nvcc knows `FLT_MAX` from <float.h> alone"),
        ("#include <float.h>", "n = INT_MAX;", "does not know `INT_MAX`: .* include <limits.h>"),
        ("", "x[0] = M_PI;", "does not know `M_PI`"),
        ("", "uint32_t k = 1; x[0] = k;", "does not know `uint32_t`"),
        ("#include <cuda_runtime.h>", "x[0] = FLT_MAX;", "knows `FLT_MAX` from <float.h> alone: include"),
        ("#include <vector>\nint main() {}", "x[0] = CUDART_PI_F;", "from <math_constants.h> alone"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["fast", "check"])
def test_what_nvidias_compilers_refuse(compilers, mode, before, line, says):
    with pytest.raises(KernelError, match=says) as caught:
        Emulator(f"{before}\n{KERNEL.format(line)}", mode=mode)
    assert caught.value.refused
    assert caught.value.line == before.count("\n") + 3, caught.value


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("#include <float.h>\n#include <math.h>", "x[0] = FLT_MAX < INFINITY ? 2 : M_PI;"),
        ("#include <cstdint>", "uint32_t k = 2; x[0] = k;"),
        ("#include <cuda_runtime.h>", "x[0] = M_PI < INFINITY && INT_MAX > 1 ? 2 : NAN;"),
        ("int main() { f<<<1, 1>>>(nullptr, 1); }", "x[0] = INFINITY > 1 ? 2 : 0;"),
        ("#include <cooperative_groups.h>", "x[0] = FLT_MAX > 1 ? 2 : (uint32_t)n;"),
        ("#define INFINITY __int_as_float(0x7f800000)", "x[0] = INFINITY > 1 ? 2 : 0;"),
        ("typedef unsigned uint32_t;", "uint32_t k = 2; x[0] = k;"),
        ("const int N = 2; constexpr float half = 0.5f;", "float a[N] = {2}; x[0] = half * a[0] * N;"),
        ("#define HD __host__ __device__\nHD float g();\nHD float g() { return 2; }", "x[0] = g();"),
        ("#define MAKE(f) __device__ float f() { return 2; }\nMAKE(g)\nMAKE(h);", "x[0] = g() * h() / 2;"),
        ("struct P { float v; __device__ P(float v) : v(v) {} P() = default; };", "x[0] = P(2).v;"),
        ("enum Kind { ONE, TWO = 2 }; typedef float real; using also = real;", "also v = TWO; x[0] = v;"),
        ('extern "C" { __device__ float g() { return 2; } }', "x[0] = g();"),
        ("__device__ float g();\nfloat g() { return 2; }", "x[0] = g();"),
        ("__constant__ float table[] = {1, 2}; __device__ int count;", "count = 1; x[0] = table[1];"),
        ("", "auto g = [](float v) { return v + 1; }; x[0] = g(1);"),
        (
            "#include <cstdlib>\nconst int g[] = {3, 2}; constexpr int h[] = {1, 2};",
            "float a[h[1]], g[] = {1, 2}; constexpr int m = h[1]; a[1] = m; x[0] = a[1] * g[0];",
        ),
        ("int main() {}\nconstexpr int g(int v) { return 2 * v; }\nconst int h = g(1);", "x[0] = h;"),
        ("#include <cmath>\nstatic const double g = log(2.0); const float h = std::exp(1.0f);", "x[0] = 2;"),
        ("__device__ float4 v = {1, 2}; __constant__ float4 w[2]; __device__ dim3 d(1, 2);", "x[0] = v.y;"),
        ("struct P { int v; __device__ constexpr P(int v) : v(v) {} };\n__device__ P p(2);", "x[0] = p.v;"),
        ("typedef float real;\n__constant__ real g = real(2); __device__ int h = int(4);", "x[0] = g;"),
        (
            "struct P { int v; __device__ P(int v) : v(v) {}\n"
            "__device__ P g(int n) { return n ? P(2) : *this; } };\n"
            "__device__ P *p; __device__ P* q[2];",
            "P a(1); p = q[0]; x[0] = a.g(1).v;",
        ),
        ("struct P { int v = 2; __device__ int g() { return v; } };\n__device__ P p;", "x[0] = p.g();"),
        ("#include <cstdio>", "uint u = 1; x[0] = u + sizeof(ushort) / 2;"),
        ("struct P { __device__ virtual float g() = 0; __device__ virtual ~P() {} };\n"
         "struct Q : P { __device__ float g() override { return 2; } };", "Q q; P* p = &q; x[0] = p->g();"),
        ("__managed__ int g;", "for (int v : {1, 1}) g += v; x[0] = g;"),
        ('#include "device_launch_parameters.h"\n#include "cuda_runtime.h"', "x[0] = INFINITY > 1 ? 2 : 0;"),
        ("", "static float kept; kept = 2; x[0] = kept;"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["fast", "check"])
def test_what_they_take(compilers, mode, before, line):
    x = np.zeros(4, np.float32)
    Emulator(f"{before}\n{KERNEL.format(line)}", mode=mode).get_function("f")(1, 1, (x, np.int32(4)))
    assert x[0] == 2


@pytest.mark.usefixtures("compilers")
@pytest.mark.parametrize(
    "variable",
    [
        "__device__ P p;",
        "__device__ P p[2];",
        "__device__ float p = g();",
        "__constant__ double p = 4 * atan(1.0);",
    ],
)
def test_a_cards_variables_start_with_values_that_the_compiler_knows(variable):
    before = "struct P { int v; __device__ P() { while (1); } };\n__device__ float g() { return 1; }\n"
    with pytest.raises(KernelError, match="not with one that a function computes: let a kernel") as caught:
        Emulator(f"{before}{variable}\n{KERNEL.format('')}")
    assert (caught.value.refused, caught.value.line) == (True, 3)


CONSTEXPR = "constexpr int g(int v) { return 2 * v; }\n" + KERNEL.format("x[0] = g(n);")


@pytest.mark.usefixtures("compilers")
def test_constexpr_functions_are_the_hosts_unless_nvcc_is_told_otherwise():
    with pytest.raises(
        KernelError, match="g is a constexpr function of the host: put __host__ __de"
    ) as caught:
        Emulator("int main() {}\n" + CONSTEXPR, mode="check")
    assert (caught.value.refused, caught.value.line) == (True, 4)
    kernel = Emulator(
        "int main() {}\n" + CONSTEXPR, ("--expt-relaxed-constexpr",), mode="check"
    ).get_function("f")
    kernel(1, 1, (x := np.zeros(4, np.float32), np.int32(4)))
    assert x[0] == 8


WHOLE = """#include <stdio.h>
#include <cstdlib>
#include <vector>
#include <cuda_runtime.h>
#define CHECK(call) do { if ((call) != cudaSuccess) { printf("%%s\\n", #call); exit(1); } } while (0)
using std::vector;
typedef std::vector<float> Numbers;
struct Net { std::vector<float> weights; void step(); };
float host_total = 0;
static cudaStream_t stream;
constexpr int div_up(int a, int b) { return (a + b - 1) / b; }
__global__ void twice(float *x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    x[i] *= 2;%s
}
template <typename F> float timed(F f) { f(); return 0; }
void launch(float *d, int n) { twice<<<div_up(n, 64), 64>>>(d, n); CHECK(cudaGetLastError()); }
int main(int argc, char **argv) {
    std::vector<float> h(100, 1.0f);
    float *d = (float *)malloc(4);
#ifdef LARGE
    cudaMalloc(&d, 400);
#endif
    CHECK(cudaMemcpy(d, h.data(), 400, cudaMemcpyHostToDevice));
    timed([&] { launch(d, 100); });
    free(d);
    delete[] argv;
    return 0;
}
"""


@pytest.mark.parametrize("mode", ["fast", "check", "debug"])
def test_a_whole_program_is_checked_for_its_kernels(compilers, mode):
    x = np.ones(100, np.float32)
    Emulator(WHOLE % "", mode=mode).get_function("twice")(2, 64, (x, np.int32(100)))
    assert (x == 2).all()


def test_a_fault_in_a_whole_program_has_its_line():
    verdict = check(WHOLE % " x[n] = 0;", 2, 64, (np.ones(100, np.float32), np.int32(100)))
    assert [(fault.kind, fault.line) for fault in verdict.faults] == [("out of bounds", 15)]
    with pytest.raises(KernelError, match="host_total is a variable of the host") as caught:
        Emulator(WHOLE % " x[i] += host_total;")
    assert caught.value.line == 15


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("__global__ void f(float* x, ...) {}", "f takes any number of arguments"),
        ("template <class... T> __global__ void f(T... x) {}\n__global__ void g() {}", "any number"),
        ('extern "C" __device__ int sleep(int s);\n__global__ void f() { sleep(9); }', "sleep is"),
        ("__attribute__((constructor)) __device__ void g() {}\n__global__ void f() {}", "calls nothing"),
    ],
)  # fmt: skip
def test_what_would_run_elsewhere_or_not_at_all(code, says):
    with pytest.raises(KernelError, match=says) as caught:
        Emulator(code)
    assert (caught.value.refused, caught.value.line) == (True, 1)


@pytest.mark.parametrize("word", ["clock64();", 'asm("exit;");'])
def test_words_that_cannot_run_count_where_the_compiler_comes_by(word):
    code = KERNEL.format(f"#if defined(SHORT)\n{word}\n#endif\n")
    Emulator(code)
    with pytest.raises(KernelError, match="The emulator cannot run") as caught:
        Emulator(code, ("-DSHORT",))
    assert caught.value.line == 3


def test_a_template_without_instances_leaves_the_other_kernels():
    emulator = Emulator("template <int N> __global__ void g(float* x) {}\n" + KERNEL.format("x[0] = 2;"))
    assert list(emulator.source.kernels) == ["f"]


def test_a_byte_order_mark(tmp_path):
    path = tmp_path / "marked.cu"
    path.write_text("\ufeff" + KERNEL.format("x[0] = 2;"), encoding="utf-8")
    for code in (path, path.read_text(encoding="utf-8")):
        Emulator(code).get_function("f")(1, 1, (x := np.zeros(4, np.float32), np.int32(4)))
        assert x[0] == 2


@pytest.mark.usefixtures("compilers")
def test_a_homeworks_check_of_the_hosts_calls_is_left_out():
    program = r"""
#include <stdio.h>
#include <cuda_runtime.h>
#define FAILED(e) printf("%s\n", cudaGetErrorString(e))
#define CHECK(call) do { cudaError_t e = (call); \
    if (e != cudaSuccess) { FAILED(e); exit(1); } } while (0)
#define BLOCK 4
__global__ void f(float* x, int n) {
    int i = blockIdx.x * BLOCK + threadIdx.x;
    if (i < n) x[i] += 1;
}
int main() {
    float* x;
    CHECK(cudaMalloc(&x, 16));
    f<<<1, BLOCK>>>(x, 4);
    CHECK(cudaDeviceSynchronize());
}
"""
    x = np.zeros(4, np.float32)
    verdict = check(program, 1, 4, (x, np.int32(4)))
    assert not verdict.faults


BRANCHES = """namespace part {
__global__ void inside(float* x) { x[0] = 1; }
}
#ifdef WIDE
__global__ void f(float* x) { x[0] = 2; }
__global__ void wide(float* x) {}
#else
__global__ void f(float* x) {
    x[0] = 3; } static const int stop = 4;
#endif
__global__ void last(float* x) {
    x[stop] = 0;
}
"""


def test_kernels_in_namespaces_and_in_branches():
    x = np.zeros(4, np.float32)
    for name, options, expected in (("inside", (), 1), ("f", (), 3), ("f", ("-DWIDE", "-Dstop=4"), 2)):
        Emulator(BRANCHES, options).get_function(name)(1, 1, (x,))
        assert x[0] == expected
    with pytest.raises(KernelError, match="wide is in a branch of #if that was not taken") as caught:
        Emulator(BRANCHES).get_function("wide")
    assert (caught.value.refused, caught.value.line) == (True, 6)
    verdict = check(BRANCHES, 1, 1, (x,), name="last")
    assert [(fault.kind, fault.line) for fault in verdict.faults] == [("out of bounds", 12)]
