// What the kernels share. `real` is float or double, given to the compiler with -Dreal=…
// Sums run in a fixed order and use no atomics: the same call gives the same bits.

#define ALL 0xffffffffu
#define MINUS_INFINITY (-(real)__int_as_float(0x7f800000))  // NVRTC has no INFINITY
// The least finite number. A running maximum starts here: e^(−∞ − LOWEST) is 0, e^(−∞ − (−∞)) would be NaN.
#define LOWEST ((real)(sizeof(real) == 4 ? __int_as_float(0xff7fffff) : __longlong_as_double(0xffefffffffffffff)))

// The element that a thread takes where each takes one.
#define ELEMENT ((long long)blockIdx.x * blockDim.x + threadIdx.x)

// ------------------------------------------------------------------------------------ four at a time
// Kernels that are bound by memory move 16 bytes with each load, the most that one instruction takes: a
// quarter of the instructions, and more bytes under way at once.
struct Four {
    real at[4];
};
#define FOUR for (int k = 0; k < 4; k++)

// p is a multiple of 16 bytes.
__device__ inline Four load4(const float* p) {
    float4 v = *(const float4*)p;
    return {{(real)v.x, (real)v.y, (real)v.z, (real)v.w}};
}
__device__ inline Four load4(const double* p) {
    double2 v = *(const double2*)p, w = *(const double2*)(p + 2);
    return {{(real)v.x, (real)v.y, (real)w.x, (real)w.y}};
}
__device__ inline void store4(float* p, Four v) { *(float4*)p = make_float4(v.at[0], v.at[1], v.at[2], v.at[3]); }
__device__ inline void store4(double* p, Four v) {
    *(double2*)p = make_double2(v.at[0], v.at[1]), *(double2*)(p + 2) = make_double2(v.at[2], v.at[3]);
}

// The same from anywhere, `count` elements before the end (more than four count as four); what is missing
// is `rest`. One by one where the address is no multiple of 16 bytes, as in rows of odd length.
__device__ inline Four load4(const real* p, long long count, real rest) {
    if (count >= 4 && (unsigned long long)p % 16 == 0) return load4(p);
    Four v;
    FOUR v.at[k] = k < count ? p[k] : rest;
    return v;
}
__device__ inline void store4(real* p, long long count, Four v) {
    if (count >= 4 && (unsigned long long)p % 16 == 0)
        store4(p, v);
    else
        FOUR if (k < count) p[k] = v.at[k];
}

// ------------------------------------------------------------------------------------ sums and maxima
// A butterfly: after five exchanges every lane has the result of all 32.
__device__ inline real warp_sum(real v) {
    for (int o = 16; o > 0; o /= 2) v += __shfl_xor_sync(ALL, v, o);
    return v;
}

__device__ inline real warp_max(real v) {
    for (int o = 16; o > 0; o /= 2) v = max(v, __shfl_xor_sync(ALL, v, o));
    return v;
}

// Over the block, of whole warps; every thread gets the result. `part` is shared memory for 32 numbers.
__device__ inline real block_sum(real v, real* part) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = warp_sum(v);
    __syncthreads();  // `part` may still be read for the call before
    if (lane == 0) part[warp] = v;
    __syncthreads();
    return warp_sum(lane < blockDim.x / 32 ? part[lane] : 0);
}

__device__ inline real block_max(real v, real* part) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = warp_max(v);
    __syncthreads();
    if (lane == 0) part[warp] = v;
    __syncthreads();
    return warp_max(lane < blockDim.x / 32 ? part[lane] : LOWEST);
}

// m = max x_v and total = Σ e^(x_v − m) of a row that the block shares, reading it once: when a larger m comes,
// what was added up is scaled down. `row(v)` gives the four elements from v on, −∞ behind the end.
template <class Row> __device__ inline void max_and_sum(Row row, int V, real* part, real& m, real& total) {
    real mine = LOWEST, sum = 0;
    for (int v = 4 * threadIdx.x; v < V; v += 4 * blockDim.x) {
        Four x = row(v);
        real larger = max(max(max(x.at[0], x.at[1]), max(x.at[2], x.at[3])), mine);
        sum *= exp(mine - larger);
        FOUR sum += exp(x.at[k] - larger);
        mine = larger;
    }
    m = block_max(mine, part);
    total = block_sum(sum * exp(mine - m), part);
}

// 1 / (1 + e⁻ˣ): the exponent is never positive, so that nothing overflows.
__device__ inline real sigmoid(real x) {
    real z = exp(x < 0 ? x : -x);
    return (x < 0 ? z : 1) / (1 + z);
}
