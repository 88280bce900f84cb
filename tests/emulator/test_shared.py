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
    "given": "extern __shared__ float pool[]; __device__ float* given = pool;",
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
        with pytest.raises(KernelError, match=r":4: turn, thread \d+, block 0, writes dynamic shared memory"):
            turn(1, 64, (x, y), shared_mem=128)
