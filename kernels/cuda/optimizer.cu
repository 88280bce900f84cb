// One optimizer step over a parameter, a thread for each element, and the squares of a gradient. Bound by memory.
#include "common.cuh"

// Each block adds up `chunk` squares in double.
extern "C" __global__ void sum_of_squares(const real* g, double* sums, int chunk, int n) {
    __shared__ double part[32];
    long long first = (long long)blockIdx.x * chunk, last = min(first + chunk, (long long)n);
    double sum = 0;
    for (long long i = first + threadIdx.x; i < last; i += blockDim.x) sum += (double)g[i] * (double)g[i];
    for (int o = 16; o > 0; o /= 2) sum += __shfl_xor_sync(ALL, sum, o);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (int w = 1; w < blockDim.x / 32; w++) sum += part[w];
    sums[blockIdx.x] = sum;
}

// v ← μ v + (g + λ θ),  θ ← θ − α v.
extern "C" __global__ void sgd(real* theta, real* velocity, const real* g, real lr, real momentum,
                               real weight_decay, int n) {
    if (ELEMENT >= n) return;
    real v = momentum * velocity[ELEMENT] + (g[ELEMENT] + weight_decay * theta[ELEMENT]);
    velocity[ELEMENT] = v;
    theta[ELEMENT] -= lr * v;
}

// m ← β₁ m + (1−β₁) g,  s ← β₂ s + (1−β₂) g²,  θ ← θ shrink − α m / (√(s correction) + ε).
extern "C" __global__ void adam(real* theta, real* mean, real* square, const real* g, real lr, real beta1,
                                real beta2, real rest1, real rest2, real eps, real l2, real shrink,
                                real correction, int n) {
    if (ELEMENT >= n) return;
    real gradient = g[ELEMENT] + l2 * theta[ELEMENT];
    real m = beta1 * mean[ELEMENT] + rest1 * gradient, s = beta2 * square[ELEMENT] + rest2 * gradient * gradient;
    mean[ELEMENT] = m, square[ELEMENT] = s;
    theta[ELEMENT] = theta[ELEMENT] * shrink - lr * m / (sqrt(s * correction) + eps);
}
