"""Vectors of 2, 3 and 4 numbers: how they begin, and that their copies are looked at."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError

COPIES = """struct rgb { unsigned char r, g, b; };
__global__ void k(uchar3* a, float3* b, rgb* c, int way) {
    int i = threadIdx.x;
    if (way == 0) {
        uchar3 p = a[i];
        float3 sum = {0}, none = {}, all = {1, 2, 3};
        int2 two = {4};
        b[i] = make_float3(p.x + sum.x + none.z, p.y + all.y, p.z + two.x + two.y);
        rgb copy = c[i];
        a[i].x = copy.b;
    }
    if (way == 1) b[i + 1] = make_float3(1, 2, 3);
    if (way == 2) { float3 last = b[i + 1]; a[i].x = last.x; }
    if (way == 3) { float3 first = b[0]; b[i] = first; }
    if (way == 4) a[i] = a[31 - i];
}
"""
SAYS = {
    1: r"^<source>:12: .*thread 31, .*writes 12 bytes at b\[96\], but it has 96 elements",
    2: r"^<source>:13: .*thread 31, .*reads 12 bytes at b\[96\], but it has 96 elements",
    3: r"^<source>:14: .*thread 1, .*reads 12 bytes at b\[0\], which thread 0 wrote at line 14",
    4: r"^<source>:15: .*thread 16, .*reads 3 bytes at a\[45\], which thread 15 wrote at line 15",
}


def launch(way):
    a, c = (np.arange(96, dtype=np.uint8) + start for start in (0, 100))
    b = np.zeros(96, np.float32)
    Emulator(COPIES, mode="check").get_function("k")(1, 32, (a, b, c, np.int32(way)))
    return a.reshape(32, 3), b.reshape(32, 3)


def test_three_numbers_need_no_more_alignment_than_one():
    a, b = launch(0)
    x = np.arange(96).reshape(32, 3)
    assert b.tolist() == (x + np.array([0, 2, 4])).tolist()
    assert a.tolist() == np.column_stack((x[:, 2] + 100, x[:, 1:])).tolist()


@pytest.mark.parametrize("way", SAYS)
def test_what_is_wrong_with_copies_of_them_is_found(way):
    with pytest.raises(KernelError, match=SAYS[way]):
        launch(way)


ADDED = """#define LEAVE(condition) if (condition) return;
__device__ float both(float v) { return v + __shfl_xor_sync(0xffffffff, v, 8); }
__global__ void k(float4* x, int n, int way) {
    __shared__ float2 s;
    LEAVE(threadIdx.x % 32 > 15)
    if (n < 0) { return; }
    float v = both(1);
    if (way == 0) atomicAdd(x, make_float4(v, 2, 3, 4));
    if (way == 1) atomicAdd(x + threadIdx.x, make_float4(v, 2, 3, 4));
    if (way == 2) atomicAdd(&s, make_float2(1, 2));
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_atomics_add_vectors(mode):
    """After lanes that a macro sends away: nobody waits for them."""
    x = np.zeros(32, np.float32)
    k = Emulator(ADDED, mode=mode).get_function("k")
    k(2, 64, (x, np.int32(1), np.int32(0)))
    assert x[:5].tolist() == [128, 128, 192, 256, 0]
    with pytest.raises(KernelError, match=r"^<source>:10: .*atomicAdd of a float2 in shared memory"):
        k(1, 32, (x, np.int32(1), np.int32(2)))
    if mode == "check":
        with pytest.raises(
            KernelError, match=r"^<source>:9: .*thread 8, .*changes atomically 16 bytes at x\[3"
        ):
            k(1, 32, (x, np.int32(1), np.int32(1)))
