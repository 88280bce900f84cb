// Scaled dot-product attention without the T × S matrix. Rows of q (N, T, D), k (N, S, D), v (N, S, E); of the
// keys of sequence n the first lengths[n] count; under `causal` query t sees keys up to t + S − T.
//
// A block has one query (forward, ∂q) or one key (∂k, ∂v) and walks over its partners, as many at a time as it
// has threads: first each thread makes one weight, then each adds up some columns. Nothing is atomic.
#include "common.cuh"

__device__ real dot(const real* a, const real* b, int n) {
    real sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

// How many keys query t sees.
__device__ int keys_seen(int t, int T, int S, int length, int causal) {
    return causal ? min(length, t + S - T + 1) : length;
}

// y = Σ_s e^(score_s − m) v_s / Σ_s e^(score_s − m), with m the largest score so far: when a larger one comes,
// what was added up is scaled down. Dynamic shared memory: a weight for each thread, then y (E).
extern "C" __global__ void attention_forward(const real* q, const real* k, const real* v, const int* lengths,
                                             real* y, real* logsumexp, int T, int S, int D, int E, int causal,
                                             real scale) {
    extern __shared__ real weights[];
    __shared__ real part[32];
    real* sum = weights + blockDim.x;
    int n = blockIdx.x / T, seen = keys_seen(blockIdx.x % T, T, S, lengths[n], causal);
    q += (long long)blockIdx.x * D, k += (long long)n * S * D, v += (long long)n * S * E;
    for (int e = threadIdx.x; e < E; e += blockDim.x) sum[e] = 0;
    real m = MINUS_INFINITY, total = 0;
    for (int first = 0; first < seen; first += blockDim.x) {
        int s = first + threadIdx.x, count = min((int)blockDim.x, seen - first);
        real score = s < seen ? dot(q, k + (long long)s * D, D) * scale : MINUS_INFINITY;
        real largest = max(m, block_max(score, part)), shrink = exp(m - largest);
        real weight = exp(score - largest);
        total = total * shrink + block_sum(weight, part);
        weights[threadIdx.x] = weight;
        __syncthreads();
        for (int e = threadIdx.x; e < E; e += blockDim.x) {
            real added = sum[e] * shrink;
            for (int i = 0; i < count; i++) added += weights[i] * v[(long long)(first + i) * E + e];
            sum[e] = added;
        }
        m = largest;  // before the next weights come the barriers of block_max
    }
    for (int e = threadIdx.x; e < E; e += blockDim.x) y[(long long)blockIdx.x * E + e] = sum[e] / total;
    if (threadIdx.x == 0) logsumexp[blockIdx.x] = m + log(total);
}

// δ = Σ_e ∂L/∂y_e y_e for each query: a warp each.
extern "C" __global__ void attention_delta(const real* grad_y, const real* y, real* delta, int E) {
    long long row = (long long)blockIdx.x * E;
    real sum = 0;
    for (int e = threadIdx.x; e < E; e += 32) sum += grad_y[row + e] * y[row + e];
    sum = warp_sum(sum);
    if (threadIdx.x == 0) delta[blockIdx.x] = sum;
}

// ∂L/∂q = Σ_s g_s k_s with g_s = P_s (∂L/∂y · v_s − δ) / √D. Dynamic shared memory: g, then the sum (D).
extern "C" __global__ void attention_grad_q(const real* grad_y, const real* q, const real* k, const real* v,
                                            const real* logsumexp, const real* delta, const int* lengths,
                                            real* grad_q, int T, int S, int D, int E, int causal, real scale) {
    extern __shared__ real weights[];
    real* sum = weights + blockDim.x;
    int n = blockIdx.x / T, seen = keys_seen(blockIdx.x % T, T, S, lengths[n], causal);
    q += (long long)blockIdx.x * D, grad_y += (long long)blockIdx.x * E;
    k += (long long)n * S * D, v += (long long)n * S * E;
    for (int d = threadIdx.x; d < D; d += blockDim.x) sum[d] = 0;
    for (int first = 0; first < seen; first += blockDim.x) {
        int s = first + threadIdx.x, count = min((int)blockDim.x, seen - first);
        if (s < seen) {
            real p = exp(dot(q, k + (long long)s * D, D) * scale - logsumexp[blockIdx.x]);
            weights[threadIdx.x] = p * (dot(grad_y, v + (long long)s * E, E) - delta[blockIdx.x]) * scale;
        }
        __syncthreads();
        for (int d = threadIdx.x; d < D; d += blockDim.x)
            for (int i = 0; i < count; i++) sum[d] += weights[i] * k[(long long)(first + i) * D + d];
        __syncthreads();
    }
    for (int d = threadIdx.x; d < D; d += blockDim.x) grad_q[(long long)blockIdx.x * D + d] = sum[d];
}

// ∂L/∂k = Σ_t g_t q_t,  ∂L/∂v = Σ_t P_t ∂L/∂y_t over the queries that see this key. Dynamic shared memory: P and
// g for each thread, then the sums (D) and (E).
extern "C" __global__ void attention_grad_kv(const real* grad_y, const real* q, const real* k, const real* v,
                                             const real* logsumexp, const real* delta, const int* lengths,
                                             real* grad_k, real* grad_v, int T, int S, int D, int E, int causal,
                                             real scale) {
    extern __shared__ real weights[];
    real *g = weights + blockDim.x, *sum_k = g + blockDim.x, *sum_v = sum_k + D;
    int n = blockIdx.x / S, s = blockIdx.x % S;
    int start = s >= lengths[n] ? T : causal ? max(0, s - (S - T)) : 0;  // the first query that sees it
    q += (long long)n * T * D, grad_y += (long long)n * T * E;
    k += (long long)blockIdx.x * D, v += (long long)blockIdx.x * E;
    for (int d = threadIdx.x; d < D; d += blockDim.x) sum_k[d] = 0;
    for (int e = threadIdx.x; e < E; e += blockDim.x) sum_v[e] = 0;
    for (int first = start; first < T; first += blockDim.x) {
        int t = first + threadIdx.x, count = min((int)blockDim.x, T - first);
        if (t < T) {
            real p = exp(dot(q + (long long)t * D, k, D) * scale - logsumexp[n * T + t]);
            weights[threadIdx.x] = p;
            g[threadIdx.x] = p * (dot(grad_y + (long long)t * E, v, E) - delta[n * T + t]) * scale;
        }
        __syncthreads();
        for (int d = threadIdx.x; d < D; d += blockDim.x)
            for (int i = 0; i < count; i++) sum_k[d] += g[i] * q[(long long)(first + i) * D + d];
        for (int e = threadIdx.x; e < E; e += blockDim.x)
            for (int i = 0; i < count; i++) sum_v[e] += weights[i] * grad_y[(long long)(first + i) * E + e];
        __syncthreads();
    }
    for (int d = threadIdx.x; d < D; d += blockDim.x) grad_k[(long long)blockIdx.x * D + d] = sum_k[d];
    for (int e = threadIdx.x; e < E; e += blockDim.x) grad_v[(long long)blockIdx.x * E + e] = sum_v[e];
}
