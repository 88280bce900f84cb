// One optimizer step over all parameters, and the length of the gradient.
//
// Bound by memory: Adam reads four numbers an element and writes three (28 bytes in float), SGD three and two
// (20 bytes), the norm reads one. A model has many small parameters, and a launch costs as long as 10,000
// elements of work, so one launch does them all: a parameter comes as an address in a table, and `chunks` tells
// each block which parameter is its (chunks[2·block]) and which chunk of it (chunks[2·block + 1]).
#include "../cuda/common.cuh"

struct Piece {
    int parameter;
    long long begin, end;
};
__device__ inline Piece piece(const int* sizes, const int* chunks, int chunk) {
    int parameter = chunks[2 * blockIdx.x];
    long long begin = (long long)chunks[2 * blockIdx.x + 1] * chunk, size = sizes[parameter];
    return {parameter, begin, min(begin + chunk, size)};
}
#define PIECE_LOOP for (long long i = p.begin + 4 * threadIdx.x; i < p.end; i += 4 * blockDim.x)

// Each block adds up the squares of its chunk, in double.
extern "C" __global__ void sum_of_squares(const real* const* g, const int* sizes, const int* chunks, double* sums,
                                          int chunk) {
    __shared__ double part[32];
    Piece p = piece(sizes, chunks, chunk);
    double sum = 0;
    PIECE_LOOP {
        Four a = load4(g[p.parameter] + i, p.end - i, 0);
        FOUR sum += (double)a.at[k] * (double)a.at[k];
    }
    for (int o = 16; o > 0; o /= 2) sum += __shfl_xor_sync(ALL, sum, o);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (int w = 1; w < blockDim.x / 32; w++) sum += part[w];
    sums[blockIdx.x] = sum;
}

// v ← μ v + (g + λ θ),  θ ← θ − α v.
extern "C" __global__ void sgd(real* const* theta, real* const* velocity, const real* const* g, const int* sizes,
                               const int* chunks, real lr, real momentum, real weight_decay, int chunk) {
    Piece p = piece(sizes, chunks, chunk);
    PIECE_LOOP {
        real *at_theta = theta[p.parameter] + i, *at_v = velocity[p.parameter] + i;
        Four t = load4(at_theta, p.end - i, 0), v = load4(at_v, p.end - i, 0);
        Four gradient = load4(g[p.parameter] + i, p.end - i, 0);
        FOUR v.at[k] = momentum * v.at[k] + (gradient.at[k] + weight_decay * t.at[k]);
        FOUR t.at[k] -= lr * v.at[k];
        store4(at_v, p.end - i, v);
        store4(at_theta, p.end - i, t);
    }
}

// m ← β₁ m + (1−β₁) g,  s ← β₂ s + (1−β₂) g²,  θ ← θ shrink − α m / (√(s correction) + ε).
extern "C" __global__ void adam(real* const* theta, real* const* mean, real* const* square, const real* const* g,
                                const int* sizes, const int* chunks, real lr, real beta1, real beta2, real rest1,
                                real rest2, real eps, real l2, real shrink, real correction, int chunk) {
    Piece p = piece(sizes, chunks, chunk);
    PIECE_LOOP {
        real *at_theta = theta[p.parameter] + i, *at_m = mean[p.parameter] + i, *at_s = square[p.parameter] + i;
        Four t = load4(at_theta, p.end - i, 0), m = load4(at_m, p.end - i, 0), s = load4(at_s, p.end - i, 0);
        Four gradient = load4(g[p.parameter] + i, p.end - i, 0);
        FOUR {
            real d = gradient.at[k] + l2 * t.at[k];
            m.at[k] = beta1 * m.at[k] + rest1 * d;
            s.at[k] = beta2 * s.at[k] + rest2 * d * d;
            t.at[k] = t.at[k] * shrink - lr * m.at[k] / (sqrt(s.at[k] * correction) + eps);
        }
        store4(at_m, p.end - i, m);
        store4(at_s, p.end - i, s);
        store4(at_theta, p.end - i, t);
    }
}
