"""Shared memory, wherever and however it is declared."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError

TURN = """
__global__ void turn(const float* x, float* y) {
    float* p = POOL;
    p[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = p[63 - threadIdx.x];
}
"""
POOLS = {
    "pool": "extern __shared__ float pool[];",
    "pool + blockDim.x": "extern __shared__ float pool[];",
    "first()": "extern __shared__ float pool[]; __device__ float* first() { return pool; }",
    "&rows[0][0]": "extern __shared__ float rows[][8];",
}


@pytest.mark.parametrize("mode", ["fast", "check", "debug"])
@pytest.mark.parametrize("pool", POOLS)
def test_dynamic_shared_memory_of_the_whole_file(pool, mode):
    emulator = Emulator(POOLS[pool] + TURN.replace("POOL", pool), mode=mode)
    turn, x, y = emulator.get_function("turn"), np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    turn(1, 64, (x, y), shared_mem=512)
    assert y.tolist() == x[::-1].tolist()
    assert [memory.name for memory in emulator.variables] == ["given"] * (pool == "given")
    if mode == "check":
        with pytest.raises(
            KernelError, match=r":4: turn, thread \d+, block 0, writes dynamic .*, or ask for more with"
        ):
            turn(1, 64, (x, y), shared_mem=128)


SUM = """__device__ float sum(float v) {
    static __shared__ float part[32];
    part[threadIdx.x % 32] = v;
    __syncthreads();
    return part[threadIdx.x % 32 ^ 1];
}
__global__ void k(const float* x, float* y) { y[threadIdx.x] = sum(x[threadIdx.x]); }
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_static_shared_memory(mode):
    emulator = Emulator(SUM, mode=mode)
    k, x, y = emulator.get_function("k"), np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    k(1, 32, (x, y))
    assert y.tolist() == x.reshape(16, 2)[:, ::-1].ravel().tolist()
    assert [(memory.name, memory.size) for memory in k.shared] == [("part", 128)]
    if mode == "check":
        with pytest.raises(
            KernelError, match=r":3: k, thread 32, block 0, writes part\[0\], which thread 0 wrote"
        ):
            k(1, 64, (np.zeros(64, np.float32), np.zeros(64, np.float32)))


@pytest.mark.parametrize(
    ("declaration", "says"),
    [
        ("__shared__ float s[32] = {0};", "A shared variable takes no initial value: let a thread write it"),
        ("__shared__ int s = 0;", "A shared variable takes no initial value"),
        ("__shared__ float s[n];", "a shared array's size must be a constant; extern __shared__ float s"),
    ],
)
def test_shared_arrays_that_cannot_be(declaration, says):
    with pytest.raises(KernelError, match=rf"^<source>:2: .*{says}") as caught:
        Emulator(f"__global__ void k(int n) {{\n    {declaration}\n    if (n == 2) s[0] = 1;\n}}")
    assert caught.value.kind == "compile"
