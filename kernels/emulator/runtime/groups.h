// Of cooperative_groups.h: the block, and its pieces of up to 32 neighbouring threads. Included by cuda.h.
#pragma once

namespace cooperative_groups {
struct thread_group {
    unsigned emu_width;   // threads of a piece; 0: the whole block
    unsigned emu_parent;  // and of what it is a piece of

    unsigned size() const { return emu_width ? emu_width : blockDim.x * blockDim.y * blockDim.z; }
    unsigned num_threads() const { return size(); }
    unsigned thread_rank() const { return emu_width ? emu_thread % emu_width : emu_thread; }
    unsigned emu_first() const { return emu_thread % 32 - thread_rank(); }  // lane
    unsigned emu_lanes() const { return (emu_width == 32 ? ~0u : (1u << emu_width) - 1) << emu_first(); }
    EMU_QUIET void sync(EMU_HERE) const {
        if (emu_width)
            emu_vote("sync", emu_lanes(), 0, 1, file, line, EMU_AT);
        else
            emu_barrier(0, file, line, EMU_AT);
    }
};
EMU_QUIET void sync(const thread_group &group, EMU_HERE) { group.sync(file, line); }

struct thread_block : thread_group {
    static dim3 group_index() { return dim3(blockIdx.x, blockIdx.y, blockIdx.z); }
    static dim3 thread_index() { return dim3(threadIdx.x, threadIdx.y, threadIdx.z); }
    static dim3 group_dim() { return blockDim; }
    static dim3 dim_threads() { return blockDim; }
};
inline thread_block this_thread_block() { return thread_block{{0, 0}}; }

template <unsigned N, class Parent = void> struct thread_block_tile;
template <unsigned N> struct thread_block_tile<N, void> : thread_group {
    static_assert(N && N <= 32 && !(N & (N - 1)), "a tile has 1, 2, 4, 8, 16 or 32 threads");
    unsigned emu_all() const { return emu_parent ? emu_parent : blockDim.x * blockDim.y * blockDim.z; }
    unsigned meta_group_rank() const { return emu_thread % emu_all() / N; }
    unsigned meta_group_size() const { return (emu_all() + N - 1) / N; }
    template <class T> EMU_QUIET T shfl(T v, int source, EMU_HERE) const {
        return __shfl_sync(emu_lanes(), v, source, N, file, line);
    }
    template <class T> EMU_QUIET T shfl_up(T v, unsigned delta, EMU_HERE) const {
        return __shfl_up_sync(emu_lanes(), v, delta, N, file, line);
    }
    template <class T> EMU_QUIET T shfl_down(T v, unsigned delta, EMU_HERE) const {
        return __shfl_down_sync(emu_lanes(), v, delta, N, file, line);
    }
    template <class T> EMU_QUIET T shfl_xor(T v, int change, EMU_HERE) const {
        return __shfl_xor_sync(emu_lanes(), v, change, N, file, line);
    }
    EMU_QUIET unsigned ballot(int p, EMU_HERE) const {
        return emu_vote("ballot", emu_lanes(), p, 0, file, line, EMU_AT) >> emu_first();
    }
    EMU_QUIET int any(int p, EMU_HERE) const {
        return emu_vote("any", emu_lanes(), p, 0, file, line, EMU_AT) != 0;
    }
    EMU_QUIET int all(int p, EMU_HERE) const {
        return emu_vote("all", emu_lanes(), !p, 0, file, line, EMU_AT) == 0;
    }
};
template <unsigned N, class Parent> struct thread_block_tile : thread_block_tile<N> {
    thread_block_tile(const thread_block_tile<N> &tile) : thread_block_tile<N>(tile) {}
};
template <unsigned N, class Parent> thread_block_tile<N> tiled_partition(const Parent &parent) {
    return thread_block_tile<N>{{N, parent.emu_width}};
}
// Of cooperative_groups/reduce.h: every thread of a tile gets the result.
#define EMU_OPERATION(name, formula)                                                                         \
    template <class T> struct name {                                                                         \
        T operator()(T a, T b) const { return formula; }                                                     \
    };
EMU_OPERATION(plus, a + b) EMU_OPERATION(less, b < a ? b : a) EMU_OPERATION(greater, a < b ? b : a)
EMU_OPERATION(bit_and, a & b) EMU_OPERATION(bit_or, a | b) EMU_OPERATION(bit_xor, a ^ b)
template <unsigned N, class Parent, class T, class F>
EMU_QUIET T reduce(const thread_block_tile<N, Parent> &tile, T v, F operation, EMU_HERE) {
    for (unsigned o = N / 2; o > 0; o /= 2) v = operation(v, tile.shfl_xor(v, (int)o, file, line));
    return v;
}
// Of cooperative_groups/scan.h: what the threads up to this one have, or those before it.
template <unsigned N, class Parent, class T, class F>
EMU_QUIET T inclusive_scan(const thread_block_tile<N, Parent> &tile, T v, F operation, EMU_HERE) {
    for (unsigned o = 1; o < N; o *= 2) {
        T below = tile.shfl_up(v, o, file, line);
        if (tile.thread_rank() >= o) v = operation(below, v);
    }
    return v;
}
template <unsigned N, class Parent, class T, class F>
EMU_QUIET T exclusive_scan(const thread_block_tile<N, Parent> &tile, T v, F operation, EMU_HERE) {
    v = tile.shfl_up(inclusive_scan(tile, v, operation, file, line), 1, file, line);
    return tile.thread_rank() ? v : T();
}
template <unsigned N, class Parent, class T>
EMU_QUIET T inclusive_scan(const thread_block_tile<N, Parent> &tile, T v, EMU_HERE) {
    return inclusive_scan(tile, v, plus<T>(), file, line);
}
template <unsigned N, class Parent, class T>
EMU_QUIET T exclusive_scan(const thread_block_tile<N, Parent> &tile, T v, EMU_HERE) {
    return exclusive_scan(tile, v, plus<T>(), file, line);
}
template <class Parent> thread_group tiled_partition(const Parent &parent, unsigned n, EMU_HERE) {
    if (n == 0 || n > 32 || n & (n - 1))
        emu_assertion("tiled_partition(g, n), where n is not 1, 2, 4, 8, 16 or 32", file, line);
    return thread_group{n, parent.emu_width};
}
}  // namespace cooperative_groups
