"""Exit codes of `scratchlm kernel check`: 0 no fault, 1 a fault in the kernel, 2 it could not be run."""

import pytest

KERNEL = b"__global__ void f(int* y) { y[threadIdx.x] = 1; }"
REFUSED = {
    "missing header": (b"#include <curand_kernel.h>\n" + KERNEL, "curand_kernel.h"),
    "missing file": (b'#include "no.cuh"\n' + KERNEL, "no.cuh"),
    "not UTF-8": (KERNEL + b" // \xff", "is not UTF-8 at byte"),
    "empty": (b"", "has no kernel"),
    "no such name": (KERNEL.replace(b"= 1", b"= z"), "f.cu:1: The compiler says: "),
    "semicolon": (KERNEL.replace(b"1;", b"1"), "f.cu:1: The compiler says: "),
    "not linked": (b"__device__ int g(int);" + KERNEL.replace(b"= 1", b"= g(1)"), "g is declared but no"),
    "shared": (KERNEL.replace(b"{", b"{ __shared__ int s[20000]; s[0] = 1;"), "80,000 bytes of shared"),
}
FAULTS = {
    "endless": (KERNEL.replace(b"{", b"{ volatile int n = 1; while (n) { }"), "--steps 2000000", "still in"),
    "out of time": (KERNEL.replace(b"{", b"{ volatile int n = 1; while (n) { }"), "--seconds 0.2", "0.2 s"),
    "uninitialised": (KERNEL.replace(b"{ y", b"{ int n; y").replace(b"= 1", b"= n"), "", "is used uninitial"),
    "out of bounds": (KERNEL, "--block 40", "y[32], but it has 32 elements"),
}


@pytest.fixture
def check(scratchlm, tmp_path):
    def call(code, *options):
        (tmp_path / "f.cu").write_bytes(code)
        return scratchlm("kernel", "check", tmp_path / "f.cu", *options, "--args", "int32[32]=0")

    return call


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_compile_is_no_fault(check, case):
    code, says = REFUSED[case]
    found, out, err = check(code)
    assert (found, out) == (2, "")
    assert err.startswith("scratchlm: ")
    assert says in err


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_a_fault(check, case):
    code, options, says = FAULTS[case]
    found, out, err = check(code, *options.split())
    assert (found, err) == (1, "")
    assert out.startswith("f.cu:1: ")
    assert says in out


def test_a_folder_is_no_file(scratchlm, tmp_path):
    code, out, err = scratchlm("kernel", "check", tmp_path)
    assert (code, out) == (2, "")
    assert err == f"scratchlm: {tmp_path} is a folder: name a .cu file in it.\n"
