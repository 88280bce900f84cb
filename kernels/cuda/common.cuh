// What the kernels share. `real` is float or double, given to the compiler with -Dreal=…
// Sums run in a fixed order and use no atomics: the same call gives the same bits.

#define ALL 0xffffffffu
#define MINUS_INFINITY (-(real)__int_as_float(0x7f800000))  // NVRTC has no INFINITY

// The element that a thread takes where each takes one.
#define ELEMENT ((long long)blockIdx.x * blockDim.x + threadIdx.x)

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
    return warp_max(lane < blockDim.x / 32 ? part[lane] : MINUS_INFINITY);
}

// 1 / (1 + e⁻ˣ): the exponent is never positive, so that nothing overflows.
__device__ inline real sigmoid(real x) {
    real z = exp(x < 0 ? x : -x);
    return (x < 0 ? z : 1) / (1 + z);
}
