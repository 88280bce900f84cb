"""What there is of cooperative_groups: blocks and tiles."""

import numpy as np
import pytest

from scratchlm.kernels.emulator import Emulator, KernelError

# The sum of NVIDIA's introduction to cooperative groups, over a block, over tiles, and by shuffles.
SUMS = """#include <cooperative_groups.h>
namespace cg = cooperative_groups;
__device__ int sum(cg::thread_group g, int* temp, int v) {
    int lane = g.thread_rank();
    for (int i = g.size() / 2; i > 0; i /= 2) {
        temp[lane] = v;
        g.sync();
        if (lane < i) v += temp[lane + i];
        g.sync();
    }
    return v;
}
template <unsigned N> __device__ int shuffled(cg::thread_block_tile<N> g, int v) {
    for (int i = g.size() / 2; i > 0; i /= 2) v += g.shfl_down(v, i);
    return v;
}
__global__ void kernel(const int* x, int* y) {
    __shared__ int temp[64];
    cg::thread_block block = cg::this_thread_block();
    int rank = block.thread_rank(), v = x[rank];
    int all = sum(block, temp, v);
    if (rank == 0) y[0] = all;
    cg::thread_block_tile<16, cg::thread_block> tile = cg::tiled_partition<16>(block);
    int part = shuffled<16>(tile, v);
    if (tile.thread_rank() == 0) y[1 + tile.meta_group_rank()] = part;
    cg::sync(block);
    cg::thread_group four = cg::tiled_partition(block, 4);
    part = sum(four, temp + rank / 4 * 4, v);
    if (four.thread_rank() == 0) y[8 + rank / 4] = part;
    auto eight = cg::tiled_partition<8>(tile);
    int votes = eight.ballot(v % 3 == 0) + 1000 * eight.any(v == 9) + 2000 * eight.all(v > 55);
    y[24 + rank] = votes + 10000 * eight.shfl(v, 2) + 1000000 * (eight.shfl_xor(v, 1) - eight.shfl_up(v, 1));
}
"""


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
@pytest.mark.parametrize("mode", ["fast", "check", "debug"])
def test_blocks_and_tiles(mode, order):
    x, y = np.arange(64, dtype=np.int32), np.zeros(88, np.int32)
    Emulator(SUMS, mode=mode, order=order).get_function("kernel")(1, (16, 4), (x, y))
    assert y[0] == x.sum()
    assert y[1:5].tolist() == x.reshape(4, 16).sum(1).tolist()
    assert y[8:24].tolist() == x.reshape(16, 4).sum(1).tolist()
    first = x // 8 * 8
    expected = (x.reshape(8, 8) % 3 == 0) @ (1 << np.arange(8))
    expected = expected.repeat(8) + 1000 * (first == 8) + 2000 * (first == 56) + 10000 * (first + 2)
    assert y[24:].tolist() == (expected + 1000000 * ((x ^ 1) - np.where(x % 8 == 0, x, x - 1))).tolist()


@pytest.mark.parametrize(
    ("part", "instead", "kind"),
    [
        ("v;\n        g.sync();", "v;", "race"),
        ("i];\n        g.sync();", "i];", "race"),
        ("cg::sync(block);", "if (rank) block.sync(); else block.sync();", "divergent barrier"),
        ("tile.thread_rank() == 0", "tile.thread_rank() == 0 && tile.any(1)", "missing lanes"),
    ],
)
def test_what_is_wrong_with_them_is_found(part, instead, kind):
    assert part in SUMS
    kernel = Emulator(SUMS.replace(part, instead), mode="check").get_function("kernel")
    with pytest.raises(KernelError) as caught:
        kernel(1, 64, (np.arange(64, dtype=np.int32), np.zeros(88, np.int32)))
    assert caught.value.kind == kind


PIECES = """#include <cooperative_groups.h>
namespace cg = cooperative_groups;
__global__ void pieces(int* rank, int* size, int n) {
    cg::thread_block block = cg::this_thread_block();
    auto warp = cg::tiled_partition<32>(block);
    auto four = cg::tiled_partition<4>(warp);
    auto two = cg::tiled_partition<2>(cg::tiled_partition(four, n));
    int i = threadIdx.x;
    rank[i] = warp.meta_group_rank() + 100 * four.meta_group_rank() + 10000 * two.meta_group_rank();
    size[i] = warp.meta_group_size() + 100 * four.meta_group_size() + 10000 * two.meta_group_size();
}
"""


@pytest.mark.parametrize("mode", ["fast", "check"])
def test_a_tile_is_counted_in_what_it_is_a_piece_of(mode):
    i, rank, size = np.arange(80), np.zeros(80, np.int32), np.zeros(80, np.int32)
    pieces = Emulator(PIECES, mode=mode).get_function("pieces")
    pieces(1, 80, (rank, size, np.int32(4)))
    assert rank.tolist() == (i // 32 + 100 * (i % 32 // 4) + 10000 * (i % 4 // 2)).tolist()
    assert size.tolist() == [3 + 100 * 8 + 10000 * 2] * 80


@pytest.mark.parametrize("n", [0, 3, 64])
def test_tiles_of_sizes_that_there_are_not(n):
    pieces = Emulator(PIECES).get_function("pieces")
    with pytest.raises(KernelError, match=r":7: .*tiled_partition\(g, n\), where n is not 1, 2, 4, 8, 16 or"):
        pieces(1, 64, (np.zeros(64, np.int32), np.zeros(64, np.int32), np.int32(n)))
