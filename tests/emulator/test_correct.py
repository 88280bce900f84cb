"""Kernels without a fault: no report, and the same bits in every mode and every order of the threads."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError

from ..tolerance import rounding, same

WARP_SUM = """
__device__ float warp_sum(float v) {
    for (int o = 16; o > 0; o /= 2) v += __shfl_xor_sync(0xffffffff, v, o);
    return v;
}
"""
ROWS = (
    WARP_SUM
    + """
__device__ float block_sum(float v, float* part) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = warp_sum(v);
    __syncthreads();  // part may still be read from the call before
    if (lane == 0) part[warp] = v;
    __syncthreads();
    return warp_sum(lane < blockDim.x / 32 ? part[lane] : 0);
}
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    __shared__ float part[32];
    const float* row = x + blockIdx.x * n;
    float sum = 0, square = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) sum += row[i];
    float mean = block_sum(sum, part) / n;
    for (int i = threadIdx.x; i < n; i += blockDim.x) square += (row[i] - mean) * (row[i] - mean);
    float scale = rsqrtf(block_sum(square, part) / n + 1e-5f);
    for (int i = threadIdx.x; i < n; i += blockDim.x) y[blockIdx.x * n + i] = (row[i] - mean) * scale;
}
"""
)
TRANSPOSE = """
#define T 16
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    __shared__ float tile[T][T + 1];
    int c = blockIdx.x * T + threadIdx.x, r = blockIdx.y * T + threadIdx.y;
    if (r < n && c < n) tile[threadIdx.y][threadIdx.x] = x[r * n + c];
    __syncthreads();
    c = blockIdx.y * T + threadIdx.x, r = blockIdx.x * T + threadIdx.y;
    if (r < n && c < n) y[r * n + c] = tile[threadIdx.x][threadIdx.y];
}
"""
TREE = """
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    extern __shared__ float s[];
    int t = threadIdx.x;
    s[t] = t < n ? x[t] : 0;
    for (int o = blockDim.x / 2; o > 0; o /= 2) {
        __syncthreads();
        if (t < o) s[t] += s[t + o];
    }
    if (t == 0) y[0] = s[0];
}
"""
WARP_TREE = """
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    __shared__ volatile float s[64];
    int t = threadIdx.x, lane = t % 32;
    s[t] = x[t];
    __syncwarp();
    for (int o = 16; o > 0; o /= 2) {
        float v = lane < o ? s[t + o] : 0;
        __syncwarp();
        if (lane < o) s[t] = s[t] + v;
        __syncwarp();
    }
    if (lane == 0) y[t / 32] = s[t];
}
"""
HISTOGRAM = """
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    __shared__ int count[8];
    if (threadIdx.x < 8) count[threadIdx.x] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        atomicAdd(&count[x[i] & 7], 1);
    __syncthreads();
    if (threadIdx.x < 8) atomicAdd(&y[threadIdx.x], count[threadIdx.x]);
}
"""
VECTORS = """
extern "C" __global__ void kernel(const float4* x, float4* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float4 v = x[i];
    y[i] = make_float4(v.w, v.z, v.y, v.x);
}
"""
VOTES = """
extern "C" __global__ void kernel(const int* x, int* y, int n) {
    int t = threadIdx.x, lane = t % 32;
    unsigned odd = __ballot_sync(0xffffffff, x[t] % 2);
    int before = __popc(odd & ((1u << lane) - 1));
    int any = __any_sync(0xffffffff, x[t] > 60), all = __all_sync(0xffffffff, x[t] >= 0);
    int up = __shfl_up_sync(0xffffffff, t, 3), segment = __shfl_down_sync(0xffffffff, t, 1, 8);
    y[t] = before + 100 * any + 1000 * all + 10000 * up + 1000000 * segment;
    y[t] += __syncthreads_count(x[t] > 31) + __syncthreads_or(t == 5) + __syncthreads_and(t >= 0);
}
"""
HALF_WARPS = """
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    int t = threadIdx.x, lane = t % 32;
    unsigned half = lane < 16 ? 0x0000ffff : 0xffff0000;
    float v = x[t];
    if (lane < 16) for (int o = 8; o > 0; o /= 2) v += __shfl_xor_sync(half, v, o);
    else for (int o = 8; o > 0; o /= 2) v *= __shfl_xor_sync(half, v, o);
    y[t] = v;
}
"""
TYPES = """
typedef float real;
struct Pair { float a, b; };
__constant__ float table[4] = {1, 2, 4, 8};
extern "C" __global__ void __launch_bounds__(64) kernel(
    const real* __restrict__ x,  // a comment with a ) and a __shared__ word
    float* __restrict__ y, const int n) {
    __shared__ __align__(16) unsigned char bytes[64 * 4], marks[64];
    __shared__ Pair pairs[64];
    int t = threadIdx.x;
    marks[t] = t;
    reinterpret_cast<float*>(bytes)[t] = x[t];
    pairs[t].a = table[t % 4];
    __syncthreads();
    y[t] = reinterpret_cast<float*>(bytes)[63 - t] * pairs[63 - t].a + marks[63 - t];
}
"""

FLAT = """
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    __shared__ float tile[4][17];
    extern __shared__ float more[][8];
    int t = threadIdx.x;
    tile[0][t] = x[t];
    more[0][t] = x[t];
    __syncthreads();
    y[t] = tile[ 1 ][ t - 17 ] + more[1][63 - t - 8] + sizeof(tile) / sizeof(tile[0][0]);
}
"""
MEMBERS = """
struct Tile { float rows[4][8], more[4]; };
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    __shared__ Tile tile, tiles[2];
    int t = threadIdx.x;
    Tile* p = tiles;
    if (t < 32) tile.rows[t / 8][t % 8] = tiles[1].rows[t / 8][t % 8] = x[t];
    if (t < 4) p->more[t] = p[1].more[t] = tile.more[t] = x[t];
    __syncthreads();
    y[t] = tile.rows[0][t % 4 * 8 + t / 8] + p[1].rows[1][7 - t / 8 - 8];
    y[t] += p->more[t % 4] + tile.more[3 - t % 4];
}
"""
PADDED = """
struct Best { double value; int at; };
struct Mark { char a; int b; };
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    __shared__ Best best[64];
    __shared__ Mark marks[64];
    int t = threadIdx.x;
    best[t].value = x[t], best[t].at = t;
    marks[t].a = 1, marks[t].b = t;
    __syncthreads();
    Best other = best[63 - t];
    Mark mark = marks[63 - t];
    y[t] = other.value + other.at + mark.a + mark.b;
}
"""
ROW_BY_ROW = """
#define TILE(r, c) tile[r][c]
__constant__ float rows[2] = {1, 2};
__device__ float turned(float (*rows)[17], int t) { return rows[1][t - 17]; }
__device__ float own(int t) { float tile[2] = {0, 0}; return tile[t % 2]; }
extern "C" __global__ void kernel(const float* x, float* y, int n) {
    __shared__ float tile[4][17];
    int t = threadIdx.x;
    const float (*m)[8] = (const float (*)[8])x;
    TILE(0, t) = m[0][t];
    __syncthreads();
    printf("%s", &"µ"[2]), y[t] = turned(tile, 63 - t) + TILE(1, t - 17) + own(t) * rows[0];
    printf("%s", &"µµµ"[6]), y[t] += tile[1][t - 17];
}
"""


def floats(rng, n):
    return rng.standard_normal(n, dtype=np.float32)


def flat(rng, n, results, length):
    """A random input, an output of zeros, and the number that the kernel takes."""
    return floats(rng, n), np.zeros(results, np.float32), np.int32(length)


def whole(rng):
    return rng.integers(0, 8, 500, np.int32), np.zeros(8, np.int32), np.int32(500)


def counting(rng):
    return np.arange(64, dtype=np.int32), np.zeros(64, np.int32), np.int32(64)


# name: source, grid, block, shared_mem, maker of the arguments
CASES = {
    "rows": (ROWS, 5, 96, 0, lambda rng: flat(rng, 5 * 77, 5 * 77, 77)),
    "transpose": (TRANSPOSE, (3, 3), (16, 16), 0, lambda rng: flat(rng, 41 * 41, 41 * 41, 41)),
    "tree": (TREE, 1, 128, 512, lambda rng: flat(rng, 100, 1, 100)),
    "warp tree": (WARP_TREE, 1, 64, 0, lambda rng: flat(rng, 64, 2, 64)),
    "histogram": (HISTOGRAM, 3, 64, 0, whole),
    "vectors": (VECTORS, 2, 64, 0, lambda rng: flat(rng, 400, 400, 100)),
    "votes": (VOTES, 1, 64, 0, counting),
    "half warps": (HALF_WARPS, 1, 64, 0, lambda rng: flat(rng, 64, 64, 64)),
    "flat": (FLAT, 1, 64, 256, lambda rng: flat(rng, 64, 64, 64)),
    "members": (MEMBERS, 1, 64, 0, lambda rng: flat(rng, 64, 64, 64)),
    "padded": (PADDED, 1, 64, 0, lambda rng: flat(rng, 64, 64, 64)),
    "row by row": (ROW_BY_ROW, 1, 64, 0, lambda rng: flat(rng, 64, 64, 64)),
    "types": (TYPES, 1, 64, 0, lambda rng: flat(rng, 64, 64, 64)),
}


def run(name, mode, order, seed=0):
    source, grid, block, shared, make = CASES[name]
    args = make(np.random.default_rng(0))
    kernel = Emulator(source, mode=mode, order=order, seed=seed).get_function("kernel")
    kernel(grid, block, args, shared_mem=shared)
    return args


@pytest.mark.parametrize("name", CASES)
def test_no_report_and_the_same_bits(name):
    expected = run(name, "fast", "forward")[1]
    assert np.any(expected)
    for mode in ("fast", "check", "debug"):
        for order, seed in (("forward", 0), ("reversed", 0), ("shuffled", 1), ("shuffled", 2)):
            assert run(name, mode, order, seed)[1].tobytes() == expected.tobytes(), (mode, order, seed)


def test_values():
    x, y, _ = run("rows", "fast", "forward")
    rows = x.reshape(5, 77).astype(np.float64)
    normed = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + 1e-5)
    same(y.reshape(5, 77), normed, rounding(77, abs(normed).max()))
    x, y, _ = run("transpose", "fast", "forward")
    assert np.array_equal(y.reshape(41, 41), x.reshape(41, 41).T)
    x, y, _ = run("histogram", "fast", "forward")
    assert np.array_equal(y, np.bincount(x, minlength=8))
    x, y, _ = run("vectors", "fast", "forward")
    assert np.array_equal(y.reshape(100, 4), x.reshape(100, 4)[:, ::-1])
    x, y, _ = run("types", "check", "forward")
    back = np.arange(64, dtype=np.float32)[::-1]
    assert np.array_equal(y, x[::-1] * 2 ** (back % 4) + back)


def test_votes_and_segments():
    y = run("votes", "check", "shuffled", 3)[1]
    t = np.arange(64)
    lane = t % 32
    expected = lane // 2 + 100 * (t > 31) + 1000 + 10000 * np.where(lane < 3, t, t - 3)
    expected += 1000000 * np.where(lane % 8 == 7, t, t + 1) + 32 + 1 + 1
    assert np.array_equal(y, expected)


def test_counts():
    source, grid, block, shared, make = CASES["tree"]
    kernel = Emulator(source, mode="check").get_function("kernel")
    kernel(grid, block, make(np.random.default_rng(0)), shared_mem=shared)
    c = kernel.counts
    assert (c.global_reads, c.global_writes) == (100, 1)
    assert (c.shared_reads, c.shared_writes) == (2 * 127 + 1, 128 + 127)
    assert (c.global_bytes_read, c.global_bytes_written) == (400, 4)
    assert (c.shared_bytes_read, c.shared_bytes_written) == (4 * (2 * 127 + 1), 4 * (128 + 127))
    assert (c.barriers, c.exchanges) == (7, 0)
    assert 0 < c.divergent < c.segments


def test_counts_that_a_mode_does_not_take_are_none():
    source, grid, block, _, make = CASES["vectors"]
    for mode in ("fast", "check", "debug"):
        kernel = Emulator(source, mode=mode).get_function("kernel")
        assert kernel.counts.segments is None
        kernel(grid, block, make(np.random.default_rng(0)))
        c = kernel.counts
        reads = (c.global_reads, c.global_bytes_read, c.shared_writes)
        assert reads == ((100, 1600, 0) if mode == "check" else (None,) * 3)
        assert (c.barriers, c.exchanges, c.segments) == (0, 0, 4)
        assert c.divergent == (None if mode == "debug" else 1)


def test_arguments_that_overlap_and_views():
    """One array as two arguments, and rows of a larger one: as on the card, by address."""
    source = (
        'extern "C" __global__ void kernel(const float* a, float* b) { b[threadIdx.x] = 2 * a[threadIdx.x]; }'
    )
    for mode in ("fast", "check"):
        whole = np.ones((4, 32), np.float32)
        kernel = Emulator(source, mode=mode).get_function("kernel")
        kernel(1, 32, (whole[1], whole[1]))
        kernel(1, 32, (whole[1], whole[3]))
        assert whole[:, 0].tolist() == [1, 2, 1, 4]


def test_waits_are_counted_for_each_thread():
    """10,000 shuffles while 31 other warps wait, and 5,000 steps with two barriers, do end."""
    source = """
extern "C" __global__ void kernel(float* x, int shuffles, int steps) {
    float v = 1;
    if (threadIdx.x < 32) for (int k = 0; k < shuffles; k++) v += __shfl_xor_sync(~0u, v, 1) - v;
    for (int k = 0; k < 2 * steps; k++) __syncthreads();
    x[threadIdx.x] = v;
}
"""
    x = np.zeros(1024, np.float32)
    kernel = Emulator(source).get_function("kernel")
    kernel(1, 1024, (x, np.int32(10_000), np.int32(0)))
    kernel(1, 512, (x, np.int32(0), np.int32(10_000)))
    assert (x == 1).all()


def test_a_race_between_arguments_that_overlap():
    source = (
        'extern "C" __global__ void kernel(const float* a, float* b) { b[threadIdx.x] = a[threadIdx.x]; }'
    )
    whole = np.ones(33, np.float32)
    kernel = Emulator(source, mode="check").get_function("kernel")
    kernel(1, 32, (whole[1:], whole[1:]))
    with pytest.raises(KernelError, match=r"thread 1, block 0, writes a\[0\], which thread 0 read"):
        kernel(1, 32, (whole[1:], whole[:32]))
